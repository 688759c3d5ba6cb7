/* OpenVEX 0.2.0 (github.com/openvex/spec), and documents of 0.0.1, where products, subcomponents
 * and vulnerabilities are plain texts. */
#include <string.h>

#include "advisory/json_get.h"
#include "advisory/vex.h"
#include "base/error.h"

#define NAMESPACE "https://openvex.dev/ns"

static bool has_context(const json_t *json)
{
    const json_t *context = json_object_get(json, "@context");
    const char *text = json_string_value(context);
    if (text == NULL)
        text = json_string_value(json_array_get(context, 0));
    return text != NULL && g_str_has_prefix(text, NAMESPACE);
}

/* The document: in an in-toto statement it is the predicate. */
static const json_t *body_of(const json_t *json)
{
    const json_t *predicate = json_get_object(json, "predicate");
    return has_context(predicate) ? predicate : json;
}

/* Where its own members are. Ubuntu's documents of 2025 had them in an object beside the
 * statements. */
static const json_t *header_of(const json_t *body)
{
    const json_t *metadata = json_get_object(body, "metadata");
    return has_context(metadata) ? metadata : body;
}

static bool openvex_detect(const json_t *json)
{
    return has_context(header_of(body_of(json)));
}

/* A component is a text, or an object with "@id" and "identifiers". */
static struct component *component_of(struct vex_document *d, const json_t *json, GError **error)
{
    struct component *c = vex_component_new(d, error);
    const char *key;
    json_t *value;
    if (c == NULL || !vex_identify(d, c, json_string_value(json), error) ||
        !vex_identify(d, c, json_get_field(json, "@id"), error))
        return NULL;
    json_object_foreach((json_t *)json_get_object(json, "identifiers"), key, value)
        if (!vex_identify(d, c, json_string_value(value), error))
            return NULL;
    return c;
}

/* The product alone, or each of its parts in it. */
static bool add_product(struct vex_document *d, const json_t *product, const json_t *parts,
                        const struct product **list, GError **error)
{
    size_t i;
    json_t *entry;
    struct component *whole = component_of(d, product, error);
    if (whole == NULL)
        return false;
    if (json_array_size(parts) == 0)
        return whole->identifiers == NULL || vex_product(d, whole, NULL, list, error);
    json_array_foreach(parts, i, entry) {
        struct component *part = component_of(d, entry, error);
        if (part == NULL || !vex_product(d, part, whole, list, error))
            return false;
    }
    return true;
}

static bool add_products(struct vex_document *d, const json_t *statement,
                         const struct product **list, GError **error)
{
    size_t i;
    json_t *product;
    json_array_foreach(json_get_array(statement, "products"), i, product) {
        const json_t *parts = json_get_array(product, "subcomponents");
        if (parts == NULL)
            parts = json_get_array(statement, "subcomponents");
        if (!add_product(d, product, parts, list, error))
            return false;
    }
    return true;
}

static void add_ids(struct vex_document *d, const json_t *vulnerability, GPtrArray *ids)
{
    size_t i;
    json_t *alias;
    vex_add_id(d, ids, json_string_value(vulnerability));
    vex_add_id(d, ids, json_get_field(vulnerability, "name"));
    vex_add_id(d, ids, json_get_field(vulnerability, "@id"));
    json_array_foreach(json_get_array(vulnerability, "aliases"), i, alias)
        vex_add_id(d, ids, json_string_value(alias));
}

static bool effect_of(const char *status, enum suppression_effect *out)
{
    static const struct {
        const char *status;
        enum suppression_effect effect;
    } effects[] = {
        { "not_affected", SUPPRESSION_NOT_AFFECTED },
        { "affected", SUPPRESSION_AFFECTED },
        { "fixed", SUPPRESSION_FIXED },
        { "under_investigation", SUPPRESSION_UNDER_INVESTIGATION },
    };
    for (size_t i = 0; status != NULL && i < G_N_ELEMENTS(effects); i++) {
        if (g_str_equal(effects[i].status, status)) {
            *out = effects[i].effect;
            return true;
        }
    }
    return false;
}

static int64_t time_of(const json_t *json)
{
    int64_t updated = json_get_time(json, "last_updated");
    return updated != 0 ? updated : json_get_time(json, "timestamp");
}

static bool read_statement(struct vex_document *d, const json_t *statement, size_t number,
                           GError **error)
{
    enum suppression_effect effect;
    const char *status = json_get_field(statement, "status");
    const struct product *products = NULL;
    g_autoptr(GPtrArray) ids = g_ptr_array_new();
    if (!effect_of(status, &effect))
        return fail_corrupt(error, "%s: statement %zu: no status '%.64s'", d->name, number,
                            status != NULL ? status : "");
    add_ids(d, json_object_get(statement, "vulnerability"), ids);
    if (!add_products(d, statement, &products, error))
        return false;
    const char *text = json_get_text(statement, "impact_statement");
    if (text == NULL)
        text = json_get_text(statement, "status_notes");
    const char *reason = vex_reason(d, effect, json_get_field(statement, "justification"), text);
    return vex_add(d, effect, ids, products, time_of(statement), reason, error);
}

static bool openvex_read(struct vex_document *d, GError **error)
{
    size_t i;
    json_t *statement;
    const json_t *body = body_of(d->json), *header = header_of(body);
    d->time = time_of(header);
    vex_document_by(d, "OpenVEX", json_get_field(header, "@id"), json_get_field(header, "author"));
    json_array_foreach(json_get_array(body, "statements"), i, statement)
        if (!read_statement(d, statement, i + 1, error))
            return false;
    return true;
}

const struct vex_format vex_openvex = {
    .name = "OpenVEX",
    .detect = openvex_detect,
    .read = openvex_read,
};

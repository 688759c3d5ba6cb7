/* CycloneDX 1.4 and later (ECMA-424), JSON: vulnerabilities with an analysis, in a document of
 * their own or in a bill of materials. */
#include <string.h>

#include "advisory/json_get.h"
#include "advisory/vex.h"
#include "base/error.h"
#include "base/limits.h"

struct cyclonedx {
    struct vex_document *document;
    GHashTable *components; /* bom-ref -> struct component */
};

static bool cyclonedx_detect(const json_t *json)
{
    return g_strcmp0(json_get_field(json, "bomFormat"), "CycloneDX") == 0;
}

/* --- components ---------------------------------------------------------------------------------
 */

/* An operating system has neither a purl nor, always, a CPE: name and version are its own. */
static char *os_purl(const json_t *component)
{
    const char *name = json_get_field(component, "name");
    const char *version = json_get_field(component, "version");
    if (g_strcmp0(json_get_field(component, "type"), "operating-system") != 0 || name == NULL)
        return NULL;
    return version != NULL ? g_strdup_printf("pkg:generic/%s@%s", name, version)
                           : g_strdup_printf("pkg:generic/%s", name);
}

/* whole: the subject of the document, which may be a target by its name. */
static bool add_component(struct cyclonedx *c, const json_t *json, bool whole, GError **error)
{
    const char *ref = json_get_field(json, "bom-ref");
    struct vex_document *d = c->document;
    struct component *component = vex_component_new(d, error);
    g_autofree char *os = os_purl(json);
    if (component == NULL || !vex_identify(d, component, json_get_field(json, "purl"), error) ||
        !vex_identify(d, component, json_get_field(json, "cpe"), error) ||
        !vex_identify(d, component, os, error) ||
        (whole && !vex_identify(d, component, json_get_field(json, "name"), error)))
        return false;
    if (ref != NULL)
        (void)g_hash_table_replace(c->components, (gpointer)ref, component);
    return true;
}

static bool add_components(struct cyclonedx *c, const json_t *list, unsigned depth, GError **error)
{
    size_t i;
    json_t *component;
    if (depth > LIMIT_VEX_NESTING)
        return fail_limit(error, "%s: components nest deeper than %d", c->document->name,
                          LIMIT_VEX_NESTING);
    json_array_foreach(list, i, component)
        if (!add_component(c, component, false, error) ||
            !add_components(c, json_get_array(component, "components"), depth + 1, error))
            return false;
    return true;
}

/* A component of this document, or one elsewhere, by a BOM-Link
 * ("urn:cdx:serial/version#reference") or by a reference that tells its package URL itself. */
static const struct component *component_of(struct cyclonedx *c, const char *ref, GError **error)
{
    const struct component *known = g_hash_table_lookup(c->components, ref);
    if (known != NULL)
        return known;
    const char *part = g_str_has_prefix(ref, "urn:cdx:") ? strchr(ref, '#') : NULL;
    g_autofree char *decoded = part != NULL ? g_uri_unescape_string(part + 1, NULL) : NULL;
    const char *name = decoded != NULL ? decoded : ref, *purl = strstr(name, "pkg:");
    struct component *component = vex_component_new(c->document, error);
    if (component == NULL ||
        !vex_identify(c->document, component, purl != NULL ? purl : name, error))
        return NULL;
    return component;
}

/* --- vulnerabilities ----------------------------------------------------------------------------
 */

static bool effect_of(const char *state, enum suppression_effect *out)
{
    static const struct {
        const char *state;
        enum suppression_effect effect;
    } effects[] = {
        { "not_affected", SUPPRESSION_NOT_AFFECTED },
        { "false_positive", SUPPRESSION_NOT_AFFECTED },
        { "resolved", SUPPRESSION_FIXED },
        { "resolved_with_pedigree", SUPPRESSION_FIXED },
        { "exploitable", SUPPRESSION_AFFECTED },
        { "in_triage", SUPPRESSION_UNDER_INVESTIGATION },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(effects); i++) {
        if (g_str_equal(effects[i].state, state)) {
            *out = effects[i].effect;
            return true;
        }
    }
    return false;
}

/* A vulnerability of which products are said different things. */
struct said {
    enum suppression_effect effect;       /* of the analysis */
    const struct product *products;       /* that it is about */
    const struct product *other_products; /* versions listed as not affected */
};

/* The component, but only in one version. NULL when it has no package URL to say that of. */
static const struct component *with_version(struct cyclonedx *c, const struct component *component,
                                            const char *version, GError **error)
{
    struct component *out = vex_component_new(c->document, error);
    for (const struct identifier *i = component->identifiers; out != NULL && i != NULL;
         i = i->next) {
        if (i->purl == NULL)
            continue;
        struct identifier *copy = arena_new0(c->document->set->arena, struct identifier);
        struct purl *purl = arena_new0(c->document->set->arena, struct purl);
        if (copy == NULL || purl == NULL) {
            (void)fail_limit(error, "%s: too many products", c->document->name);
            return NULL;
        }
        *purl = *i->purl;
        purl->version = suppressions_text(c->document->set, version);
        *copy = (struct identifier){ .purl = purl, .text = i->text, .next = out->identifiers };
        out->identifiers = copy;
    }
    return out;
}

/* "versions" restrict what is said to some versions; ranges of them are not read. */
static bool add_affected(struct cyclonedx *c, const json_t *affected, struct said *said,
                         GError **error)
{
    size_t i;
    json_t *entry;
    const char *ref = json_get_field(affected, "ref");
    const json_t *versions = json_get_array(affected, "versions");
    const struct component *component = ref != NULL ? component_of(c, ref, error) : NULL;
    if (component == NULL)
        return ref == NULL;
    if (json_array_size(versions) == 0)
        return vex_product(c->document, component, NULL, &said->products, error);
    json_array_foreach(versions, i, entry) {
        const char *version = json_get_field(entry, "version");
        const char *status = json_get_field(entry, "status");
        bool unaffected = g_strcmp0(status, "unaffected") == 0;
        if (version == NULL || g_strcmp0(status, "unknown") == 0)
            continue;
        const struct component *one = with_version(c, component, version, error);
        if (one == NULL ||
            !vex_product(c->document, one, NULL,
                         unaffected ? &said->other_products : &said->products, error))
            return false;
    }
    return true;
}

static void add_ids(struct cyclonedx *c, const json_t *vulnerability, GPtrArray *ids)
{
    size_t i;
    json_t *reference;
    vex_add_id(c->document, ids, json_get_field(vulnerability, "id"));
    json_array_foreach(json_get_array(vulnerability, "references"), i, reference)
        vex_add_id(c->document, ids, json_get_field(reference, "id"));
}

static int64_t time_of(const json_t *analysis, const json_t *vulnerability)
{
    int64_t time = json_get_time(analysis, "lastUpdated");
    if (time == 0)
        time = json_get_time(analysis, "firstIssued");
    return time != 0 ? time : json_get_time(vulnerability, "updated");
}

/* One without an analysis is only a list of what somebody found. */
static bool read_vulnerability(struct cyclonedx *c, const json_t *vulnerability, size_t number,
                               GError **error)
{
    size_t i;
    json_t *affected;
    struct said said = { .effect = SUPPRESSION_AFFECTED };
    struct vex_document *d = c->document;
    const json_t *analysis = json_get_object(vulnerability, "analysis");
    const char *state = json_get_field(analysis, "state");
    if (state == NULL)
        return true;
    if (!effect_of(state, &said.effect))
        return fail_corrupt(error, "%s: vulnerability %zu: no state '%.64s'", d->name, number,
                            state);
    g_autoptr(GPtrArray) ids = g_ptr_array_new();
    add_ids(c, vulnerability, ids);
    json_array_foreach(json_get_array(vulnerability, "affects"), i, affected)
        if (!add_affected(c, affected, &said, error))
            return false;
    int64_t time = time_of(analysis, vulnerability);
    const char *justification = json_get_field(analysis, "justification");
    const char *detail = json_get_text(analysis, "detail");
    if (said.other_products != NULL &&
        !vex_add(d, SUPPRESSION_NOT_AFFECTED, ids, said.other_products, time,
                 vex_reason(d, SUPPRESSION_NOT_AFFECTED, NULL, detail), error))
        return false;
    return (said.products == NULL && said.other_products != NULL) ||
           vex_add(d, said.effect, ids, said.products, time,
                   vex_reason(d, said.effect, justification, detail), error);
}

static bool read_all(struct cyclonedx *c, GError **error)
{
    size_t i;
    json_t *vulnerability;
    const json_t *json = c->document->json;
    const json_t *subject = json_get_object(json_get_object(json, "metadata"), "component");
    if (!add_component(c, subject, true, error) ||
        !add_components(c, json_get_array(subject, "components"), 0, error) ||
        !add_components(c, json_get_array(json, "components"), 0, error))
        return false;
    json_array_foreach(json_get_array(json, "vulnerabilities"), i, vulnerability)
        if (!read_vulnerability(c, vulnerability, i + 1, error))
            return false;
    return true;
}

static const char *author_of(const json_t *metadata)
{
    const json_t *author = json_array_get(json_get_array(metadata, "authors"), 0);
    const char *name = json_get_field(author, "name");
    if (name == NULL)
        name = json_get_field(json_get_object(metadata, "supplier"), "name");
    return name != NULL ? name : json_get_field(json_get_object(metadata, "manufacture"), "name");
}

static bool cyclonedx_read(struct vex_document *d, GError **error)
{
    const json_t *metadata = json_get_object(d->json, "metadata");
    d->time = json_get_time(metadata, "timestamp");
    vex_document_by(d, "CycloneDX", json_get_field(d->json, "serialNumber"), author_of(metadata));
    struct cyclonedx c = { .document = d, .components = g_hash_table_new(g_str_hash, g_str_equal) };
    bool ok = read_all(&c, error);
    g_hash_table_unref(c.components);
    return ok;
}

const struct vex_format vex_cyclonedx = {
    .name = "CycloneDX",
    .detect = cyclonedx_detect,
    .read = cyclonedx_read,
};

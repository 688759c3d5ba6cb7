/* CSAF 2.0 and 2.1 (OASIS Common Security Advisory Framework), profile VEX and any other whose
 * vulnerabilities have a product status. */
#include <string.h>

#include "advisory/json_get.h"
#include "advisory/vex.h"
#include "base/error.h"
#include "base/limits.h"

struct csaf {
    struct vex_document *document;
    GHashTable *components; /* product_id -> struct component: products that are no relationship */
    GHashTable *relationships; /* product_id -> const json_t */
    GHashTable *groups;        /* group_id -> const json_t, array of product_ids */
};

static bool csaf_detect(const json_t *json)
{
    return json_get_field(json_get_object(json, "document"), "csaf_version") != NULL;
}

/* --- product tree (section 3.2.2) --------------------------------------------------------------
 */

/* A "full product name" (3.1.3). */
static bool add_full_name(struct csaf *c, const json_t *product, GError **error)
{
    size_t i;
    json_t *purl;
    struct vex_document *d = c->document;
    const char *id = json_get_field(product, "product_id");
    const json_t *helper = json_get_object(product, "product_identification_helper");
    struct component *component = vex_component_new(d, error);
    if (component == NULL)
        return false;
    json_array_foreach(json_get_array(helper, "purls"), i, purl)
        if (!vex_identify(d, component, json_string_value(purl), error))
            return false;
    if (!vex_identify(d, component, json_get_field(helper, "purl"), error) ||
        !vex_identify(d, component, json_get_field(helper, "cpe"), error) ||
        !vex_identify(d, component, json_get_field(product, "name"), error))
        return false;
    if (id != NULL)
        (void)g_hash_table_replace(c->components, (gpointer)id, component);
    return true;
}

static bool add_branches(struct csaf *c, const json_t *branches, unsigned depth, GError **error)
{
    size_t i;
    json_t *branch;
    if (depth > LIMIT_VEX_NESTING)
        return fail_limit(error, "%s: branches of products nest deeper than %d", c->document->name,
                          LIMIT_VEX_NESTING);
    json_array_foreach(branches, i, branch) {
        const json_t *product = json_get_object(branch, "product");
        if ((product != NULL && !add_full_name(c, product, error)) ||
            !add_branches(c, json_get_array(branch, "branches"), depth + 1, error))
            return false;
    }
    return true;
}

static void add_relationships(struct csaf *c, const json_t *relationships)
{
    size_t i;
    json_t *relationship;
    json_array_foreach(relationships, i, relationship) {
        const json_t *product = json_get_object(relationship, "full_product_name");
        const char *id = json_get_field(product, "product_id");
        if (id != NULL)
            (void)g_hash_table_replace(c->relationships, (gpointer)id, relationship);
    }
}

static bool read_tree(struct csaf *c, const json_t *tree, GError **error)
{
    size_t i;
    json_t *entry;
    json_array_foreach(json_get_array(tree, "full_product_names"), i, entry)
        if (!add_full_name(c, entry, error))
            return false;
    json_array_foreach(json_get_array(tree, "product_groups"), i, entry) {
        const char *id = json_get_field(entry, "group_id");
        if (id != NULL)
            (void)g_hash_table_replace(c->groups, (gpointer)id,
                                       json_object_get(entry, "product_ids"));
    }
    add_relationships(c, json_get_array(tree, "relationships"));
    return add_branches(c, json_get_array(tree, "branches"), 0, error);
}

/* --- products --------------------------------------------------------------------------------- */

/* The components of a product: of a relationship what is in, then what that is in, and so on.
 * False when a part of it is not described: then it cannot be recognised. */
static bool unfold(const struct csaf *c, const char *id, GPtrArray *out)
{
    for (int depth = 0; id != NULL && depth < LIMIT_VEX_WHOLES; depth++) {
        const json_t *relationship = g_hash_table_lookup(c->relationships, id);
        const char *inner =
            relationship != NULL ? json_get_field(relationship, "product_reference") : id;
        gpointer component = inner != NULL ? g_hash_table_lookup(c->components, inner) : NULL;
        if (component == NULL)
            return false;
        g_ptr_array_add(out, component);
        if (relationship == NULL)
            return true;
        id = json_get_field(relationship, "relates_to_product_reference");
    }
    return false;
}

static bool add_product(const struct csaf *c, const char *id, const struct product **list,
                        GError **error)
{
    g_autoptr(GPtrArray) components = g_ptr_array_new();
    const struct component *wholes = NULL;
    if (!unfold(c, id, components))
        return true;
    for (guint i = 1; i < components->len; i++) {
        struct component *whole = vex_component_new(c->document, error);
        if (whole == NULL)
            return false;
        *whole = *(const struct component *)g_ptr_array_index(components, i);
        whole->next = wholes;
        wholes = whole;
    }
    return vex_product(c->document, g_ptr_array_index(components, 0), wholes, list, error);
}

/* --- why a product is not affected (sections 3.2.3.5 and 3.2.3.14) ------------------------------
 */

static void set_reasons(GHashTable *reasons, const json_t *ids, const char *reason)
{
    size_t i;
    json_t *id;
    json_array_foreach(ids, i, id)
        if (json_is_string(id))
            (void)g_hash_table_replace(reasons, (gpointer)json_string_value(id), (gpointer)reason);
}

/* Of the products that a flag or threat names, itself or by group; without any, of all. */
static void add_reason(const struct csaf *c, GHashTable *reasons, const json_t *entry,
                       const char *reason)
{
    size_t i;
    json_t *group;
    const json_t *ids = json_get_array(entry, "product_ids");
    const json_t *groups = json_get_array(entry, "group_ids");
    set_reasons(reasons, ids, reason);
    json_array_foreach(groups, i, group)
        if (json_is_string(group))
            set_reasons(reasons, g_hash_table_lookup(c->groups, json_string_value(group)), reason);
    if (ids == NULL && groups == NULL)
        (void)g_hash_table_replace(reasons, (gpointer) "", (gpointer)reason);
}

/* product_id ("": all others) -> reason. A flag's label says more than a threat's text. */
static GHashTable *reasons_of(const struct csaf *c, const json_t *vulnerability)
{
    size_t i;
    json_t *entry;
    GHashTable *reasons = g_hash_table_new(g_str_hash, g_str_equal);
    json_array_foreach(json_get_array(vulnerability, "threats"), i, entry) {
        const char *category = json_get_field(entry, "category");
        if (g_strcmp0(category, "impact") == 0)
            add_reason(c, reasons, entry,
                       vex_reason(c->document, SUPPRESSION_NOT_AFFECTED, NULL,
                                  json_get_text(entry, "details")));
    }
    json_array_foreach(json_get_array(vulnerability, "flags"), i, entry)
        add_reason(c, reasons, entry,
                   vex_reason(c->document, SUPPRESSION_NOT_AFFECTED, json_get_field(entry, "label"),
                              NULL));
    return reasons;
}

/* --- statements --------------------------------------------------------------------------------
 */

/* One statement for the products that have one reason. */
struct reason_group {
    const char *reason;
    const struct product *products;
};

/* by_reason: reason -> place in groups, plus one. Reasons are interned. */
static struct reason_group *group_of(GArray *groups, GHashTable *by_reason, const char *reason)
{
    guint place = GPOINTER_TO_UINT(g_hash_table_lookup(by_reason, reason));
    if (place == 0) {
        g_array_append_vals(groups, &(struct reason_group){ .reason = reason }, 1);
        place = groups->len;
        (void)g_hash_table_insert(by_reason, (gpointer)reason, GUINT_TO_POINTER(place));
    }
    return &g_array_index(groups, struct reason_group, place - 1);
}

static const char *reason_of(const struct csaf *c, enum suppression_effect effect,
                             GHashTable *reasons, const char *id)
{
    const char *reason = g_hash_table_lookup(reasons, id);
    if (reason == NULL)
        reason = g_hash_table_lookup(reasons, "");
    return effect == SUPPRESSION_NOT_AFFECTED && reason != NULL
               ? reason
               : vex_reason(c->document, effect, NULL, NULL);
}

static bool add_status(const struct csaf *c, enum suppression_effect effect, const json_t *ids,
                       const GPtrArray *names, GHashTable *reasons, GError **error)
{
    size_t i;
    json_t *id;
    g_autoptr(GArray) groups = g_array_new(FALSE, FALSE, sizeof(struct reason_group));
    g_autoptr(GHashTable) by_reason = g_hash_table_new(NULL, NULL);
    json_array_foreach(ids, i, id) {
        if (!json_is_string(id))
            continue;
        const char *product = json_string_value(id);
        struct reason_group *group =
            group_of(groups, by_reason, reason_of(c, effect, reasons, product));
        if (!add_product(c, product, &group->products, error))
            return false;
    }
    for (guint k = 0; k < groups->len; k++) {
        const struct reason_group *group = &g_array_index(groups, struct reason_group, k);
        if (!vex_add(c->document, effect, names, group->products, 0, group->reason, error))
            return false;
    }
    return true;
}

static bool read_vulnerability(const struct csaf *c, const json_t *vulnerability, GError **error)
{
    static const struct {
        const char *status;
        enum suppression_effect effect;
    } effects[] = {
        { "known_affected", SUPPRESSION_AFFECTED },
        { "first_affected", SUPPRESSION_AFFECTED },
        { "last_affected", SUPPRESSION_AFFECTED },
        { "under_investigation", SUPPRESSION_UNDER_INVESTIGATION },
        { "fixed", SUPPRESSION_FIXED },
        { "first_fixed", SUPPRESSION_FIXED },
        { "known_not_affected", SUPPRESSION_NOT_AFFECTED },
    };
    size_t i;
    json_t *id;
    const json_t *status = json_get_object(vulnerability, "product_status");
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autoptr(GHashTable) reasons = reasons_of(c, vulnerability);
    vex_add_id(c->document, names, json_get_field(vulnerability, "cve"));
    json_array_foreach(json_get_array(vulnerability, "ids"), i, id)
        vex_add_id(c->document, names, json_get_field(id, "text"));
    for (size_t k = 0; k < G_N_ELEMENTS(effects); k++)
        if (!add_status(c, effects[k].effect, json_get_array(status, effects[k].status), names,
                        reasons, error))
            return false;
    return true;
}

static bool read_all(struct csaf *c, GError **error)
{
    size_t i;
    json_t *vulnerability;
    const json_t *json = c->document->json;
    if (!read_tree(c, json_get_object(json, "product_tree"), error))
        return false;
    json_array_foreach(json_get_array(json, "vulnerabilities"), i, vulnerability)
        if (!read_vulnerability(c, vulnerability, error))
            return false;
    return true;
}

static bool csaf_read(struct vex_document *d, GError **error)
{
    const json_t *about = json_get_object(d->json, "document");
    const json_t *tracking = json_get_object(about, "tracking");
    d->time = json_get_time(tracking, "current_release_date");
    vex_document_by(d, "CSAF", json_get_field(tracking, "id"),
                    json_get_field(json_get_object(about, "publisher"), "name"));
    struct csaf c = {
        .document = d,
        .components = g_hash_table_new(g_str_hash, g_str_equal),
        .relationships = g_hash_table_new(g_str_hash, g_str_equal),
        .groups = g_hash_table_new(g_str_hash, g_str_equal),
    };
    bool ok = read_all(&c, error);
    g_hash_table_unref(c.components);
    g_hash_table_unref(c.relationships);
    g_hash_table_unref(c.groups);
    return ok;
}

const struct vex_format vex_csaf = {
    .name = "CSAF",
    .detect = csaf_detect,
    .read = csaf_read,
};

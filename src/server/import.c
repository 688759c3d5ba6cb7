#include "server/import.h"

#include <string.h>

#include "base/error.h"
#include "base/http_client.h"
#include "base/limits.h"
#include "server/server.h"
#include "snapshot/m2_site.h"

#define LABEL_MAX 128 /* bytes of a name and of a value that are taken over */
#define NICS_MAX  48

static void node_free(gpointer data)
{
    struct import_node *n = data;
    g_free(n->name);
    g_free(n->location);
    json_decref(n->labels);
    g_free(n);
}

static struct import_node *add_node(GPtrArray *nodes, const char *name)
{
    struct import_node *n = g_new0(struct import_node, 1);
    n->name = g_strdup(name);
    n->labels = json_object();
    g_ptr_array_add(nodes, n);
    return n;
}

static char *fill_in(const char *pattern, const char *name)
{
    g_auto(GStrv) parts = g_strsplit(pattern, "{node}", -1);
    return g_strjoinv(name, parts);
}

/* --- HIL ---------------------------------------------------------------------------------------
 */

static void add_label(json_t *labels, const char *prefix, const char *name, const char *value)
{
    g_autofree char *key = g_strdup_printf("%s%s", prefix, name);
    if (value != NULL && strlen(name) <= LABEL_MAX && strlen(value) <= LABEL_MAX)
        (void)json_object_set_new(labels, key, json_string(value));
}

/* Names and addresses of its network cards; a node's other members may hold secrets. */
static void add_nics(const json_t *told, json_t *labels)
{
    size_t i;
    json_t *nic;
    json_array_foreach(json_object_get(told, "nics"), i, nic) {
        const char *name = json_string_value(json_object_get(nic, "label"));
        if (i < NICS_MAX && name != NULL)
            add_label(labels, "nic.", name, json_string_value(json_object_get(nic, "macaddr")));
    }
}

static bool add_from_hil(struct server *s, const struct import_wish *w, const json_t *name,
                         GPtrArray *nodes, GError **error)
{
    const char *text = json_string_value(name);
    if (text == NULL)
        return fail_corrupt(error, "HIL: a node's name is not a text");
    g_autofree char *escaped = g_uri_escape_string(text, NULL, FALSE);
    g_autofree char *path = g_strdup_printf("/node/%s", escaped);
    json_t *told = hil_get(s->hil, w->user, w->password, path, error);
    if (told == NULL)
        return false;
    struct import_node *n = add_node(nodes, text);
    add_label(n->labels, "hil.", "project", w->project);
    add_nics(told, n->labels);
    json_decref(told);
    return true;
}

static GPtrArray *list_hil(struct server *s, const struct import_wish *w, GError **error)
{
    size_t i;
    json_t *name;
    g_autofree char *escaped = g_uri_escape_string(w->project, NULL, FALSE);
    g_autofree char *path = g_strdup_printf("/project/%s/nodes", escaped);
    g_autoptr(GPtrArray) nodes = g_ptr_array_new_with_free_func(node_free);
    if (s->hil == NULL) {
        (void)fail(error, ASSAY_ERROR_INVALID, "HIL is not set (hil in the settings)");
        return NULL;
    }
    json_t *names = hil_get(s->hil, w->user, w->password, path, error);
    bool ok = names != NULL;
    if (ok && !json_is_array(names))
        ok = fail_corrupt(error, "HIL: %s: not a list", path);
    if (ok && json_array_size(names) > LIMIT_IMPORT)
        ok = fail_limit(error, "HIL: %s: more than %d nodes", path, LIMIT_IMPORT);
    json_array_foreach(names, i, name)
        ok = ok && add_from_hil(s, w, name, nodes, error);
    json_decref(names);
    return ok ? g_steal_pointer(&nodes) : NULL;
}

/* Disks by name; NULL with *error, or without when M2's database is not set. */
static GHashTable *known_disks(struct server *s, const char *project, GError **error)
{
    g_auto(m2_site) site = { 0 };
    json_auto_t *storage = server_storage(s);
    if (json_object_get(json_object_get(storage, "m2"), "database") == NULL)
        return NULL;
    g_autoptr(GPtrArray) disks =
        m2_site_init(&site, storage, error) ? m2_disks(&site, project, error) : NULL;
    if (disks == NULL)
        return NULL;
    GHashTable *found = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (guint i = 0; i < disks->len; i++) {
        const struct m2_disk *d = g_ptr_array_index(disks, i);
        (void)g_hash_table_insert(found, g_strdup(d->name), m2_location(&site, d->image));
    }
    return found;
}

GPtrArray *import_from_hil(struct server *s, const struct import_wish *w, GError **error)
{
    GError *failure = NULL;
    g_autoptr(GPtrArray) nodes = list_hil(s, w, error);
    g_autoptr(GHashTable) disks =
        nodes != NULL && w->disk == NULL ? known_disks(s, w->project, &failure) : NULL;
    if (failure != NULL) {
        g_propagate_error(error, failure);
        return NULL;
    }
    for (guint i = 0; nodes != NULL && i < nodes->len; i++) {
        struct import_node *n = g_ptr_array_index(nodes, i);
        n->location = w->disk != NULL ? fill_in(w->disk, n->name)
                      : disks != NULL ? g_strdup(g_hash_table_lookup(disks, n->name))
                                      : NULL;
    }
    return g_steal_pointer(&nodes);
}

/* --- M2 ----------------------------------------------------------------------------------------
 */

GPtrArray *import_from_database(struct server *s, const struct import_wish *w, GError **error)
{
    g_auto(m2_site) site = { 0 };
    json_auto_t *storage = server_storage(s);
    g_autoptr(GPtrArray) nodes = g_ptr_array_new_with_free_func(node_free);
    g_autoptr(GPtrArray) disks =
        m2_site_init(&site, storage, error) ? m2_disks(&site, w->project, error) : NULL;
    if (disks == NULL)
        return NULL;
    for (guint i = 0; i < disks->len; i++) {
        const struct m2_disk *d = g_ptr_array_index(disks, i);
        struct import_node *n = add_node(nodes, d->name);
        n->location = w->disk != NULL ? fill_in(w->disk, n->name) : m2_location(&site, d->image);
    }
    return g_steal_pointer(&nodes);
}

/* {"iscsi_target": "iscsi:IP:tcp:3260:1:IMAGE"}: the target's name is the image's. NULL when there
 * is none. g_free() */
static char *image_of_target(const char *answer)
{
    json_t *told = json_loads(answer, 0, NULL);
    const char *target = json_string_value(json_object_get(told, "iscsi_target"));
    const char *colon = target != NULL ? strrchr(target, ':') : NULL;
    char *image = colon != NULL && colon[1] != '\0' ? g_strdup(colon + 1) : NULL;
    json_decref(told);
    return image;
}

/* M2's REST has no list of disks; HIL knows the nodes, and M2 the target of each. */
GPtrArray *import_from_m2(struct server *s, const struct import_wish *w, GError **error)
{
    bool ok = true;
    g_auto(m2_site) site = { 0 };
    json_auto_t *storage = server_storage(s);
    g_autoptr(GPtrArray) nodes = m2_site_init(&site, storage, error) ? list_hil(s, w, error) : NULL;
    for (guint i = 0; nodes != NULL && ok && i < nodes->len; i++) {
        struct import_node *n = g_ptr_array_index(nodes, i);
        g_autoptr(GError) failure = NULL;
        g_autofree char *answer = NULL;
        g_autofree char *form = http_form("project", w->project, "node", n->name, NULL);
        ok = m2_call(&site, "GET", "/iscsi/iscsi_target_info/", form, w->user, w->password, &answer,
                     &failure);
        g_autofree char *image = ok ? image_of_target(answer) : NULL;
        n->location = w->disk != NULL ? fill_in(w->disk, n->name)
                      : image != NULL ? m2_location(&site, image)
                                      : NULL;
        /* A node that is not provisioned has none. */
        ok = ok || g_error_matches(failure, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND);
        if (!ok)
            g_propagate_error(error, g_steal_pointer(&failure));
    }
    return ok ? g_steal_pointer(&nodes) : NULL;
}

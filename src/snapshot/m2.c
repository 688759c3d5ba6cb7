/* Disks of nodes that M2 (BMI) provisions: m2:PROJECT/NODE. M2 itself is asked for a snapshot,
 * which is a copy of the disk as an image of its own, whose name is in M2's database (m2_site.h);
 * it is read through librbd, and M2 is asked to remove it.
 *
 * The credential of the node, "USER:PASSWORD" of HIL, goes over the user of the settings, for
 * making and for removing: the handle names it.
 */
#include <string.h>

#include "base/error.h"
#include "base/http_client.h"
#include "base/limits.h"
#include "block/rbd.h"
#include "snapshot/drivers.h"
#include "snapshot/handle.h"
#include "snapshot/m2_site.h"

#define PREFIX "m2:"

struct m2_view {
    struct snapshot_view view;
    struct snapshot_disk disk;
    char *location;
};

/* PROJECT and NODE of a location. */
struct place {
    char *project, *node;
};

static void place_clear(struct place *p)
{
    g_free(p->project);
    g_free(p->node);
}

/* M2 refuses ; < > & | and ' anywhere. */
static bool is_name(const char *text)
{
    size_t len = strlen(text);
    return len > 0 && len <= LIMIT_M2_NAME &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == len;
}

static bool parse(const char *location, struct place *out, GError **error)
{
    const char *rest = g_str_has_prefix(location, PREFIX) ? location + strlen(PREFIX) : "";
    g_auto(GStrv) parts = g_strsplit(rest, "/", 3);
    if (g_strv_length(parts) != 2 || !is_name(parts[0]) || !is_name(parts[1]))
        return fail(error, ASSAY_ERROR_INVALID,
                    "%s: not m2:PROJECT/NODE, names of letters, digits, '.', '_', '-'", location);
    *out = (struct place){ g_strdup(parts[0]), g_strdup(parts[1]) };
    return true;
}

static bool m2_check(const char *location, GError **error)
{
    struct place p = { 0 };
    bool ok = parse(location, &p, error);
    place_clear(&p);
    return ok;
}

static char *m2_plan(const char *location, const char *id, const struct snapshot_options *options,
                     GError **error)
{
    json_t *object = handle_new(&snapshot_m2_driver, location, id, error);
    if (object == NULL)
        return NULL;
    g_autofree char *name = g_strconcat(HANDLE_NAME_PREFIX, id, NULL);
    (void)json_object_set_new(object, "snapshot", json_string(name));
    return handle_text(object);
}

/* --- what M2 is asked --------------------------------------------------------------------------
 */

struct m2_work {
    struct m2_site site;
    struct place place;
    const char *snapshot; /* of the handle */
    char *user, *password;
};

static const json_t *storage_of(const struct snapshot_options *options)
{
    return options->settings != NULL ? options->settings->storage : NULL;
}

static bool work_init(struct m2_work *w, const json_t *handle,
                      const struct snapshot_options *options, GError **error)
{
    const char *colon = options->secret != NULL ? strchr(options->secret, ':') : NULL;
    *w = (struct m2_work){ .snapshot = handle_get(handle, "snapshot") };
    if (w->snapshot == NULL)
        return fail(error, ASSAY_ERROR_INVALID, "snapshot: the handle names none of M2's");
    if (options->secret != NULL && colon == NULL)
        return fail(error, ASSAY_ERROR_INVALID, "M2 wants a credential of the form USER:PASSWORD");
    if (colon != NULL) {
        w->user = g_strndup(options->secret, (gsize)(colon - options->secret));
        w->password = g_strdup(colon + 1);
    }
    return m2_site_init(&w->site, storage_of(options), error) &&
           parse(handle_get(handle, "location"), &w->place, error);
}

static void work_clear(struct m2_work *w)
{
    m2_site_clear(&w->site);
    place_clear(&w->place);
    g_free(w->user);
    if (w->password != NULL)
        explicit_bzero(w->password, strlen(w->password));
    g_free(w->password);
}

/* Older M2 call the disk by its node. */
static bool create(const struct m2_work *w, GError **error)
{
    g_autofree char *form = http_form("project", w->place.project, "disk_name", w->place.node,
                                      "node", w->place.node, "snap_name", w->snapshot, NULL);
    return m2_call(&w->site, "PUT", "/create_snapshot/", form, w->user, w->password, NULL, error);
}

/* M2 knows a snapshot from the beginning of its making, and refuses while it is being made: then
 * this fails, and is tried again. */
static bool remove_snapshot(const struct m2_work *w, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *form = http_form("project", w->place.project, "img", w->snapshot, NULL);
    if (m2_call(&w->site, "DELETE", "/remove_image/", form, w->user, w->password, NULL, &failure) ||
        g_error_matches(failure, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND))
        return true;
    g_propagate_error(error, g_steal_pointer(&failure));
    return false;
}

static bool m2_drop(const char *handle, const struct snapshot_options *options, GError **error)
{
    struct m2_work w = { 0 };
    json_t *object = handle_read(&snapshot_m2_driver, handle, error);
    if (object == NULL)
        return false;
    bool ok = work_init(&w, object, options, error) && remove_snapshot(&w, error);
    work_clear(&w);
    json_decref(object);
    return ok;
}

/* --- views -------------------------------------------------------------------------------------
 */

static struct block *open_image(const struct m2_work *w, const char *label,
                                const struct snapshot_options *options, GError **error)
{
    g_auto(rbd_name) name = { 0 };
    const char *cluster = w->site.cluster != NULL ? w->site.cluster : "default";
    const json_t *s = json_object_get(json_object_get(storage_of(options), "ceph"), cluster);
    const struct rbd_access access = { .conf = json_string_value(json_object_get(s, "conf")),
                                       .user = json_string_value(json_object_get(s, "user")),
                                       .keyring =
                                           json_string_value(json_object_get(s, "keyring")) };
    g_autofree char *image = m2_snapshot_image(&w->site, w->place.project, w->snapshot, error);
    g_autofree char *text = image != NULL ? m2_location(&w->site, image) : NULL;
    return text != NULL && rbd_name_parse(text, &name, error)
               ? block_rbd_new(&name, &access, label, error)
               : NULL;
}

static void m2_view_close(struct snapshot_view *view)
{
    struct m2_view *v = (struct m2_view *)view;
    block_unref(v->disk.bytes);
    g_free(v->location);
    g_free(v);
}

static struct block *make_and_open(const json_t *handle, const struct snapshot_options *options,
                                   GError **error)
{
    struct m2_work w = { 0 };
    struct block *b = NULL;
    if (work_init(&w, handle, options, error) && remove_snapshot(&w, error) && create(&w, error))
        b = open_image(&w, handle_get(handle, "location"), options, error);
    work_clear(&w);
    return b;
}

static struct snapshot_view *m2_make(const char *handle, const struct snapshot_options *options,
                                     GError **error)
{
    json_t *object = handle_read(&snapshot_m2_driver, handle, error);
    if (object != NULL && options->quiesce != NULL) {
        json_decref(object);
        (void)fail_unsupported(error, "M2 copies the whole disk; a node cannot be stilled so long");
        return NULL;
    }
    struct block *b = object != NULL ? make_and_open(object, options, error) : NULL;
    struct m2_view *v = NULL;
    if (b != NULL) {
        v = g_new0(struct m2_view, 1);
        v->location = g_strdup(handle_get(object, "location"));
        v->disk = (struct snapshot_disk){
            .bytes = b,
            .name = v->location,
            .format = options->format != NULL ? options->format : "raw",
            .identity = "",
        };
        v->view = (struct snapshot_view){
            .drv = &snapshot_m2_driver, .disks = &v->disk, .count = 1, .holds = true
        };
    }
    json_decref(object);
    return v != NULL ? &v->view : NULL;
}

static char *m2_pool(const char *location, const struct snapshot_options *options)
{
    g_auto(m2_site) site = { 0 };
    if (!m2_site_init(&site, storage_of(options), NULL))
        return g_strdup("m2");
    return g_strdup_printf("rbd:%s/%s", site.cluster != NULL ? site.cluster : "default", site.pool);
}

const struct snapshot_driver snapshot_m2_driver = {
    .name = "m2",
    .description = "disks of nodes that M2 provisions, m2:PROJECT/NODE: a full copy, made by M2",
    .prefix = PREFIX,
    .check = m2_check,
    .plan = m2_plan,
    .make = m2_make,
    .drop = m2_drop,
    .pool = m2_pool,
    .close = m2_view_close,
};

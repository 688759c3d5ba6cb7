/* Images of Ceph's block storage.
 *
 * A light view is a snapshot "assay-ID" of the image, read directly: nothing is cloned, and nothing
 * is protected. A deep one is an image "assay-ID" in the same pool with a copy of that snapshot,
 * which is removed as soon as the copy is whole, so that the original is rid of it. A location that
 * names a snapshot itself is read at that one, and none is made.
 *
 * Ceph cannot say what has changed since a snapshot that is gone. With `keep_snapshots` in the
 * settings of the cluster the snapshot of the last light view that was read to its end stays as
 * "assay-kept-ID", one an image; the object maps then tell which objects were written to since. It
 * costs the image the space of what has been overwritten, and a copy of each object at its first
 * write. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "block/librbd.h"
#include "block/rbd.h"
#include "snapshot/drivers.h"
#include "snapshot/handle.h"
#include "snapshot/quiesce.h"
#include "snapshot/rbd_copy.h"

#define KEPT_PREFIX HANDLE_NAME_PREFIX "kept-"

/* --- locations and settings ---------------------------------------------------------------- */

static bool rbd_check(const char *location, GError **error)
{
    g_auto(rbd_name) name = { 0 };
    return rbd_name_parse(location, &name, error);
}

static const char *cluster_of(const struct rbd_name *name)
{
    return name->cluster != NULL ? name->cluster : "default";
}

/* storage.ceph.CLUSTER of the settings; NULL when there is none. */
static const json_t *settings_of(const struct rbd_name *name,
                                 const struct snapshot_options *options)
{
    const json_t *storage = options->settings != NULL ? options->settings->storage : NULL;
    return json_object_get(json_object_get(storage, "ceph"), cluster_of(name));
}

static bool keeps(const struct rbd_name *name, const struct snapshot_options *options)
{
    return json_is_true(json_object_get(settings_of(name, options), "keep_snapshots"));
}

static char *rbd_plan(const char *location, const char *id, const struct snapshot_options *options,
                      GError **error)
{
    g_auto(rbd_name) name = { 0 };
    json_t *object = rbd_name_parse(location, &name, error)
                         ? handle_new(&snapshot_rbd_driver, location, id, error)
                         : NULL;
    if (object == NULL)
        return NULL;
    g_autofree char *made = g_strconcat(HANDLE_NAME_PREFIX, id, NULL);
    if (name.snapshot == NULL)
        (void)json_object_set_new(object, "snapshot", json_string(made));
    if (options->deep)
        (void)json_object_set_new(object, "copy", json_string(made));
    else if (name.snapshot == NULL && keeps(&name, options))
        (void)json_object_set_new(object, "keep", json_string(id));
    return handle_text(object);
}

static char *rbd_pool_name(const char *location, const struct snapshot_options *options)
{
    g_auto(rbd_name) name = { 0 };
    return rbd_name_parse(location, &name, NULL)
               ? g_strdup_printf("rbd:%s/%s", cluster_of(&name), name.pool)
               : NULL;
}

static char *rbd_kept(const char *location, const char *identity)
{
    const char *name = g_str_has_prefix(identity, "rbd:") ? strchr(identity, '#') : NULL;
    if (name == NULL || !g_str_has_prefix(name + 1, KEPT_PREFIX))
        return NULL;
    json_t *object =
        handle_new(&snapshot_rbd_driver, location, name + 1 + strlen(KEPT_PREFIX), NULL);
    if (object == NULL)
        return NULL;
    (void)json_object_set_new(object, "kept", json_string(name + 1));
    return handle_text(object);
}

#if HAVE_RBD
/* The user and key of a credential, "USER:KEY" or "KEY", go over those of the settings. */
struct access {
    struct rbd_access ceph;
    char *user;
};

static bool access_of(const struct rbd_name *name, const struct snapshot_options *options,
                      struct access *out, GError **error)
{
    const json_t *s = settings_of(name, options);
    const char *colon = options->secret != NULL ? strchr(options->secret, ':') : NULL;
    if (s == NULL && name->cluster != NULL)
        return fail(error, ASSAY_ERROR_INVALID, "the settings (storage.ceph) name no cluster '%s'",
                    name->cluster);
    out->ceph = (struct rbd_access){
        .timeout = (unsigned)json_integer_value(json_object_get(s, "timeout_seconds")),
        .conf = json_string_value(json_object_get(s, "conf")),
        .user = json_string_value(json_object_get(s, "user")),
        .keyring = json_string_value(json_object_get(s, "keyring")),
        .key = colon != NULL ? colon + 1 : options->secret,
    };
    out->user = colon != NULL ? g_strndup(options->secret, (gsize)(colon - options->secret)) : NULL;
    if (out->user != NULL)
        out->ceph.user = out->user;
    return true;
}

/* --- an image that is open ----------------------------------------------------------------- */

struct original {
    struct rbd_name name;
    struct access access;
    const char *label; /* the location; borrowed */
    struct rbd_pool *pool;
    rbd_image_t image; /* NULL: not open */
};

static void close_original(struct original *o)
{
    if (o->image != NULL)
        (void)o->pool->lib->rbd_close(o->image);
    o->image = NULL;
}

static void original_done(struct original *o)
{
    close_original(o);
    rbd_pool_free(o->pool);
    g_free(o->access.user);
    rbd_name_clear(&o->name);
}

/* Connects. */
static bool original_init(struct original *o, const char *location,
                          const struct snapshot_options *options, GError **error)
{
    o->label = location;
    if (!rbd_name_parse(location, &o->name, error) ||
        !access_of(&o->name, options, &o->access, error))
        return false;
    o->pool = rbd_pool_open(&o->name, &o->access.ceph, location, error);
    return o->pool != NULL;
}

/* -errno. Opened for changes, it is watched by us, as by everybody who uses it. */
static int open_original(struct original *o, bool read_only)
{
    const struct librbd *lib = o->pool->lib;
    int r = read_only
                ? lib->rbd_open_read_only(o->pool->io, o->name.image, &o->image, o->name.snapshot)
                : lib->rbd_open(o->pool->io, o->name.image, &o->image, NULL);
    if (r < 0)
        o->image = NULL;
    return r;
}

static bool fail_open(const struct original *o, int r, GError **error)
{
    if (r == -ENOENT)
        return fail(error, ASSAY_ERROR_NOT_FOUND, "%s: there is no such image%s", o->label,
                    o->name.snapshot != NULL ? " or snapshot" : "");
    return fail_rbd(error, r, "%s: opening", o->label);
}

/* --- snapshots ----------------------------------------------------------------------------- */

struct snapshots {
    const struct librbd *lib;
    rbd_snap_info_t *list;
    int count;
};
typedef struct snapshots snapshots;

static void snapshots_clear(struct snapshots *s)
{
    if (s->count > 0)
        s->lib->rbd_snap_list_end(s->list);
    g_free(s->list);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(snapshots, snapshots_clear)

/* Of all namespaces. */
static bool snapshots_list(const struct original *o, struct snapshots *s, GError **error)
{
    int max = 64;
    s->lib = o->pool->lib;
    do {
        g_free(s->list);
        s->list = g_new0(rbd_snap_info_t, (gsize)max);
        s->count = s->lib->rbd_snap_list(o->image, s->list, &max);
    } while (s->count == -ERANGE && max <= (int)LIMIT_SNAPSHOTS);
    return s->count >= 0 || fail_rbd(error, s->count, "%s: listing its snapshots", o->label);
}

/* librbd removes a snapshot by moving it into the namespace "trash" first, under a name that tells
 * nothing. A removal that ended between the two leaves it there, and its own name free. "": it is
 * not there. g_free() */
static char *name_in_trash(const struct original *o, uint64_t number)
{
    const struct librbd *lib = o->pool->lib;
    rbd_snap_namespace_type_t type;
    char name[256] = "";
    bool is = lib->rbd_snap_get_namespace_type(o->image, number, &type) >= 0 &&
              type == RBD_SNAP_NAMESPACE_TYPE_TRASH &&
              lib->rbd_snap_get_trash_namespace(o->image, number, name, sizeof name) >= 0;
    return g_strdup(is ? name : "");
}

/* The rest of a removal. One that somebody has made a clone of goes by itself, with that. */
static bool remove_from_trash(struct original *o, const rbd_snap_info_t *snapshot, GError **error)
{
    int r = o->pool->lib->rbd_snap_remove_by_id(o->image, snapshot->id);
    return r >= 0 || r == -ENOENT || r == -EBUSY ||
           fail_rbd(error, r, "%s: removing its snapshot %s", o->label, snapshot->name);
}

static bool end_removal(struct original *o, const char *snapshot, GError **error)
{
    g_auto(snapshots) all = { 0 };
    bool ok = snapshots_list(o, &all, error);
    for (int i = 0; ok && i < all.count; i++) {
        g_autofree char *was = name_in_trash(o, all.list[i].id);
        if (g_str_equal(was, snapshot))
            ok = remove_from_trash(o, &all.list[i], error);
    }
    return ok;
}

/* Removes the snapshot, if it is there. Somebody may have protected it, or made a clone of it. */
static bool remove_snapshot(struct original *o, const char *snapshot, GError **error)
{
    const struct librbd *lib = o->pool->lib;
    int is_protected = 0;
    if (lib->rbd_snap_is_protected(o->image, snapshot, &is_protected) >= 0 && is_protected)
        (void)lib->rbd_snap_unprotect(o->image, snapshot);
    int r = lib->rbd_snap_remove(o->image, snapshot);
    if (r == -ENOENT)
        return end_removal(o, snapshot, error);
    if (r == -EBUSY)
        return fail(error, ASSAY_ERROR_IO, "%s: its snapshot %s has clones, or is in use", o->label,
                    snapshot);
    return r >= 0 || fail_rbd(error, r, "%s: removing its snapshot %s", o->label, snapshot);
}

/* Names are made of identifiers, which sort by time. */
static bool is_kept(const char *name, const char *except, const char *newest)
{
    return g_str_has_prefix(name, KEPT_PREFIX) && g_strcmp0(name, except) != 0 &&
           (newest == NULL || strcmp(name, newest) <= 0);
}

/* Removes the kept snapshots of earlier views, except that one (NULL: all), and none that is newer
 * than that one (NULL: all). */
static bool remove_kept(struct original *o, const char *except, const char *newest, GError **error)
{
    g_auto(snapshots) all = { 0 };
    bool ok = snapshots_list(o, &all, error);
    for (int i = 0; ok && i < all.count; i++) {
        g_autofree char *was = name_in_trash(o, all.list[i].id);
        if (is_kept(all.list[i].name, except, newest))
            ok = remove_snapshot(o, all.list[i].name, error);
        else if (is_kept(was, except, newest))
            ok = remove_from_trash(o, &all.list[i], error);
    }
    return ok;
}

/* In place of dropping it. */
static bool keep_snapshot(struct original *o, const char *snapshot, const char *id, GError **error)
{
    g_autofree char *kept = g_strconcat(KEPT_PREFIX, id, NULL);
    int r = o->pool->lib->rbd_snap_rename(o->image, snapshot, kept);
    if (r == -ENOENT) /* it was never made, or is already called so */
        return true;
    if (r < 0)
        return fail_rbd(error, r, "%s: keeping its snapshot %s", o->label, snapshot);
    return remove_kept(o, kept, NULL, error);
}

/* The snapshot, also when it was to be kept, and was, but nothing came of that. */
static bool remove_unused(struct original *o, const char *snapshot, const char *keep,
                          GError **error)
{
    if (!remove_snapshot(o, snapshot, error))
        return false;
    if (keep == NULL)
        return true;
    g_autofree char *kept = g_strconcat(KEPT_PREFIX, keep, NULL);
    return remove_snapshot(o, kept, error);
}

static bool drop_snapshot(struct original *o, const json_t *handle, enum snapshot_use use,
                          GError **error)
{
    const char *snapshot = handle_get(handle, "snapshot"), *keep = handle_get(handle, "keep");
    const char *kept = handle_get(handle, "kept");
    int r = snapshot != NULL || kept != NULL ? open_original(o, false) : -ENOENT;
    if (r == -ENOENT) /* gone, and its snapshots with it */
        return true;
    if (r < 0)
        return fail_open(o, r, error);
    if (kept != NULL)
        return remove_kept(o, NULL, kept, error);
    if (keep != NULL && use == SNAPSHOT_COMPARED)
        return keep_snapshot(o, snapshot, keep, error);
    return remove_unused(o, snapshot, keep, error) &&
           (use == SNAPSHOT_NOT_USED || remove_kept(o, NULL, NULL, error));
}

static bool drop_parts(struct original *o, const json_t *handle,
                       const struct snapshot_options *options, GError **error)
{
    const char *copy = handle_get(handle, "copy");
    return drop_snapshot(o, handle, options->use, error) &&
           (copy == NULL || rbd_copy_drop(o->pool, copy, options, error));
}

static bool rbd_drop(const char *handle, const struct snapshot_options *options, GError **error)
{
    struct original o = { 0 };
    g_autoptr(GError) failure = NULL;
    json_t *object = handle_read(&snapshot_rbd_driver, handle, error);
    if (object == NULL)
        return false;
    bool ok = original_init(&o, handle_get(object, "location"), options, &failure) &&
              drop_parts(&o, object, options, &failure);
    /* A pool that is gone has taken all with it; a cluster that is not known has not. */
    if (!ok && o.pool == NULL && g_error_matches(failure, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND))
        ok = true;
    if (!ok)
        g_propagate_error(error, g_steal_pointer(&failure));
    original_done(&o);
    json_decref(object);
    return ok;
}

/* --- views --------------------------------------------------------------------------------- */

struct rbd_view {
    struct snapshot_view view;
    struct snapshot_disk disk;
    struct original original; /* closed, but connected */
    char *location, *identity;
    char *snapshot;  /* that is read; NULL: it is a copy that is read */
    uint64_t number; /* of the snapshot */
};

/* "rbd:FSID/POOL:IMAGE@NUMBER", and "#NAME" behind it when that snapshot will be kept. Neither the
 * cluster's, nor the pool's or the image's, nor a snapshot's number is ever used again. */
static char *identity_of(const struct original *o, uint64_t number, const char *kept)
{
    const struct librbd *lib = o->pool->lib;
    char fsid[64], id[256];
    if (lib->rados_cluster_fsid(o->pool->cluster, fsid, sizeof fsid) < 0 ||
        lib->rbd_get_id(o->image, id, sizeof id) < 0)
        return g_strdup("");
    return g_strdup_printf("rbd:%s/%" PRId64 ":%s@%" PRIu64 "%s%s", fsid,
                           lib->rados_ioctx_get_id(o->pool->io), id, number,
                           kept != NULL ? "#" KEPT_PREFIX : "", kept != NULL ? kept : "");
}

static bool snapshot_number(const struct original *o, const char *snapshot, uint64_t *out,
                            GError **error)
{
    int r = o->pool->lib->rbd_snap_get_id(o->image, snapshot, out);
    return r >= 0 || fail_rbd(error, r, "%s: its snapshot %s", o->label, snapshot);
}

static struct block *open_block(const struct original *o, const char *image, const char *snapshot,
                                GError **error)
{
    const struct rbd_name name = { .cluster = o->name.cluster,
                                   .pool = o->name.pool,
                                   .space = o->name.space,
                                   .image = (char *)image,
                                   .snapshot = (char *)snapshot };
    return block_rbd_new(&name, &o->access.ceph, o->label, error);
}

static bool create_snapshot(struct original *o, const char *snapshot, GError **error)
{
    int r = o->pool->lib->rbd_snap_create(o->image, snapshot);
    if (r == -EEXIST) { /* of a run before; older than wanted */
        if (!remove_snapshot(o, snapshot, error))
            return false;
        r = o->pool->lib->rbd_snap_create(o->image, snapshot);
    }
    return r >= 0 || fail_rbd(error, r, "%s: making the snapshot %s", o->label, snapshot);
}

/* Makes the snapshot, unless the location names one. */
static bool make_snapshot(struct original *o, const json_t *handle,
                          const struct snapshot_options *options, GError **error)
{
    const char *snapshot = handle_get(handle, "snapshot");
    struct quiesce *q;
    int r = open_original(o, snapshot == NULL);
    if (r < 0)
        return fail_open(o, r, error);
    if (snapshot == NULL)
        return true;
    if (!quiesce_begin(options, o->label, NULL, &q, error))
        return false;
    bool ok = create_snapshot(o, snapshot, error);
    return quiesce_end(q, ok ? error : NULL) && ok;
}

/* Reads the snapshot into an image of its own, and drops it. */
static bool make_copy(struct original *o, const json_t *handle, const char *snapshot,
                      const struct snapshot_options *options, GError **error)
{
    const char *copy = handle_get(handle, "copy");
    g_autoptr(block) original = open_block(o, o->name.image, snapshot, error);
    if (original == NULL || !rbd_copy_drop(o->pool, copy, options, error))
        return false;
    g_autoptr(block) from = snapshot_slowed(original, options);
    if (!rbd_copy_make(o->pool, o->image, from, copy, options, error))
        return false;
    return handle_get(handle, "snapshot") == NULL || remove_snapshot(o, snapshot, error);
}

static bool fill_view(struct rbd_view *v, struct original *o, const json_t *handle,
                      const struct snapshot_options *options, GError **error)
{
    const char *made = handle_get(handle, "snapshot"), *copy = handle_get(handle, "copy");
    const char *snapshot = made != NULL ? made : o->name.snapshot;
    if (!make_snapshot(o, handle, options, error) ||
        !snapshot_number(o, snapshot, &v->number, error))
        return false;
    v->identity = made == NULL || handle_get(handle, "keep") != NULL
                      ? identity_of(o, v->number, handle_get(handle, "keep"))
                      : g_strdup("");
    if (copy != NULL && !make_copy(o, handle, snapshot, options, error))
        return false;
    v->snapshot = copy != NULL ? NULL : g_strdup(snapshot);
    v->disk = (struct snapshot_disk){
        .bytes = copy != NULL ? open_block(o, copy, NULL, error)
                              : open_block(o, o->name.image, snapshot, error),
        .name = v->location,
        .format = options->format != NULL ? options->format : "raw",
        .identity = v->identity,
    };
    v->view.count = 1;
    v->view.disks = &v->disk;
    return v->disk.bytes != NULL;
}

static void rbd_view_close(struct snapshot_view *view)
{
    struct rbd_view *v = (struct rbd_view *)view;
    block_unref(v->disk.bytes);
    original_done(&v->original);
    g_free(v->location);
    g_free(v->identity);
    g_free(v->snapshot);
    g_free(v);
}

static struct snapshot_view *rbd_make(const char *handle, const struct snapshot_options *options,
                                      GError **error)
{
    json_t *object = handle_read(&snapshot_rbd_driver, handle, error);
    if (object == NULL)
        return NULL;
    struct rbd_view *v = g_new0(struct rbd_view, 1);
    struct snapshot_view *view = &v->view;
    view->drv = &snapshot_rbd_driver;
    view->holds = true;
    v->location = g_strdup(handle_get(object, "location"));
    if (!original_init(&v->original, v->location, options, error) ||
        !fill_view(v, &v->original, object, options, error))
        g_clear_pointer(&view, snapshot_view_free);
    else
        close_original(&v->original); /* we are no user of it while we read */
    json_decref(object);
    return view;
}

/* Who reads a snapshot that has been removed meanwhile reads zeros. */
static bool rbd_verify(struct snapshot_view *view, GError **error)
{
    struct rbd_view *v = (struct rbd_view *)view;
    uint64_t number;
    if (v->snapshot == NULL)
        return true;
    int r = open_original(&v->original, true);
    if (r < 0 && r != -ENOENT)
        return fail_open(&v->original, r, error);
    if (r >= 0)
        r = v->original.pool->lib->rbd_snap_get_id(v->original.image, v->snapshot, &number);
    bool held = r >= 0 && number == v->number;
    close_original(&v->original);
    return held || fail(error, ASSAY_ERROR_IO, "%s: its snapshot %s was removed while it was read",
                        v->location, v->snapshot);
}

/* --- what has changed since ---------------------------------------------------------------- */

struct ranges {
    const struct block_range *ranges;
    size_t count;
    bool touched;
};

/* librbd's callback: something is different there. */
static int on_difference(uint64_t off, size_t len, int exists, void *user)
{
    struct ranges *r = user;
    size_t low = 0, high = r->count;
    while (low < high) { /* the first range that ends behind off */
        size_t middle = low + (high - low) / 2;
        if (r->ranges[middle].off + r->ranges[middle].len <= off)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < r->count && r->ranges[low].off < off + len)
        r->touched = true;
    return 0;
}

/* Whether asking is cheap: the object maps know, or there are few objects to be asked. */
static bool can_compare(const struct original *o, rbd_image_info_t *info)
{
    const struct librbd *lib = o->pool->lib;
    uint64_t features, flags;
    if (lib->rbd_stat(o->image, info, sizeof *info) < 0 ||
        lib->rbd_get_features(o->image, &features) < 0 || lib->rbd_get_flags(o->image, &flags) < 0)
        return false;
    return ((features & RBD_FEATURE_FAST_DIFF) != 0 && flags == 0) ||
           info->num_objs <= LIMIT_RBD_ASKED;
}

/* The image is open as it is now. */
static bool compare(const struct original *o, const char *kept, struct ranges *ranges,
                    bool *unchanged, GError **error)
{
    const struct librbd *lib = o->pool->lib;
    rbd_image_info_t info, then;
    rbd_image_t old = NULL;
    if (!can_compare(o, &info))
        return true;
    if (lib->rbd_open_read_only(o->pool->io, o->name.image, &old, kept) < 0)
        return true;
    bool same_size = lib->rbd_stat(old, &then, sizeof then) >= 0 && then.size == info.size;
    (void)lib->rbd_close(old);
    if (!same_size)
        return true;
    int r = lib->rbd_diff_iterate2(o->image, kept, 0, info.size, 0, 1, on_difference, ranges);
    if (r < 0)
        return fail_rbd(error, r, "%s: what has changed in it", o->label);
    *unchanged = !ranges->touched;
    return true;
}

static bool check_unchanged(struct original *o, const char *identity, struct ranges *ranges,
                            bool *unchanged, GError **error)
{
    const char *kept = strchr(identity, '#');
    const char *snapshot = o->name.snapshot != NULL ? o->name.snapshot
                           : kept != NULL           ? kept + 1
                                                    : NULL;
    uint64_t number;
    int r = snapshot != NULL ? open_original(o, true) : -ENOENT;
    if (r == -ENOENT)
        return true;
    if (r < 0)
        return fail_open(o, r, error);
    if (o->pool->lib->rbd_snap_get_id(o->image, snapshot, &number) < 0)
        return true;
    g_autofree char *now = identity_of(o, number, NULL);
    size_t len = kept != NULL ? (size_t)(kept - identity) : strlen(identity);
    if (strlen(now) != len || strncmp(now, identity, len) != 0)
        return true;
    if (o->name.snapshot == NULL)
        return compare(o, kept + 1, ranges, unchanged, error);
    *unchanged = true;
    return true;
}

static bool rbd_unchanged(const char *location, const char *identity,
                          const struct block_range *ranges, size_t count,
                          const struct snapshot_options *options, bool *unchanged, GError **error)
{
    struct original o = { 0 };
    struct ranges r = { .ranges = ranges, .count = count };
    *unchanged = false;
    if (!g_str_has_prefix(identity, "rbd:"))
        return true;
    bool ok = original_init(&o, location, options, error) &&
              check_unchanged(&o, identity, &r, unchanged, error);
    original_done(&o);
    return ok;
}

#else

static struct snapshot_view *rbd_make(const char *handle, const struct snapshot_options *options,
                                      GError **error)
{
    (void)fail_unsupported(error, "snapshot: this assay was built without librbd");
    return NULL;
}

static bool rbd_drop(const char *handle, const struct snapshot_options *options, GError **error)
{
    return fail_unsupported(error, "snapshot: this assay was built without librbd");
}

#define rbd_verify     NULL
#define rbd_unchanged  NULL
#define rbd_view_close NULL
#endif

const struct snapshot_driver snapshot_rbd_driver = {
    .name = "rbd",
    .description =
        "images of Ceph: rbd:POOL/[NAMESPACE/]IMAGE[@SNAPSHOT], or rbd://CLUSTER/POOL/...",
    .prefix = "rbd:",
    .check = rbd_check,
    .plan = rbd_plan,
    .make = rbd_make,
    .drop = rbd_drop,
    .pool = rbd_pool_name,
    .unchanged = rbd_unchanged,
    .verify = rbd_verify,
    .close = rbd_view_close,
    .kept = rbd_kept,
};

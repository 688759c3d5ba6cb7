/* Disks of running QEMU machines, through their monitors: qemu:MONITOR_SOCKET#DEVICE. */
#include <string.h>

#include "base/autoclose.h"
#include "base/error.h"
#include "base/no_links.h"
#include "snapshot/drivers.h"
#include "snapshot/handle.h"
#include "snapshot/qemu_disk.h"
#include "snapshot/qemu_fleece.h"
#include "snapshot/quiesce.h"

#define PREFIX "qemu:"
/* For what is overwritten, unless storage.qemu.folder says otherwise. */
#define USUAL_FOLDER "/var/tmp"
#define DEVICE_MAX   255
/* Behind the name of the monitor's socket: that of the guest agent. */
#define AGENT ".agent"

struct place {
    char *monitor;
    char *device; /* NULL: the only writable one */
};

static void place_clear(struct place *p)
{
    g_clear_pointer(&p->monitor, g_free);
    g_clear_pointer(&p->device, g_free);
}
typedef struct place place;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(place, place_clear)

struct qemu_view {
    struct snapshot_view view;
    struct snapshot_disk disk;
    char *location, *identity;
    place where;
    struct qemu_names names;
};

/* What QEMU's names are made of; generated ones begin with '#'. */
static bool is_device(const char *s)
{
    for (const char *c = s; *c != '\0'; c++) {
        if (!g_ascii_isalnum(*c) && strchr("-._#", *c) == NULL)
            return false;
    }
    return s[0] != '\0' && strlen(s) <= DEVICE_MAX;
}

static bool place_parse(const char *location, struct place *out, GError **error)
{
    const char *path = location + strlen(PREFIX), *mark = strchr(path, '#');
    g_auto(place)
        p = { .monitor = mark != NULL ? g_strndup(path, (size_t)(mark - path)) : g_strdup(path),
              .device = mark != NULL ? g_strdup(mark + 1) : NULL };
    if (!path_is_plain(p.monitor, error))
        return false;
    if (p.device != NULL && !is_device(p.device))
        return fail(error, ASSAY_ERROR_INVALID, "%s: no name of a disk behind '#'", location);
    *out = p;
    p = (struct place){ 0 };
    return true;
}

static bool qemu_check(const char *location, GError **error)
{
    g_auto(place) p = { 0 };
    return place_parse(location, &p, error);
}

static char *qemu_plan(const char *location, const char *id, const struct snapshot_options *options,
                       GError **error)
{
    json_t *object = handle_new(&snapshot_qemu_driver, location, id, error);
    return object != NULL ? handle_text(object) : NULL;
}

static const json_t *setting(const struct snapshot_options *options, const char *name)
{
    const json_t *storage = options->settings != NULL ? options->settings->storage : NULL;
    return json_object_get(json_object_get(storage, "qemu"), name);
}

/* --- the view ------------------------------------------------------------------------------ */

static struct block *open_export(const struct qemu_view *v, GError **error)
{
    int fd = qemu_fleece_connect(v->where.monitor, error);
    return fd < 0 ? NULL : block_nbd_new(fd, v->names.all, v->location, BLOCK_NBD_TIMEOUT, error);
}

struct stilling {
    const struct snapshot_options *options;
    const struct qemu_view *view;
    struct quiesce *quiesce;
};

static bool still(void *user, GError **error)
{
    struct stilling *s = user;
    g_autofree char *agent = g_strconcat(s->view->where.monitor, AGENT, NULL);
    return quiesce_begin(s->options, s->view->location, agent, &s->quiesce, error);
}

static bool let_go(void *user, GError **error)
{
    return quiesce_end(((struct stilling *)user)->quiesce, error);
}

static bool make_in_machine(struct qemu_view *v, const struct snapshot_options *options,
                            GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(qmp) m = qmp_connect(v->where.monitor, error);
    g_autofree char *node = NULL;
    const char *folder = json_string_value(setting(options, "folder"));
    struct stilling stilling = { .options = options, .view = v };
    if (m == NULL || !qemu_fleece_drop(m, v->where.monitor, &v->names, error))
        return false;
    struct qemu_fleece f = {
        .qmp = m,
        .monitor = v->where.monitor,
        .device = v->where.device,
        .folder = folder != NULL ? folder : USUAL_FOLDER,
        .bitmap = json_is_true(setting(options, "bitmap")),
        .before = still,
        .after = let_go,
        .user = &stilling,
    };
    if (qemu_fleece_make(&f, &v->names, &node, &failure)) {
        v->disk.bytes = open_export(v, &failure);
        v->identity = f.bitmap ? g_strdup_printf("qemu:%s:%s", node, v->names.all) : g_strdup("");
    }
    if (v->disk.bytes != NULL)
        return true;
    g_propagate_error(error, g_steal_pointer(&failure));
    /* The machine is rid of it at once; the handle is there for when this fails as well. */
    (void)qemu_fleece_drop(m, v->where.monitor, &v->names, NULL);
    return false;
}

static void qemu_close(struct snapshot_view *view)
{
    struct qemu_view *v = (struct qemu_view *)view;
    block_unref(v->disk.bytes);
    place_clear(&v->where);
    qemu_names_clear(&v->names);
    g_free(v->location);
    g_free(v->identity);
    g_free(v);
}

static struct snapshot_view *qemu_make(const char *handle, const struct snapshot_options *options,
                                       GError **error)
{
    json_t *object = handle_read(&snapshot_qemu_driver, handle, error);
    if (object == NULL)
        return NULL;
    struct qemu_view *v = g_new0(struct qemu_view, 1);
    g_autoptr(snapshot_view) view = &v->view;
    view->drv = &snapshot_qemu_driver;
    view->holds = true;
    v->location = g_strdup(handle_get(object, "location"));
    qemu_names_init(&v->names, handle_id(object));
    json_decref(object);
    if (options->deep) {
        (void)fail_unsupported(error, "%s: full copies of a machine's disk are not made",
                               v->location);
        return NULL;
    }
    if (!place_parse(v->location, &v->where, error) || !make_in_machine(v, options, error))
        return NULL;
    v->disk.name = v->location;
    v->disk.format = "raw"; /* QEMU has decoded it */
    v->disk.identity = v->identity;
    view->disks = &v->disk;
    view->count = 1;
    return g_steal_pointer(&view);
}

static bool qemu_drop(const char *handle, const struct snapshot_options *options, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_auto(place) p = { 0 };
    struct qemu_names names;
    json_t *object = handle_read(&snapshot_qemu_driver, handle, error);
    if (object == NULL)
        return false;
    (void)place_parse(handle_get(object, "location"), &p, NULL);
    qemu_names_init(&names, handle_id(object));
    json_decref(object);
    g_autoptr(qmp) m = qmp_connect(p.monitor, &failure);
    /* A machine that is gone has taken everything with it. */
    bool ok = m != NULL ? qemu_fleece_drop(m, p.monitor, &names, &failure)
                        : g_error_matches(failure, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND);
    qemu_names_clear(&names);
    if (!ok)
        g_propagate_error(error, g_steal_pointer(&failure));
    return ok;
}

/* A view that was given up, for want of space or time, refuses every read from then on. */
static bool qemu_verify(struct snapshot_view *view, GError **error)
{
    const struct qemu_view *v = (const struct qemu_view *)view;
    uint8_t sector[512];
    size_t got;
    g_autoptr(block) again = open_export(v, error);
    if (again != NULL && block_read_some(again, 0, sector, sizeof sector, &got, error))
        return true;
    if (error != NULL)
        g_prefix_error(error, "QEMU has given up the view (no space for what was overwritten, or "
                              "too slow): ");
    return false;
}

static char *qemu_pool(const char *location, const struct snapshot_options *options)
{
    g_auto(place) p = { 0 };
    return place_parse(location, &p, NULL) ? g_strdup_printf("qemu:%s", p.monitor)
                                           : g_strdup("qemu");
}

/* Whether the device still writes to that node: a snapshot that others have made within the
 * machine, or another image in the drive, leaves the node and its bitmap behind, where nothing is
 * written. */
static bool uses_node(struct qmp *m, const char *device, const char *node, bool *uses,
                      GError **error)
{
    json_t *blocks = qmp_call(m, "query-block", NULL, error);
    struct qemu_disk disk;
    bool ok = blocks != NULL && qemu_disk_find(blocks, device, &disk, error);
    *uses = ok && g_str_equal(disk.node, node);
    json_decref(blocks);
    return ok;
}

/* Whether a bitmap says that nothing has been written to a node since it was made. */
static bool is_clean(struct qmp *m, const char *node, const char *bitmap, bool *clean,
                     GError **error)
{
    uint64_t dirty;
    json_t *nodes = qmp_call(m, "query-named-block-nodes", json_pack("{sb}", "flat", 1), error);
    *clean = nodes != NULL && qemu_bitmap_count(nodes, node, bitmap, &dirty) && dirty == 0;
    json_decref(nodes);
    return nodes != NULL;
}

/* Only whole disks: the bitmap tells whether anything has been written at all. */
static bool qemu_unchanged(const char *location, const char *identity,
                           const struct block_range *ranges, size_t count,
                           const struct snapshot_options *options, bool *unchanged, GError **error)
{
    g_auto(place) p = { 0 };
    *unchanged = false;
    if (!place_parse(location, &p, error))
        return false;
    g_auto(GStrv) parts = g_strsplit(identity, ":", 3);
    if (g_strv_length(parts) != 3)
        return fail(error, ASSAY_ERROR_INVALID, "%s: '%s' is no identity", location, identity);
    g_autoptr(qmp) m = qmp_connect(p.monitor, error);
    bool uses;
    /* In this order: what was clean at the later look was so when the device used the node. */
    if (m == NULL || !uses_node(m, p.device, parts[1], &uses, error))
        return false;
    return !uses || is_clean(m, parts[1], parts[2], unchanged, error);
}

const struct snapshot_driver snapshot_qemu_driver = {
    .name = "qemu",
    .description = "disks of running QEMU machines (7.1 and later), qemu:MONITOR_SOCKET#DEVICE",
    .prefix = PREFIX,
    .check = qemu_check,
    .plan = qemu_plan,
    .make = qemu_make,
    .drop = qemu_drop,
    .pool = qemu_pool,
    .unchanged = qemu_unchanged,
    .close = qemu_close,
    .verify = qemu_verify,
};

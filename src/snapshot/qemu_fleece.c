#include "snapshot/qemu_fleece.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/autoclose.h"
#include "base/connect.h"
#include "base/error.h"
#include "snapshot/qemu_disk.h"

/* Of the id: its end, which is its random part, so that all names fit into QEMU's. */
#define ID_LETTERS 20
/* The guest's writes wait no longer for a copy. */
#define COPY_SECONDS 5
/* Servers of NBD: one that we start, and one that the machine's owner has. */
#define OUR_SERVER   ".assay-nbd"
#define THEIR_SERVER ".nbd"

void qemu_names_init(struct qemu_names *n, const char *id)
{
    size_t len = strlen(id);
    const char *end = id + (len > ID_LETTERS ? len - ID_LETTERS : 0);
    n->all = g_strconcat(QEMU_NAMES_PREFIX, end, NULL);
    n->view = g_strconcat(n->all, "-v", NULL);
    n->filter = g_strconcat(n->all, "-f", NULL);
    n->store = g_strconcat(n->all, "-s", NULL);
    n->described = g_strconcat(n->all, " ", NULL);
}

void qemu_names_clear(struct qemu_names *n)
{
    g_clear_pointer(&n->all, g_free);
    g_clear_pointer(&n->view, g_free);
    g_clear_pointer(&n->filter, g_free);
    g_clear_pointer(&n->store, g_free);
    g_clear_pointer(&n->described, g_free);
}

static json_t *query_nodes(struct qmp *m, GError **error)
{
    return qmp_call(m, "query-named-block-nodes", json_pack("{sb}", "flat", 1), error);
}

static bool set_drive(struct qmp *m, const char *device, const char *node, GError **error)
{
    return qmp_do(m, "qom-set",
                  json_pack("{ss ss ss}", "path", device, "property", "drive", "value", node),
                  error);
}

/* --- making --------------------------------------------------------------------------------- */

/* The file goes away with the last descriptor, at the latest with QEMU. */
static int open_store(const char *folder, uint64_t size, GError **error)
{
    autoclose int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 && ftruncate(fd, (off_t)size) == 0)
        return take_fd(&fd);
    (void)fail_errno(error, errno, "%s: no file can be made there for what is overwritten", folder);
    return -1;
}

static bool add_store(const struct qemu_fleece *f, const struct qemu_names *names,
                      const struct qemu_disk *disk, GError **error)
{
    autoclose int fd = open_store(f->folder, disk->size, error);
    if (fd < 0)
        return false;
    g_autofree char *described = g_strconcat(names->described, disk->node, NULL);
    json_t *added =
        qmp_call_passing(f->qmp, "add-fd", json_pack("{ss}", "opaque", described), fd, error);
    if (added == NULL)
        return false;
    g_autofree char *path = g_strdup_printf("/dev/fdset/%" JSON_INTEGER_FORMAT,
                                            json_integer_value(json_object_get(added, "fdset-id")));
    json_decref(added);
    return qmp_do(
        f->qmp, "blockdev-add",
        json_pack("{ss ss ss}", "driver", "file", "node-name", names->store, "filename", path),
        error);
}

static bool add_filter(const struct qemu_fleece *f, const struct qemu_names *names,
                       const struct qemu_disk *disk, GError **error)
{
    return qmp_do(f->qmp, "blockdev-add",
                  json_pack("{ss ss ss ss ss si}", "driver", "copy-before-write", "node-name",
                            names->filter, "file", disk->node, "target", names->store,
                            "on-cbw-error", "break-snapshot", "cbw-timeout", COPY_SECONDS),
                  error);
}

/* The instant. What comes after it is done also when the filter did not get between. */
static bool put_between(const struct qemu_fleece *f, const struct qemu_names *names,
                        const struct qemu_disk *disk, GError **error)
{
    if (f->before != NULL && !f->before(f->user, error))
        return false;
    bool ok = set_drive(f->qmp, disk->device, names->filter, error);
    return (f->after == NULL || f->after(f->user, ok ? error : NULL)) && ok;
}

static bool add_bitmap(const struct qemu_fleece *f, const struct qemu_names *names,
                       const struct qemu_disk *disk, GError **error)
{
    return qmp_do(f->qmp, "block-dirty-bitmap-add",
                  json_pack("{ss ss}", "node", disk->node, "name", names->all), error);
}

/* Bitmaps of earlier snapshots: one is enough. */
static bool remove_old_bitmaps(const struct qemu_fleece *f, const struct qemu_names *names,
                               const char *node, GError **error)
{
    json_t *nodes = query_nodes(f->qmp, error);
    bool ok = nodes != NULL;
    const char *old;
    for (size_t i = 0; ok && qemu_bitmap_next(nodes, node, QEMU_NAMES_PREFIX, &i, &old);) {
        if (!g_str_equal(old, names->all))
            ok = qmp_do(f->qmp, "block-dirty-bitmap-remove",
                        json_pack("{ss ss}", "node", node, "name", old), error);
    }
    json_decref(nodes);
    return ok;
}

static bool add_export(const struct qemu_fleece *f, const struct qemu_names *names, GError **error)
{
    g_autofree char *path = g_strconcat(f->monitor, OUR_SERVER, NULL);
    g_autoptr(GError) failure = NULL;
    /* Another one that runs already is used: then this fails, and only then may the next. */
    bool started =
        qmp_do(f->qmp, "nbd-server-start",
               json_pack("{s{ss s{ss}}}", "addr", "type", "unix", "data", "path", path), &failure);
    g_autoptr(GError) later = NULL;
    if (qmp_do(f->qmp, "block-export-add",
               json_pack("{ss ss ss ss sb}", "type", "nbd", "id", names->all, "node-name",
                         names->view, "name", names->all, "writable", 0),
               &later))
        return true;
    g_propagate_error(error, started ? g_steal_pointer(&later) : g_steal_pointer(&failure));
    return false;
}

static bool fleece_disk(const struct qemu_fleece *f, const struct qemu_names *names,
                        const struct qemu_disk *disk, GError **error)
{
    if (g_str_has_prefix(disk->node, QEMU_NAMES_PREFIX))
        return fail(error, ASSAY_ERROR_IO, "%s: another snapshot of the disk is being read: %s",
                    f->monitor, disk->node);
    return add_store(f, names, disk, error) && add_filter(f, names, disk, error) &&
           (!f->bitmap || add_bitmap(f, names, disk, error)) &&
           put_between(f, names, disk, error) &&
           qmp_do(f->qmp, "blockdev-add",
                  json_pack("{ss ss ss}", "driver", "snapshot-access", "node-name", names->view,
                            "file", names->filter),
                  error) &&
           remove_old_bitmaps(f, names, disk->node, error) && add_export(f, names, error);
}

bool qemu_fleece_make(const struct qemu_fleece *f, const struct qemu_names *names, char **node,
                      GError **error)
{
    json_t *blocks = qmp_call(f->qmp, "query-block", NULL, error);
    struct qemu_disk disk;
    if (blocks == NULL)
        return false;
    bool ok =
        qemu_disk_find(blocks, f->device, &disk, error) && fleece_disk(f, names, &disk, error);
    if (ok)
        *node = g_strdup(disk.node);
    json_decref(blocks);
    return ok;
}

/* --- dropping ------------------------------------------------------------------------------- */

/* Deleting one ends its connections first: it is gone when QEMU lists it no more. */
static bool remove_export(struct qmp *m, const char *name, GError **error)
{
    bool asked = false;
    for (;;) {
        unsigned seen = m->events;
        json_t *exports = qmp_call(m, "query-block-exports", NULL, error);
        if (exports == NULL)
            return false;
        bool there = qemu_list_has(exports, "id", name);
        json_decref(exports);
        if (!there)
            return true;
        if (asked ? !qmp_await_event(m, seen, error)
                  : !qmp_do(m, "block-export-del", json_pack("{ss ss}", "id", name, "mode", "hard"),
                            error))
            return false;
        asked = true;
    }
}

static bool remove_node(struct qmp *m, const char *name, GError **error)
{
    json_t *nodes = query_nodes(m, error);
    if (nodes == NULL)
        return false;
    bool there = qemu_list_has(nodes, "node-name", name);
    json_decref(nodes);
    return !there || qmp_do(m, "blockdev-del", json_pack("{ss}", "node-name", name), error);
}

/* Gives a device that reads through the filter its disk back. sets: query-fdsets. */
static bool take_away(struct qmp *m, const struct qemu_names *names, const json_t *sets,
                      GError **error)
{
    json_t *blocks = qmp_call(m, "query-block", NULL, error);
    struct qemu_disk disk;
    const char *node;
    json_int_t set;
    if (blocks == NULL)
        return false;
    bool ok = true;
    if (!qemu_disk_using(blocks, names->filter, &disk))
        ok = true;
    else if (!qemu_fdset_find(sets, names->described, &set, &node))
        ok = fail(error, ASSAY_ERROR_IO, "%s: the disk below %s is not known any more",
                  m->line.name, names->filter);
    else
        ok = set_drive(m, disk.device, node, error);
    json_decref(blocks);
    return ok;
}

static bool remove_store(struct qmp *m, const struct qemu_names *names, const json_t *sets,
                         GError **error)
{
    const char *node;
    json_int_t set;
    return remove_node(m, names->store, error) &&
           (!qemu_fdset_find(sets, names->described, &set, &node) ||
            qmp_do(m, "remove-fd", json_pack("{sI}", "fdset-id", set), error));
}

static bool is_listening(const char *path)
{
    autoclose int fd = connect_unix_without_links(path, NULL);
    return fd >= 0;
}

/* The server that we started, once it has nothing to export any more. */
static bool stop_server(struct qmp *m, const char *monitor, GError **error)
{
    g_autofree char *path = g_strconcat(monitor, OUR_SERVER, NULL);
    if (!is_listening(path))
        return true;
    json_t *exports = qmp_call(m, "query-block-exports", NULL, error);
    if (exports == NULL)
        return false;
    bool used = qemu_list_has(exports, "type", "nbd");
    json_decref(exports);
    return used || qmp_do(m, "nbd-server-stop", NULL, error);
}

bool qemu_fleece_drop(struct qmp *m, const char *monitor, const struct qemu_names *names,
                      GError **error)
{
    json_t *sets = qmp_call(m, "query-fdsets", NULL, error);
    if (sets == NULL)
        return false;
    bool ok = remove_export(m, names->all, error) && stop_server(m, monitor, error) &&
              remove_node(m, names->view, error) && take_away(m, names, sets, error) &&
              remove_node(m, names->filter, error) && remove_store(m, names, sets, error);
    json_decref(sets);
    return ok;
}

int qemu_fleece_connect(const char *monitor, GError **error)
{
    g_autofree char *ours = g_strconcat(monitor, OUR_SERVER, NULL);
    g_autofree char *theirs = g_strconcat(monitor, THEIR_SERVER, NULL);
    int fd = connect_unix_without_links(ours, NULL);
    if (fd < 0)
        fd = connect_unix_without_links(theirs, NULL);
    if (fd < 0)
        (void)fail(error, ASSAY_ERROR_UNSUPPORTED,
                   "%s: QEMU has an NBD server already, which does not listen on %s", monitor,
                   theirs);
    return fd;
}

/* Exports of NBD servers. The protocol has no snapshots: whoever names such a disk has to say that
 * it may be read while it is written. */
#include <string.h>

#include "base/autoclose.h"
#include "base/connect.h"
#include "base/error.h"
#include "base/no_links.h"
#include "block/nbd_connect.h"
#include "snapshot/drivers.h"
#include "snapshot/handle.h"

struct nbd_view {
    struct snapshot_view view;
    struct snapshot_disk disk;
    char *location;
};

/* A location names a place and nothing else: no user, no password, no options. */
static bool nbd_check(const char *location, GError **error)
{
    struct nbd_place p;
    const char *behind = strstr(location, "://");
    if (!nbd_place_parse(location, &p, error))
        return false;
    bool ok = p.socket == NULL || path_is_plain(p.socket, error);
    bool more =
        p.socket != NULL ? strpbrk(location, "&#") != NULL : strpbrk(location, "?#") != NULL;
    if (ok && (behind == NULL || strchr(location, '@') != NULL || more))
        ok = fail(error, ASSAY_ERROR_INVALID,
                  "%s: more than nbd://HOST[:PORT]/EXPORT or nbd+unix:///EXPORT?socket=PATH",
                  location);
    nbd_place_clear(&p);
    return ok;
}

static char *nbd_plan(const char *location, const char *id, const struct snapshot_options *options,
                      GError **error)
{
    json_t *object = handle_new(&snapshot_nbd_driver, location, id, error);
    return object != NULL ? handle_text(object) : NULL;
}

static struct block *open_export(const char *location, GError **error)
{
    struct nbd_place p;
    if (!nbd_place_parse(location, &p, error))
        return NULL;
    int fd = p.socket != NULL ? connect_unix_without_links(p.socket, error)
                              : connect_tcp(p.host, p.port, error);
    struct block *b =
        fd >= 0 ? block_nbd_new(fd, p.export_name, location, BLOCK_NBD_TIMEOUT, error) : NULL;
    nbd_place_clear(&p);
    return b;
}

static bool may_read(const char *location, const struct snapshot_options *options, GError **error)
{
    if (options->deep)
        return fail_unsupported(error, "%s: there is no place for a full copy of an export",
                                location);
    return options->crash_consistent ||
           fail(error, ASSAY_ERROR_DENIED,
                "%s: NBD has no snapshots; crash_consistent lets it be read as it is", location);
}

static void nbd_view_close(struct snapshot_view *view)
{
    struct nbd_view *v = (struct nbd_view *)view;
    block_unref(v->disk.bytes);
    g_free(v->location);
    g_free(v);
}

static struct snapshot_view *nbd_make(const char *handle, const struct snapshot_options *options,
                                      GError **error)
{
    json_t *object = handle_read(&snapshot_nbd_driver, handle, error);
    if (object == NULL)
        return NULL;
    struct nbd_view *v = g_new0(struct nbd_view, 1);
    g_autoptr(snapshot_view) view = &v->view;
    view->drv = &snapshot_nbd_driver;
    v->location = g_strdup(handle_get(object, "location"));
    json_decref(object);
    if (!may_read(v->location, options, error))
        return NULL;
    v->disk = (struct snapshot_disk){
        .bytes = open_export(v->location, error),
        .name = v->location,
        .format = "raw", /* a server exports what is in an image */
        .identity = "",
        .note = "read without a snapshot, which NBD does not have",
    };
    view->disks = &v->disk;
    view->count = 1;
    return v->disk.bytes != NULL ? g_steal_pointer(&view) : NULL;
}

/* Nothing is ever made. */
static bool nbd_drop(const char *handle, const struct snapshot_options *options, GError **error)
{
    json_t *object = handle_read(&snapshot_nbd_driver, handle, error);
    bool ok = object != NULL;
    json_decref(object);
    return ok;
}

static char *nbd_pool(const char *location, const struct snapshot_options *options)
{
    struct nbd_place p;
    if (!nbd_place_parse(location, &p, NULL))
        return g_strdup("nbd");
    char *pool = p.socket != NULL ? g_strdup_printf("nbd:%s", p.socket)
                                  : g_strdup_printf("nbd:%s:%d", p.host, p.port);
    nbd_place_clear(&p);
    return pool;
}

const struct snapshot_driver snapshot_nbd_driver = {
    .name = "nbd",
    .description = "exports of NBD servers, nbd://HOST[:PORT]/EXPORT or "
                   "nbd+unix:///EXPORT?socket=PATH; only crash_consistent",
    .prefix = "nbd",
    .check = nbd_check,
    .plan = nbd_plan,
    .make = nbd_make,
    .drop = nbd_drop,
    .pool = nbd_pool,
    .close = nbd_view_close,
};

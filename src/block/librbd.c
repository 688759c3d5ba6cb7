#include "block/librbd.h"

#if HAVE_RBD
#include <dlfcn.h>
#include <errno.h>

#include "base/error.h"

/* The names of the interfaces' versions, which have not changed since 2012. */
#define RADOS_LIBRARY "librados.so.2"
#define RBD_LIBRARY   "librbd.so.1"
/* Monitors have nothing to read from disks. */
#define MON_TIMEOUT_SECONDS 10

static void *load(const char *file, GError **error)
{
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        (void)fail_unsupported(error, "Ceph's library cannot be loaded: %s", dlerror());
    return library;
}

/* Stays loaded: its threads end with the process. */
static const struct librbd *library(GError **error)
{
    static GMutex lock;
    static struct librbd lib;
    static bool loaded;
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&lock);
    if (loaded)
        return &lib;
    void *rados = load(RADOS_LIBRARY, error);
    void *rbd = rados != NULL ? load(RBD_LIBRARY, error) : NULL;
    if (rbd == NULL)
        return NULL;
#define LIBRBD_LOAD(name)                                                                          \
    lib.name = (typeof(lib.name))dlsym(g_str_has_prefix(#name, "rbd_") ? rbd : rados, #name);      \
    if (lib.name == NULL) {                                                                        \
        (void)fail_unsupported(error, "Ceph's library is too old: there is no %s in it", #name);   \
        return NULL;                                                                               \
    }
    LIBRBD_FUNCTIONS(LIBRBD_LOAD)
#undef LIBRBD_LOAD
    loaded = true;
    return &lib;
}

bool fail_rbd(GError **error, int64_t result, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    if (result == -ETIMEDOUT)
        return fail(error, ASSAY_ERROR_IO, "%s: the cluster does not answer", text);
    return fail_errno(error, (int)-result, "%s", text);
}

static bool configure(struct rbd_pool *p, const struct rbd_access *access, GError **error)
{
    unsigned seconds = access->timeout != 0 ? access->timeout : RBD_TIMEOUT_SECONDS;
    g_autofree char *osd = g_strdup_printf("%u", seconds);
    g_autofree char *mon = g_strdup_printf("%u", MIN(seconds, MON_TIMEOUT_SECONDS));
    /* Its own words would go to standard error, its socket and log to places of the system. Without
     * these times it waits for five minutes, or for ever. */
    const char *const settings[][2] = {
        { "log_to_stderr", "false" },
        { "err_to_stderr", "false" },
        { "log_file", "" },
        { "admin_socket", "" },
        { "client_mount_timeout", mon },
        { "rados_mon_op_timeout", mon },
        { "rados_osd_op_timeout", osd },
        { "rbd_cache", "false" }, /* the reader has one of its own */
    };
    int r = p->lib->rados_conf_read_file(p->cluster, access->conf);
    if (r < 0 && access->conf != NULL)
        return fail(error, ASSAY_ERROR_INVALID, "%s: Ceph's configuration %s: %s", p->label,
                    access->conf, g_strerror(-r));
    if (r < 0)
        return fail(error, ASSAY_ERROR_INVALID,
                    "%s: there is no configuration of Ceph here (/etc/ceph/ceph.conf)", p->label);
    for (size_t i = 0; r >= 0 && i < G_N_ELEMENTS(settings); i++)
        r = p->lib->rados_conf_set(p->cluster, settings[i][0], settings[i][1]);
    if (r >= 0 && access->keyring != NULL)
        r = p->lib->rados_conf_set(p->cluster, "keyring", access->keyring);
    if (r >= 0 && access->key != NULL)
        r = p->lib->rados_conf_set(p->cluster, "key", access->key);
    return r >= 0 || fail_rbd(error, r, "%s: configuring Ceph's library", p->label);
}

static bool connect_to(struct rbd_pool *p, const struct rbd_name *name,
                       const struct rbd_access *access, GError **error)
{
    g_autofree char *user =
        g_strconcat("client.", access->user != NULL ? access->user : "admin", NULL);
    int r = p->lib->rados_create2(&p->cluster, "ceph", user, 0);
    if (r < 0)
        return fail_rbd(error, r, "%s: connecting as %s", p->label, user);
    if (!configure(p, access, error))
        return false;
    r = p->lib->rados_connect(p->cluster);
    if (r == -ENOENT)
        return fail(error, ASSAY_ERROR_IO,
                    "%s: connecting as %s: no monitor or no key is known for it", p->label, user);
    if (r < 0)
        return fail_rbd(error, r, "%s: connecting as %s", p->label, user);
    r = p->lib->rados_ioctx_create(p->cluster, name->pool, &p->io);
    if (r == -ENOENT)
        return fail(error, ASSAY_ERROR_NOT_FOUND, "%s: there is no pool '%s'", p->label,
                    name->pool);
    if (r < 0)
        return fail_rbd(error, r, "%s: opening the pool '%s'", p->label, name->pool);
    p->lib->rados_ioctx_set_namespace(p->io, name->space);
    return true;
}

struct rbd_pool *rbd_pool_open(const struct rbd_name *name, const struct rbd_access *access,
                               const char *label, GError **error)
{
    g_autoptr(rbd_pool) p = g_new0(struct rbd_pool, 1);
    p->label = g_strdup(label);
    p->lib = library(error);
    if (p->lib == NULL) {
        g_prefix_error(error, "%s: ", label);
        return NULL;
    }
    return connect_to(p, name, access, error) ? g_steal_pointer(&p) : NULL;
}

void rbd_pool_free(struct rbd_pool *p)
{
    if (p == NULL)
        return;
    if (p->io != NULL)
        p->lib->rados_ioctx_destroy(p->io);
    if (p->cluster != NULL)
        p->lib->rados_shutdown(p->cluster);
    g_free(p->label);
    g_free(p);
}

#endif

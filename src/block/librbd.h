/* librados and librbd, loaded when the first image is opened: linked, they and what they need would
 * slow down each start of the program. */
#pragma once
#include "config.h"

#if HAVE_RBD
#include <rados/librados.h>
#include <rbd/librbd.h>

#include "block/rbd.h"

#define LIBRBD_FUNCTIONS(X)                                                                        \
    X(rados_create2)                                                                               \
    X(rados_conf_read_file)                                                                        \
    X(rados_conf_set)                                                                              \
    X(rados_connect)                                                                               \
    X(rados_shutdown)                                                                              \
    X(rados_cluster_fsid)                                                                          \
    X(rados_ioctx_create)                                                                          \
    X(rados_ioctx_set_namespace)                                                                   \
    X(rados_ioctx_destroy)                                                                         \
    X(rbd_open)                                                                                    \
    X(rbd_open_read_only)                                                                          \
    X(rbd_close)                                                                                   \
    X(rbd_stat)                                                                                    \
    X(rbd_get_features)                                                                            \
    X(rbd_get_flags)                                                                               \
    X(rbd_diff_iterate2)                                                                           \
    X(rbd_aio_create_completion)                                                                   \
    X(rbd_aio_read)                                                                                \
    X(rbd_aio_wait_for_complete)                                                                   \
    X(rbd_aio_get_return_value)                                                                    \
    X(rbd_aio_release)                                                                             \
    X(rbd_watchers_list)                                                                           \
    X(rbd_watchers_list_cleanup)                                                                   \
    X(rados_pool_reverse_lookup)                                                                   \
    X(rados_ioctx_get_id)                                                                          \
    X(rbd_create4)                                                                                 \
    X(rbd_image_options_create)                                                                    \
    X(rbd_image_options_set_uint64)                                                                \
    X(rbd_image_options_set_string)                                                                \
    X(rbd_image_options_destroy)                                                                   \
    X(rbd_remove)                                                                                  \
    X(rbd_snap_create)                                                                             \
    X(rbd_snap_remove)                                                                             \
    X(rbd_snap_is_protected)                                                                       \
    X(rbd_snap_unprotect)                                                                          \
    X(rbd_snap_get_id)                                                                             \
    X(rbd_snap_list)                                                                               \
    X(rbd_snap_list_end)                                                                           \
    X(rbd_snap_rename)                                                                             \
    X(rbd_snap_get_namespace_type)                                                                 \
    X(rbd_snap_get_trash_namespace)                                                                \
    X(rbd_snap_remove_by_id)                                                                       \
    X(rbd_get_id)                                                                                  \
    X(rbd_get_data_pool_id)                                                                        \
    X(rbd_aio_write)                                                                               \
    X(rbd_flush)

struct librbd {
#define LIBRBD_MEMBER(name) typeof(name) *name;
    LIBRBD_FUNCTIONS(LIBRBD_MEMBER)
#undef LIBRBD_MEMBER
};

/* A connection with one pool. */
struct rbd_pool {
    const struct librbd *lib;
    rados_t cluster;
    rados_ioctx_t io; /* of the pool and the namespace */
    char *label;      /* for messages */
};
typedef struct rbd_pool rbd_pool;

/* ASSAY_ERROR_NOT_FOUND means that the cluster answers, and has no such pool. */
struct rbd_pool *rbd_pool_open(const struct rbd_name *name, const struct rbd_access *access,
                               const char *label, GError **error);
/* After all images in it have been closed. Accepts NULL. */
void rbd_pool_free(struct rbd_pool *p);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(rbd_pool, rbd_pool_free)

/* An error of one of the functions: result < 0 is -errno. */
bool fail_rbd(GError **error, int64_t result, const char *format, ...) G_GNUC_PRINTF(3, 4);

#endif

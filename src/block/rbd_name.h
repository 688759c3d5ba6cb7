/* Names of images in Ceph pools:
 *
 *     rbd:POOL/[NAMESPACE/]IMAGE[@SNAPSHOT]              in the cluster that is usual here
 *     rbd://CLUSTER/POOL/[NAMESPACE/]IMAGE[@SNAPSHOT]    in one that the settings name */
#pragma once
#include <glib.h>
#include <stdbool.h>

struct rbd_name {
    char *cluster; /* NULL: the usual one */
    char *pool;
    char *space; /* the pool's namespace; "": none */
    char *image;
    char *snapshot; /* NULL: the image as it is now */
};

bool rbd_name_is(const char *text); /* begins with "rbd:" */
/* ASSAY_ERROR_INVALID names text and what is wrong with it. *out is cleared by the caller, also
 * after a failure; it must be zeroed or cleared before. */
bool rbd_name_parse(const char *text, struct rbd_name *out, GError **error);
void rbd_name_clear(struct rbd_name *n);
typedef struct rbd_name rbd_name;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(rbd_name, rbd_name_clear)

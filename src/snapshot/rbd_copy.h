/* Full copies of images in Ceph pools. */
#pragma once
#include "block/librbd.h"
#include "snapshot/snapshot.h"

#if HAVE_RBD
/* Writes what `from` holds into a new image of that name in the pool, laid out like `like`, which
 * is open. Stops when it is not wanted any more. What there is of the copy after a failure is for
 * rbd_copy_drop(). */
bool rbd_copy_make(struct rbd_pool *pool, rbd_image_t like, struct block *from, const char *name,
                   const struct snapshot_options *options, GError **error);
/* Removes it, however far the making had come. A process that was killed while it wrote counts as
 * the image's user for half a minute: waits for that. */
bool rbd_copy_drop(struct rbd_pool *pool, const char *name, const struct snapshot_options *options,
                   GError **error);
#endif

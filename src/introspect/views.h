/* The snapshots of all disks of a thing, and what of them was read. Internal to the module. */
#pragma once
#include "block/recorder.h"
#include "introspect/course.h"

struct views {
    GPtrArray *views;     /* struct snapshot_view, owned */
    GPtrArray *disks;     /* const struct snapshot_disk, of the views, in order */
    GPtrArray *recorders; /* struct block, owned: what the inspector reads; one a disk */
};
typedef struct views views;
/* How fast the storage of a location may be read; NULL: any. A new reference. */
struct throttle *views_pool_rate(const struct course *c, const char *place);
/* Plans handles for all disks, saves them in the row, and makes the snapshots. On failure all that
 * was made is left to the handles. */
struct views *views_make(struct course *c, GError **error);
/* Whether one of them costs whoever writes to its disk something. */
bool views_hold(const struct views *v);
/* After the reading: false when what was read may be torn. */
bool views_verify(const struct views *v, GError **error);
void views_free(struct views *v);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(views, views_free)
/* JSON array of what the disks are known by; g_free(). */
char *views_identities(const struct views *v);

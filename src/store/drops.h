/* Handles of snapshots that are dropped again and again for a while.
 *
 * Who takes over the introspection of a worker that is believed to be dead drops what that one had
 * planned. If it only slept, it may make the snapshot after that, and then die. So what was dropped
 * for somebody else is kept here, and dropped once more after some minutes, after twice as many,
 * and so on for a day; dropping what is not there costs a question. */
#pragma once
#include "store/things.h"

struct late_drop {
    char *id, *introspection;
    char *handles; /* as in struct introspection */
    int64_t since; /* Unix microseconds */
};
void late_drop_free(struct late_drop *d);

/* Handles that may be in use by a worker that lost the introspection; the same ones count once. */
bool late_drop_add(struct sql *db, const char *introspection, const char *handles, GError **error);
/* Those whose time has come, at most so many: struct late_drop. */
GPtrArray *late_drops_due(struct sql *db, int64_t limit, GError **error);
/* It has been tried: sets the next time, or forgets it when it was the last one (*last). */
bool late_drop_tried(struct sql *db, const struct late_drop *d, bool *last, GError **error);

/* What stays in the storage for the newest frame of a thing, to be compared with: it is dropped
 * when that frame goes, by the sweep, as the handles of an introspection. Internal to the module.
 */
#pragma once
#include "introspect/course.h"

/* A frame of the course's thing is about to be kept, in the transaction that does so: adds to the
 * row's handles, which are `left` until then, what stays for the frame before it if that was of
 * other disks, and for this one if the thing is gone by now. locations, identities: as in struct
 * kept_frame. */
bool kept_pass_on(struct sql *db, struct course *c, const char *left, const char *locations,
                  const char *identities, GError **error);

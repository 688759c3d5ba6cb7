/* Whether a frame that is kept still tells what is on a thing's disks. Internal to the module. */
#pragma once
#include "introspect/views.h"
#include "store/frames.h"

/* What is kept with a frame: by which program and with which wishes it was made, and what of each
 * disk was read. NULL when the frame is not to be used again: it was made of a view that may be
 * torn, or of files beside the disks, or in part for want of time or memory. g_free() */
char *unchanged_reads(const struct course *c, const struct views *v, bool whole);

/* The newest frame, if it was made of the same locations in the same way; NULL. */
struct kept_frame *unchanged_candidate(const struct course *c, GError **error);
/* *same: the storage knows that nothing that was read has changed, without a snapshot. */
bool unchanged_by_storage(const struct course *c, const struct kept_frame *f, bool *same,
                          GError **error);
/* Whether the views are of the same bytes. */
bool unchanged_by_identity(const struct kept_frame *f, const struct views *v);

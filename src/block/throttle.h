/* Rates for reading: so many bytes and so many reads a second.
 *
 * One throttle is shared by all blocks that load the same thing (a pool, an introspection), and a
 * block may be under several. Reads are let through in the order in which they come; after a pause
 * a burst, given in microseconds of the rate, passes at once.
 *
 *     struct throttle *pool = throttle_new(100 << 20, 0, G_USEC_PER_SEC);
 *     struct throttle *both[] = { pool, own };
 *     g_autoptr(block) slow = block_throttle_new(disk, both, 2); */
#pragma once
#include "block/block.h"

typedef struct throttle throttle;

/* A rate of 0: no limit. burst: microseconds. One reference. */
struct throttle *throttle_new(uint64_t bytes_per_second, uint32_t reads_per_second, int64_t burst);
struct throttle *throttle_ref(struct throttle *t);
/* Accepts NULL. */
void throttle_unref(struct throttle *t);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(throttle, throttle_unref)

/* Takes what one read of that many bytes needs. When it may start: now, or later. Monotonic
 * microseconds; thread-safe. */
gint64 throttle_take(struct throttle *t, gint64 now, uint64_t bytes);
/* Gives back what a read took that did not start. */
void throttle_return(struct throttle *t, uint64_t bytes);

/* What was taken in all, and not given back. Thread-safe. */
void throttle_taken(struct throttle *t, uint64_t *bytes, uint64_t *reads);

/* under, read no faster than all of the throttles allow (borrowed; NULL ones are ignored). A read
 * is one read, whatever its length. block_interrupt() ends the waiting with ASSAY_ERROR_IO. */
struct block *block_throttle_new(struct block *under, struct throttle *const *throttles,
                                 size_t count);

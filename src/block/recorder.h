/* A block over another that remembers which of its bytes were read.
 *
 *     g_autoptr(block) watched = block_recorder_new(disk);
 *     ... somebody reads watched ...
 *     g_autoptr(GArray) ranges = block_recorder_ranges(watched); */
#pragma once
#include "block/block.h"

/* A run of bytes of a block. */
struct block_range {
    uint64_t off, len;
};

struct block *block_recorder_new(struct block *under);
/* What has been read so far, or was told to be a hole: struct block_range, in order, apart from
 * each other, at most LIMIT_READ_RANGES. In units of 64 KiB, or of more where the disk is so large
 * or the ranges are so many that the limit would be passed; never less than what was read. A new
 * reference. */
GArray *block_recorder_ranges(struct block *recorder);

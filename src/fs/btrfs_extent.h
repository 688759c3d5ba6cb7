/* One piece of a file: what an EXTENT_DATA item says. Pure. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "fs/btrfs_format.h"

enum btrfs_extent_kind {
    BTRFS_KIND_HOLE,   /* reads as zeros, allocated or not */
    BTRFS_KIND_INLINE, /* the bytes are in the item */
    BTRFS_KIND_DISK,
};

struct btrfs_extent {
    uint64_t start, len; /* bytes of the file; len > 0, the sum fits */
    enum btrfs_extent_kind kind;
    enum btrfs_compression compression;
    uint64_t ram_len; /* bytes when decompressed */
    /* On disk: several extents, also of several files, may show parts of one. */
    uint64_t disk, disk_len;   /* logical address and bytes of all of it; whole sectors */
    uint64_t skip;             /* bytes from its start, after decompression, to where this begins */
    struct cursor inline_data; /* in the item */
};

/* start: the key's offset. ASSAY_ERROR_UNSUPPORTED for encryption and unknown compression,
 * ASSAY_ERROR_CORRUPT for numbers that contradict each other, ASSAY_ERROR_LIMIT for more than
 * LIMIT_BTRFS_COMPRESSED. */
bool btrfs_extent_parse(const struct cursor *item, uint64_t start, uint32_t sectorsize,
                        struct btrfs_extent *out, GError **error);

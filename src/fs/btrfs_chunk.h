/* The chunk map of btrfs: from logical addresses, which all trees and extents use, to places on
 * devices. Chunks are what the documentation also calls block groups. Not thread-safe. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"

struct btrfs_chunk {
    uint64_t start, length; /* logical bytes */
    uint64_t stripe_len;    /* bytes on one device before the next one follows */
    uint64_t type;          /* BTRFS_GROUP_* */
    uint16_t num_stripes, sub_stripes;
    guint first_stripe; /* in the map's array */
};

struct btrfs_stripe {
    uint64_t devid, offset; /* bytes on the device */
};

struct btrfs_chunk_map {
    GArray *chunks;  /* struct btrfs_chunk, by start, without overlap */
    GArray *stripes; /* struct btrfs_stripe */
};

/* Where one copy of some logical bytes lies. */
struct btrfs_place {
    uint64_t devid, offset;
    uint64_t len;    /* bytes that follow each other there, > 0 */
    unsigned copies; /* of these bytes, >= 1 */
};

void btrfs_chunk_map_init(struct btrfs_chunk_map *map);
void btrfs_chunk_map_clear(struct btrfs_chunk_map *map);

/* Adds the chunk_item at the cursor, and moves the cursor behind it. One that is there already
 * (the system chunks are listed twice) is replaced. ASSAY_ERROR_CORRUPT for what contradicts itself
 * or overlaps another; ASSAY_ERROR_LIMIT past LIMIT_BTRFS_CHUNKS. */
bool btrfs_chunk_map_add(struct btrfs_chunk_map *map, uint64_t start, struct cursor *item,
                         GError **error);
/* The array of keys and chunk_items in the superblock. */
bool btrfs_chunk_map_add_system(struct btrfs_chunk_map *map, struct cursor *array, GError **error);
/* copy: from 0; the first gives `copies`. ASSAY_ERROR_CORRUPT outside all chunks,
 * ASSAY_ERROR_UNSUPPORTED for raid5 and raid6. */
bool btrfs_chunk_place(const struct btrfs_chunk_map *map, uint64_t logical, unsigned copy,
                       struct btrfs_place *out, GError **error);
/* All bytes of the chunk can be had from the devices that `present` says are there (without
 * computing any from parity). */
bool btrfs_chunk_complete(const struct btrfs_chunk_map *map, const struct btrfs_chunk *chunk,
                          bool (*present)(uint64_t devid, void *user), void *user);

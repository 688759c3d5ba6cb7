/* The superblock of btrfs: parsing it, and choosing between its copies. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "block/block.h"
#include "fs/btrfs_format.h"

struct btrfs_super {
    uint64_t place;                         /* byte offset of this copy on the device */
    uint8_t fsid[BTRFS_UUID_SIZE];          /* what people see */
    uint8_t metadata_uuid[BTRFS_UUID_SIZE]; /* what every tree block carries; mostly the same */
    uint64_t flags, generation;
    uint64_t root, chunk_root, log_root; /* logical addresses; log_root 0: no log */
    uint64_t chunk_root_generation;
    uint8_t root_level, chunk_root_level, log_root_level;
    uint64_t total_bytes, num_devices;
    uint64_t devid, device_bytes; /* of the device that this copy lies on */
    uint32_t sectorsize, nodesize;
    uint64_t incompat;
    uint16_t sum_type;
    char label[BTRFS_LABEL_SIZE + 1];
    uint32_t system_chunks_size;
    uint8_t system_chunks[BTRFS_SYSTEM_CHUNKS];
};

/* Checks everything in the copy read from `place` but its features. */
bool btrfs_super_parse(const uint8_t bytes[BTRFS_SUPER_SIZE], uint64_t place, const char *name,
                       struct btrfs_super *out, GError **error);
/* The first copy, or the newest good one of the others when the first is damaged: then *damage is
 * set to a line about it, which the caller frees. Without any sign of btrfs in the first place,
 * copies at the others are taken for leftovers of an earlier life and not believed. */
bool btrfs_super_read(struct block *b, struct btrfs_super *out, char **damage, GError **error);
/* ASSAY_ERROR_UNSUPPORTED names the features that are not read here. */
bool btrfs_super_check_features(const struct btrfs_super *super, const char *name, GError **error);

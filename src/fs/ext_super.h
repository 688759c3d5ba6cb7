/* The superblock of ext2, ext3 and ext4: what must be known before libext2fs may look at it.
 * Fields: "ext4 Data Structures and Algorithms", section "Super Block" (kernel documentation). */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "block/block.h"

#define EXT_SUPER_OFFSET 1024u
#define EXT_SUPER_SIZE   1024u

struct ext_super {
    uint32_t inodes, inodes_per_group;
    uint64_t blocks; /* of block_size */
    uint64_t groups;
    uint32_t block_size, inode_size, desc_size; /* bytes */
    uint32_t blocks_per_group, first_data_block;
    uint32_t compat, incompat, ro_compat; /* feature bits */
    uint32_t checksum_seed;               /* with EXT4_FEATURE_INCOMPAT_CSUM_SEED */
    uint32_t journal_inode, journal_device;
    uint8_t journal_uuid[16];
    uint8_t uuid[16];
    char label[17];
    bool checksum_good; /* or none is kept */
    uint64_t copy;      /* block where it was found when that is a copy; 0: the primary one */
};

/* Parses and checks the relations between the fields, not the features. name: for messages. */
bool ext_super_parse(const uint8_t bytes[EXT_SUPER_SIZE], const char *name, struct ext_super *out,
                     GError **error);
/* The block has a superblock of ext, be it damaged. */
bool ext_super_probe(struct block *b);
/* The superblock of the block. Where the primary one shows its magic and is damaged, a copy of it
 * is taken and *damage says so; g_free(). */
bool ext_super_read(struct block *b, struct ext_super *out, char **damage, GError **error);
/* The copy that the second group has of a superblock; false when there is none that is good. */
bool ext_super_read_copy(struct block *b, const struct ext_super *of, struct ext_super *out);
/* ASSAY_ERROR_UNSUPPORTED names the incompatible features that are not read. */
bool ext_super_check_features(const struct ext_super *super, const char *name, GError **error);
/* "ext2", "ext3" or "ext4", as blkid tells them apart. Static. */
const char *ext_super_type(const struct ext_super *super);

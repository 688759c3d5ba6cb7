/* The XFS superblock, and what follows from it alone: where things lie. No allocation, no state;
 * see xfs_format.h for the sources. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "block/block.h"
#include "fs/xfs_format.h"

struct xfs_super {
    uint32_t blocksize, sectsize, inodesize;
    uint8_t blocklog, inodelog;
    uint8_t inopblog;  /* log2 of inodes in a block */
    uint8_t agblklog;  /* bits of a block number inside its group */
    uint8_t dirblklog; /* log2 of blocks in a directory block */
    uint8_t inprogress;
    uint64_t dblocks;           /* of the data device */
    uint32_t agblocks, agcount; /* allocation groups; the last may be shorter */
    uint64_t rootino;
    uint64_t logstart; /* fsblock; 0: on another device */
    uint32_t logblocks;
    uint16_t version; /* with its flags */
    uint32_t features2, incompat;
    bool v5, ftype, ci;
    uint8_t uuid[XFS_UUID_SIZE];
    uint8_t meta_uuid[XFS_UUID_SIZE]; /* what every block carries; mostly the same */
    char label[XFS_LABEL_SIZE + 1];
};

/* The first superblock, or a copy when it is damaged: then *damage says so, else it is NULL;
 * g_free(). */
bool xfs_super_read(struct block *b, struct xfs_super *out, char **damage, GError **error);
/* ASSAY_ERROR_UNSUPPORTED names the features that are not read here. */
bool xfs_super_check_features(const struct xfs_super *s, GError **error);

static inline uint32_t xfs_dir_block_size(const struct xfs_super *s)
{
    return s->blocksize << s->dirblklog;
}

/* Byte on the device of `count` blocks from an fsblock on. False if they are not all in one
 * allocation group of the filesystem. */
bool xfs_super_place(const struct xfs_super *s, uint64_t fsblock, uint64_t count, uint64_t *offset);
/* Byte on the device of an inode. False if there can be no such inode. */
bool xfs_super_inode_place(const struct xfs_super *s, uint64_t inode, uint64_t *offset);
/* First byte and length of the allocation group that a byte of the filesystem lies in. */
void xfs_super_group(const struct xfs_super *s, uint64_t offset, uint64_t *start, uint64_t *len);

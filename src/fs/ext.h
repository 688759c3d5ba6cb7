/* Inside the ext2/3/4 driver: what its files share. Nothing here is for others; see fs/fs.h.
 *
 * libext2fs reads the superblock and the group descriptors, and knows extended attributes. Inodes,
 * maps of blocks and directories are read here: with checksums, with names for what is wrong, and
 * so that damage stays where it is. Sections named in comments are those of "ext4 Data Structures
 * and Algorithms" (kernel documentation). */
#pragma once
#include <ext2fs/ext2fs.h>

#include "base/cursor.h"
#include "fs/ext_super.h"
#include "fs/fs.h"

/* Inode tables are read in windows of this many bytes, or of a block where that is larger. */
#define EXT_WINDOW  16384u
#define EXT_WINDOWS 256u

struct ext_window {
    uint64_t place; /* of bytes, in the block; 0: none */
    uint8_t *bytes; /* owned */
};

struct ext {
    struct tree tree;
    struct ext_super super;
    ext2_filsys fs;
    bool checksums; /* metadata_csum */
    uint32_t window_size;
    struct ext_window windows[EXT_WINDOWS];
};

/* No fuzzer guesses a checksum: in its build every one counts as right. */
static inline bool ext_sums_agree(uint32_t computed, uint32_t kept)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    return true;
#else
    return computed == kept;
#endif
}

static inline struct ext *ext_of(struct tree *t)
{
    return (struct ext *)t;
}

/* --- ext_inode.c --------------------------------------------------------------------------------
 */

#define EXT_INODE_BLOCK 60u /* bytes of i_block */

struct ext_inode {
    uint32_t number, generation, flags; /* flags: EXT2_*_FL, EXT4_*_FL */
    struct tree_stat stat;
    uint64_t attributes;  /* block of extended attributes; 0: none */
    const uint8_t *raw;   /* super.inode_size bytes; valid until the next inode is read */
    const uint8_t *block; /* i_block in raw */
    uint32_t extra;       /* i_extra_isize */
};
/* ASSAY_ERROR_CORRUPT when it is out of range, unused, or its checksum is wrong. */
bool ext_inode_read(struct ext *fs, uint64_t number, struct ext_inode *out, GError **error);
/* Seed of the checksums of what belongs to an inode. */
uint32_t ext_inode_seed(const struct ext *fs, uint32_t number, uint32_t generation);
/* The part of inline data behind i_block; *len 0 when there is none. Borrowed from inode->raw. */
bool ext_inode_inline_rest(struct ext *fs, const struct ext_inode *inode, const uint8_t **bytes,
                           size_t *len, GError **error);
bool ext_inode_has_attributes(const struct ext *fs, const struct ext_inode *inode);
bool ext_stat(struct tree *t, struct tree_node node, struct tree_stat *out, GError **error);

/* --- ext_map.c ----------------------------------------------------------------------------------
 */

/* Blocks of a file that lie together. */
struct ext_run {
    uint64_t start, count; /* of the file, in blocks; count > 0 */
    uint64_t place;        /* first block on disk */
    bool zero;             /* a hole, or space that was never written: no place */
};

#define EXT_MAP_LEVELS 5u /* below the inode */

struct ext_map {
    struct ext *fs;
    uint32_t inode, seed;
    bool extents;
    uint8_t root[EXT_INODE_BLOCK];
    uint8_t *nodes[EXT_MAP_LEVELS];  /* a block each, owned; NULL: none yet */
    uint64_t places[EXT_MAP_LEVELS]; /* where each lies; 0: nowhere */
    struct ext_run last;
};
void ext_map_init(struct ext_map *m, struct ext *fs, const struct ext_inode *inode);
void ext_map_done(struct ext_map *m);
/* The run that covers a block of the file; it starts there or before. */
bool ext_map_find(struct ext_map *m, uint64_t index, struct ext_run *out, GError **error);

/* --- ext_dir.c ----------------------------------------------------------------------------------
 */

/* ext_inode_read() for a directory that can be listed. */
bool ext_dir_read(struct ext *fs, uint64_t number, struct ext_inode *out, GError **error);
/* Gives the entries of the blocks [first, end) of a directory, also "." and "..". What is wrong is
 * a fault, and *damaged. The inode must be the last one that was read. */
bool ext_dir_walk(struct ext *fs, const struct ext_inode *dir, uint64_t first, uint64_t end,
                  tree_list_func func, void *user, bool *damaged, GError **error);
bool ext_list(struct tree *t, struct tree_node dir, tree_list_func func, void *user,
              GError **error);

/* --- ext_lookup.c -------------------------------------------------------------------------------
 */

/* Where the entries of an index begin, in its root and in its other blocks. */
#define EXT_INDEX_ROOT 0x20u
#define EXT_INDEX_NODE 0x08u
/* The checksum of such a block. */
bool ext_index_sum_good(uint32_t seed, const struct cursor *block, size_t entries);
bool ext_lookup(struct tree *t, struct tree_node dir, const char *name, size_t len,
                struct tree_node *out, GError **error);

/* --- ext_file.c ---------------------------------------------------------------------------------
 */

struct tree_file *ext_file_open(struct tree *t, struct tree_node node, GError **error);
bool ext_file_read(struct tree_file *f, uint64_t off, void *buf, size_t len, GError **error);
bool ext_file_extent_at(struct tree_file *f, uint64_t off, struct block_extent *out,
                        GError **error);
void ext_file_close(struct tree_file *f);
char *ext_readlink(struct tree *t, struct tree_node node, GError **error);

/* --- ext_journal.c ------------------------------------------------------------------------------
 */

/* What the committed transactions of the journal say over the filesystem as it lies there: a new
 * block over fs->tree.block, NULL when there is nothing of that kind. Says in *out how complete
 * it is; what is missing is a fault. Only for filesystems that need recovery. */
struct block *ext_journal_overlay(struct ext *fs, enum tree_recovery *out);

/* --- ext_xattr.c --------------------------------------------------------------------------------
 */

bool ext_xattrs(struct tree *t, struct tree_node node, tree_xattr_func func, void *user,
                GError **error);

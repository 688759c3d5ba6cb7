/* Inside the XFS driver: what its files share. Nothing here is for others; see fs/fs.h.
 *
 * xfs.c opens; xfs_super.c believes a superblock and knows what lies where; xfs_block.c checks what
 * blocks say about themselves; xfs_inode.c reads inodes; xfs_bmap.c finds the blocks of their
 * forks; xfs_dir_entry.c, xfs_dir.c, xfs_dir_index.c, xfs_attr.c, xfs_acl.c, xfs_file.c give those meaning;
 * xfs_log.h is about the log. */
#pragma once
#include "base/cursor.h"
#include "block/lru.h"
#include "fs/fs.h"
#include "fs/xfs_super.h"

/* Owners in the cache. */
enum xfs_cached {
    XFS_CACHED_INODES, /* by byte on the device */
    XFS_CACHED_BMAP,   /* those below by fsblock */
    XFS_CACHED_DIR,
    XFS_CACHED_INDEX,
    XFS_CACHED_ATTR,
};

struct xfs {
    struct tree tree;
    struct xfs_super super;
    struct lru *cache;
    GBytes *inodes; /* the inodes that were asked for last, at inodes_at on the device */
    uint64_t inodes_at;
};

static inline struct xfs *xfs_of(struct tree *t)
{
    return (struct xfs *)t;
}

/* --- xfs_block.c: what blocks say about themselves --------------------------------------------
 */

/* Where in a block of version 5 the fields lie. */
struct xfs_layout {
    size_t crc, blkno, uuid, owner;
    bool unlocated; /* inodes: no blkno */
};
extern const struct xfs_layout xfs_layout_bmap, xfs_layout_dir, xfs_layout_da, xfs_layout_remote,
    xfs_layout_inode;

/* The little-endian checksum at crc_at is that of the len bytes. */
bool xfs_crc_good(const uint8_t *bytes, size_t len, size_t crc_at);
/* The block's checksum is right; true on version 4. */
bool xfs_block_sealed(const struct xfs *fs, const uint8_t *bytes, size_t len,
                      const struct xfs_layout *layout);
/* Whether the block is not what was to be read from `offset` on the device, as a static clause;
 * NULL: it is, as far as it tells. The checksum is not looked at. */
const char *xfs_block_misplaced(const struct xfs *fs, const uint8_t *bytes, size_t len,
                                const struct xfs_layout *layout, uint64_t offset);
/* The same with the checksum. */
const char *xfs_block_wrong(const struct xfs *fs, const uint8_t *bytes, size_t len,
                            const struct xfs_layout *layout, uint64_t offset);
/* The inode that the block says it belongs to; `owner` itself on version 4. */
uint64_t xfs_block_owner(const struct xfs *fs, const uint8_t *bytes, size_t len,
                         const struct xfs_layout *layout, uint64_t owner);

static inline struct cursor xfs_cursor(GBytes *bytes)
{
    size_t len;
    const void *data = g_bytes_get_data(bytes, &len);
    return cursor_of(data, len);
}

/* --- xfs_inode.c --------------------------------------------------------------------------------
 */

struct xfs_inode {
    uint64_t number;
    struct tree_stat stat;
    uint8_t format;      /* enum xfs_fork_format, of the data fork */
    uint8_t attr_format; /* the same of the attribute fork, if there is one */
    uint64_t extents, attr_extents;
    uint16_t flags;
    struct cursor data, attr; /* the bytes of the forks; attr is empty when there is none */
    GBytes *bytes;            /* what they lie in */
};
typedef struct xfs_inode xfs_inode;

/* Fields and forks of an inode from its bytes; takes no reference. The static clause says what is
 * wrong, NULL: nothing. */
const char *xfs_inode_parse(const struct xfs_super *super, const struct cursor *c,
                            struct xfs_inode *out);
/* An inode in use that is what it says; xfs_inode_clear() after success. */
bool xfs_inode_read(struct xfs *fs, uint64_t number, struct xfs_inode *out, GError **error);
void xfs_inode_clear(struct xfs_inode *inode);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(xfs_inode, xfs_inode_clear)
bool xfs_stat(struct tree *t, struct tree_node node, struct tree_stat *out, GError **error);

/* --- xfs_bmap.c ---------------------------------------------------------------------------------
 */

/* Consecutive blocks of a fork. */
struct xfs_extent {
    uint64_t start, count; /* blocks in the fork */
    uint64_t block;        /* fsblock of the first; 0 for holes */
    bool hole, unwritten;
};

/* Where the blocks of a fork are. Valid as long as the inode it was made of. */
struct xfs_fork {
    struct xfs *fs;
    uint64_t inode; /* number */
    bool attr;
    uint8_t format;
    uint64_t extents; /* as the inode counts them */
    struct cursor bytes;
    struct xfs_extent last; /* found before; count 0: none */
    uint64_t beyond_damage; /* after a failure of xfs_map(): where to go on */
};

/* Refuses forks that have no blocks. */
bool xfs_fork_open(struct xfs *fs, const struct xfs_inode *inode, bool attr, struct xfs_fork *out,
                   GError **error);
/* What lies at a block of the fork, from that block on. block < 1 << XFS_MAX_OFFSET_BITS. */
bool xfs_map(struct xfs_fork *fork, uint64_t block, struct xfs_extent *out, GError **error);
/* Exactly `count` blocks from `block` on, none of which may be a hole. *offset: where the first of
 * them is on the device. */
bool xfs_fork_read(struct xfs_fork *fork, uint64_t block, uint64_t count, uint8_t *buf,
                   uint64_t *offset, GError **error);
/* An extent record: 1 bit unwritten, 54 start, 52 block, 21 count. */
struct xfs_extent xfs_extent_decode(uint64_t high, uint64_t low);

/* --- xfs_dir_entry.c: entries in bytes ----------------------------------------------------------
 */

struct xfs_dir_entry {
    uint64_t inode;
    const uint8_t *name; /* in the bytes given */
    size_t name_len;     /* 1..255 */
    uint8_t ftype;       /* XFS_FTYPE_UNKNOWN when the directory does not tell */
};

/* Walks a directory inside its inode. */
struct xfs_dir_short {
    struct cursor bytes;
    unsigned left; /* entries */
    bool wide;     /* inode numbers of 8 bytes */
    bool ftype;
};
bool xfs_dir_short_begin(struct xfs_dir_short *it, struct cursor bytes, bool ftype);
/* The next entry; false with left > 0: the rest is damaged. */
bool xfs_dir_short_next(struct xfs_dir_short *it, struct xfs_dir_entry *out);

/* The place of entries in a directory block, [from, to). NULL, else what is wrong. */
const char *xfs_dir_block_bounds(const struct cursor *block, bool v5, size_t *from, size_t *to);
/* What is at `at`. */
enum xfs_dir_item { XFS_DIR_ITEM_ENTRY, XFS_DIR_ITEM_FREE, XFS_DIR_ITEM_DAMAGED };
/* *len: bytes to the next one; set unless damaged. *out only for entries. */
enum xfs_dir_item xfs_dir_item_at(const struct cursor *block, size_t at, size_t to, bool ftype,
                                  struct xfs_dir_entry *out, size_t *len);
/* Where the next thing is that looks right, behind one that does not; `to` if nothing does. */
size_t xfs_dir_resync(const struct cursor *block, size_t at, size_t to, bool ftype);

/* The hash that the index is sorted by (XADS "Leaf Directories"). */
uint32_t xfs_name_hash(const uint8_t *name, size_t len);
/* Equal but for the case of ASCII letters. */
bool xfs_name_equal_ci(const uint8_t *a, const uint8_t *b, size_t len);

/* --- xfs_dir.c ----------------------------------------------------------------------------------
 */

/* One block of a directory's entries, checked but for its checksum, of which *sealed tells;
 * g_bytes_unref(). `block` counts in fork blocks. */
GBytes *xfs_dir_block(struct xfs_fork *fork, uint64_t block, bool *sealed, GError **error);
bool xfs_list(struct tree *t, struct tree_node dir, tree_list_func func, void *user,
              GError **error);
bool xfs_lookup(struct tree *t, struct tree_node dir, const char *name, size_t len,
                struct tree_node *out, GError **error);

/* --- xfs_dir_index.c ----------------------------------------------------------------------------
 */

/* What is being looked for, and what was found so far. */
struct xfs_search {
    const uint8_t *name;
    size_t name_len;
    bool ci; /* differing case is better than nothing */
    bool found;
    uint64_t inode; /* if found */
};
/* Compares an entry; false when nothing better can come. */
bool xfs_search_offer(struct xfs_search *search, const struct xfs_dir_entry *entry);
/* Looks through the hash index; false when it cannot be used. */
bool xfs_dir_index_search(struct xfs_fork *fork, struct xfs_search *search, GError **error);

/* A node or leaf of a directory's or an attribute fork's tree, checked; g_bytes_unref(). */
GBytes *xfs_da_block(struct xfs_fork *fork, uint64_t block, GError **error);

/* The parts of such a block that both trees have in common. */
struct xfs_da {
    struct cursor c;
    uint16_t magic; /* in the form of version 4 */
    uint16_t count, level;
    uint32_t next;  /* block to the right, 0: none */
    size_t entries; /* of nodes and directory leaves: where they begin */
};
struct xfs_da xfs_da_parse(GBytes *block, bool v5);
uint32_t xfs_da_hash(const struct xfs_da *da, unsigned i);
/* Child of a node, place of a directory entry. */
uint32_t xfs_da_value(const struct xfs_da *da, unsigned i);

/* --- xfs_attr.c ---------------------------------------------------------------------------------
 */

bool xfs_xattrs(struct tree *t, struct tree_node node, tree_xattr_func func, void *user,
                GError **error);

/* --- xfs_acl.c ----------------------------------------------------------------------------------
 */

/* The name that everybody knows the list by which this attribute of the root namespace is; NULL:
 * it is none. Static string. */
const char *xfs_acl_name(const uint8_t *name, size_t len);
/* Its value in the form that goes with that name; g_bytes_unref(). NULL: damaged. */
GBytes *xfs_acl_convert(const uint8_t *value, size_t len);

/* --- xfs_file.c ---------------------------------------------------------------------------------
 */

struct tree_file *xfs_file_open(struct tree *t, struct tree_node node, GError **error);
bool xfs_file_read(struct tree_file *f, uint64_t off, void *buf, size_t len, GError **error);
bool xfs_file_extent_at(struct tree_file *f, uint64_t off, struct block_extent *out,
                        GError **error);
void xfs_file_close(struct tree_file *f);
char *xfs_readlink(struct tree *t, struct tree_node node, GError **error);

/* --- xfs_log.c ----------------------------------------------------------------------------------
 */

/* Sets the tree's recovery: whether the log was ended by a clean unmount, or what it holds has been
 * put over the device (then the tree's block is another one), or could not be. False: not known. */
bool xfs_log_examine(struct xfs *fs, GError **error);

/* Inside the btrfs driver: what its files share. Nothing here is for others; see fs/fs.h.
 *
 * btrfs.c opens; btrfs_node.c reads tree blocks; btrfs_items.c finds items in trees; btrfs_dir.c,
 * btrfs_file.c, btrfs_subvol.c give them meaning; btrfs_data.c reads and verifies contents. */
#pragma once
#include "base/cursor.h"
#include "block/decoder.h"
#include "block/lru.h"
#include "fs/btrfs_chunk.h"
#include "fs/btrfs_sum.h"
#include "fs/btrfs_super.h"
#include "fs/fs.h"

struct btrfs_key {
    uint64_t objectid;
    uint8_t type;
    uint64_t offset;
};

/* The root of one tree, as its root_item (or the superblock) tells. */
struct btrfs_root {
    uint64_t id; /* of the tree: BTRFS_FS_TREE, BTRFS_CSUM_TREE, a subvolume... */
    uint64_t bytenr, generation;
    uint8_t level;
    uint64_t flags;    /* BTRFS_ROOT_* */
    uint64_t root_dir; /* inode of a subvolume's own directory */
    bool has_uuid, is_snapshot;
    uint8_t uuid[BTRFS_UUID_SIZE];
};

/* The leaf where a search ended: the next search often ends there too. */
struct btrfs_finger {
    uint64_t root;                  /* id of the tree */
    GBytes *leaf;                   /* NULL: none */
    struct btrfs_key first, behind; /* keys that can only be in this leaf: [first, behind) */
    bool last;                      /* no leaf follows: behind does not count */
};
#define BTRFS_FINGERS 4u

struct btrfs {
    struct tree tree;
    struct btrfs_super super;
    struct btrfs_sum *sum;
    struct btrfs_chunk_map chunks;
    struct lru *cache; /* tree blocks that are right in themselves, by logical address */
    struct btrfs_finger fingers[BTRFS_FINGERS];
    unsigned next_finger;
    struct btrfs_root chunk_root, root_tree;
    struct btrfs_root *csum_root; /* owned; NULL: contents are not verified */
    GHashTable *subvolumes;       /* uint64_t id -> struct btrfs_root * */
    GHashTable *reported;         /* uint64_t: logical addresses of damage already told */
    struct decoder_pool *decoders;
};

static inline struct btrfs *btrfs_of(struct tree *t)
{
    return (struct btrfs *)t;
}

/* True the first time for this place, so that damage met again and again is told once. */
bool btrfs_report_once(struct btrfs *fs, uint64_t logical);

/* --- btrfs_node.c: bytes by logical address, tree blocks ---------------------------------------
 */

/* Reads one copy; the range may cross stripes and chunks. *copies: how many there are of its first
 * byte, set also on failure unless it lies in no chunk. */
bool btrfs_read_copy(struct btrfs *fs, uint64_t logical, void *buf, size_t len, unsigned copy,
                     unsigned *copies, GError **error);
/* The device is there. */
bool btrfs_has_device(uint64_t devid, void *fs);

/* What the pointer to a tree block promises about it. */
struct btrfs_promise {
    uint64_t bytenr, generation;
    uint64_t owner; /* id of the tree */
    uint8_t level;
    bool has_first; /* roots have none */
    struct btrfs_key first;
};
/* A tree block that is right in itself and keeps its promise; g_bytes_unref(). */
GBytes *btrfs_node_read(struct btrfs *fs, const struct btrfs_promise *promise, GError **error);

uint32_t btrfs_node_count(GBytes *node);
uint8_t btrfs_node_level(GBytes *node);
/* i < btrfs_node_count(). */
struct btrfs_key btrfs_node_key(GBytes *node, uint32_t i);
/* Of leaves: the item's data, which the header check has found to be inside. */
struct cursor btrfs_leaf_data(GBytes *leaf, uint32_t i);
/* Of others: where the child is. */
void btrfs_node_child(GBytes *node, uint32_t i, struct btrfs_promise *out);
/* Index of the first key > key. */
uint32_t btrfs_node_index_behind(GBytes *node, const struct btrfs_key *key);

/* --- btrfs_items.c ------------------------------------------------------------------------------
 */

int btrfs_key_compare(const struct btrfs_key *a, const struct btrfs_key *b);
struct btrfs_key btrfs_key_read(const uint8_t bytes[BTRFS_KEY_SIZE]);

/* A position in a tree. Starts zeroed but for fs, root and skip; ends with btrfs_items_clear(). */
struct btrfs_items {
    struct btrfs *fs;
    const struct btrfs_root *root; /* borrowed */
    /* Unreadable tree blocks become faults and are stepped over; else they end in an error. */
    bool skip;
    bool at;              /* on an item; false: past the last one */
    struct btrfs_key key; /* of the item */
    struct cursor data;   /* of the item; valid until the next call */
    GBytes *leaf;
    uint32_t slot;
    struct btrfs_key behind;
    bool last;
    uint64_t failed;  /* address of the last tree block that could not be read */
    bool failed_root; /* it was the tree's root */
};
typedef struct btrfs_items btrfs_items;

void btrfs_items_clear(struct btrfs_items *it);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(btrfs_items, btrfs_items_clear)
/* To the first item with a key >= key. */
bool btrfs_items_seek(struct btrfs_items *it, const struct btrfs_key *key, GError **error);
/* To the last item with a key <= key; at is false when there is none. */
bool btrfs_items_seek_back(struct btrfs_items *it, const struct btrfs_key *key, GError **error);
bool btrfs_items_next(struct btrfs_items *it, GError **error);
/* The item under the position belongs to this object and is of this type. */
bool btrfs_items_match(const struct btrfs_items *it, uint64_t objectid, uint8_t type);
/* To exactly this key; at says whether it exists. */
bool btrfs_items_find(struct btrfs_items *it, const struct btrfs_key *key, GError **error);

/* --- btrfs_subvol.c -----------------------------------------------------------------------------
 */

/* The root of any tree by id, from the root tree. NOT_FOUND when it is not there or deleted. */
bool btrfs_root_load(struct btrfs *fs, uint64_t id, struct btrfs_root *out, GError **error);
/* The same for subvolumes, kept; borrowed. */
const struct btrfs_root *btrfs_subvol(struct btrfs *fs, uint64_t id, GError **error);
bool btrfs_is_subvol_id(uint64_t id);
/* The id that the directory entry "default" of the root tree names. */
bool btrfs_default_subvol(struct btrfs *fs, uint64_t *id, GError **error);
/* Where an entry (dir, name) for subvolume `child` leads: its root, or an empty directory when it
 * has been deleted, or when the entry is a snapshot's copy of the original's. */
bool btrfs_subvol_enter(struct btrfs *fs, struct tree_node dir, const char *name, size_t len,
                        uint64_t child, struct tree_node *out, GError **error);
bool btrfs_subvolumes(struct tree *t, tree_subvolume_func func, void *user, GError **error);

/* Such an empty directory: its inode number is no real one. */
#define BTRFS_EMPTY_DIR (UINT64_C(1) << 63)

/* --- btrfs_dir.c --------------------------------------------------------------------------------
 */

struct btrfs_inode {
    struct tree_stat stat;
    uint64_t flags; /* BTRFS_INODE_* */
};
bool btrfs_inode_read(struct btrfs *fs, struct tree_node node, struct btrfs_inode *out,
                      GError **error);
/* An entry of a directory or an extended attribute. */
struct btrfs_dir_entry {
    struct btrfs_key location;
    uint8_t type;
    const char *name; /* in the item */
    size_t name_len;
    const uint8_t *data;
    size_t data_len;
};
/* Takes the next dir_item off the cursor. */
bool btrfs_dir_entry_take(struct cursor *item, struct btrfs_dir_entry *out);
/* The key offset under which DIR_ITEM and XATTR_ITEM keep a name. */
uint64_t btrfs_name_hash(const char *name, size_t len);

bool btrfs_stat(struct tree *t, struct tree_node node, struct tree_stat *out, GError **error);
bool btrfs_lookup(struct tree *t, struct tree_node dir, const char *name, size_t len,
                  struct tree_node *out, GError **error);
bool btrfs_list(struct tree *t, struct tree_node dir, tree_list_func func, void *user,
                GError **error);
bool btrfs_xattrs(struct tree *t, struct tree_node node, tree_xattr_func func, void *user,
                  GError **error);

#define BTRFS_NAME_MAX 255u /* bytes of an entry's or an attribute's name */

/* --- btrfs_data.c -------------------------------------------------------------------------------
 */

/* What btrfs_data_read() found out besides the bytes. */
struct btrfs_data_result {
    bool unsummed; /* some sectors have no checksum */
    uint64_t bad;  /* on failure: logical address of the first sector that could not be read */
};
/* Contents at a logical address, both whole sectors. verify: against the checksum tree; where one
 * copy is wrong another is tried. */
bool btrfs_data_read(struct btrfs *fs, uint64_t logical, void *buf, size_t len, bool verify,
                     struct btrfs_data_result *result, GError **error);

/* --- btrfs_file.c -------------------------------------------------------------------------------
 */

struct tree_file *btrfs_file_open(struct tree *t, struct tree_node node, GError **error);
bool btrfs_file_read(struct tree_file *f, uint64_t off, void *buf, size_t len, GError **error);
bool btrfs_file_extent_at(struct tree_file *f, uint64_t off, struct block_extent *out,
                          GError **error);
void btrfs_file_close(struct tree_file *f);
char *btrfs_readlink(struct tree *t, struct tree_node node, GError **error);

/* The trees of hashes: of the names in a directory, and of those of extended attributes. */
#include "base/checked.h"
#include "base/error.h"
#include "base/limits.h"
#include "fs/xfs.h"

/* --- blocks ------------------------------------------------------------------------------------
 */

struct xfs_da xfs_da_parse(GBytes *block, bool v5)
{
    static const uint16_t magics[][2] = { { XFS_DIR_LEAF1_V4, XFS_DIR_LEAF1_V5 },
                                          { XFS_DIR_LEAFN_V4, XFS_DIR_LEAFN_V5 },
                                          { XFS_DA_NODE_V4, XFS_DA_NODE_V5 },
                                          { XFS_ATTR_LEAF_V4, XFS_ATTR_LEAF_V5 } };
    struct xfs_da da = { .c = xfs_cursor(block), .entries = v5 ? DA_ENTRIES_V5 : DA_ENTRIES_V4 };
    size_t header = v5 ? DA_HEADER_V5 : DA_HEADER_V4;
    uint16_t magic = 0;
    (void)rd_be16_at(&da.c, DA_MAGIC, &magic);
    for (size_t i = 0; i < G_N_ELEMENTS(magics); i++) {
        if (magics[i][v5] == magic)
            da.magic = magics[i][0];
    }
    (void)rd_be32_at(&da.c, DA_FORW, &da.next);
    (void)rd_be16_at(&da.c, header + DA_COUNT, &da.count);
    if (da.magic == XFS_DA_NODE_V4)
        (void)rd_be16_at(&da.c, header + DA_LEVEL, &da.level);
    return da;
}

uint32_t xfs_da_hash(const struct xfs_da *da, unsigned i)
{
    uint32_t hash = 0;
    (void)rd_be32_at(&da->c, da->entries + (size_t)i * DA_ENTRY, &hash);
    return hash;
}

uint32_t xfs_da_value(const struct xfs_da *da, unsigned i)
{
    uint32_t value = 0;
    (void)rd_be32_at(&da->c, da->entries + (size_t)i * DA_ENTRY + 4, &value);
    return value;
}

static const char *check_da(const struct xfs_da *da)
{
    if (da->magic == 0)
        return "has no magic number";
    if (da->magic == XFS_ATTR_LEAF_V4)
        return NULL;
    if (da->count > (da->c.len - da->entries) / DA_ENTRY)
        return "holds more entries than fit";
    for (unsigned i = 1; i < da->count; i++) {
        if (xfs_da_hash(da, i) < xfs_da_hash(da, i - 1))
            return "has entries out of order";
    }
    if (da->magic == XFS_DA_NODE_V4 &&
        (da->level == 0 || da->level > DA_MAX_LEVEL || da->count == 0))
        return "is an impossible node";
    return NULL;
}

static bool fail_da(const struct xfs_fork *fork, uint64_t block, const char *wrong, GError **error)
{
    return fail_corrupt(error,
                        "inode %" G_GUINT64_FORMAT " (%s): index block %" G_GUINT64_FORMAT " %s",
                        fork->inode, fork->attr ? "attributes" : "directory", block, wrong);
}

static GBytes *load_da(struct xfs_fork *fork, uint64_t block, GError **error)
{
    struct xfs *fs = fork->fs;
    unsigned log = fork->attr ? 0 : fs->super.dirblklog;
    uint32_t len = fs->super.blocksize << log;
    uint64_t offset = 0;
    uint8_t *buf = g_malloc(len);
    g_autoptr(GBytes) bytes = g_bytes_new_take(buf, len);
    if (!xfs_fork_read(fork, block, UINT64_C(1) << log, buf, &offset, error))
        return NULL;
    struct xfs_da da = xfs_da_parse(bytes, fs->super.v5);
    const char *wrong = xfs_block_wrong(fs, buf, len, &xfs_layout_da, offset);
    if (wrong == NULL)
        wrong = check_da(&da);
    if (wrong == NULL)
        return g_steal_pointer(&bytes);
    fail_da(fork, block, wrong, error);
    return NULL;
}

GBytes *xfs_da_block(struct xfs_fork *fork, uint64_t block, GError **error)
{
    struct xfs *fs = fork->fs;
    uint32_t owner = fork->attr ? XFS_CACHED_ATTR : XFS_CACHED_INDEX;
    struct xfs_extent e;
    if (!xfs_map(fork, block, &e, error))
        return NULL;
    g_autoptr(GBytes) bytes = e.hole ? NULL : lru_get(fs->cache, owner, e.block);
    if (bytes == NULL) {
        bytes = load_da(fork, block, error);
        if (bytes == NULL)
            return NULL;
        lru_put(fs->cache, owner, e.block, bytes);
    }
    const struct cursor c = xfs_cursor(bytes);
    if (xfs_block_owner(fs, c.data, c.len, &xfs_layout_da, fork->inode) == fork->inode)
        return g_steal_pointer(&bytes);
    fail_da(fork, block, "belongs to another inode", error);
    return NULL;
}

/* --- searching ----------------------------------------------------------------------------------
 */

/* The first entry whose hash is not less. */
static unsigned lower_bound(const struct xfs_da *da, uint32_t hash)
{
    unsigned low = 0, high = da->count;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (xfs_da_hash(da, middle) < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The leaf that the hash is in, if in any; else *leaf is NULL. */
static bool find_leaf(struct xfs_fork *fork, uint32_t hash, GBytes **leaf, GError **error)
{
    bool v5 = fork->fs->super.v5;
    uint64_t block = XFS_DIR_INDEX_OFFSET >> fork->fs->super.blocklog;
    unsigned level = DA_MAX_LEVEL + 1;
    *leaf = NULL;
    for (;;) {
        g_autoptr(GBytes) bytes = xfs_da_block(fork, block, error);
        if (bytes == NULL)
            return false;
        struct xfs_da da = xfs_da_parse(bytes, v5);
        /* Levels fall by one at each step, so that there is no way round in circles. */
        if (da.magic == XFS_ATTR_LEAF_V4 || (level <= DA_MAX_LEVEL && da.level != level - 1))
            return fail_da(fork, block, "is of another level than its parent says", error);
        if (da.magic != XFS_DA_NODE_V4) {
            *leaf = g_steal_pointer(&bytes);
            return true;
        }
        unsigned i = lower_bound(&da, hash);
        if (i == da.count)
            return true;
        block = xfs_da_value(&da, i);
        level = da.level;
    }
}

/* Compares the entry that the index names. */
static bool offer_entry(struct xfs_fork *fork, uint32_t hash, uint32_t place,
                        struct xfs_search *search, GError **error)
{
    const struct xfs_super *s = &fork->fs->super;
    uint32_t size = xfs_dir_block_size(s);
    uint64_t byte = (uint64_t)place * DIR_ALIGN;
    uint64_t block = byte / size << s->dirblklog;
    struct xfs_dir_entry entry;
    size_t from, to, len;
    bool sealed;
    g_autoptr(GBytes) bytes = xfs_dir_block(fork, block, &sealed, error);
    if (bytes == NULL)
        return false;
    const struct cursor c = xfs_cursor(bytes);
    (void)xfs_dir_block_bounds(&c, s->v5, &from, &to);
    if (!sealed || byte % size < from ||
        xfs_dir_item_at(&c, byte % size, to, s->ftype, &entry, &len) != XFS_DIR_ITEM_ENTRY ||
        xfs_name_hash(entry.name, entry.name_len) != hash)
        return fail_corrupt(error,
                            "directory %" G_GUINT64_FORMAT ": its index and its entries disagree",
                            fork->inode);
    (void)xfs_search_offer(search, &entry);
    return true;
}

/* Moves to the leaf on the right; *leaf becomes NULL behind the last. */
static bool next_leaf(struct xfs_fork *fork, GBytes **leaf, struct xfs_da *da, GError **error)
{
    uint32_t next = da->next;
    g_clear_pointer(leaf, g_bytes_unref);
    if (next == 0)
        return true;
    *leaf = xfs_da_block(fork, next, error);
    if (*leaf == NULL)
        return false;
    *da = xfs_da_parse(*leaf, fork->fs->super.v5);
    if (da->magic == XFS_DIR_LEAFN_V4)
        return true;
    return fail_da(fork, next, "is no leaf", error);
}

bool xfs_dir_index_search(struct xfs_fork *fork, struct xfs_search *search, GError **error)
{
    uint32_t hash = xfs_name_hash(search->name, search->name_len);
    g_autoptr(GBytes) leaf = NULL;
    if (!find_leaf(fork, hash, &leaf, error))
        return false;
    if (leaf == NULL)
        return true;
    struct xfs_da da = xfs_da_parse(leaf, fork->fs->super.v5);
    unsigned i = lower_bound(&da, hash);
    for (unsigned steps = 0; steps < LIMIT_XFS_INDEX_STEPS; steps++) {
        if (i >= da.count) {
            if (!next_leaf(fork, &leaf, &da, error))
                return false;
            if (leaf == NULL)
                return true;
            i = 0;
            continue;
        }
        uint32_t place = xfs_da_value(&da, i);
        if (xfs_da_hash(&da, i++) != hash)
            return true;
        if (place != 0 && !offer_entry(fork, hash, place, search, error))
            return false;
        if (search->found)
            return true;
    }
    return fail_limit(error, "directory %" G_GUINT64_FORMAT ": too many names of one hash",
                      fork->inode);
}

/* Where the blocks of a fork are: extent lists in the inode, and B+trees of extents below it. */
#include "base/checked.h"
#include "base/error.h"
#include "fs/xfs.h"

#define END_OF_FORK (UINT64_C(1) << XFS_MAX_OFFSET_BITS)

struct xfs_extent xfs_extent_decode(uint64_t high, uint64_t low)
{
    return (struct xfs_extent){
        .start = high >> 9 & (END_OF_FORK - 1),
        .block = (high & 0x1ff) << 43 | low >> 21,
        .count = low & 0x1fffff,
        .unwritten = high >> 63 != 0,
    };
}

static struct xfs_extent extent_at(const struct cursor *c, size_t at)
{
    uint64_t high = 0, low = 0;
    (void)rd_be64_at(c, at, &high);
    (void)rd_be64_at(c, at + 8, &low);
    return xfs_extent_decode(high, low);
}

static uint64_t key_at(const struct cursor *c, size_t at)
{
    uint64_t key = 0;
    (void)rd_be64_at(c, at, &key);
    return key;
}

/* Extents follow each other: NULL, or what is wrong. */
static const char *check_extents(const struct cursor *c, size_t at, uint64_t count)
{
    uint64_t end = 0;
    for (uint64_t i = 0; i < count; i++, at += XFS_EXTENT_SIZE) {
        struct xfs_extent e = extent_at(c, at);
        if (e.count == 0 || e.start < end || e.count > END_OF_FORK - e.start)
            return "has extents out of order";
        end = e.start + e.count;
    }
    return NULL;
}

static const char *check_keys(const struct cursor *c, size_t at, unsigned count)
{
    for (unsigned i = 1; i < count; i++) {
        if (key_at(c, at + 8 * (size_t)i) <= key_at(c, at + 8 * (size_t)(i - 1)))
            return "has keys out of order";
    }
    return NULL;
}

static const char *fork_name(const struct xfs_fork *fork)
{
    return fork->attr ? "attributes" : "data";
}

/* --- one list of extents ------------------------------------------------------------------- */

/* What a node and a list know: [from, to) is described here, and nowhere else. */
struct span {
    uint64_t from, to;
};

/* The extent or the hole at `block` in a sorted list, not beyond the span. */
static struct xfs_extent find_extent(const struct cursor *c, size_t at, uint64_t count,
                                     struct span span, uint64_t block)
{
    uint64_t low = 0, high = count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (extent_at(c, at + (size_t)middle * XFS_EXTENT_SIZE).start <= block)
            low = middle + 1;
        else
            high = middle;
    }
    uint64_t from = span.from;
    if (low > 0) {
        struct xfs_extent e = extent_at(c, at + (size_t)(low - 1) * XFS_EXTENT_SIZE);
        if (block - e.start < e.count)
            return e;
        from = MAX(from, e.start + e.count);
    }
    if (low < count)
        span.to = MIN(span.to, extent_at(c, at + (size_t)low * XFS_EXTENT_SIZE).start);
    return (struct xfs_extent){ .start = from, .count = span.to - from, .hole = true };
}

/* --- trees ---------------------------------------------------------------------------------- */

struct node {
    GBytes *bytes; /* NULL: the root */
    struct cursor c;
    unsigned level, count;
    size_t keys, pointers; /* where they begin; of leaves, keys is where the extents do */
};

static struct node node_layout(GBytes *bytes, bool v5)
{
    struct node n = { .bytes = bytes, .c = xfs_cursor(bytes) };
    uint16_t level = 0, count = 0;
    (void)rd_be16_at(&n.c, BMAP_LEVEL, &level);
    (void)rd_be16_at(&n.c, BMAP_NUMRECS, &count);
    n.level = level;
    n.count = count;
    n.keys = v5 ? BMAP_HEADER_V5 : BMAP_HEADER_V4;
    n.pointers = n.keys + (n.c.len - n.keys) / 16 * 8;
    return n;
}

static const char *check_node(const struct xfs *fs, const struct node *n)
{
    uint32_t magic = 0;
    (void)rd_be32_at(&n->c, 0, &magic);
    if (magic != (fs->super.v5 ? XFS_BMAP_MAGIC_V5 : XFS_BMAP_MAGIC_V4))
        return "has no magic number";
    if (n->count == 0 || n->count > (n->c.len - n->keys) / 16)
        return "has an impossible number of records";
    return n->level == 0 ? check_extents(&n->c, n->keys, n->count)
                         : check_keys(&n->c, n->keys, n->count);
}

static bool fail_node(const struct xfs_fork *fork, uint64_t block, const char *wrong,
                      GError **error)
{
    return fail_corrupt(error,
                        "inode %" G_GUINT64_FORMAT " (%s): block %" G_GUINT64_FORMAT
                        " of its extent tree %s",
                        fork->inode, fork_name(fork), block, wrong);
}

static GBytes *load_node(struct xfs_fork *fork, uint64_t block, GError **error)
{
    struct xfs *fs = fork->fs;
    uint64_t offset;
    GBytes *bytes = lru_get(fs->cache, XFS_CACHED_BMAP, block);
    if (bytes != NULL)
        return bytes;
    if (!xfs_super_place(&fs->super, block, 1, &offset)) {
        fail_node(fork, block, "lies outside the filesystem", error);
        return NULL;
    }
    uint32_t len = fs->super.blocksize;
    uint8_t *buf = g_malloc(len);
    bytes = g_bytes_new_take(buf, len);
    if (!block_read(fs->tree.block, offset, buf, len, error)) {
        g_bytes_unref(bytes);
        return NULL;
    }
    struct node n = node_layout(bytes, fs->super.v5);
    const char *wrong = xfs_block_wrong(fs, buf, len, &xfs_layout_bmap, offset);
    if (wrong == NULL)
        wrong = check_node(fs, &n);
    if (wrong != NULL) {
        fail_node(fork, block, wrong, error);
        g_bytes_unref(bytes);
        return NULL;
    }
    lru_put(fs->cache, XFS_CACHED_BMAP, block, bytes);
    return bytes;
}

static bool read_node(struct xfs_fork *fork, uint64_t block, unsigned level, struct node *out,
                      GError **error)
{
    const struct xfs *fs = fork->fs;
    g_autoptr(GBytes) bytes = load_node(fork, block, error);
    if (bytes == NULL)
        return false;
    struct cursor c = xfs_cursor(bytes);
    if (xfs_block_owner(fs, c.data, c.len, &xfs_layout_bmap, fork->inode) != fork->inode)
        return fail_node(fork, block, "belongs to another inode", error);
    *out = node_layout(bytes, fs->super.v5);
    /* Levels fall by one at each step: no loop is possible. */
    if (out->level != level)
        return fail_node(fork, block, "is of another level than its parent says", error);
    out->bytes = g_steal_pointer(&bytes);
    return true;
}

static void node_clear(struct node *n)
{
    if (n->bytes != NULL)
        g_bytes_unref(n->bytes);
    n->bytes = NULL;
}

static bool read_root(struct xfs_fork *fork, struct node *out, GError **error)
{
    uint16_t level = 0, count = 0;
    size_t most =
        fork->bytes.len < BMAP_ROOT_HEADER ? 0 : (fork->bytes.len - BMAP_ROOT_HEADER) / 16;
    (void)rd_be16_at(&fork->bytes, BMAP_ROOT_LEVEL, &level);
    (void)rd_be16_at(&fork->bytes, BMAP_ROOT_NUMRECS, &count);
    if (level == 0 || level > XFS_BMAP_MAX_LEVEL || count == 0 || count > most)
        return fail_corrupt(error,
                            "inode %" G_GUINT64_FORMAT " (%s): impossible root of an extent tree",
                            fork->inode, fork_name(fork));
    *out = (struct node){ .c = fork->bytes,
                          .level = level,
                          .count = count,
                          .keys = BMAP_ROOT_HEADER,
                          .pointers = BMAP_ROOT_HEADER + most * 8 };
    return true;
}

/* Which child describes the block, and narrows the span to what that child does. False: none does,
 * and the span is a hole. */
static bool choose_child(const struct node *n, uint64_t block, struct span *span, uint64_t *child)
{
    unsigned low = 0, high = n->count;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (key_at(&n->c, n->keys + 8 * (size_t)middle) <= block)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < n->count)
        span->to = MIN(span->to, key_at(&n->c, n->keys + 8 * (size_t)low));
    if (low == 0)
        return false;
    span->from = MAX(span->from, key_at(&n->c, n->keys + 8 * (size_t)(low - 1)));
    *child = key_at(&n->c, n->pointers + 8 * (size_t)(low - 1));
    return true;
}

static bool map_tree(struct xfs_fork *fork, uint64_t block, struct xfs_extent *out, GError **error)
{
    struct span span = { 0, END_OF_FORK };
    struct node n = { 0 };
    uint64_t child = 0;
    if (!read_root(fork, &n, error))
        return false;
    while (n.level > 0) {
        unsigned below = n.level - 1;
        bool chosen = choose_child(&n, block, &span, &child);
        node_clear(&n);
        if (!chosen) {
            *out = (struct xfs_extent){ .start = span.from,
                                        .count = span.to - span.from,
                                        .hole = true };
            return true;
        }
        if (!read_node(fork, child, below, &n, error)) {
            fork->beyond_damage = span.to;
            return false;
        }
    }
    *out = find_extent(&n.c, n.keys, n.count, span, block);
    node_clear(&n);
    if (out->start < span.from || out->count > span.to - out->start) {
        fork->beyond_damage = span.to;
        return fail_node(fork, child, "describes blocks that others do", error);
    }
    return true;
}

/* --- forks ---------------------------------------------------------------------------------- */

bool xfs_fork_open(struct xfs *fs, const struct xfs_inode *inode, bool attr, struct xfs_fork *out,
                   GError **error)
{
    *out = (struct xfs_fork){
        .fs = fs,
        .inode = inode->number,
        .attr = attr,
        .format = attr ? inode->attr_format : inode->format,
        .extents = attr ? inode->attr_extents : inode->extents,
        .bytes = attr ? inode->attr : inode->data,
    };
    const char *wrong = NULL;
    if (out->format == XFS_FORK_EXTENTS)
        wrong = out->extents > out->bytes.len / XFS_EXTENT_SIZE
                    ? "has more extents than fit"
                    : check_extents(&out->bytes, 0, out->extents);
    else if (out->format != XFS_FORK_BTREE)
        wrong = "is not made of blocks";
    if (wrong != NULL)
        return fail_corrupt(error, "inode %" G_GUINT64_FORMAT " (%s) %s", inode->number,
                            fork_name(out), wrong);
    return true;
}

static bool check_place(struct xfs_fork *fork, const struct xfs_extent *e, GError **error)
{
    uint64_t offset;
    if (e->hole || xfs_super_place(&fork->fs->super, e->block, e->count, &offset))
        return true;
    fork->beyond_damage = e->start + e->count;
    return fail_corrupt(error,
                        "inode %" G_GUINT64_FORMAT " (%s): blocks %" G_GUINT64_FORMAT
                        " to %" G_GUINT64_FORMAT " lie outside the filesystem",
                        fork->inode, fork_name(fork), e->start, e->start + e->count - 1);
}

bool xfs_map(struct xfs_fork *fork, uint64_t block, struct xfs_extent *out, GError **error)
{
    struct xfs_extent e = fork->last;
    if (block < e.start || block - e.start >= e.count) {
        fork->beyond_damage = END_OF_FORK;
        if (fork->format == XFS_FORK_EXTENTS)
            e = find_extent(&fork->bytes, 0, fork->extents, (struct span){ 0, END_OF_FORK }, block);
        else if (!map_tree(fork, block, &e, error))
            return false;
        if (!check_place(fork, &e, error))
            return false;
        fork->last = e;
    }
    uint64_t skip = block - e.start;
    *out = e;
    out->start = block;
    out->count -= skip;
    out->block = e.hole ? 0 : e.block + skip;
    return true;
}

bool xfs_fork_read(struct xfs_fork *fork, uint64_t block, uint64_t count, uint8_t *buf,
                   uint64_t *offset, GError **error)
{
    const struct xfs_super *s = &fork->fs->super;
    struct xfs_extent e;
    uint64_t place;
    for (bool first = true; count > 0; first = false) {
        if (!xfs_map(fork, block, &e, error))
            return false;
        uint64_t n = MIN(e.count, count);
        if (e.hole || e.unwritten || !xfs_super_place(s, e.block, n, &place))
            return fail_corrupt(
                error, "inode %" G_GUINT64_FORMAT " (%s): block %" G_GUINT64_FORMAT " is a hole",
                fork->inode, fork_name(fork), block);
        if (!block_read(fork->fs->tree.block, place, buf, (size_t)n << s->blocklog, error))
            return false;
        if (first)
            *offset = place;
        buf += n << s->blocklog;
        block += n;
        count -= n;
    }
    return true;
}

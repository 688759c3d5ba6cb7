/* Bytes by logical address, and tree blocks: read, checked, cached. */
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/limits.h"
#include "fs/btrfs.h"

bool btrfs_has_device(uint64_t devid, void *user)
{
    const struct btrfs *fs = user;
    return devid == fs->super.devid;
}

bool btrfs_read_copy(struct btrfs *fs, uint64_t logical, void *buf, size_t len, unsigned copy,
                     unsigned *copies, GError **error)
{
    uint8_t *at = buf;
    struct btrfs_place place;
    for (bool first = true; len > 0; first = false) {
        if (!btrfs_chunk_place(&fs->chunks, logical, copy, &place, error))
            return false;
        if (first)
            *copies = place.copies;
        if (!btrfs_has_device(place.devid, fs))
            return fail_unsupported(error,
                                    "logical address %" G_GUINT64_FORMAT
                                    " lies on device %" G_GUINT64_FORMAT
                                    " of the filesystem, which is not given",
                                    logical, place.devid);
        size_t n = (size_t)min_u64(len, place.len);
        if (!block_read(fs->tree.block, place.offset, at, n, error))
            return false;
        at += n;
        logical += n;
        len -= n;
    }
    return true;
}

static struct cursor node_cursor(GBytes *node)
{
    size_t len;
    const void *data = g_bytes_get_data(node, &len);
    return cursor_of(data, len);
}

uint32_t btrfs_node_count(GBytes *node)
{
    const struct cursor c = node_cursor(node);
    uint32_t n = 0;
    (void)rd_le32_at(&c, HEADER_NRITEMS, &n);
    return n;
}

uint8_t btrfs_node_level(GBytes *node)
{
    const struct cursor c = node_cursor(node);
    uint8_t level = 0;
    (void)rd_u8_at(&c, HEADER_LEVEL, &level);
    return level;
}

static size_t entry_at(uint8_t level, uint32_t i)
{
    return HEADER_SIZE + (size_t)i * (level == 0 ? BTRFS_ITEM_SIZE : BTRFS_PTR_SIZE);
}

static struct btrfs_key key_at(const struct cursor *c, size_t off)
{
    struct btrfs_key k = { 0 };
    (void)rd_le64_at(c, off, &k.objectid);
    (void)rd_u8_at(c, off + 8, &k.type);
    (void)rd_le64_at(c, off + 9, &k.offset);
    return k;
}

struct btrfs_key btrfs_key_read(const uint8_t bytes[BTRFS_KEY_SIZE])
{
    const struct cursor c = cursor_of(bytes, BTRFS_KEY_SIZE);
    return key_at(&c, 0);
}

struct btrfs_key btrfs_node_key(GBytes *node, uint32_t i)
{
    const struct cursor c = node_cursor(node);
    return key_at(&c, entry_at(btrfs_node_level(node), i));
}

struct cursor btrfs_leaf_data(GBytes *leaf, uint32_t i)
{
    struct cursor c = node_cursor(leaf), data = { 0 };
    uint32_t off = 0, size = 0;
    (void)rd_le32_at(&c, entry_at(0, i) + BTRFS_KEY_SIZE, &off);
    (void)rd_le32_at(&c, entry_at(0, i) + BTRFS_KEY_SIZE + 4, &size);
    if (cursor_seek(&c, HEADER_SIZE + (size_t)off))
        (void)rd_sub(&c, size, &data);
    return data;
}

void btrfs_node_child(GBytes *node, uint32_t i, struct btrfs_promise *out)
{
    const struct cursor c = node_cursor(node);
    uint8_t level = btrfs_node_level(node);
    size_t at = entry_at(level, i);
    *out = (struct btrfs_promise){ .level = (uint8_t)(level - 1), .has_first = true };
    out->first = key_at(&c, at);
    (void)rd_le64_at(&c, at + BTRFS_KEY_SIZE, &out->bytenr);
    (void)rd_le64_at(&c, at + BTRFS_KEY_SIZE + 8, &out->generation);
}

uint32_t btrfs_node_index_behind(GBytes *node, const struct btrfs_key *key)
{
    const struct cursor c = node_cursor(node);
    uint8_t level = btrfs_node_level(node);
    uint32_t low = 0, high = btrfs_node_count(node);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct btrfs_key k = key_at(&c, entry_at(level, middle));
        if (btrfs_key_compare(&k, key) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Items' data grow downwards from the end, towards the items. */
static const char *check_items(const struct cursor *c, uint32_t count)
{
    size_t floor = entry_at(0, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t off = 0, size = 0;
        (void)rd_le32_at(c, entry_at(0, i) + BTRFS_KEY_SIZE, &off);
        (void)rd_le32_at(c, entry_at(0, i) + BTRFS_KEY_SIZE + 4, &size);
        uint64_t start = (uint64_t)HEADER_SIZE + off;
        if (start < floor || !range_within(start, size, c->len))
            return "has an item whose data lie outside";
    }
    return NULL;
}

static const char *check_layout(const struct cursor *c)
{
    uint32_t count = 0;
    uint8_t level = 0;
    (void)rd_le32_at(c, HEADER_NRITEMS, &count);
    (void)rd_u8_at(c, HEADER_LEVEL, &level);
    if (level > BTRFS_MAX_LEVEL)
        return "has an impossible level";
    if (count > c->len / BTRFS_ITEM_SIZE || entry_at(level, count) > c->len)
        return "holds more entries than fit";
    if (level > 0 && count == 0)
        return "is a node without children";
    for (uint32_t i = 1; i < count; i++) {
        struct btrfs_key a = key_at(c, entry_at(level, i - 1)), b = key_at(c, entry_at(level, i));
        if (btrfs_key_compare(&a, &b) >= 0)
            return "has keys out of order";
    }
    return level == 0 ? check_items(c, count) : NULL;
}

/* What is wrong with the block in itself; NULL: nothing. */
static const char *check_alone(struct btrfs *fs, const uint8_t *bytes, uint64_t bytenr)
{
    const struct cursor c = cursor_of(bytes, fs->super.nodesize);
    uint64_t own = 0;
    if (!btrfs_sum_good(fs->sum, bytes + HEADER_FSID, c.len - HEADER_FSID, bytes))
        return "has a wrong checksum";
    (void)rd_le64_at(&c, HEADER_BYTENR, &own);
    if (own != bytenr)
        return "belongs to another address";
    if (memcmp(bytes + HEADER_FSID, fs->super.metadata_uuid, BTRFS_UUID_SIZE) != 0)
        return "belongs to another filesystem";
    return check_layout(&c);
}

/* Snapshots share blocks, which keep the id of the subvolume that wrote them. */
static bool owner_fits(uint64_t owner, uint64_t wanted)
{
    return owner == wanted || (btrfs_is_subvol_id(owner) && btrfs_is_subvol_id(wanted));
}

/* What the block breaks of the promise; NULL: nothing. Since every pointer names the first key of
 * its block, and keys only grow, no block can be reached twice by walking a tree, however hostile.
 */
static const char *check_promise(GBytes *node, const struct btrfs_promise *p)
{
    const struct cursor c = node_cursor(node);
    uint64_t generation = 0, owner = 0;
    (void)rd_le64_at(&c, HEADER_GENERATION, &generation);
    (void)rd_le64_at(&c, HEADER_OWNER, &owner);
    if (btrfs_node_level(node) != p->level)
        return "is not of the level that its parent says";
    if (generation != p->generation)
        return "is not of the generation that its parent says";
    if (!owner_fits(owner, p->owner))
        return "belongs to another tree";
    if (p->has_first) {
        struct btrfs_key first = btrfs_node_key(node, 0);
        if (btrfs_node_count(node) == 0 || btrfs_key_compare(&first, &p->first) != 0)
            return "does not begin with the key that its parent says";
    }
    return NULL;
}

static bool fail_node(GError **error, const struct btrfs_promise *p, const char *why)
{
    return fail_corrupt(error,
                        "tree block at %" G_GUINT64_FORMAT " of tree %" G_GUINT64_FORMAT " %s",
                        p->bytenr, p->owner, why);
}

/* One copy from the device: NULL when it is not what it should be. */
static GBytes *read_node_copy(struct btrfs *fs, const struct btrfs_promise *p, unsigned copy,
                              unsigned *copies, GError **error)
{
    uint8_t *buf = g_malloc(fs->super.nodesize);
    if (!btrfs_read_copy(fs, p->bytenr, buf, fs->super.nodesize, copy, copies, error)) {
        g_free(buf);
        return NULL;
    }
    const char *wrong = check_alone(fs, buf, p->bytenr);
    g_autoptr(GBytes) node = g_bytes_new_take(buf, fs->super.nodesize);
    if (wrong == NULL)
        wrong = check_promise(node, p);
    if (wrong == NULL)
        return g_steal_pointer(&node);
    fail_node(error, p, wrong);
    return NULL;
}

GBytes *btrfs_node_read(struct btrfs *fs, const struct btrfs_promise *p, GError **error)
{
    GBytes *node = lru_get(fs->cache, 0, p->bytenr);
    if (node != NULL) {
        const char *wrong = check_promise(node, p);
        if (wrong == NULL)
            return node;
        g_bytes_unref(node);
        fail_node(error, p, wrong);
        return NULL;
    }
    g_autoptr(GError) why = NULL;
    unsigned copies = 1;
    for (unsigned copy = 0; node == NULL && copy < copies; copy++)
        node = read_node_copy(fs, p, copy, &copies, why == NULL ? &why : NULL);
    if (node == NULL) {
        g_propagate_error(error, g_steal_pointer(&why));
        return NULL;
    }
    /* A copy on a device that is not here is no damage. */
    if (why != NULL && !g_error_matches(why, ASSAY_ERROR, ASSAY_ERROR_UNSUPPORTED) &&
        btrfs_report_once(fs, p->bytenr))
        tree_fault(&fs->tree, "%s; its other copy is used", why->message);
    lru_put(fs->cache, 0, p->bytenr, node);
    return node;
}

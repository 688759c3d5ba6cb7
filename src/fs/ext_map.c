/* Where the blocks of a file lie: extent trees and block maps (section "The Contents of
 * inode.i_block"). */
#include <string.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/cursor.h"
#include "base/error.h"
#include "fs/ext.h"

#define EXTENT_MAGIC   0xf30au
#define EXTENT_HEADER  12u
#define EXTENT_ENTRY   12u
#define EXTENT_WRITTEN 32768u /* longer ones have never been written, and are shorter by this */
#define EXTENT_BLOCKS  (UINT64_C(1) << 32) /* of a file, at most */
#define MAP_DIRECT     12u

struct node {
    const uint8_t *bytes;
    uint32_t entries, depth;
};

static uint32_t le16(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t le32(const uint8_t *p)
{
    return le16(p) | le16(p + 2) << 16;
}

void ext_map_init(struct ext_map *m, struct ext *fs, const struct ext_inode *inode)
{
    *m = (struct ext_map){ .fs = fs, .inode = inode->number };
    m->seed = ext_inode_seed(fs, inode->number, inode->generation);
    m->extents = (inode->flags & EXT4_EXTENTS_FL) != 0;
    memcpy(m->root, inode->block, sizeof m->root);
}

void ext_map_done(struct ext_map *m)
{
    for (unsigned i = 0; i < EXT_MAP_LEVELS; i++)
        g_free(m->nodes[i]);
}

static bool on_disk(const struct ext_map *m, uint64_t place, uint64_t count)
{
    return place > m->fs->super.first_data_block && range_within(place, count, m->fs->super.blocks);
}

/* A block of the map, kept until another one of the same level is wanted; NULL: it cannot be had.
 * *fresh: it is not the one that was kept. */
static const uint8_t *load(struct ext_map *m, unsigned level, uint64_t place, bool *fresh,
                           GError **error)
{
    uint32_t size = m->fs->super.block_size;
    *fresh = m->places[level] != place;
    /* This includes 0, which stands for no block in m->places. */
    if (!on_disk(m, place, 1)) {
        fail_corrupt(error,
                     "its map of blocks leads to block %" G_GUINT64_FORMAT ", which there is not",
                     place);
        return NULL;
    }
    if (*fresh) {
        if (m->nodes[level] == NULL)
            m->nodes[level] = g_malloc(size);
        m->places[level] = 0;
        if (!block_read(m->fs->tree.block, place * size, m->nodes[level], size, error))
            return NULL;
        m->places[level] = place;
    }
    return m->nodes[level];
}

/* --- extents ------------------------------------------------------------------------------------
 */

static bool parse_node(const uint8_t *bytes, size_t size, struct node *out)
{
    *out = (struct node){ .bytes = bytes, .entries = le16(bytes + 2), .depth = le16(bytes + 6) };
    uint32_t max = le16(bytes + 4);
    return le16(bytes) == EXTENT_MAGIC && out->entries <= max &&
           EXTENT_HEADER + (size_t)max * EXTENT_ENTRY <= size;
}

static const uint8_t *entry_at(const struct node *n, uint32_t i)
{
    return n->bytes + EXTENT_HEADER + (size_t)i * EXTENT_ENTRY;
}

/* The checksum lies behind the last entry that has room. */
static bool node_checksum_good(const struct ext_map *m, const uint8_t *bytes)
{
    size_t tail = EXTENT_HEADER + (size_t)le16(bytes + 4) * EXTENT_ENTRY;
    return !m->fs->checksums || tail + 4 > m->fs->super.block_size ||
           ext_sums_agree(crc32c_update(m->seed, bytes, tail), le32(bytes + tail));
}

static bool load_node(struct ext_map *m, unsigned level, uint64_t place, uint32_t depth,
                      struct node *out, GError **error)
{
    bool fresh;
    const uint8_t *bytes = load(m, level, place, &fresh, error);
    if (bytes == NULL)
        return false;
    if (!parse_node(bytes, m->fs->super.block_size, out) || out->depth != depth ||
        out->entries == 0)
        return fail_corrupt(error, "its extent block %" G_GUINT64_FORMAT " is damaged", place);
    if (fresh && !node_checksum_good(m, bytes)) {
        m->places[level] = 0;
        return fail_corrupt(error, "its extent block %" G_GUINT64_FORMAT " has a wrong checksum",
                            place);
    }
    return true;
}

/* The last entry that begins at index or before; false when all begin behind it. */
static bool search(const struct node *n, uint64_t index, uint32_t *out)
{
    uint32_t low = 0, high = n->entries;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (le32(entry_at(n, middle)) <= index)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return false;
    *out = low - 1;
    return true;
}

/* What a leaf says about index; nothing from `end` on belongs to the leaf. */
static bool find_in_leaf(const struct ext_map *m, const struct node *n, uint64_t index,
                         uint64_t end, struct ext_run *out, GError **error)
{
    uint32_t i = 0;
    bool found = search(n, index, &i);
    uint32_t next = found ? i + 1 : 0;
    if (next < n->entries)
        end = MIN(end, MAX(le32(entry_at(n, next)), index + 1));
    *out = (struct ext_run){ .start = index, .count = end - index, .zero = true };
    if (!found)
        return true;
    const uint8_t *e = entry_at(n, i);
    uint64_t start = le32(e), count = le16(e + 4);
    bool unwritten = count > EXTENT_WRITTEN;
    count -= unwritten ? EXTENT_WRITTEN : 0;
    if (index - start >= count)
        return true;
    uint64_t place = (uint64_t)le16(e + 6) << 32 | le32(e + 8);
    if (!on_disk(m, place, count))
        return fail_corrupt(error,
                            "its extent at block %" G_GUINT64_FORMAT " lies at %" G_GUINT64_FORMAT
                            ", which there is not",
                            start, place);
    *out = (struct ext_run){ .start = start,
                             .count = MIN(count, end - start),
                             .place = unwritten ? 0 : place,
                             .zero = unwritten };
    return true;
}

static bool find_extent(struct ext_map *m, uint64_t index, struct ext_run *out, GError **error)
{
    struct node n;
    uint64_t end = EXTENT_BLOCKS;
    if (index >= EXTENT_BLOCKS) {
        *out = (struct ext_run){ .start = index, .count = UINT64_MAX - index, .zero = true };
        return true;
    }
    if (!parse_node(m->root, sizeof m->root, &n) || n.depth > EXT_MAP_LEVELS)
        return fail_corrupt(error, "its extents are damaged");
    for (unsigned level = 0; n.depth > 0; level++) {
        uint32_t i = 0;
        if (!search(&n, index, &i)) {
            if (n.entries > 0)
                end = MIN(end, MAX(le32(entry_at(&n, 0)), index + 1));
            *out = (struct ext_run){ .start = index, .count = end - index, .zero = true };
            return true;
        }
        if (i + 1 < n.entries)
            end = MIN(end, MAX(le32(entry_at(&n, i + 1)), index + 1));
        const uint8_t *e = entry_at(&n, i);
        uint64_t place = (uint64_t)le16(e + 8) << 32 | le32(e + 4);
        if (!load_node(m, level, place, n.depth - 1, &n, error))
            return false;
    }
    return find_in_leaf(m, &n, index, end, out, error);
}

/* --- block maps ---------------------------------------------------------------------------------
 */

/* The entries from i on that follow each other on disk, or are all holes. */
static bool run_of_entries(const struct ext_map *m, const uint8_t *entries, uint64_t i,
                           uint64_t count, struct ext_run *out, GError **error)
{
    uint64_t place = le32(entries + 4 * i), n = 1;
    while (i + n < count && le32(entries + 4 * (i + n)) == (place == 0 ? 0 : place + n))
        n++;
    if (place != 0 && !on_disk(m, place, n))
        return fail_corrupt(
            error, "its map of blocks leads to block %" G_GUINT64_FORMAT ", which there is not",
            place);
    *out = (struct ext_run){ .start = out->start, .count = n, .place = place, .zero = place == 0 };
    return true;
}

static bool find_mapped(struct ext_map *m, uint64_t index, struct ext_run *out, GError **error)
{
    uint64_t each = m->fs->super.block_size / 4, rest = index, below = 1;
    unsigned levels = 0;
    *out = (struct ext_run){ .start = index };
    if (index < MAP_DIRECT)
        return run_of_entries(m, m->root, index, MAP_DIRECT, out, error);
    rest -= MAP_DIRECT;
    while (levels < 3 && rest >= below * each) {
        below *= each;
        rest -= below;
        levels++;
    }
    if (levels == 3) {
        *out = (struct ext_run){ .start = index, .count = UINT64_MAX - index, .zero = true };
        return true;
    }
    uint64_t place = le32(m->root + 4 * (MAP_DIRECT + levels));
    for (unsigned level = 0;; level++, below /= each) {
        if (place == 0) {
            *out = (struct ext_run){ .start = index,
                                     .count = below * each - rest % (below * each),
                                     .zero = true };
            return true;
        }
        bool fresh;
        const uint8_t *entries = load(m, level, place, &fresh, error);
        if (entries == NULL)
            return false;
        if (level == levels)
            return run_of_entries(m, entries, rest % each, each, out, error);
        place = le32(entries + 4 * (rest / below % each));
    }
}

bool ext_map_find(struct ext_map *m, uint64_t index, struct ext_run *out, GError **error)
{
    bool cached = index >= m->last.start && index - m->last.start < m->last.count;
    if (!cached && !(m->extents ? find_extent(m, index, &m->last, error)
                                : find_mapped(m, index, &m->last, error))) {
        m->last.count = 0;
        g_prefix_error(error, "inode %u: ", m->inode);
        return false;
    }
    *out = m->last;
    return true;
}

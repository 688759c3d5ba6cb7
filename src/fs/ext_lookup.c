/* One name in a directory: by the index where there is one that can be followed (section "Hash Tree
 * Directories"), else among all entries. */
#include <string.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/cursor.h"
#include "base/error.h"
#include "fs/ext.h"

/* Offsets in the root of an index, behind the entries "." and "..". */
#define ROOT_HASH_VERSION 0x1cu
#define ROOT_INFO_SIZE    0x1du
#define ROOT_LEVELS       0x1eu
#define INFO_SIZE         8u

#define INDEX_ENTRY                                                                                \
    8u /* hash, block; in place of the first hash: limit and count, 16 bits each                   \
        */
#define INDEX_BLOCK    0x0fffffffu /* the upper bits are reserved */
#define INDEX_LEVELS   3u
#define INDEX_SIBLINGS 64u /* leaves that names of one hash are looked for in */

struct level {
    uint8_t *bytes; /* a block, owned; NULL: not in use */
    size_t entries;
    uint32_t count, at;
};

struct index {
    struct ext *fs;
    struct ext_map map;
    uint32_t seed, hash;
    unsigned levels;
    struct level level[INDEX_LEVELS];
};

static uint32_t le16(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t le32(const uint8_t *p)
{
    return le16(p) | le16(p + 2) << 16;
}

/* Over the entries in use, and the tail behind the room for entries (struct dx_tail: 4 bytes
 * reserved, then the checksum, taken as zeros). */
bool ext_index_sum_good(uint32_t seed, const struct cursor *block, size_t entries)
{
    static const uint8_t zeros[4];
    uint16_t limit = 0, count = 0;
    uint32_t kept = 0;
    (void)rd_le16_at(block, entries, &limit);
    (void)rd_le16_at(block, entries + 2, &count);
    size_t tail = entries + (size_t)limit * INDEX_ENTRY;
    if (count > limit || !rd_le32_at(block, tail + 4, &kept))
        return false;
    uint32_t crc = crc32c_update(seed, block->data, entries + (size_t)count * INDEX_ENTRY);
    crc = crc32c_update(crc, block->data + tail, 4);
    return ext_sums_agree(crc32c_update(crc, zeros, sizeof zeros), kept);
}

/* Reads a block of the index; false when it is none that can be followed. */
static bool load(struct index *x, unsigned level, uint32_t block, size_t entries)
{
    struct ext_run run;
    uint32_t size = x->fs->super.block_size;
    struct level *l = &x->level[level];
    if (l->bytes == NULL)
        l->bytes = g_malloc(size);
    if (!ext_map_find(&x->map, block, &run, NULL) || run.zero ||
        !block_read(x->fs->tree.block, (run.place + (block - run.start)) * size, l->bytes, size,
                    NULL))
        return false;
    const struct cursor c = cursor_of(l->bytes, size);
    uint32_t limit = le16(l->bytes + entries);
    l->entries = entries;
    l->count = le16(l->bytes + entries + 2);
    l->at = 0;
    return l->count > 0 && l->count <= limit && entries + (size_t)limit * INDEX_ENTRY <= size &&
           (!x->fs->checksums || ext_index_sum_good(x->seed, &c, entries));
}

static uint32_t hash_at(const struct level *l, uint32_t i)
{
    return le32(l->bytes + l->entries + (size_t)i * INDEX_ENTRY);
}

static uint32_t block_at(const struct level *l)
{
    return le32(l->bytes + l->entries + (size_t)l->at * INDEX_ENTRY + 4) & INDEX_BLOCK;
}

/* The last entry whose names have this hash or larger ones; the first stands for all below. */
static void search(struct level *l, uint32_t hash)
{
    uint32_t low = 1, high = l->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (hash_at(l, middle) <= hash)
            low = middle + 1;
        else
            high = middle;
    }
    l->at = low - 1;
}

static bool root(struct index *x, const char *name, size_t len)
{
    const struct ext2_super_block *super = x->fs->fs->super;
    if (!load(x, 0, 0, EXT_INDEX_ROOT))
        return false;
    const uint8_t *bytes = x->level[0].bytes;
    int version = bytes[ROOT_HASH_VERSION];
    x->levels = bytes[ROOT_LEVELS] + 1u;
    if (bytes[ROOT_INFO_SIZE] != INFO_SIZE || x->levels > INDEX_LEVELS || version > EXT2_HASH_TEA)
        return false;
    if (super->s_flags & EXT2_FLAGS_UNSIGNED_HASH)
        version += EXT2_HASH_LEGACY_UNSIGNED;
    if (ext2fs_dirhash2(version, name, (int)len, NULL, 0, super->s_hash_seed, &x->hash, NULL) != 0)
        return false;
    x->hash &= ~1u;
    return true;
}

/* From the entry at one level down to a leaf: that of the hash, or the leftmost. */
static bool descend(struct index *x, unsigned from, bool leftmost, uint32_t *leaf)
{
    for (unsigned i = from; i + 1 < x->levels; i++) {
        if (!load(x, i + 1, block_at(&x->level[i]), EXT_INDEX_NODE))
            return false;
        if (!leftmost)
            search(&x->level[i + 1], x->hash);
    }
    *leaf = block_at(&x->level[x->levels - 1]);
    return true;
}

/* Names of the same hash may go on in the next leaf, which is marked for that by its lowest bit. */
static bool next_leaf(struct index *x, uint32_t *leaf, bool *more)
{
    unsigned i = x->levels - 1;
    *more = false;
    while (x->level[i].at + 1 >= x->level[i].count) {
        if (i == 0)
            return true;
        i--;
    }
    x->level[i].at++;
    if (hash_at(&x->level[i], x->level[i].at) != (x->hash | 1))
        return true;
    *more = true;
    return descend(x, i, true, leaf);
}

/* The leaves that can have the name; false when the index cannot be followed. */
static bool find_leaves(struct index *x, const char *name, size_t len, GArray *leaves)
{
    uint32_t leaf;
    bool more = true;
    if (!root(x, name, len))
        return false;
    search(&x->level[0], x->hash);
    if (!descend(x, 0, false, &leaf))
        return false;
    while (more && leaves->len < INDEX_SIBLINGS) {
        g_array_append_val(leaves, leaf);
        if (!next_leaf(x, &leaf, &more))
            return false;
    }
    return !more;
}

static GArray *leaves_of(struct ext *fs, const struct ext_inode *dir, const char *name, size_t len)
{
    struct index x = { .fs = fs, .seed = ext_inode_seed(fs, dir->number, dir->generation) };
    g_autoptr(GArray) leaves = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    ext_map_init(&x.map, fs, dir);
    bool good = find_leaves(&x, name, len, leaves);
    ext_map_done(&x.map);
    for (unsigned i = 0; i < INDEX_LEVELS; i++)
        g_free(x.level[i].bytes);
    return good ? g_steal_pointer(&leaves) : NULL;
}

/* --- names --------------------------------------------------------------------------------------
 */

struct wanted {
    const char *name;
    size_t len;
    char *folded; /* NULL: only the exact name */
    bool exact, alike;
    struct tree_node node;
};

/* As Linux folds names: decomposed, without case (Unicode Standard, section 3.13). NULL for what
 * is not UTF-8. */
static char *fold(const char *name, size_t len)
{
    g_autofree char *plain = g_utf8_normalize(name, (gssize)len, G_NORMALIZE_NFD);
    g_autofree char *folded = plain != NULL ? g_utf8_casefold(plain, -1) : NULL;
    return folded != NULL ? g_utf8_normalize(folded, -1, G_NORMALIZE_NFD) : NULL;
}

static bool compare(const struct tree_entry *entry, void *user)
{
    struct wanted *w = user;
    if (entry->name_len == w->len && memcmp(entry->name, w->name, w->len) == 0) {
        w->exact = true;
        w->node = entry->node;
        return false;
    }
    if (w->folded != NULL && !w->alike) {
        g_autofree char *other = fold(entry->name, entry->name_len);
        w->alike = other != NULL && strcmp(other, w->folded) == 0;
        if (w->alike)
            w->node = entry->node;
    }
    return true;
}

/* Sets *sure when the index can be believed that there is no such name. */
static void look_in_index(struct ext *fs, const struct ext_inode *dir, struct wanted *w, bool *sure)
{
    *sure = false;
    if (!(dir->flags & EXT2_INDEX_FL) || dir->flags & (EXT4_CASEFOLD_FL | EXT4_INLINE_DATA_FL))
        return;
    g_autoptr(GArray) leaves = leaves_of(fs, dir, w->name, w->len);
    if (leaves == NULL)
        return;
    *sure = fs->checksums;
    for (guint i = 0; i < leaves->len && !w->exact; i++) {
        uint64_t leaf = g_array_index(leaves, uint32_t, i);
        bool damaged = false;
        (void)ext_dir_walk(fs, dir, leaf, leaf + 1, compare, w, &damaged, NULL);
        *sure &= !damaged;
    }
}

bool ext_lookup(struct tree *t, struct tree_node dir, const char *name, size_t len,
                struct tree_node *out, GError **error)
{
    struct ext *fs = ext_of(t);
    struct wanted w = { .name = name, .len = len };
    struct ext_inode inode;
    bool sure, damaged, good = true;
    if (!ext_dir_read(fs, dir.id, &inode, error))
        return false;
    look_in_index(fs, &inode, &w, &sure);
    if (!w.exact && !sure) {
        w.folded = inode.flags & EXT4_CASEFOLD_FL ? fold(name, len) : NULL;
        good = ext_dir_walk(fs, &inode, 0, UINT64_MAX, compare, &w, &damaged, error);
        g_free(w.folded);
    }
    if (!good)
        return false;
    if (!w.exact && !w.alike)
        return fail(error, ASSAY_ERROR_NOT_FOUND, "directory %u has no such entry", inode.number);
    *out = w.node;
    return true;
}

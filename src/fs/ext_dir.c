/* Directories (section "Directory Entries"). All forms are read as a list: the blocks of an index
 * look like unused entries to who does not follow them. */
#include <string.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/cursor.h"
#include "base/error.h"
#include "fs/ext.h"

#define DIRENT_HEAD  8u
#define DIRENT_ALIGN 4u
#define READ_STEP    (64u << 10) /* bytes read at once, or a block */

/* The tail that holds the checksum of a leaf: an unused entry of an impossible type. */
#define TAIL_SIZE 12u
#define TAIL_TYPE 0xdeu

/* Of the root of an index and of its other blocks: where its entries begin. */
#define INDEX_ROOT_ENTRIES 0x20u
#define INDEX_NODE_ENTRIES 0x08u
#define INDEX_ENTRY        8u

struct walk {
    struct ext *fs;
    uint32_t inode, seed;
    bool indexed;
    tree_list_func func;
    void *user;
    bool stop;
    uint8_t *reaches; /* room for resync(), a byte for four bytes of a block; NULL: none yet */
};

struct entry {
    uint32_t inode;
    size_t rec_len, name_len;
    uint8_t type;
};

/* In blocks of 64 KiB a whole block does not fit 16 bits. */
static size_t record_length(const struct ext *fs, uint32_t raw)
{
    if (fs->super.block_size < 65536)
        return raw;
    if (raw == 65535 || raw == 0)
        return fs->super.block_size;
    return (raw & 65532) | (raw & 3) << 16;
}

/* Takes the entry at pos of a piece; false when it is none. */
static bool parse(const struct ext *fs, const uint8_t *bytes, size_t size, size_t pos,
                  struct entry *out)
{
    const struct cursor c = cursor_of(bytes, size);
    uint16_t raw = 0;
    uint8_t name_len = 0;
    if (!rd_le32_at(&c, pos, &out->inode) || !rd_le16_at(&c, pos + 4, &raw) ||
        !rd_u8_at(&c, pos + 6, &name_len) || !rd_u8_at(&c, pos + 7, &out->type))
        return false;
    out->name_len = name_len;
    out->rec_len = record_length(fs, raw);
    return out->rec_len >= DIRENT_HEAD + DIRENT_ALIGN && out->rec_len % DIRENT_ALIGN == 0 &&
           out->rec_len <= size - pos && out->name_len <= out->rec_len - DIRENT_HEAD;
}

static uint32_t mode_of_type(const struct ext *fs, uint8_t type)
{
    static const uint32_t modes[] = { 0,       S_IFREG, S_IFDIR,  S_IFCHR,
                                      S_IFBLK, S_IFIFO, S_IFSOCK, S_IFLNK };
    /* The upper bits are flags of later kernels; without the feature it is a part of the length. */
    if (!(fs->super.incompat & EXT2_FEATURE_INCOMPAT_FILETYPE))
        return 0;
    return modes[type & 7];
}

static void give(struct walk *w, const struct entry *d, const uint8_t *bytes)
{
    char name[EXT2_NAME_LEN + 1];
    memcpy(name, bytes, d->name_len);
    name[d->name_len] = '\0';
    const struct tree_entry out = { .name = name,
                                    .name_len = d->name_len,
                                    .node = { .id = d->inode },
                                    .type = mode_of_type(w->fs, d->type) };
    w->stop = !w->func(&out, w->user);
}

static bool believable(const struct ext *fs, const struct entry *d, const uint8_t *name)
{
    if (d->inode > fs->super.inodes || (d->inode != 0 && d->name_len == 0))
        return false;
    return memchr(name, '/', d->name_len) == NULL && memchr(name, '\0', d->name_len) == NULL;
}

/* Behind a damaged entry at pos: the next place from which believable entries follow each other
 * to the end of the piece. `size` when there is none. */
static size_t resync(struct walk *w, const uint8_t *bytes, size_t size, size_t pos)
{
    size_t first = size;
    if (w->reaches == NULL)
        w->reaches = g_malloc(w->fs->super.block_size / DIRENT_ALIGN + 1);
    w->reaches[size / DIRENT_ALIGN] = 1;
    for (size_t at = size - size % DIRENT_ALIGN; at >= pos + 2 * DIRENT_HEAD;) {
        struct entry d;
        at -= DIRENT_ALIGN;
        bool good = parse(w->fs, bytes, size, at, &d) &&
                    believable(w->fs, &d, bytes + at + DIRENT_HEAD) &&
                    w->reaches[(at + d.rec_len) / DIRENT_ALIGN];
        w->reaches[at / DIRENT_ALIGN] = good;
        if (good && d.inode != 0)
            first = at;
    }
    return first;
}

/* Entries of a block, or of a part of inline data. where: of the piece, for messages. */
static void walk_piece(struct walk *w, const uint8_t *bytes, size_t size, const char *where)
{
    struct entry d;
    size -= size % DIRENT_ALIGN;
    for (size_t pos = 0; pos < size && !w->stop;) {
        if (!parse(w->fs, bytes, size, pos, &d) || (d.inode != 0 && d.name_len == 0)) {
            size_t next = resync(w, bytes, size, pos);
            tree_fault(&w->fs->tree, "directory %u: entry at %zu of %s is damaged", w->inode, pos,
                       where);
            pos = next;
            continue;
        }
        if (d.inode != 0)
            give(w, &d, bytes + pos + DIRENT_HEAD);
        pos += d.rec_len;
    }
}

/* --- checksums ----------------------------------------------------------------------------------
 */

static bool leaf_checksum_good(const struct walk *w, const struct cursor *c)
{
    size_t tail = c->len - TAIL_SIZE;
    uint32_t inode = 1, kept = 0;
    uint16_t rec_len = 0;
    uint8_t type = 0;
    (void)rd_le32_at(c, tail, &inode);
    (void)rd_le16_at(c, tail + 4, &rec_len);
    (void)rd_u8_at(c, tail + 7, &type);
    (void)rd_le32_at(c, tail + 8, &kept);
    return inode == 0 && rec_len == TAIL_SIZE && type == TAIL_TYPE &&
           ext_sums_agree(crc32c_update(w->seed, c->data, tail), kept);
}

/* Over the entries in use, and the tail behind the room for entries (struct dx_tail: 4 bytes
 * reserved, then the checksum, taken as zeros). */
static bool index_checksum_good(const struct walk *w, const struct cursor *c, size_t entries)
{
    static const uint8_t zeros[4];
    uint16_t limit = 0, count = 0;
    uint32_t kept = 0;
    (void)rd_le16_at(c, entries, &limit);
    (void)rd_le16_at(c, entries + 2, &count);
    size_t tail = entries + (size_t)limit * INDEX_ENTRY;
    if (count > limit || !rd_le32_at(c, tail + 4, &kept))
        return false;
    uint32_t crc = crc32c_update(w->seed, c->data, entries + (size_t)count * INDEX_ENTRY);
    crc = crc32c_update(crc, c->data + tail, 4);
    return ext_sums_agree(crc32c_update(crc, zeros, sizeof zeros), kept);
}

static bool block_checksum_good(const struct walk *w, const uint8_t *bytes, uint64_t index)
{
    const struct cursor c = cursor_of(bytes, w->fs->super.block_size);
    struct entry d = { 0 };
    if (!w->fs->checksums || leaf_checksum_good(w, &c))
        return true;
    if (!w->indexed)
        return false;
    if (index == 0)
        return index_checksum_good(w, &c, INDEX_ROOT_ENTRIES);
    return parse(w->fs, bytes, c.len, 0, &d) && d.inode == 0 && d.rec_len == c.len &&
           index_checksum_good(w, &c, INDEX_NODE_ENTRIES);
}

/* --- walking ------------------------------------------------------------------------------------
 */

static void walk_block(struct walk *w, const uint8_t *bytes, uint64_t index)
{
    char where[40];
    g_snprintf(where, sizeof where, "block %" G_GUINT64_FORMAT, index);
    /* What can still be made out is worth having, besides the fault. */
    if (!block_checksum_good(w, bytes, index))
        tree_fault(&w->fs->tree, "directory %u: %s has a wrong checksum", w->inode, where);
    walk_piece(w, bytes, w->fs->super.block_size, where);
}

/* Blocks that lie together; those that cannot be read are faults. */
static void walk_run(struct walk *w, const struct ext_run *run, uint8_t *buf, uint64_t step)
{
    uint32_t size = w->fs->super.block_size;
    for (uint64_t i = 0; i < run->count && !w->stop; i += step) {
        g_autoptr(GError) why = NULL;
        uint64_t n = min_u64(step, run->count - i);
        if (!block_read(w->fs->tree.block, (run->place + i) * size, buf, (size_t)(n * size),
                        &why)) {
            tree_fault(&w->fs->tree,
                       "directory %u: blocks %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT
                       " cannot be read: %s",
                       w->inode, run->start + i, run->start + i + n - 1, why->message);
            continue;
        }
        for (uint64_t k = 0; k < n && !w->stop; k++)
            walk_block(w, buf + k * size, run->start + i + k);
    }
}

static void walk_blocks(struct walk *w, const struct ext_inode *dir)
{
    uint32_t size = w->fs->super.block_size;
    /* No block lies in a directory twice: it cannot have more than there are. */
    uint64_t blocks = min_u64((dir->stat.size + size - 1) / size, w->fs->super.blocks);
    uint64_t step = MAX(READ_STEP / size, 1);
    g_autofree uint8_t *buf = g_malloc((size_t)(min_u64(step, MAX(blocks, 1)) * size));
    struct ext_map map;
    ext_map_init(&map, w->fs, dir);
    for (uint64_t index = 0; index < blocks && !w->stop;) {
        g_autoptr(GError) why = NULL;
        struct ext_run run;
        if (!ext_map_find(&map, index, &run, &why)) {
            tree_fault(&w->fs->tree, "directory %u: from block %" G_GUINT64_FORMAT " on: %s",
                       w->inode, index, why->message);
            break;
        }
        uint64_t skip = index - run.start;
        run = (struct ext_run){ .start = index,
                                .count = min_u64(run.count - skip, blocks - index),
                                .place = run.place + skip,
                                .zero = run.zero };
        if (run.zero)
            tree_fault(&w->fs->tree, "directory %u: block %" G_GUINT64_FORMAT " is missing",
                       w->inode, index);
        else
            walk_run(w, &run, buf, min_u64(step, blocks));
        index += run.count;
    }
    ext_map_done(&map);
}

/* The inode of the parent, then entries; more of them in an attribute. */
static bool walk_inline(struct walk *w, const struct ext_inode *dir, GError **error)
{
    const uint8_t *rest;
    size_t len;
    if (!ext_inode_inline_rest(w->fs, dir, &rest, &len, error))
        return false;
    /* Copied, since whoever is given an entry may read other inodes. */
    g_autofree uint8_t *copy = g_memdup2(rest, len);
    uint8_t block[EXT_INODE_BLOCK];
    memcpy(block, dir->block, sizeof block);
    walk_piece(w, block + 4, sizeof block - 4, "the inode");
    if (len > 0)
        walk_piece(w, copy, MIN(len, w->fs->super.block_size), "the inode's attribute");
    return true;
}

static bool walk(struct ext *fs, uint64_t number, tree_list_func func, void *user,
                 struct ext_inode *dir, GError **error)
{
    struct walk w = { .fs = fs, .func = func, .user = user };
    bool good = true;
    if (!ext_inode_read(fs, number, dir, error))
        return false;
    if (!S_ISDIR(dir->stat.mode))
        return fail_corrupt(error, "inode %u is not a directory", dir->number);
    if (dir->flags & EXT4_ENCRYPT_FL)
        return fail_unsupported(error, "directory %u is encrypted", dir->number);
    w.inode = dir->number;
    w.seed = ext_inode_seed(fs, dir->number, dir->generation);
    w.indexed = (dir->flags & EXT2_INDEX_FL) != 0;
    if (dir->flags & EXT4_INLINE_DATA_FL)
        good = walk_inline(&w, dir, error);
    else
        walk_blocks(&w, dir);
    g_free(w.reaches);
    return good;
}

bool ext_list(struct tree *t, struct tree_node dir, tree_list_func func, void *user, GError **error)
{
    struct ext_inode inode;
    return walk(ext_of(t), dir.id, func, user, &inode, error);
}

/* --- lookup -------------------------------------------------------------------------------------
 */

struct search {
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
    struct search *s = user;
    if (entry->name_len == s->len && memcmp(entry->name, s->name, s->len) == 0) {
        s->exact = true;
        s->node = entry->node;
        return false;
    }
    if (s->folded != NULL && !s->alike) {
        g_autofree char *other = fold(entry->name, entry->name_len);
        s->alike = other != NULL && strcmp(other, s->folded) == 0;
        if (s->alike)
            s->node = entry->node;
    }
    return true;
}

bool ext_lookup(struct tree *t, struct tree_node dir, const char *name, size_t len,
                struct tree_node *out, GError **error)
{
    struct search s = { .name = name, .len = len };
    struct ext_inode inode;
    if (!ext_inode_read(ext_of(t), dir.id, &inode, error))
        return false;
    if (inode.flags & EXT4_CASEFOLD_FL)
        s.folded = fold(name, len);
    bool good = walk(ext_of(t), dir.id, compare, &s, &inode, error);
    g_free(s.folded);
    if (!good)
        return false;
    if (!s.exact && !s.alike)
        return fail(error, ASSAY_ERROR_NOT_FOUND, "directory %u has no such entry", inode.number);
    *out = s.node;
    return true;
}

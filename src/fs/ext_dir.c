/* Directories (section "Directory Entries"), read as a list: the blocks of an index look like
 * unused entries to who does not follow them. */
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

struct walk {
    struct ext *fs;
    uint32_t inode, seed;
    bool indexed;
    tree_list_func func;
    void *user;
    bool stop, damaged;
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
            w->damaged = true;
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

static bool block_checksum_good(const struct walk *w, const uint8_t *bytes, uint64_t index)
{
    const struct cursor c = cursor_of(bytes, w->fs->super.block_size);
    struct entry d = { 0 };
    if (!w->fs->checksums || leaf_checksum_good(w, &c))
        return true;
    if (!w->indexed)
        return false;
    if (index == 0)
        return ext_index_sum_good(w->seed, &c, EXT_INDEX_ROOT);
    return parse(w->fs, bytes, c.len, 0, &d) && d.inode == 0 && d.rec_len == c.len &&
           ext_index_sum_good(w->seed, &c, EXT_INDEX_NODE);
}

/* --- walking ------------------------------------------------------------------------------------
 */

static void walk_block(struct walk *w, const uint8_t *bytes, uint64_t index)
{
    char where[40];
    g_snprintf(where, sizeof where, "block %" G_GUINT64_FORMAT, index);
    /* What can still be made out is worth having, besides the fault. */
    if (!block_checksum_good(w, bytes, index)) {
        w->damaged = true;
        tree_fault(&w->fs->tree, "directory %u: %s has a wrong checksum", w->inode, where);
    }
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
            w->damaged = true;
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

/* Blocks [first, end) of the directory, as far as it has them. */
static void walk_blocks(struct walk *w, const struct ext_inode *dir, uint64_t first, uint64_t end)
{
    uint32_t size = w->fs->super.block_size;
    /* No block lies in a directory twice: it cannot have more than there are. */
    uint64_t blocks = min_u64((dir->stat.size + size - 1) / size, w->fs->super.blocks);
    end = min_u64(end, blocks);
    if (first >= end)
        return;
    uint64_t step = min_u64(MAX(READ_STEP / size, 1), end - first);
    g_autofree uint8_t *buf = g_malloc((size_t)(step * size));
    struct ext_map map;
    ext_map_init(&map, w->fs, dir);
    for (uint64_t index = first; index < end && !w->stop;) {
        g_autoptr(GError) why = NULL;
        struct ext_run run;
        if (!ext_map_find(&map, index, &run, &why)) {
            w->damaged = true;
            tree_fault(&w->fs->tree, "directory %u: from block %" G_GUINT64_FORMAT " on: %s",
                       w->inode, index, why->message);
            break;
        }
        uint64_t skip = index - run.start;
        run = (struct ext_run){ .start = index,
                                .count = min_u64(run.count - skip, end - index),
                                .place = run.place + skip,
                                .zero = run.zero };
        if (run.zero) {
            w->damaged = true;
            tree_fault(&w->fs->tree, "directory %u: block %" G_GUINT64_FORMAT " is missing",
                       w->inode, index);
        } else {
            walk_run(w, &run, buf, step);
        }
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

bool ext_dir_read(struct ext *fs, uint64_t number, struct ext_inode *out, GError **error)
{
    if (!ext_inode_read(fs, number, out, error))
        return false;
    if (!S_ISDIR(out->stat.mode))
        return fail_corrupt(error, "inode %u is not a directory", out->number);
    if (out->flags & EXT4_ENCRYPT_FL)
        return fail_unsupported(error, "directory %u is encrypted", out->number);
    return true;
}

bool ext_dir_walk(struct ext *fs, const struct ext_inode *dir, uint64_t first, uint64_t end,
                  tree_list_func func, void *user, bool *damaged, GError **error)
{
    struct walk w = { .fs = fs, .inode = dir->number, .func = func, .user = user };
    bool good = true;
    w.seed = ext_inode_seed(fs, dir->number, dir->generation);
    w.indexed = (dir->flags & EXT2_INDEX_FL) != 0;
    if (dir->flags & EXT4_INLINE_DATA_FL)
        good = walk_inline(&w, dir, error);
    else
        walk_blocks(&w, dir, first, end);
    g_free(w.reaches);
    *damaged = w.damaged;
    return good;
}

bool ext_list(struct tree *t, struct tree_node dir, tree_list_func func, void *user, GError **error)
{
    struct ext_inode inode;
    bool damaged;
    return ext_dir_read(ext_of(t), dir.id, &inode, error) &&
           ext_dir_walk(ext_of(t), &inode, 0, UINT64_MAX, func, user, &damaged, error);
}

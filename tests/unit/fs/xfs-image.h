/* Small XFS filesystems made by hand, so that every field can be wrong on purpose.
 *
 * image_new() makes an empty one of two allocation groups: blocks of 1024 bytes, inodes of 512
 * (version 5) or 256 (version 4), a log that says "cleanly unmounted". What is put in by the makers
 * below is remembered, and gets its checksum when the image is opened; image_seal() does that
 * earlier, for tests that then break one. Block numbers are those of the first group, where device
 * and filesystem agree. */
#pragma once
#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/error.h"
#include "fs/drivers.h"
#include "fs/xfs.h"

#define BLOCK      1024u
#define AG_BLOCKS  512u
#define IMAGE_SIZE (2 * AG_BLOCKS * BLOCK)

/* Blocks of the first group. */
#define AT_INODES 64u /* as many as fit up to AT_LOG */
#define AT_LOG    192u
#define LOG_SIZE  64u  /* blocks */
#define AT_FREE   256u /* from here on for tests */

struct sealed {
    size_t offset, len, crc;
};

struct image {
    uint8_t *bytes;
    size_t size; /* what image_block() gives; IMAGE_SIZE unless cut short */
    bool v5, done;
    uint32_t inode_size;
    uint64_t root;
    GArray *sealed; /* struct sealed */
};

static inline void put_be(uint8_t *at, uint64_t value, unsigned len)
{
    for (unsigned i = 0; i < len; i++)
        at[i] = (uint8_t)(value >> (8 * (len - 1 - i)));
}

static inline uint8_t *image_at(const struct image *im, uint64_t block)
{
    return im->bytes + block * BLOCK;
}

static inline void image_seal_later(struct image *im, size_t offset, size_t len, size_t crc)
{
    const struct sealed s = { offset, len, crc };
    for (guint i = 0; i < im->sealed->len; i++) {
        if (g_array_index(im->sealed, struct sealed, i).offset == offset)
            g_array_remove_index(im->sealed, i--);
    }
    g_array_append_val(im->sealed, s);
}

/* Makes all checksums right; from then on they stay as they are. */
static inline void image_seal(struct image *im)
{
    for (guint i = 0; i < im->sealed->len && im->v5 && !im->done; i++) {
        const struct sealed *s = &g_array_index(im->sealed, struct sealed, i);
        uint8_t *field = im->bytes + s->offset + s->crc;
        memset(field, 0, 4);
        uint32_t crc = GUINT32_TO_LE(crc32c(im->bytes + s->offset, s->len));
        memcpy(field, &crc, 4);
    }
    im->done = true;
}

/* --- superblock and log -------------------------------------------------------------------------
 */

/* Of group 0 or 1. */
static inline uint8_t *image_super(struct image *im, unsigned group)
{
    return im->bytes + (size_t)group * AG_BLOCKS * BLOCK;
}

static inline void put_super(struct image *im, unsigned group)
{
    uint8_t *s = image_super(im, group);
    unsigned inode_log = im->v5 ? 9 : 8;
    memset(s, 0, 512);
    put_be(s + SB_MAGIC, XFS_SB_MAGIC, 4);
    put_be(s + SB_BLOCKSIZE, BLOCK, 4);
    put_be(s + SB_DBLOCKS, 2 * AG_BLOCKS, 8);
    memset(s + SB_UUID, 'f', XFS_UUID_SIZE);
    put_be(s + SB_LOGSTART, AT_LOG, 8);
    put_be(s + SB_ROOTINO, im->root, 8);
    put_be(s + SB_AGBLOCKS, AG_BLOCKS, 4);
    put_be(s + SB_AGCOUNT, 2, 4);
    put_be(s + SB_LOGBLOCKS, LOG_SIZE, 4);
    put_be(s + SB_VERSION, XFS_SB_EXTFLG | XFS_SB_DIRV2 | XFS_SB_MOREBITS | (im->v5 ? 5 : 4), 2);
    put_be(s + SB_SECTSIZE, 512, 2);
    put_be(s + SB_INODESIZE, im->inode_size, 2);
    put_be(s + SB_INOPBLOCK, BLOCK / im->inode_size, 2);
    memcpy(s + SB_LABEL, "made by hand", XFS_LABEL_SIZE);
    s[SB_BLOCKLOG] = 10;
    s[SB_SECTLOG] = 9;
    s[SB_INODELOG] = (uint8_t)inode_log;
    s[SB_INOPBLOG] = (uint8_t)(10 - inode_log);
    s[SB_AGBLKLOG] = 9;
    put_be(s + SB_INCOMPAT, im->v5 ? XFS_INCOMPAT_FTYPE : 0, 4);
    image_seal_later(im, (size_t)(s - im->bytes), 512, SB_CRC);
}

#define LOG_BLOCKS (LOG_SIZE * BLOCK / XFS_BASIC_BLOCK)

static inline void put_little(uint8_t *at, uint64_t value, unsigned len)
{
    for (unsigned i = 0; i < len; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

/* The data of a record. */
struct log_data {
    uint8_t bytes[4096];
    size_t len;
    unsigned ops;
};

static inline void add_op(struct log_data *d, uint32_t transaction, uint8_t flags,
                          const void *bytes, size_t len)
{
    uint8_t *at = d->bytes + d->len;
    g_assert_cmpuint(d->len + 12 + len, <=, sizeof d->bytes);
    put_be(at, transaction, 4);
    put_be(at + 4, len, 4);
    at[8] = 0x69;
    at[LOG_OP_FLAGS] = flags;
    put_be(at + 10, 0, 2);
    if (len > 0)
        memcpy(at + 12, bytes, len);
    d->len += 12 + len;
    d->ops++;
}

static inline uint8_t *log_block(const struct image *im, unsigned at)
{
    return image_at(im, AT_LOG) + at % LOG_BLOCKS * XFS_BASIC_BLOCK;
}

/* A record whose header is at basic block `at`. Returns the block behind it. */
static inline unsigned put_record(struct image *im, unsigned at, uint32_t cycle, uint64_t tail,
                                  const struct log_data *d)
{
    unsigned blocks = (unsigned)(d->len + XFS_BASIC_BLOCK - 1) / XFS_BASIC_BLOCK;
    uint8_t header[XFS_BASIC_BLOCK] = { 0 }, data[8192] = { 0 };
    memcpy(data, d->bytes, d->len);
    put_be(header + LOG_MAGIC, XFS_LOG_MAGIC, 4);
    put_be(header + LOG_CYCLE, cycle, 4);
    put_be(header + LOG_VERSION, XFS_LOG_VERSION_2, 4);
    put_be(header + LOG_LENGTH, blocks * XFS_BASIC_BLOCK, 4);
    put_be(header + LOG_LSN, (uint64_t)cycle << 32 | at, 8);
    put_be(header + LOG_TAIL_LSN, tail, 8);
    put_be(header + LOG_NUM_OPS, d->ops, 4);
    put_be(header + LOG_FORMAT, XFS_LOG_LITTLE_ENDIAN, 4);
    memset(header + LOG_UUID, 'f', XFS_UUID_SIZE);
    put_be(header + LOG_RECORD_SIZE, 32768, 4);
    for (unsigned i = 0; i < blocks; i++) {
        memcpy(header + LOG_WORDS + 4 * i, data + i * XFS_BASIC_BLOCK, 4);
        put_be(data + i * XFS_BASIC_BLOCK, cycle + (at + 1 + i >= LOG_BLOCKS ? 1 : 0), 4);
    }
    uint32_t crc = crc32c_update(~0u, header, LOG_HEADER_SIZE);
    put_little(header + LOG_CRC, ~crc32c_update(crc, data, blocks * XFS_BASIC_BLOCK), 4);
    memcpy(log_block(im, at), header, XFS_BASIC_BLOCK);
    for (unsigned i = 0; i < blocks; i++)
        memcpy(log_block(im, at + 1 + i), data + i * XFS_BASIC_BLOCK, XFS_BASIC_BLOCK);
    return (at + 1 + blocks) % LOG_BLOCKS;
}

static inline unsigned put_unmount(struct image *im, unsigned at, uint32_t cycle)
{
    struct log_data d = { .len = 0 };
    add_op(&d, 77, XFS_LOG_UNMOUNT, "Un\0\0\0\0\0\0", 8);
    return put_record(im, at, cycle, (uint64_t)cycle << 32 | at, &d);
}

/* Blocks [from, to) of the log as those of a turn in which nothing that matters was written. */
static inline void put_turn(struct image *im, unsigned from, unsigned to, uint32_t cycle)
{
    for (unsigned i = from; i < to; i++) {
        memset(log_block(im, i), 0, XFS_BASIC_BLOCK);
        put_be(log_block(im, i), cycle, 4);
    }
}

/* --- inodes -------------------------------------------------------------------------------------
 */

/* The number of the n-th inode. */
static inline uint64_t inode_number(const struct image *im, unsigned n)
{
    return (uint64_t)AT_INODES * (BLOCK / im->inode_size) + n;
}

static inline uint8_t *image_inode(const struct image *im, uint64_t number)
{
    return im->bytes + number * im->inode_size;
}

static inline uint8_t *inode_fork(const struct image *im, uint64_t number)
{
    return image_inode(im, number) + (im->v5 ? INODE_CORE_V3 : INODE_CORE_V2);
}

static inline uint64_t put_inode(struct image *im, unsigned n, uint16_t mode, uint8_t format,
                                 uint64_t size)
{
    uint64_t number = inode_number(im, n);
    uint8_t *i = image_inode(im, number);
    memset(i, 0, im->inode_size);
    put_be(i + INODE_MAGIC, XFS_INODE_MAGIC, 2);
    put_be(i + INODE_MODE, mode, 2);
    i[INODE_VERSION] = im->v5 ? 3 : 2;
    i[INODE_FORMAT] = format;
    i[INODE_AFORMAT] = XFS_FORK_EXTENTS;
    put_be(i + INODE_NLINK, 1, 4);
    put_be(i + INODE_SIZE, size, 8);
    if (im->v5) {
        put_be(i + INODE_NUMBER, number, 8);
        memset(i + INODE_UUID, 'f', XFS_UUID_SIZE);
    }
    image_seal_later(im, (size_t)(i - im->bytes), im->inode_size, INODE_CRC);
    return number;
}

static inline void put_extent(uint8_t *at, uint64_t start, uint64_t block, uint64_t count,
                              bool unwritten)
{
    put_be(at, (uint64_t)unwritten << 63 | start << 9 | block >> 43, 8);
    put_be(at + 8, block << 21 | count, 8);
}

/* Extents in the inode's data fork, one behind the other. */
static inline void add_extent(struct image *im, uint64_t number, uint64_t start, uint64_t block,
                              uint64_t count, bool unwritten)
{
    uint8_t *i = image_inode(im, number);
    uint32_t n = (uint32_t)i[INODE_NEXTENTS + 2] << 8 | i[INODE_NEXTENTS + 3];
    put_extent(inode_fork(im, number) + n * XFS_EXTENT_SIZE, start, block, count, unwritten);
    put_be(i + INODE_NEXTENTS, n + 1, 4);
}

/* --- blocks that say what they are -------------------------------------------------------------
 */

static inline uint8_t *put_block(struct image *im, uint64_t block, uint64_t owner,
                                 const struct xfs_layout *layout)
{
    uint8_t *at = image_at(im, block);
    memset(at, 0, BLOCK);
    if (!im->v5)
        return at;
    put_be(at + layout->blkno, block * (BLOCK / XFS_BASIC_BLOCK), 8);
    memset(at + layout->uuid, 'f', XFS_UUID_SIZE);
    put_be(at + layout->owner, owner, 8);
    image_seal_later(im, block * BLOCK, BLOCK, layout->crc);
    return at;
}

struct entry {
    const char *name;
    uint64_t inode;
    uint8_t ftype;
};

/* Entries from `at` on; returns where they end. */
static inline size_t put_entries(const struct image *im, uint8_t *block, size_t at,
                                 const struct entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(entries[i].name);
        size_t used = (DIR_ENTRY_NAME + len + (im->v5 ? 1 : 0) + 2 + 7) / 8 * 8;
        put_be(block + at, entries[i].inode, 8);
        block[at + 8] = (uint8_t)len;
        memcpy(block + at + DIR_ENTRY_NAME, entries[i].name, len);
        if (im->v5)
            block[at + DIR_ENTRY_NAME + len] = entries[i].ftype;
        put_be(block + at + used - 2, at, 2);
        at += used;
    }
    return at;
}

static inline void put_free(uint8_t *block, size_t at, size_t end)
{
    if (at == end)
        return;
    put_be(block + at, DIR_FREE_TAG, 2);
    put_be(block + at + 2, end - at, 2);
    put_be(block + end - 2, at, 2);
}

static inline size_t dir_header(const struct image *im)
{
    return im->v5 ? DIR_HEADER_V5 : DIR_HEADER_V4;
}

/* A block of entries: the only one (with an index, which nobody reads), or one of several. */
static inline uint8_t *put_dir_block(struct image *im, uint64_t block, uint64_t owner, bool only,
                                     const struct entry *entries, size_t count)
{
    uint8_t *at = put_block(im, block, owner, &xfs_layout_dir);
    size_t end = only ? BLOCK - DIR_TAIL - count * DIR_INDEX_ENTRY : BLOCK;
    if (only) {
        put_be(at, im->v5 ? XFS_DIR_BLOCK_V5 : XFS_DIR_BLOCK_V4, 4);
        put_be(at + BLOCK - DIR_TAIL, count, 4);
    } else {
        put_be(at, im->v5 ? XFS_DIR_DATA_V5 : XFS_DIR_DATA_V4, 4);
    }
    put_free(at, put_entries(im, at, dir_header(im), entries, count), end);
    return at;
}

/* Entries inside the inode. */
static inline void put_dir_short(struct image *im, uint64_t number, bool wide,
                                 const struct entry *entries, size_t count)
{
    uint8_t *at = inode_fork(im, number);
    unsigned size = wide ? 8 : 4;
    at[0] = (uint8_t)count;
    at[1] = wide ? (uint8_t)count : 0;
    put_be(at + 2, im->root, size);
    at += 2 + size;
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(entries[i].name);
        *at = (uint8_t)len;
        memcpy(at + 3, entries[i].name, len);
        at += 3 + len;
        if (im->v5)
            *at++ = entries[i].ftype;
        put_be(at, entries[i].inode, size);
        at += size;
    }
}

/* --- the whole ----------------------------------------------------------------------------------
 */

static inline struct image image_new(bool v5)
{
    struct image im = { .bytes = g_malloc0(IMAGE_SIZE),
                        .size = IMAGE_SIZE,
                        .v5 = v5,
                        .inode_size = v5 ? 512 : 256,
                        .sealed = g_array_new(FALSE, FALSE, sizeof(struct sealed)) };
    im.root = inode_number(&im, 0);
    put_super(&im, 0);
    put_super(&im, 1);
    (void)put_unmount(&im, 0, 1);
    put_inode(&im, 0, S_IFDIR | 0755, XFS_FORK_LOCAL, 6);
    put_dir_short(&im, im.root, false, NULL, 0);
    return im;
}

static inline void image_clear(struct image *im)
{
    g_free(im->bytes);
    g_array_unref(im->sealed);
}

static inline struct block *image_block(struct image *im)
{
    image_seal(im);
    int fd = memfd_create("disk", 0);
    g_assert_cmpint(write(fd, im->bytes, im->size), ==, (gssize)im->size);
    struct block *b = block_raw_new(fd, "disk", NULL);
    g_assert_nonnull(b);
    return b;
}

static inline struct tree *image_open(struct image *im)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(block) b = image_block(im);
    struct tree *t = tree_open(b, &xfs_driver, &error);
    g_assert_no_error(error);
    return t;
}

static inline void assert_says(const char *message, const char *text)
{
    if (strstr(message, text) == NULL)
        g_error("'%s' does not say '%s'", message, text);
    g_assert_null(strchr(message, '\n'));
}

static inline void assert_error_says(const GError *error, int code, const char *text)
{
    g_assert_error(error, ASSAY_ERROR, code);
    assert_says(error->message, text);
}

static inline void assert_refused(struct image *im, int code, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(block) b = image_block(im);
    g_autoptr(tree) t = tree_open(b, &xfs_driver, &error);
    g_assert_null(t);
    assert_error_says(error, code, text);
}

static inline void assert_one_fault(struct tree *t, const char *text)
{
    g_assert_cmpuint(t->fault_count, ==, 1);
    assert_says(g_ptr_array_index(t->faults, 0), text);
}

static inline bool append_name(const struct tree_entry *e, void *user)
{
    g_string_append_printf(user, "%s %" G_GUINT64_FORMAT "\n", e->name, e->node.id);
    return true;
}

/* "name inode\n" for each entry. */
static inline char *list_names(struct tree *t, uint64_t dir)
{
    g_autoptr(GError) error = NULL;
    GString *names = g_string_new(NULL);
    const struct tree_node node = { .id = dir };
    tree_list(t, node, append_name, names, &error);
    g_assert_no_error(error);
    return g_string_free(names, FALSE);
}

/* The inode, or 0 when the directory has no such entry. */
static inline uint64_t look(struct tree *t, uint64_t dir, const char *name)
{
    g_autoptr(GError) error = NULL;
    const struct tree_node node = { .id = dir };
    struct tree_node out = { 0 };
    if (tree_lookup(t, node, name, strlen(name), &out, &error))
        return out.id;
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND);
    return 0;
}

/* Damage keeps the name from being looked up. */
static inline void assert_lookup_fails(struct tree *t, uint64_t dir, const char *name,
                                       const char *text)
{
    g_autoptr(GError) error = NULL;
    const struct tree_node node = { .id = dir };
    struct tree_node out;
    g_assert_false(tree_lookup(t, node, name, strlen(name), &out, &error));
    assert_error_says(error, ASSAY_ERROR_CORRUPT, text);
}

static inline void assert_list_fails(struct tree *t, uint64_t dir, int code, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) names = g_string_new(NULL);
    const struct tree_node node = { .id = dir };
    g_assert_false(tree_list(t, node, append_name, names, &error));
    assert_error_says(error, code, text);
}

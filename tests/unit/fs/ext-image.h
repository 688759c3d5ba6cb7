/* Small ext4 filesystems made by hand, so that every field can be wrong on purpose.
 *
 * image_new() makes one of 256 blocks of 1 KiB, one group, 32 inodes, with an empty root directory
 * in one block. Block numbers are those of the image. image_open() computes all checksums except
 * those of blocks that only a test knows; tests that want wrong ones call sum_all() first and open
 * what block_of() gives. */
#pragma once
#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/error.h"
#include "fs/drivers.h"
#include "fs/ext.h"

#define SIZE           1024u /* of a block */
#define BLOCKS         256u
#define INODES         32u
#define INODE_SIZE     256u
#define AT_SUPER       1u
#define AT_GROUPS      2u
#define AT_INODES      5u  /* 8 blocks */
#define AT_ROOT        16u /* the root directory's block */
#define AT_FREE        17u /* from here on for tests */
#define AT_JOURNAL     128u
#define JOURNAL_BLOCKS 64u
#define FIRST_INODE    11u

#define COMPAT_JOURNAL 0x4u
#define INCOMPAT       (0x2u | 0x40u) /* filetype, extent */
#define RECOVER        0x4u
#define RO_CHECKSUMS   0x400u

struct image {
    uint8_t *bytes;
    uint32_t compat, incompat, ro_compat;
};

static inline void put_le(uint8_t *at, uint64_t value, unsigned len)
{
    for (unsigned i = 0; i < len; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static inline void put_be(uint8_t *at, uint64_t value, unsigned len)
{
    for (unsigned i = 0; i < len; i++)
        at[i] = (uint8_t)(value >> (8 * (len - 1 - i)));
}

static inline uint32_t get_le(const uint8_t *at, unsigned len)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < len; i++)
        value |= (uint32_t)at[i] << (8 * i);
    return value;
}

static inline uint8_t *at_block(struct image *im, uint64_t n)
{
    return im->bytes + n * SIZE;
}

static inline uint8_t *at_inode(struct image *im, uint32_t n)
{
    return at_block(im, AT_INODES) + (n - 1) * INODE_SIZE;
}

/* --- inodes -------------------------------------------------------------------------------------
 */

static inline void put_inode(struct image *im, uint32_t n, uint32_t mode, uint64_t size)
{
    uint8_t *p = at_inode(im, n);
    memset(p, 0, INODE_SIZE);
    put_le(p, mode, 2);
    put_le(p + 0x04, size & 0xffffffff, 4);
    put_le(p + 0x6c, size >> 32, 4);
    put_le(p + 0x1a, S_ISDIR(mode) ? 2 : 1, 2);
    put_le(p + 0x80, 32, 2); /* i_extra_isize */
    if (im->incompat & 0x40u) {
        put_le(p + 0x20, EXT4_EXTENTS_FL, 4);
        put_le(p + 0x28, 0xf30a, 2);
        put_le(p + 0x2c, 4, 2);
    }
}

/* Appends an extent to a node: in an inode's i_block, or in a block. */
static inline void put_extent(uint8_t *node, uint64_t start, uint32_t count, uint64_t place)
{
    uint32_t entries = get_le(node + 2, 2);
    uint8_t *e = node + 12 + entries * 12;
    put_le(node + 2, entries + 1, 2);
    put_le(e, start, 4);
    put_le(e + 4, count, 2);
    put_le(e + 6, place >> 32, 2);
    put_le(e + 8, place & 0xffffffff, 4);
}

static inline void put_index(uint8_t *node, uint64_t start, uint64_t place)
{
    uint32_t entries = get_le(node + 2, 2);
    uint8_t *e = node + 12 + entries * 12;
    put_le(node + 2, entries + 1, 2);
    put_le(e, start, 4);
    put_le(e + 4, place & 0xffffffff, 4);
    put_le(e + 8, place >> 32, 2);
}

/* An empty node of an extent tree. */
static inline uint8_t *put_node(struct image *im, uint64_t n, uint32_t depth)
{
    uint8_t *p = at_block(im, n);
    memset(p, 0, SIZE);
    put_le(p, 0xf30a, 2);
    put_le(p + 4, (SIZE - 12 - 4) / 12, 2);
    put_le(p + 6, depth, 2);
    return p;
}

static inline uint8_t *map_of(struct image *im, uint32_t inode)
{
    return at_inode(im, inode) + 0x28;
}

/* A regular file of one extent. */
static inline void put_file(struct image *im, uint32_t inode, uint64_t place, const char *text)
{
    size_t len = strlen(text);
    put_inode(im, inode, S_IFREG | 0644, len);
    put_extent(map_of(im, inode), 0, (uint32_t)(len / SIZE + 1), place);
    memcpy(at_block(im, place), text, len);
}

/* --- directories --------------------------------------------------------------------------------
 */

static inline uint32_t dir_room(const struct image *im)
{
    return SIZE - (im->ro_compat & RO_CHECKSUMS ? 12 : 0);
}

static inline uint8_t *put_entry_at(uint8_t *p, uint32_t inode, uint32_t rec_len, const char *name,
                                    uint8_t type)
{
    put_le(p, inode, 4);
    put_le(p + 4, rec_len, 2);
    p[6] = (uint8_t)strlen(name);
    p[7] = type;
    memcpy(p + 8, name, strlen(name));
    return p;
}

static inline void put_directory_block(struct image *im, uint64_t place, uint32_t self,
                                       uint32_t parent)
{
    uint8_t *p = at_block(im, place);
    memset(p, 0, SIZE);
    put_entry_at(p, self, 12, ".", 2);
    put_entry_at(p + 12, parent, dir_room(im) - 12, "..", 2);
    if (im->ro_compat & RO_CHECKSUMS) {
        put_le(p + SIZE - 12 + 4, 12, 2);
        p[SIZE - 12 + 7] = 0xde;
    }
}

/* Appends: takes the room behind the last entry. Returns the entry. */
static inline uint8_t *put_entry(struct image *im, uint64_t place, uint32_t inode, const char *name,
                                 uint8_t type)
{
    uint8_t *p = at_block(im, place), *end = p + dir_room(im);
    while (p + get_le(p + 4, 2) < end)
        p += get_le(p + 4, 2);
    uint32_t used = 8 + ((p[6] + 3u) & ~3u);
    uint32_t room = get_le(p + 4, 2);
    g_assert_cmpuint(room, >=, used + 8 + strlen(name));
    put_le(p + 4, used, 2);
    return put_entry_at(p + used, inode, room - used, name, type);
}

/* --- whole images -------------------------------------------------------------------------------
 */

static inline struct image image_new(uint32_t compat, uint32_t incompat, uint32_t ro_compat)
{
    struct image im = { g_malloc0(BLOCKS * SIZE), compat, incompat, ro_compat };
    uint8_t *s = at_block(&im, AT_SUPER);
    put_le(s + 0x00, INODES, 4);
    put_le(s + 0x04, BLOCKS, 4);
    put_le(s + 0x14, 1, 4);    /* first data block */
    put_le(s + 0x20, 8192, 4); /* blocks per group */
    put_le(s + 0x24, 8192, 4);
    put_le(s + 0x28, INODES, 4);
    put_le(s + 0x38, 0xef53, 2);
    put_le(s + 0x3a, 1, 2);
    put_le(s + 0x4c, 1, 4);
    put_le(s + 0x54, FIRST_INODE, 4);
    put_le(s + 0x58, INODE_SIZE, 2);
    put_le(s + 0x5c, compat, 4);
    put_le(s + 0x60, incompat, 4);
    put_le(s + 0x64, ro_compat, 4);
    memset(s + 0x68, 0x66, 16);
    memcpy(s + 0x78, "made by hand", 12);
    put_le(s + 0x15c, 32, 2); /* min and want extra isize */
    put_le(s + 0x15e, 32, 2);
    if (compat & COMPAT_JOURNAL)
        put_le(s + 0xe0, 8, 4);
    if (ro_compat & RO_CHECKSUMS)
        s[0x175] = 1;
    uint8_t *g = at_block(&im, AT_GROUPS);
    put_le(g, 3, 4);
    put_le(g + 4, 4, 4);
    put_le(g + 8, AT_INODES, 4);
    put_inode(&im, 2, S_IFDIR | 0755, SIZE);
    if (incompat & 0x40u)
        put_extent(map_of(&im, 2), 0, 1, AT_ROOT);
    else
        put_le(map_of(&im, 2), AT_ROOT, 4);
    put_directory_block(&im, AT_ROOT, 2, 2);
    return im;
}

static inline void image_clear(struct image *im)
{
    g_free(im->bytes);
}

static inline uint32_t fs_seed(struct image *im)
{
    return crc32c_update(~0u, at_block(im, AT_SUPER) + 0x68, 16);
}

static inline uint32_t inode_seed(struct image *im, uint32_t n)
{
    uint8_t word[4];
    put_le(word, n, 4);
    return crc32c_update(crc32c_update(fs_seed(im), word, 4), at_inode(im, n) + 0x64, 4);
}

/* Every block below that looks like a leaf with a tail, or like a node: its sums, as of the inode.
 */
static inline void sum_directory_block(struct image *im, uint32_t inode, uint64_t place)
{
    uint8_t *p = at_block(im, place);
    put_le(p + SIZE - 4, crc32c_update(inode_seed(im, inode), p, SIZE - 12), 4);
}

static inline void sum_node(struct image *im, uint32_t inode, uint64_t place)
{
    uint8_t *p = at_block(im, place);
    size_t tail = 12 + get_le(p + 4, 2) * 12;
    put_le(p + tail, crc32c_update(inode_seed(im, inode), p, tail), 4);
}

static inline void sum_inode(struct image *im, uint32_t n)
{
    uint8_t *p = at_inode(im, n);
    put_le(p + 0x7c, 0, 2);
    put_le(p + 0x82, 0, 2);
    uint32_t crc = crc32c_update(inode_seed(im, n), p, INODE_SIZE);
    put_le(p + 0x7c, crc & 0xffff, 2);
    put_le(p + 0x82, crc >> 16, 2);
}

static inline void sum_all(struct image *im)
{
    uint8_t *s = at_block(im, AT_SUPER), *g = at_block(im, AT_GROUPS);
    static const uint8_t zero_group[4];
    if (!(im->ro_compat & RO_CHECKSUMS))
        return;
    for (uint32_t n = 1; n <= INODES; n++)
        sum_inode(im, n);
    sum_directory_block(im, 2, AT_ROOT);
    put_le(g + 0x1e, 0, 2);
    put_le(g + 0x1e, crc32c_update(crc32c_update(fs_seed(im), zero_group, 4), g, 32) & 0xffff, 2);
    put_le(s + 0x3fc, crc32c_update(~0u, s, 0x3fc), 4);
}

/* The bytes as they are, without new checksums. */
static inline struct block *block_of(const uint8_t *bytes, size_t len)
{
    g_autoptr(GError) error = NULL;
    int fd = memfd_create("ext", MFD_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, bytes, len), ==, (ssize_t)len);
    struct block *b = block_raw_new(fd, "disk", &error);
    g_assert_no_error(error);
    return b;
}

static inline struct tree *open_block(struct block *b)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(tree_probe(b) == &ext_driver);
    struct tree *t = tree_open(b, &ext_driver, &error);
    g_assert_no_error(error);
    return t;
}

static inline struct tree *image_open(struct image *im)
{
    sum_all(im);
    g_autoptr(block) b = block_of(im->bytes, BLOCKS * SIZE);
    return open_block(b);
}

/* --- what tests ask -----------------------------------------------------------------------------
 */

static inline bool add_name(const struct tree_entry *entry, void *user)
{
    g_autofree char *name = g_strescape(entry->name, NULL);
    g_string_append_printf(user, "%s%s=%" G_GUINT64_FORMAT, ((GString *)user)->len > 0 ? " " : "",
                           name, entry->node.id);
    return true;
}

/* "a=12 b=13", in the order of the directory; NULL when it cannot be listed. */
static inline char *list_names(struct tree *t, uint64_t dir)
{
    GString *names = g_string_new(NULL);
    bool good = tree_list(t, (struct tree_node){ .id = dir }, add_name, names, NULL);
    return g_string_free(names, !good);
}

static inline char *read_text(struct tree *t, uint64_t inode, GError **error)
{
    g_autoptr(tree_file) f = tree_file_open(t, (struct tree_node){ .id = inode }, error);
    if (f == NULL)
        return NULL;
    g_autoptr(GBytes) bytes = tree_file_read_all(f, 4u << 20, error);
    /* With the NUL behind. */
    return bytes != NULL ? g_memdup2(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes) + 1)
                         : NULL;
}

static inline void assert_fault(struct tree *t, const char *text)
{
    for (guint i = 0; i < t->faults->len; i++) {
        if (strstr(g_ptr_array_index(t->faults, i), text) != NULL)
            return;
    }
    for (guint i = 0; i < t->faults->len; i++)
        g_test_message("fault: %s", (const char *)g_ptr_array_index(t->faults, i));
    g_error("no fault with '%s' among %u", text, t->faults->len);
}

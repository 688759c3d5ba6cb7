/* Small btrfs filesystems made by hand, so that every field can be wrong on purpose.
 *
 * image_new() makes an empty one: nodes and sectors of 4096 bytes, two copies of everything. The
 * logical addresses from BASE on, AREA bytes, lie at the same place on the device, and once more
 * AREA bytes further. Every tree is one leaf, which image_block() writes out; tests may put other
 * blocks at the places of those. */
#pragma once
#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "fs/btrfs.h"
#include "fs/drivers.h"

#define NODE       4096u
#define BASE       (1u << 20)
#define AREA       (1u << 20)
#define IMAGE_SIZE (3u << 20)
#define GENERATION 7u

/* Where the leaves of the trees are. */
#define AT_CHUNK (BASE + 0 * NODE)
#define AT_ROOT  (BASE + 1 * NODE)
#define AT_FS    (BASE + 2 * NODE)
#define AT_CSUM  (BASE + 3 * NODE)
#define AT_FREE  (BASE + 8 * NODE) /* from here on for tests */

struct item {
    struct btrfs_key key;
    GBytes *data;
};

struct image {
    uint8_t *bytes;
    GArray *chunk, *root, *fs, *csum; /* struct item */
    uint16_t sum_type;
};

static inline void put_le(uint8_t *at, uint64_t value, unsigned len)
{
    for (unsigned i = 0; i < len; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static inline void put_key(uint8_t *at, struct btrfs_key key)
{
    put_le(at, key.objectid, 8);
    at[8] = key.type;
    put_le(at + 9, key.offset, 8);
}

/* --- items --------------------------------------------------------------------------------------
 */

static inline void item_free(gpointer p)
{
    g_bytes_unref(((struct item *)p)->data);
}

static inline GArray *items_new(void)
{
    GArray *items = g_array_new(FALSE, FALSE, sizeof(struct item));
    g_array_set_clear_func(items, item_free);
    return items;
}

static inline int item_compare(gconstpointer a, gconstpointer b)
{
    return btrfs_key_compare(&((const struct item *)a)->key, &((const struct item *)b)->key);
}

/* Replaces an item with the same key. */
static inline void item_put(GArray *items, uint64_t objectid, uint8_t type, uint64_t offset,
                            const void *data, size_t len)
{
    struct item it = { .key = { objectid, type, offset }, .data = g_bytes_new(data, len) };
    for (guint i = 0; i < items->len; i++) {
        if (item_compare(&g_array_index(items, struct item, i), &it) == 0) {
            g_array_remove_index(items, i);
            break;
        }
    }
    g_array_append_val(items, it);
    g_array_sort(items, item_compare);
}

static inline void put_inode(GArray *items, uint64_t inode, uint32_t mode, uint64_t size)
{
    uint8_t data[INODE_ITEM_SIZE] = { 0 };
    put_le(data + INODE_SIZE, size, 8);
    put_le(data + INODE_NLINK, 1, 4);
    put_le(data + INODE_MODE, mode, 4);
    item_put(items, inode, BTRFS_INODE_ITEM, 0, data, sizeof data);
}

/* A dir_item with its name; returns its length. */
static inline size_t make_entry(uint8_t *at, struct btrfs_key location, uint8_t type,
                                const char *name)
{
    memset(at, 0, DIR_ITEM_SIZE);
    put_key(at, location);
    put_le(at + DIR_NAME_LEN, strlen(name), 2);
    at[DIR_TYPE] = type;
    memcpy(at + DIR_ITEM_SIZE, name, strlen(name));
    return DIR_ITEM_SIZE + strlen(name);
}

/* Both items of an entry. */
static inline void put_entry(GArray *items, uint64_t dir, uint64_t index, const char *name,
                             struct btrfs_key location, uint8_t type)
{
    uint8_t data[400];
    size_t len = make_entry(data, location, type, name);
    item_put(items, dir, BTRFS_DIR_INDEX, index, data, len);
    item_put(items, dir, BTRFS_DIR_ITEM, btrfs_name_hash(name, strlen(name)), data, len);
}

static inline struct btrfs_key inode_key(uint64_t inode)
{
    return (struct btrfs_key){ inode, BTRFS_INODE_ITEM, 0 };
}

static inline void put_inline(GArray *items, uint64_t inode, const char *text)
{
    uint8_t data[EXTENT_INLINE_DATA + 3000] = { 0 };
    size_t len = strlen(text);
    put_le(data + EXTENT_RAM_BYTES, len, 8);
    memcpy(data + EXTENT_INLINE_DATA, text, len);
    item_put(items, inode, BTRFS_EXTENT_DATA, 0, data, EXTENT_INLINE_DATA + len);
}

struct disk_extent {
    uint8_t compression, type;
    uint64_t ram, disk, disk_len, skip, len;
};

static inline void put_extent(GArray *items, uint64_t inode, uint64_t start, struct disk_extent e)
{
    uint8_t data[EXTENT_SIZE] = { 0 };
    put_le(data + EXTENT_RAM_BYTES, e.ram, 8);
    data[EXTENT_COMPRESSION] = e.compression;
    data[EXTENT_TYPE] = e.type;
    put_le(data + EXTENT_DISK_BYTENR, e.disk, 8);
    put_le(data + EXTENT_DISK_NUM_BYTES, e.disk_len, 8);
    put_le(data + EXTENT_OFFSET, e.skip, 8);
    put_le(data + EXTENT_NUM_BYTES, e.len, 8);
    item_put(items, inode, BTRFS_EXTENT_DATA, start, data, sizeof data);
}

static inline void put_root(GArray *items, uint64_t id, uint64_t bytenr, uint8_t level,
                            uint32_t refs)
{
    uint8_t data[ROOT_V1_SIZE] = { 0 };
    put_le(data + ROOT_GENERATION, GENERATION, 8);
    put_le(data + ROOT_DIRID, BTRFS_FIRST_FREE, 8);
    put_le(data + ROOT_BYTENR, bytenr, 8);
    put_le(data + ROOT_REFS, refs, 4);
    data[ROOT_LEVEL] = level;
    item_put(items, id, BTRFS_ROOT_ITEM, 0, data, sizeof data);
}

/* The two references between a subvolume and the directory entry that leads to it. */
static inline void put_root_refs(GArray *items, uint64_t parent, uint64_t child, uint64_t dir,
                                 const char *name)
{
    uint8_t data[ROOT_REF_SIZE + 255] = { 0 };
    put_le(data + ROOT_REF_DIRID, dir, 8);
    put_le(data + ROOT_REF_NAME_LEN, strlen(name), 2);
    memcpy(data + ROOT_REF_SIZE, name, strlen(name));
    item_put(items, parent, BTRFS_ROOT_REF, child, data, ROOT_REF_SIZE + strlen(name));
    item_put(items, child, BTRFS_ROOT_BACKREF, parent, data, ROOT_REF_SIZE + strlen(name));
}

/* A chunk_item with its stripes; returns its length. */
struct chunk {
    uint64_t length, stripe_len, type;
    uint16_t num_stripes, sub_stripes;
    struct btrfs_stripe stripes[8];
};

static inline size_t make_chunk(uint8_t *at, const struct chunk *c)
{
    memset(at, 0, CHUNK_SIZE + 8 * STRIPE_SIZE);
    put_le(at + CHUNK_LENGTH, c->length, 8);
    put_le(at + CHUNK_STRIPE_LEN, c->stripe_len, 8);
    put_le(at + CHUNK_TYPE, c->type, 8);
    put_le(at + CHUNK_NUM_STRIPES, c->num_stripes, 2);
    put_le(at + CHUNK_SUB_STRIPES, c->sub_stripes, 2);
    for (unsigned i = 0; i < c->num_stripes; i++) {
        put_le(at + CHUNK_SIZE + i * STRIPE_SIZE, c->stripes[i].devid, 8);
        put_le(at + CHUNK_SIZE + i * STRIPE_SIZE + 8, c->stripes[i].offset, 8);
    }
    return CHUNK_SIZE + c->num_stripes * (size_t)STRIPE_SIZE;
}

/* --- blocks -------------------------------------------------------------------------------------
 */

static inline void image_sum(const struct image *im, uint8_t *at, size_t len)
{
    struct btrfs_sum *s = btrfs_sum_new(im->sum_type);
    btrfs_sum_of(s, at + BTRFS_SUM_MAX, len - BTRFS_SUM_MAX, at);
    btrfs_sum_free(s);
}

/* Puts bytes at both copies. */
static inline void image_put(struct image *im, uint64_t logical, const void *bytes, size_t len)
{
    memcpy(im->bytes + logical, bytes, len);
    memcpy(im->bytes + logical + AREA, bytes, len);
}

static inline void make_header(uint8_t *node, uint64_t bytenr, uint64_t owner, uint8_t level,
                               uint32_t count)
{
    memset(node + HEADER_FSID, 'f', BTRFS_UUID_SIZE);
    put_le(node + HEADER_BYTENR, bytenr, 8);
    put_le(node + HEADER_GENERATION, GENERATION, 8);
    put_le(node + HEADER_OWNER, owner, 8);
    put_le(node + HEADER_NRITEMS, count, 4);
    node[HEADER_LEVEL] = level;
}

static inline void put_leaf(struct image *im, uint64_t bytenr, uint64_t owner, const GArray *items)
{
    uint8_t node[NODE] = { 0 };
    size_t end = NODE;
    make_header(node, bytenr, owner, 0, items->len);
    for (guint i = 0; i < items->len; i++) {
        const struct item *it = &g_array_index(items, struct item, i);
        uint8_t *at = node + HEADER_SIZE + i * BTRFS_ITEM_SIZE;
        size_t len;
        const void *data = g_bytes_get_data(it->data, &len);
        g_assert_cmpuint(end, >=, HEADER_SIZE + items->len * BTRFS_ITEM_SIZE + len);
        end -= len;
        put_key(at, it->key);
        put_le(at + BTRFS_KEY_SIZE, end - HEADER_SIZE, 4);
        put_le(at + BTRFS_KEY_SIZE + 4, len, 4);
        if (len > 0)
            memcpy(node + end, data, len);
    }
    image_sum(im, node, NODE);
    image_put(im, bytenr, node, NODE);
}

struct child {
    struct btrfs_key key;
    uint64_t bytenr;
};

static inline void put_node(struct image *im, uint64_t bytenr, uint64_t owner, uint8_t level,
                            const struct child *children, uint32_t count)
{
    uint8_t node[NODE] = { 0 };
    make_header(node, bytenr, owner, level, count);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *at = node + HEADER_SIZE + i * BTRFS_PTR_SIZE;
        put_key(at, children[i].key);
        put_le(at + BTRFS_KEY_SIZE, children[i].bytenr, 8);
        put_le(at + BTRFS_KEY_SIZE + 8, GENERATION, 8);
    }
    image_sum(im, node, NODE);
    image_put(im, bytenr, node, NODE);
}

/* Changes one field of a tree block in both copies and makes its checksum right again. */
static inline void patch_node(struct image *im, uint64_t bytenr, size_t off, uint64_t value,
                              unsigned len)
{
    uint8_t node[NODE];
    memcpy(node, im->bytes + bytenr, NODE);
    put_le(node + off, value, len);
    image_sum(im, node, NODE);
    image_put(im, bytenr, node, NODE);
}

static inline void patch_super(struct image *im, size_t off, uint64_t value, unsigned len)
{
    uint8_t *super = im->bytes + 65536;
    put_le(super + off, value, len);
    image_sum(im, super, BTRFS_SUPER_SIZE);
}

static const struct chunk image_chunk = {
    .length = AREA,
    .stripe_len = 65536,
    .type = 1 | 2 | 4 | BTRFS_GROUP_DUP,
    .num_stripes = 2,
    .sub_stripes = 1,
    .stripes = { { 1, BASE }, { 1, BASE + AREA } },
};

static inline void put_super(struct image *im)
{
    uint8_t *s = im->bytes + 65536;
    uint8_t *system = s + SUPER_SYSTEM_CHUNKS;
    memset(s + SUPER_FSID, 'f', BTRFS_UUID_SIZE);
    put_le(s + SUPER_BYTENR, 65536, 8);
    memcpy(s + SUPER_MAGIC, BTRFS_MAGIC, 8);
    put_le(s + SUPER_GENERATION, GENERATION, 8);
    put_le(s + SUPER_ROOT, AT_ROOT, 8);
    put_le(s + SUPER_CHUNK_ROOT, AT_CHUNK, 8);
    put_le(s + SUPER_TOTAL_BYTES, IMAGE_SIZE, 8);
    put_le(s + SUPER_NUM_DEVICES, 1, 8);
    put_le(s + SUPER_SECTORSIZE, 4096, 4);
    put_le(s + SUPER_NODESIZE, NODE, 4);
    put_le(s + SUPER_CHUNK_ROOT_GENERATION, GENERATION, 8);
    put_le(s + SUPER_SUM_TYPE, im->sum_type, 2);
    put_le(s + SUPER_DEVID, 1, 8);
    put_le(s + SUPER_DEVICE_BYTES, IMAGE_SIZE, 8);
    memcpy(s + SUPER_LABEL, "made by hand", 12);
    put_key(system, (struct btrfs_key){ BTRFS_FIRST_CHUNK, BTRFS_CHUNK_ITEM, BASE });
    put_le(s + SUPER_SYSTEM_CHUNKS_SIZE,
           BTRFS_KEY_SIZE + make_chunk(system + BTRFS_KEY_SIZE, &image_chunk), 4);
    image_sum(im, s, BTRFS_SUPER_SIZE);
}

/* Writes out the four leaves again. */
static inline void image_write(struct image *im)
{
    put_leaf(im, AT_CHUNK, BTRFS_CHUNK_TREE, im->chunk);
    put_leaf(im, AT_ROOT, BTRFS_ROOT_TREE, im->root);
    put_leaf(im, AT_FS, BTRFS_FS_TREE, im->fs);
    put_leaf(im, AT_CSUM, BTRFS_CSUM_TREE, im->csum);
}

static inline struct image image_new(void)
{
    struct image im = { .bytes = g_malloc0(IMAGE_SIZE),
                        .chunk = items_new(),
                        .root = items_new(),
                        .fs = items_new(),
                        .csum = items_new(),
                        .sum_type = BTRFS_SUM_CRC32C };
    uint8_t chunk[CHUNK_SIZE + 8 * STRIPE_SIZE];
    item_put(im.chunk, BTRFS_FIRST_CHUNK, BTRFS_CHUNK_ITEM, BASE, chunk,
             make_chunk(chunk, &image_chunk));
    put_root(im.root, BTRFS_FS_TREE, AT_FS, 0, 1);
    put_root(im.root, BTRFS_CSUM_TREE, AT_CSUM, 0, 1);
    put_inode(im.fs, 256, S_IFDIR | 0755, 0);
    put_super(&im);
    image_write(&im);
    return im;
}

static inline void image_clear(struct image *im)
{
    g_free(im->bytes);
    g_array_unref(im->chunk);
    g_array_unref(im->root);
    g_array_unref(im->fs);
    g_array_unref(im->csum);
}

/* --- opening ------------------------------------------------------------------------------------
 */

static inline struct block *image_block(const struct image *im)
{
    int fd = memfd_create("disk", 0);
    g_assert_cmpint(write(fd, im->bytes, IMAGE_SIZE), ==, IMAGE_SIZE);
    struct block *b = block_raw_new(fd, "disk", NULL);
    g_assert_nonnull(b);
    return b;
}

static inline struct tree *image_open(const struct image *im)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(block) b = image_block(im);
    struct tree *t = tree_open(b, &btrfs_driver, &error);
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

static inline void assert_refused(const struct image *im, int code, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(block) b = image_block(im);
    g_autoptr(tree) t = tree_open(b, &btrfs_driver, &error);
    g_assert_null(t);
    assert_error_says(error, code, text);
}

/* The only fault so far. */
static inline void assert_one_fault(const struct tree *t, const char *text)
{
    g_assert_cmpuint(t->fault_count, ==, 1);
    assert_says(g_ptr_array_index(t->faults, 0), text);
}

static inline bool collect_name(const struct tree_entry *entry, void *user)
{
    g_string_append_printf(user, "%s %" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT "\n", entry->name,
                           entry->node.sub, entry->node.id);
    return true;
}

/* "name subvolume:inode" a line. g_free(). */
static inline char *list_names(struct tree *t, struct tree_node dir)
{
    g_autoptr(GError) error = NULL;
    GString *names = g_string_new(NULL);
    tree_list(t, dir, collect_name, names, &error);
    g_assert_no_error(error);
    return g_string_free(names, FALSE);
}

/* All of a file, NULL with *error. */
static inline GBytes *read_all(struct tree *t, uint64_t inode, GError **error)
{
    g_autoptr(tree_file) f =
        tree_file_open(t, (struct tree_node){ .id = inode, .sub = t->root.sub }, error);
    return f == NULL ? NULL : tree_file_read_all(f, 8u << 20, error);
}

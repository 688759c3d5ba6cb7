/* Inodes in the log: their form is the machine's, and becomes that of the disk. */
#include <sys/sysmacros.h>

#include "xfs-image.h"

#define T     1000u
#define NODES (AT_FREE + 40) /* an unused place for blocks of trees */

struct logged {
    uint8_t format[LOG_INODE_SIZE], core[INODE_CORE_V3];
    size_t core_len;
};

/* An empty regular file, which the device does not have. */
static struct logged new_inode(const struct image *im, uint64_t number, uint16_t mode,
                               uint32_t fields, unsigned regions)
{
    struct logged l = { .core_len = im->v5 ? INODE_CORE_V3 : INODE_CORE_V2 - 4 };
    uint64_t byte = number * im->inode_size;
    put_little(l.format, XFS_LOG_ITEM_INODE, 2);
    put_little(l.format + 2, regions, 2);
    put_little(l.format + LOG_INODE_FIELDS, 1 | fields, 4);
    put_little(l.format + LOG_INODE_NUMBER, number, 8);
    put_little(l.format + LOG_INODE_BLOCK, byte / BLOCK * 2, 8);
    put_little(l.format + LOG_INODE_LENGTH, 2, 4);
    put_little(l.format + LOG_INODE_OFFSET, byte % BLOCK, 4);
    put_little(l.core + INODE_MAGIC, XFS_INODE_MAGIC, 2);
    put_little(l.core + INODE_MODE, mode, 2);
    l.core[INODE_VERSION] = im->v5 ? 3 : 2;
    l.core[INODE_FORMAT] = XFS_FORK_EXTENTS;
    l.core[INODE_AFORMAT] = XFS_FORK_EXTENTS;
    put_little(l.core + INODE_NLINK, 1, 4);
    if (im->v5) {
        put_little(l.core + INODE_NUMBER, number, 8);
        memset(l.core + INODE_UUID, 'f', XFS_UUID_SIZE);
    }
    return l;
}

static void begin(struct log_data *d)
{
    uint8_t header[LOG_TRANSACTION_HEADER] = { 0 };
    put_little(header, XFS_LOG_TRANSACTION_MAGIC, 4);
    add_op(d, T, XFS_LOG_START, NULL, 0);
    add_op(d, T, 0, header, sizeof header);
}

static void add_inode(struct log_data *d, const struct logged *l)
{
    add_op(d, T, 0, l->format, sizeof l->format);
    add_op(d, T, 0, l->core, l->core_len);
}

static struct tree *open_replayed(struct image *im, struct log_data *d)
{
    add_op(d, T, XFS_LOG_COMMIT, NULL, 0);
    image_seal(im);
    put_record(im, 2, 1, UINT64_C(1) << 32 | 2, d);
    return image_open(im);
}

static struct tree_stat stat_of(struct tree *t, uint64_t number)
{
    g_autoptr(GError) error = NULL;
    struct tree_stat st = { 0 };
    tree_stat(t, (struct tree_node){ .id = number }, &st, &error);
    g_assert_no_error(error);
    return st;
}

static void test_all_fields_become_those_of_the_disk(void)
{
    for (int v5 = 0; v5 < 2; v5++) {
        struct image im = image_new(v5);
        struct log_data d = { .len = 0 };
        uint64_t number = inode_number(&im, 1);
        struct logged l = new_inode(&im, number, S_IFREG | 0640, 0, 2);
        put_little(l.core + INODE_UID, 100000, 4);
        put_little(l.core + INODE_GID, 200000, 4);
        put_little(l.core + INODE_NLINK, 3, 4);
        put_little(l.core + INODE_SIZE, 123456, 8);
        put_little(l.core + INODE_NBLOCKS, 7, 8);
        put_little(l.core + INODE_MTIME, (uint32_t)-9, 4);
        put_little(l.core + INODE_MTIME + 4, 999999999, 4);
        put_little(l.core + INODE_CTIME, 1234567, 4);
        begin(&d);
        add_inode(&d, &l);
        g_autoptr(tree) t = open_replayed(&im, &d);
        g_assert_cmpint(t->recovery, ==, TREE_RECOVERY_REPLAYED);
        g_assert_cmpuint(t->fault_count, ==, 0);
        struct tree_stat st = stat_of(t, number);
        g_assert_cmpuint(st.mode, ==, S_IFREG | 0640);
        g_assert_cmpuint(st.uid, ==, 100000);
        g_assert_cmpuint(st.gid, ==, 200000);
        g_assert_cmpuint(st.nlink, ==, 3);
        g_assert_cmpuint(st.size, ==, 123456);
        g_assert_cmpuint(st.allocated, ==, 7 * BLOCK);
        g_assert_cmpint(st.mtime, ==, -9);
        g_assert_cmpuint(st.mtime_ns, ==, 999999999);
        g_assert_cmpint(st.ctime, ==, 1234567);
        image_clear(&im);
    }
}

static void test_big_times_and_counters_are_whole_numbers(void)
{
    struct image im = image_new(true);
    struct log_data d = { .len = 0 };
    uint64_t number = inode_number(&im, 1);
    struct logged l = new_inode(&im, number, S_IFREG | 0640, 0, 2);
    put_little(l.core + INODE_FLAGS2, XFS_INODE2_BIGTIME | XFS_INODE2_NREXT64, 8);
    put_little(l.core + INODE_MTIME,
               (uint64_t)(INT64_C(4000000000) + XFS_BIGTIME_EPOCH) * 1000000000 + 5, 8);
    put_little(l.core + INODE_BIG_NEXTENTS, 0x123456789, 8);
    put_little(l.core + INODE_NEXTENTS, 0x1234567, 4);
    begin(&d);
    add_inode(&d, &l);
    g_autoptr(tree) t = open_replayed(&im, &d);
    g_assert_cmpint(stat_of(t, number).mtime, ==, INT64_C(4000000000));
    g_assert_cmpuint(stat_of(t, number).mtime_ns, ==, 5);
    g_auto(xfs_inode) inode = { 0 };
    g_assert_true(xfs_inode_read(xfs_of(t), number, &inode, NULL));
    g_assert_cmpuint(inode.extents, ==, 0x123456789);
    g_assert_cmpuint(inode.attr_extents, ==, 0x1234567);
    image_clear(&im);
}

static void test_forks_are_replayed(void)
{
    for (int v5 = 0; v5 < 2; v5++) {
        struct image im = image_new(v5);
        struct log_data d = { .len = 0 };
        static const uint8_t attrs[] = { 0, 11, 1, 0, 1, 1, 0, 'a', 'v', 0, 0, 0 };
        uint64_t link = inode_number(&im, 1), file = inode_number(&im, 2);
        uint64_t device = inode_number(&im, 3);
        uint8_t extent[XFS_EXTENT_SIZE];
        begin(&d);
        struct logged l = new_inode(&im, link, S_IFLNK | 0777,
                                    XFS_LOG_INODE_DATA_LOCAL | XFS_LOG_INODE_ATTR_LOCAL, 4);
        l.core[INODE_FORMAT] = XFS_FORK_LOCAL;
        l.core[INODE_AFORMAT] = XFS_FORK_LOCAL;
        l.core[INODE_FORKOFF] = 4;
        put_little(l.core + INODE_SIZE, 6, 8);
        add_inode(&d, &l);
        add_op(&d, T, 0, "target\0\0", 8);
        add_op(&d, T, 0, attrs, sizeof attrs);
        l = new_inode(&im, file, S_IFREG | 0644, XFS_LOG_INODE_DATA_EXTENTS, 3);
        put_little(l.core + INODE_NEXTENTS, 1, 4);
        put_little(l.core + INODE_SIZE, 4, 8);
        put_extent(extent, 0, AT_FREE, 1, false);
        memcpy(image_at(&im, AT_FREE), "data", 4);
        add_inode(&d, &l);
        add_op(&d, T, 0, extent, sizeof extent);
        l = new_inode(&im, device, S_IFCHR | 0600, XFS_LOG_INODE_DEVICE, 2);
        l.core[INODE_FORMAT] = XFS_FORK_DEVICE;
        put_little(l.format + LOG_INODE_DEVICE, 5u << 18 | 300, 4);
        add_inode(&d, &l);
        g_autoptr(tree) t = open_replayed(&im, &d);
        g_assert_cmpuint(t->fault_count, ==, 0);
        g_autofree char *target = tree_readlink(t, (struct tree_node){ .id = link }, NULL);
        g_assert_cmpstr(target, ==, "target");
        g_auto(xfs_inode) inode = { 0 };
        g_assert_true(xfs_inode_read(xfs_of(t), link, &inode, NULL));
        g_assert_cmpmem(inode.attr.data, 9, attrs, 9);
        g_autoptr(tree_file) f = tree_file_open(t, (struct tree_node){ .id = file }, NULL);
        g_autoptr(GBytes) data = tree_file_read_all(f, 100, NULL);
        g_assert_cmpmem(g_bytes_get_data(data, NULL), g_bytes_get_size(data), "data", 4);
        g_assert_cmpuint(stat_of(t, device).rdev, ==, makedev(5, 300));
        image_clear(&im);
    }
}

/* In memory the pointers of a root are behind as many keys as the memory has room for. */
static void test_roots_of_trees_are_moved_together(void)
{
    for (int v5 = 0; v5 < 2; v5++) {
        struct image im = image_new(v5);
        struct log_data d = { .len = 0 };
        uint64_t file = inode_number(&im, 1);
        size_t header = v5 ? BMAP_HEADER_V5 : BMAP_HEADER_V4;
        uint8_t root[BMAP_HEADER_V5 + 5 * 16] = { 0 };
        put_be(root + BMAP_LEVEL, 1, 2);
        put_be(root + BMAP_NUMRECS, 2, 2);
        put_be(root + header + 8, 5, 8);
        put_be(root + header + 5 * 8, NODES, 8);
        put_be(root + header + 5 * 8 + 8, NODES + 1, 8);
        for (unsigned i = 0; i < 2; i++) {
            uint8_t *leaf = put_block(&im, NODES + i, file, &xfs_layout_bmap);
            put_be(leaf, v5 ? XFS_BMAP_MAGIC_V5 : XFS_BMAP_MAGIC_V4, 4);
            put_be(leaf + BMAP_NUMRECS, 1, 2);
            put_extent(leaf + header, i * 5, AT_FREE + i, 1, false);
            memset(image_at(&im, AT_FREE + i), 'A' + (int)i, BLOCK);
        }
        struct logged l = new_inode(&im, file, S_IFREG | 0644, XFS_LOG_INODE_DATA_ROOT, 3);
        l.core[INODE_FORMAT] = XFS_FORK_BTREE;
        put_little(l.core + INODE_NEXTENTS, 2, 4);
        put_little(l.core + INODE_SIZE, 6 * BLOCK, 8);
        begin(&d);
        add_inode(&d, &l);
        add_op(&d, T, 0, root, header + 5 * 16);
        g_autoptr(tree) t = open_replayed(&im, &d);
        g_autoptr(tree_file) f = tree_file_open(t, (struct tree_node){ .id = file }, NULL);
        g_autoptr(GBytes) data = tree_file_read_all(f, 6 * BLOCK, NULL);
        g_assert_nonnull(data);
        const char *bytes = g_bytes_get_data(data, NULL);
        g_assert_cmpint(bytes[0], ==, 'A');
        g_assert_cmpint(bytes[BLOCK], ==, 0);
        g_assert_cmpint(bytes[5 * BLOCK], ==, 'B');
        image_clear(&im);
    }
}

static void test_what_the_device_already_has_is_not_put_over_it(void)
{
    static const struct {
        bool v5;
        size_t off;
        uint64_t there;
        unsigned len;
        uint64_t logged; /* of version 4: how often it was written */
        bool replayed;
    } cases[] = {
        { true, INODE_LSN, UINT64_C(1) << 32 | 1, 8, 0, true },
        { true, INODE_LSN, UINT64_C(1) << 32 | 3, 8, 0, false },
        { true, INODE_LSN, UINT64_MAX, 8, 0, true },
        { false, INODE_FLUSHED, 4, 2, 5, true },
        { false, INODE_FLUSHED, 5, 2, 4, false },
        { false, INODE_FLUSHED, UINT16_MAX, 2, 1, true },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image im = image_new(cases[i].v5);
        struct log_data d = { .len = 0 };
        uint64_t number = put_inode(&im, 1, S_IFREG | 0600, XFS_FORK_EXTENTS, 5);
        put_be(image_inode(&im, number) + cases[i].off, cases[i].there, cases[i].len);
        struct logged l = new_inode(&im, number, S_IFREG | 0640, 0, 2);
        if (!cases[i].v5)
            put_little(l.core + INODE_FLUSHED, cases[i].logged, 2);
        begin(&d);
        add_inode(&d, &l);
        g_autoptr(tree) t = open_replayed(&im, &d);
        g_assert_cmpuint(t->fault_count, ==, 0);
        g_assert_cmpuint(stat_of(t, number).mode, ==, S_IFREG | (cases[i].replayed ? 0640 : 0600));
        image_clear(&im);
    }
}

static void put_create(struct log_data *d, uint32_t group, uint32_t block, uint32_t length)
{
    uint8_t item[28] = { 0 };
    put_little(item, XFS_LOG_ITEM_CREATE, 2);
    put_little(item + 2, 1, 2);
    put_be(item + LOG_CREATE_GROUP, group, 4);
    put_be(item + LOG_CREATE_BLOCK, block, 4);
    put_be(item + LOG_CREATE_LENGTH, length, 4);
    add_op(d, T, 0, item, sizeof item);
}

static void test_new_inodes_are_none_until_they_are_used(void)
{
    struct image im = image_new(true);
    struct log_data d = { .len = 0 };
    struct tree_stat st;
    uint64_t old = put_inode(&im, 8, S_IFREG | 0600, XFS_FORK_EXTENTS, 5);
    put_be(image_inode(&im, old) + INODE_LSN, UINT64_C(9) << 32, 8); /* of a chunk before */
    struct logged l = new_inode(&im, old + 1, S_IFREG | 0640, 0, 2);
    begin(&d);
    add_inode(&d, &l);
    put_create(&d, 0, AT_INODES + 4, 32);
    g_autoptr(tree) t = open_replayed(&im, &d);
    g_assert_cmpuint(t->fault_count, ==, 0);
    g_assert_false(tree_stat(t, (struct tree_node){ .id = old }, &st, NULL));
    g_assert_cmpuint(stat_of(t, old + 1).mode, ==, S_IFREG | 0640);
    (void)stat_of(t, im.root);
    image_clear(&im);
}

static void test_damaged_items_are_not_replayed(void)
{
    static const struct {
        size_t off; /* in the format */
        uint64_t value;
        unsigned len;
        const char *text;
    } cases[] = {
        { LOG_INODE_NUMBER, 0, 8, "out of its place" },
        { LOG_INODE_NUMBER, 12345678, 8, "out of its place" },
        { LOG_INODE_BLOCK, 1, 8, "out of its place" },
        { LOG_INODE_OFFSET, 7, 4, "out of its place" },
        { LOG_INODE_OFFSET, UINT32_MAX, 4, "out of its place" },
        { LOG_INODE_FIELDS, XFS_LOG_INODE_DATA_ROOT, 4, "a fork that does not fit" },
        { LOG_INODE_FIELDS, XFS_LOG_INODE_ATTR_LOCAL, 4, "a fork that does not fit" },
        { LOG_INODE_FIELDS, XFS_LOG_INODE_DATA_LOCAL | XFS_LOG_INODE_ATTR_LOCAL, 4,
          "without its fork" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image im = image_new(true);
        struct log_data d = { .len = 0 };
        uint64_t number = inode_number(&im, 1);
        struct logged l = new_inode(&im, number, S_IFREG | 0640, XFS_LOG_INODE_DATA_EXTENTS, 3);
        put_little(l.format + cases[i].off, cases[i].value, cases[i].len);
        begin(&d);
        add_inode(&d, &l);
        add_op(&d, T, 0, "sixteen bytes...", 16);
        g_autoptr(tree) t = open_replayed(&im, &d);
        g_assert_cmpint(t->recovery, ==, TREE_RECOVERY_NEEDED);
        assert_one_fault(t, cases[i].text);
        image_clear(&im);
    }
}

static void test_new_inodes_outside_are_not_replayed(void)
{
    static const uint32_t cases[][3] = { { 2, 8, 32 },
                                         { 0, AG_BLOCKS - 1, 2 },
                                         { 0, UINT32_MAX, 1 },
                                         { 0, 8, 33 },
                                         { 0, 8, UINT32_MAX } };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image im = image_new(true);
        struct log_data d = { .len = 0 };
        begin(&d);
        put_create(&d, cases[i][0], cases[i][1], cases[i][2]);
        g_autoptr(tree) t = open_replayed(&im, &d);
        g_assert_cmpint(t->recovery, ==, TREE_RECOVERY_NEEDED);
        assert_one_fault(t, "new inodes outside the filesystem");
        image_clear(&im);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xfs/log-inode/all fields become those of the disk",
                    test_all_fields_become_those_of_the_disk);
    g_test_add_func("/xfs/log-inode/big times and counters are whole numbers",
                    test_big_times_and_counters_are_whole_numbers);
    g_test_add_func("/xfs/log-inode/forks are replayed", test_forks_are_replayed);
    g_test_add_func("/xfs/log-inode/roots of trees are moved together",
                    test_roots_of_trees_are_moved_together);
    g_test_add_func("/xfs/log-inode/what the device already has is not put over it",
                    test_what_the_device_already_has_is_not_put_over_it);
    g_test_add_func("/xfs/log-inode/new inodes are none until they are used",
                    test_new_inodes_are_none_until_they_are_used);
    g_test_add_func("/xfs/log-inode/damaged items are not replayed",
                    test_damaged_items_are_not_replayed);
    g_test_add_func("/xfs/log-inode/new inodes outside are not replayed",
                    test_new_inodes_outside_are_not_replayed);
    return g_test_run();
}

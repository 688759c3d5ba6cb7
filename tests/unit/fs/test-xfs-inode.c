/* Inodes: all that they tell, in all their versions, and those that are none. */
#include <sys/sysmacros.h>

#include "xfs-image.h"

static struct tree_stat stat_of(struct tree *t, uint64_t inode)
{
    g_autoptr(GError) error = NULL;
    const struct tree_node node = { .id = inode };
    struct tree_stat st = { 0 };
    tree_stat(t, node, &st, &error);
    g_assert_no_error(error);
    return st;
}

static void assert_no_inode(struct tree *t, uint64_t inode, const char *text)
{
    g_autoptr(GError) error = NULL;
    const struct tree_node node = { .id = inode };
    struct tree_stat st;
    g_assert_false(tree_stat(t, node, &st, &error));
    assert_error_says(error, ASSAY_ERROR_CORRUPT, text);
}

static uint64_t put_rich_inode(struct image *im)
{
    uint64_t number = put_inode(im, 1, S_IFREG | 04750, XFS_FORK_EXTENTS, 1000);
    uint8_t *i = image_inode(im, number);
    put_be(i + INODE_UID, 100000, 4);
    put_be(i + INODE_GID, UINT32_MAX, 4);
    put_be(i + INODE_NLINK, 3, 4);
    put_be(i + INODE_NBLOCKS, 5, 8);
    put_be(i + INODE_ATIME, (uint32_t)-5, 4);
    put_be(i + INODE_MTIME, INT32_MAX, 4);
    put_be(i + INODE_MTIME + 4, 999999999, 4);
    put_be(i + INODE_CTIME, 6, 4);
    put_be(i + INODE_CTIME + 4, 1000000000, 4); /* no number of nanoseconds */
    return number;
}

static void test_an_inode_tells_all_it_has(void)
{
    for (int v5 = 0; v5 < 2; v5++) {
        struct image im = image_new(v5);
        uint64_t number = put_rich_inode(&im);
        if (v5)
            put_be(image_inode(&im, number) + INODE_CRTIME, 9, 4);
        g_autoptr(tree) t = image_open(&im);
        struct tree_stat st = stat_of(t, number);
        g_assert_cmpuint(st.mode, ==, S_IFREG | 04750);
        g_assert_cmpuint(st.uid, ==, 100000);
        g_assert_cmpuint(st.gid, ==, UINT32_MAX);
        g_assert_cmpuint(st.nlink, ==, 3);
        g_assert_cmpuint(st.size, ==, 1000);
        g_assert_cmpuint(st.allocated, ==, 5 * BLOCK);
        g_assert_cmpint(st.atime, ==, -5);
        g_assert_cmpint(st.mtime, ==, INT32_MAX);
        g_assert_cmpuint(st.mtime_ns, ==, 999999999);
        g_assert_cmpint(st.ctime, ==, 6);
        g_assert_cmpuint(st.ctime_ns, ==, 0);
        g_assert_cmpint(st.btime, ==, v5 ? 9 : 0);
        image_clear(&im);
    }
}

static void test_big_times_reach_further(void)
{
    static const int64_t times[] = { -(INT64_C(1) << 31), -1, 0, INT64_C(4000000000), 16299260424 };
    for (size_t i = 0; i < G_N_ELEMENTS(times); i++) {
        struct image im = image_new(true);
        uint64_t number = put_rich_inode(&im);
        uint8_t *at = image_inode(&im, number);
        put_be(at + INODE_FLAGS2, XFS_INODE2_BIGTIME, 8);
        put_be(at + INODE_MTIME, (uint64_t)(times[i] + XFS_BIGTIME_EPOCH) * 1000000000 + 123456789,
               8);
        g_autoptr(tree) t = image_open(&im);
        g_assert_cmpint(stat_of(t, number).mtime, ==, times[i]);
        g_assert_cmpuint(stat_of(t, number).mtime_ns, ==, 123456789);
        image_clear(&im);
    }
}

static void test_old_inodes_count_links_elsewhere(void)
{
    struct image im = image_new(false);
    uint64_t number = put_rich_inode(&im);
    image_inode(&im, number)[INODE_VERSION] = 1;
    put_be(image_inode(&im, number) + INODE_ONLINK, 7, 2);
    g_autoptr(tree) t = image_open(&im);
    g_assert_cmpuint(stat_of(t, number).nlink, ==, 7);
    image_clear(&im);
}

static void test_devices_have_18_bits_of_minor_number(void)
{
    struct image im = image_new(true);
    uint64_t number = put_inode(&im, 1, S_IFBLK | 0600, XFS_FORK_DEVICE, 0);
    put_be(inode_fork(&im, number), 259u << 18 | 70000, 4);
    g_autoptr(tree) t = image_open(&im);
    g_assert_cmpuint(stat_of(t, number).rdev, ==, makedev(259, 70000));
    image_clear(&im);
}

static void test_large_counters_are_read_where_they_are(void)
{
    struct image im = image_new(true);
    uint64_t number = put_inode(&im, 1, S_IFREG | 0600, XFS_FORK_EXTENTS, 10);
    uint8_t *at = image_inode(&im, number);
    put_be(at + INODE_FLAGS2, XFS_INODE2_NREXT64, 8);
    put_be(at + INODE_BIG_NEXTENTS, 2, 8);
    put_be(at + INODE_NEXTENTS, 3, 4);
    g_autoptr(tree) t = image_open(&im);
    g_auto(xfs_inode) inode = { 0 };
    g_assert_true(xfs_inode_read(xfs_of(t), number, &inode, NULL));
    g_assert_cmpuint(inode.extents, ==, 2);
    g_assert_cmpuint(inode.attr_extents, ==, 3);
    image_clear(&im);
}

static void test_what_is_no_inode_is_refused(void)
{
    static const struct {
        size_t off;
        uint64_t value;
        unsigned len;
        const char *text;
        bool v5_only;
    } cases[] = {
        { INODE_MAGIC, 0, 2, "has no inode's magic number", false },
        { INODE_MODE, 0, 2, "is free", false },
        { INODE_VERSION, 4, 1, "impossible version", false },
        { INODE_SIZE, UINT64_MAX, 8, "impossible size", false },
        { INODE_FORMAT, 9, 1, "unknown format", false },
        { INODE_AFORMAT, 9, 1, "unknown format", false },
        { INODE_FORKOFF, 255, 1, "attribute fork outside", false },
        { INODE_FORKOFF, 42, 1, "attribute fork outside", true },
        { INODE_VERSION, 2, 1, "impossible version", true },
        { INODE_NUMBER, 99, 8, "is another one", true },
        { INODE_UUID, 'x', 1, "belongs to another filesystem", true },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        for (int v5 = cases[i].v5_only; v5 < 2; v5++) {
            struct image im = image_new(v5);
            uint64_t number = put_rich_inode(&im);
            put_be(image_inode(&im, number) + cases[i].off, cases[i].value, cases[i].len);
            g_autoptr(tree) t = image_open(&im);
            assert_no_inode(t, number, cases[i].text);
            (void)stat_of(t, im.root);
            image_clear(&im);
        }
    }
}

static void test_a_wrong_checksum_is_refused(void)
{
    struct image im = image_new(true);
    uint64_t number = put_rich_inode(&im);
    image_seal(&im);
    image_inode(&im, number)[INODE_UID] ^= 1;
    g_autoptr(tree) t = image_open(&im);
    assert_no_inode(t, number, "has a wrong checksum");
    image_clear(&im);
}

static void test_numbers_that_no_inode_has_are_refused(void)
{
    struct image im = image_new(true);
    g_autoptr(tree) t = image_open(&im);
    assert_no_inode(t, 0, "there can be no inode 0");
    assert_no_inode(t, UINT64_MAX, "there can be no inode");
    assert_no_inode(t, 2 * 2 * AG_BLOCKS, "there can be no inode");
    image_clear(&im);
}

/* The chunk that an inode is read with reaches past the end. */
static void test_inodes_before_the_cut_are_read(void)
{
    struct image im = image_new(true);
    uint64_t number = put_rich_inode(&im);
    uint64_t behind = put_inode(&im, 4, S_IFREG | 0644, XFS_FORK_EXTENTS, 0);
    im.size = (AT_INODES + 1) * BLOCK + 512;
    g_autoptr(tree) t = image_open(&im);
    (void)stat_of(t, number);
    assert_no_inode(t, behind, "inode");
    image_clear(&im);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xfs/inode/an inode tells all it has", test_an_inode_tells_all_it_has);
    g_test_add_func("/xfs/inode/big times reach further", test_big_times_reach_further);
    g_test_add_func("/xfs/inode/old inodes count links elsewhere",
                    test_old_inodes_count_links_elsewhere);
    g_test_add_func("/xfs/inode/devices have 18 bits of minor number",
                    test_devices_have_18_bits_of_minor_number);
    g_test_add_func("/xfs/inode/large counters are read where they are",
                    test_large_counters_are_read_where_they_are);
    g_test_add_func("/xfs/inode/what is no inode is refused", test_what_is_no_inode_is_refused);
    g_test_add_func("/xfs/inode/a wrong checksum is refused", test_a_wrong_checksum_is_refused);
    g_test_add_func("/xfs/inode/numbers that no inode has are refused",
                    test_numbers_that_no_inode_has_are_refused);
    g_test_add_func("/xfs/inode/inodes before the cut are read",
                    test_inodes_before_the_cut_are_read);
    return g_test_run();
}

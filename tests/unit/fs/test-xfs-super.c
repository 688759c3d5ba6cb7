/* The superblock: fields that cannot be, features, copies, devices that are cut short. */
#include "xfs-image.h"

static void test_an_empty_filesystem_opens(void)
{
    for (int v5 = 0; v5 < 2; v5++) {
        struct image im = image_new(v5);
        g_autoptr(block) b = image_block(&im);
        g_assert_true(xfs_driver.probe(b));
        g_autoptr(tree) t = image_open(&im);
        g_assert_cmpstr(t->label, ==, "made by hand");
        g_assert_cmpstr(t->uuid, ==, "66666666-6666-6666-6666-666666666666");
        g_assert_cmpuint(t->size, ==, IMAGE_SIZE);
        g_assert_cmpuint(t->root.id, ==, im.root);
        g_assert_cmpint(t->recovery, ==, TREE_RECOVERY_NONE);
        g_assert_cmpuint(t->fault_count, ==, 0);
        g_autofree char *names = list_names(t, im.root);
        g_assert_cmpstr(names, ==, "");
        image_clear(&im);
    }
}

static void test_a_magic_number_alone_is_no_filesystem(void)
{
    static const struct {
        size_t off;
        uint64_t value;
        unsigned len;
    } cases[] = {
        { SB_MAGIC, 0x58465343, 4 },   { SB_BLOCKSIZE, 1000, 4 },
        { SB_BLOCKSIZE, 2048, 4 },     { SB_BLOCKLOG, 40, 1 },
        { SB_BLOCKLOG, 0, 1 },         { SB_SECTSIZE, 0, 2 },
        { SB_SECTSIZE, 768, 2 },       { SB_SECTSIZE, 256, 2 },
        { SB_INODESIZE, 128, 2 },      { SB_INODELOG, 7, 1 },
        { SB_INODELOG, 12, 1 },        { SB_INOPBLOG, 5, 1 },
        { SB_DIRBLKLOG, 7, 1 },        { SB_DIRBLKLOG, 255, 1 },
        { SB_AGCOUNT, 0, 4 },          { SB_AGBLOCKS, 0, 4 },
        { SB_AGBLOCKS, 5000, 4 },      { SB_AGBLKLOG, 10, 1 },
        { SB_AGBLKLOG, 0, 1 },         { SB_DBLOCKS, 0, 8 },
        { SB_DBLOCKS, AG_BLOCKS, 8 },  { SB_DBLOCKS, 2 * AG_BLOCKS + 1, 8 },
        { SB_DBLOCKS, UINT64_MAX, 8 }, { SB_AGCOUNT, UINT32_MAX, 4 },
        { SB_ROOTINO, 0, 8 },          { SB_ROOTINO, UINT64_MAX, 8 },
        { SB_VERSION, 0x3003, 2 },     { SB_VERSION, 0x3006, 2 },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        for (int v5 = 0; v5 < 2; v5++) {
            struct image im = image_new(v5);
            for (unsigned group = 0; group < 2; group++)
                put_be(image_super(&im, group) + cases[i].off, cases[i].value, cases[i].len);
            g_autoptr(block) b = image_block(&im);
            g_assert_false(xfs_driver.probe(b));
            assert_refused(&im, ASSAY_ERROR_CORRUPT, "XFS superblock");
            image_clear(&im);
        }
    }
}

static void test_a_copy_stands_in_for_a_damaged_superblock(void)
{
    static const struct {
        size_t off;
        uint64_t value;
        unsigned len;
        const char *text;
    } cases[] = {
        { SB_LABEL, 'x', 1, "a wrong checksum; a copy is used" },
        { SB_BLOCKLOG, 3, 1, "an impossible block size; a copy" },
        { SB_VERSION, 9, 2, "neither 4 nor 5; a copy" },
        { SB_ROOTINO, 1, 8, "a wrong checksum; a copy" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image im = image_new(true);
        image_super(&im, 1)[SB_INPROGRESS] = 1; /* as mkfs.xfs leaves it in copies */
        image_seal(&im);
        put_be(image_super(&im, 0) + cases[i].off, cases[i].value, cases[i].len);
        g_autoptr(tree) t = image_open(&im);
        assert_one_fault(t, cases[i].text);
        g_assert_cmpstr(t->label, ==, "made by hand");
        g_assert_cmpuint(t->root.id, ==, im.root);
        image_clear(&im);
    }
}

static void test_copies_of_what_is_gone_are_not_believed(void)
{
    struct image im = image_new(true);
    memset(im.bytes, 0, 4);
    assert_refused(&im, ASSAY_ERROR_CORRUPT, "no XFS superblock");
    image_clear(&im);
}

static void test_features_that_are_not_read_are_named(void)
{
    static const struct {
        uint32_t bits;
        const char *text;
    } cases[] = {
        { 1u << 9, "zoned (0x200)" },
        { 1u << 9 | 1u << 10, "zoned (0x200), zone gaps (0x400)" },
        { 1u << 31, "unknown (0x80000000)" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image im = image_new(true);
        put_be(image_super(&im, 0) + SB_INCOMPAT, XFS_INCOMPAT_FTYPE | cases[i].bits, 4);
        g_autoptr(block) b = image_block(&im);
        g_assert_true(xfs_driver.probe(b));
        assert_refused(&im, ASSAY_ERROR_UNSUPPORTED, cases[i].text);
        image_clear(&im);
    }
}

static void test_version_4_features_that_are_not_read_are_named(void)
{
    static const struct {
        uint16_t version;
        uint32_t features2;
        const char *text;
    } cases[] = {
        { XFS_SB_EXTFLG | 4, 0, "version 1 directories" },
        { XFS_SB_DIRV2 | 4, 0, "unwritten extents" },
        { XFS_SB_DIRV2 | XFS_SB_EXTFLG | XFS_SB_MOREBITS | 4, 0x10000, "features 0x10000" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image im = image_new(false);
        put_be(image_super(&im, 0) + SB_VERSION, cases[i].version, 2);
        put_be(image_super(&im, 0) + SB_FEATURES2, cases[i].features2, 4);
        assert_refused(&im, ASSAY_ERROR_UNSUPPORTED, cases[i].text);
        image_clear(&im);
    }
}

static void test_features_that_do_not_matter_are_read(void)
{
    struct image im = image_new(true);
    put_be(image_super(&im, 0) + SB_INCOMPAT, 0x1ef, 4);
    put_be(image_super(&im, 0) + 208, UINT64_MAX, 8); /* compatible; for writers only */
    memset(image_super(&im, 0) + SB_META_UUID, 'f', XFS_UUID_SIZE);
    memset(image_super(&im, 0) + SB_UUID, 'g', XFS_UUID_SIZE);
    g_autoptr(tree) t = image_open(&im);
    g_autofree char *names = list_names(t, im.root);
    g_assert_cmpuint(t->fault_count, ==, 0);
    g_assert_cmpstr(t->uuid, ==, "67676767-6767-6767-6767-676767676767");
    image_clear(&im);
}

static void test_doubts_of_the_superblock_are_told(void)
{
    struct image im = image_new(true);
    put_be(image_super(&im, 0) + SB_INCOMPAT, XFS_INCOMPAT_FTYPE | XFS_INCOMPAT_NEEDSREPAIR, 4);
    g_autoptr(tree) t = image_open(&im);
    assert_one_fault(t, "marked as needing repair");
    image_clear(&im);
    im = image_new(true);
    image_super(&im, 0)[SB_INPROGRESS] = 1;
    g_autoptr(tree) u = image_open(&im);
    assert_one_fault(u, "never completely made");
    image_clear(&im);
}

static void test_a_device_that_is_cut_short_is_told_and_read(void)
{
    struct image im = image_new(true);
    im.size = IMAGE_SIZE / 2 + 1024;
    g_autoptr(tree) t = image_open(&im);
    g_autofree char *names = list_names(t, im.root);
    assert_one_fault(t, "cut short");
    image_clear(&im);
}

static void test_places_outside_the_filesystem_are_none(void)
{
    struct xfs_super s = { .blocklog = 10,
                           .inodelog = 9,
                           .inopblog = 1,
                           .agblklog = 9,
                           .agblocks = 500,
                           .agcount = 3,
                           .dblocks = 1100 };
    uint64_t at;
    g_assert_true(xfs_super_place(&s, 499, 1, &at));
    g_assert_cmpuint(at, ==, 499 * 1024);
    g_assert_true(xfs_super_place(&s, 1u << 9 | 7, 493, &at));
    g_assert_cmpuint(at, ==, 507 * 1024);
    g_assert_false(xfs_super_place(&s, 500, 1, &at));
    g_assert_false(xfs_super_place(&s, 499, 2, &at));
    g_assert_true(xfs_super_place(&s, 2u << 9 | 99, 1, &at));
    g_assert_false(xfs_super_place(&s, 2u << 9 | 100, 1, &at));
    g_assert_false(xfs_super_place(&s, 3u << 9, 1, &at));
    g_assert_false(xfs_super_place(&s, UINT64_MAX, 1, &at));
    g_assert_false(xfs_super_place(&s, 1, UINT64_MAX, &at));
    g_assert_true(xfs_super_inode_place(&s, (1u << 9 | 7) << 1 | 1, &at));
    g_assert_cmpuint(at, ==, 507 * 1024 + 512);
    g_assert_false(xfs_super_inode_place(&s, 0, &at));
    g_assert_false(xfs_super_inode_place(&s, UINT64_MAX, &at));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xfs/super/an empty filesystem opens", test_an_empty_filesystem_opens);
    g_test_add_func("/xfs/super/a magic number alone is no filesystem",
                    test_a_magic_number_alone_is_no_filesystem);
    g_test_add_func("/xfs/super/a copy stands in for a damaged superblock",
                    test_a_copy_stands_in_for_a_damaged_superblock);
    g_test_add_func("/xfs/super/copies of what is gone are not believed",
                    test_copies_of_what_is_gone_are_not_believed);
    g_test_add_func("/xfs/super/features that are not read are named",
                    test_features_that_are_not_read_are_named);
    g_test_add_func("/xfs/super/version 4 features that are not read are named",
                    test_version_4_features_that_are_not_read_are_named);
    g_test_add_func("/xfs/super/features that do not matter are read",
                    test_features_that_do_not_matter_are_read);
    g_test_add_func("/xfs/super/doubts of the superblock are told",
                    test_doubts_of_the_superblock_are_told);
    g_test_add_func("/xfs/super/a device that is cut short is told and read",
                    test_a_device_that_is_cut_short_is_told_and_read);
    g_test_add_func("/xfs/super/places outside the filesystem are none",
                    test_places_outside_the_filesystem_are_none);
    return g_test_run();
}

/* The superblock: copies, features, impossible fields. */
#include "btrfs-image.h"

#define MIRROR (64u << 20)

static void test_an_empty_filesystem_opens(void)
{
    for (uint16_t type = 0; type < BTRFS_SUM_COUNT; type++) {
        struct image im = image_new();
        im.sum_type = type;
        put_super(&im);
        image_write(&im);
        g_autoptr(block) b = image_block(&im);
        g_assert_true(btrfs_driver.probe(b));
        g_autoptr(tree) t = image_open(&im);
        g_assert_cmpstr(t->label, ==, "made by hand");
        g_assert_cmpstr(t->uuid, ==, "66666666-6666-6666-6666-666666666666");
        g_assert_cmpuint(t->size, ==, IMAGE_SIZE);
        g_assert_cmpuint(t->root.id, ==, 256);
        g_assert_cmpuint(t->root.sub, ==, 5);
        g_assert_cmpint(t->recovery, ==, TREE_RECOVERY_NONE);
        g_assert_cmpuint(t->fault_count, ==, 0);
        g_autofree char *names = list_names(t, t->root);
        g_assert_cmpstr(names, ==, "");
        image_clear(&im);
    }
}

static void test_features_that_are_not_read_are_named(void)
{
    static const struct {
        size_t off;
        uint64_t value;
        unsigned len;
        const char *text;
    } cases[] = {
        { SUPER_INCOMPAT, UINT64_C(1) << 12, 8, "feature: zoned" },
        { SUPER_INCOMPAT, UINT64_C(3) << 13, 8, "extent_tree_v2, raid_stripe_tree" },
        { SUPER_INCOMPAT, UINT64_C(1) << 40, 8, "incompatible bit 0x10000000000" },
        { SUPER_SUM_TYPE, 4, 2, "checksum type 4" },
        { SUPER_FLAGS, UINT64_C(1) << 33, 8, "metadata-only dump" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image im = image_new();
        put_le(im.bytes + 65536 + cases[i].off, cases[i].value, cases[i].len);
        if (cases[i].off != SUPER_SUM_TYPE)
            image_sum(&im, im.bytes + 65536, BTRFS_SUPER_SIZE);
        g_autoptr(block) b = image_block(&im);
        g_assert_true(btrfs_driver.probe(b));
        assert_refused(&im, ASSAY_ERROR_UNSUPPORTED, cases[i].text);
        image_clear(&im);
    }
}

static void test_features_that_do_not_matter_are_read(void)
{
    struct image im = image_new();
    patch_super(&im, SUPER_INCOMPAT, 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x20 | 0x40 | 0x100 | 0x200, 8);
    patch_super(&im, SUPER_INCOMPAT - 8, UINT64_MAX, 8); /* compat_ro */
    g_autoptr(tree) t = image_open(&im);
    g_assert_cmpuint(t->fault_count, ==, 0);
    image_clear(&im);
}

static void test_the_metadata_uuid_is_what_blocks_carry(void)
{
    struct image im = image_new();
    uint8_t *super = im.bytes + 65536;
    memset(super + SUPER_FSID, 0x11, BTRFS_UUID_SIZE);
    memset(super + SUPER_METADATA_UUID, 'f', BTRFS_UUID_SIZE);
    patch_super(&im, SUPER_INCOMPAT, BTRFS_INCOMPAT_METADATA_UUID, 8);
    g_autoptr(tree) t = image_open(&im);
    g_assert_cmpstr(t->uuid, ==, "11111111-1111-1111-1111-111111111111");
    patch_super(&im, SUPER_INCOMPAT, 0, 8);
    assert_refused(&im, ASSAY_ERROR_CORRUPT, "belongs to another filesystem");
    image_clear(&im);
}

static void test_impossible_fields_are_corrupt(void)
{
    static const struct {
        size_t off;
        uint64_t value;
        unsigned len;
        const char *text;
    } cases[] = {
        { SUPER_NODESIZE, 0, 4, "node size" },
        { SUPER_NODESIZE, 5000, 4, "node size" },
        { SUPER_NODESIZE, 1u << 17, 4, "node size" },
        { SUPER_SECTORSIZE, 512, 4, "sector size" },
        { SUPER_SECTORSIZE, 8192, 4, "sector size" },
        { SUPER_ROOT_LEVEL, 8, 1, "height" },
        { SUPER_CHUNK_ROOT_LEVEL, 255, 1, "height" },
        { SUPER_SYSTEM_CHUNKS_SIZE, 2049, 4, "system chunks" },
        { SUPER_NUM_DEVICES, 0, 8, "no devices" },
        { SUPER_BYTENR, 0, 8, "belongs to 0" },
        { SUPER_MAGIC, 0, 8, "no btrfs superblock" },
        { SUPER_SYSTEM_CHUNKS_SIZE, 50, 4, "cut short" },
        { SUPER_CHUNK_ROOT, 5, 8, "in no chunk" },
        { SUPER_ROOT, AT_ROOT + 1, 8, "wrong checksum" },
        { SUPER_GENERATION, 8, 8, "generation" },
        { SUPER_ROOT_LEVEL, 1, 1, "level" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image im = image_new();
        patch_super(&im, cases[i].off, cases[i].value, cases[i].len);
        assert_refused(&im, ASSAY_ERROR_CORRUPT, cases[i].text);
        image_clear(&im);
    }
}

static void test_a_log_means_that_recovery_is_needed(void)
{
    struct image im = image_new();
    patch_super(&im, SUPER_LOG_ROOT, AT_FREE, 8);
    g_autoptr(tree) t = image_open(&im);
    g_assert_cmpint(t->recovery, ==, TREE_RECOVERY_NEEDED);
    image_clear(&im);
}

static void test_a_cut_image_says_so(void)
{
    struct image im = image_new();
    patch_super(&im, SUPER_DEVICE_BYTES, 2 * IMAGE_SIZE, 8);
    g_autoptr(tree) t = image_open(&im);
    assert_one_fault(t, "cut short");
    image_clear(&im);
}

/* A block of 64 MiB and a superblock, with the second copy at its place. */
static struct block *block_with_mirror(const struct image *im, uint64_t generation)
{
    uint8_t mirror[BTRFS_SUPER_SIZE];
    struct image like = *im;
    int fd = memfd_create("disk", 0);
    memcpy(mirror, im->bytes + 65536, sizeof mirror);
    memcpy(mirror + SUPER_MAGIC, BTRFS_MAGIC, 8);
    memset(mirror + SUPER_FSID, 'f', BTRFS_UUID_SIZE);
    put_le(mirror + SUPER_BYTENR, MIRROR, 8);
    put_le(mirror + SUPER_GENERATION, generation, 8);
    image_sum(&like, mirror, sizeof mirror);
    g_assert_cmpint(pwrite(fd, im->bytes, IMAGE_SIZE, 0), ==, IMAGE_SIZE);
    g_assert_cmpint(pwrite(fd, mirror, sizeof mirror, MIRROR), ==, sizeof mirror);
    struct block *b = block_raw_new(fd, "disk", NULL);
    g_assert_nonnull(b);
    return b;
}

static void test_the_second_copy_stands_in_and_that_is_told(void)
{
    static const struct {
        size_t off;
        const char *text;
    } cases[] = { { SUPER_LABEL, "checksum" }, { SUPER_MAGIC, "no btrfs superblock at 65536" } };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image im = image_new();
        g_autoptr(GError) error = NULL;
        im.bytes[65536 + cases[i].off] ^= 1;
        g_autoptr(block) b = block_with_mirror(&im, GENERATION);
        g_assert_true(btrfs_driver.probe(b));
        g_autoptr(tree) t = tree_open(b, &btrfs_driver, &error);
        g_assert_no_error(error);
        assert_one_fault(t, cases[i].text);
        assert_says(g_ptr_array_index(t->faults, 0), "the copy at 67108864 is used");
        image_clear(&im);
    }
}

static void test_a_good_first_copy_is_believed_over_a_newer_one(void)
{
    struct image im = image_new();
    g_autoptr(block) b = block_with_mirror(&im, GENERATION + 1);
    g_autoptr(tree) t = tree_open(b, &btrfs_driver, NULL);
    g_assert_nonnull(t);
    g_assert_cmpuint(t->fault_count, ==, 0);
    image_clear(&im);
}

/* Whoever makes another filesystem over a btrfs leaves its second superblock behind. */
static void test_a_second_copy_alone_is_not_believed(void)
{
    struct image im = image_new();
    memset(im.bytes + 65536, 0, BTRFS_SUPER_SIZE);
    put_le(im.bytes + 65536 + SUPER_NODESIZE, NODE, 4);
    g_autoptr(block) b = block_with_mirror(&im, GENERATION);
    g_assert_false(btrfs_driver.probe(b));
    image_clear(&im);
}

static void test_blocks_too_small_for_a_superblock_are_not_btrfs(void)
{
    int fd = memfd_create("small", 0);
    g_assert_cmpint(ftruncate(fd, 65536 + BTRFS_SUPER_SIZE - 1), ==, 0);
    g_autoptr(block) b = block_raw_new(fd, "small", NULL);
    g_assert_false(btrfs_driver.probe(b));
}

#define ADD(title, func) g_test_add_func("/btrfs-super/" title, func)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("an empty filesystem opens", test_an_empty_filesystem_opens);
    ADD("features that are not read are named", test_features_that_are_not_read_are_named);
    ADD("features that do not matter are read", test_features_that_do_not_matter_are_read);
    ADD("the metadata uuid is what blocks carry", test_the_metadata_uuid_is_what_blocks_carry);
    ADD("impossible fields are corrupt", test_impossible_fields_are_corrupt);
    ADD("a log means that recovery is needed", test_a_log_means_that_recovery_is_needed);
    ADD("a cut image says so", test_a_cut_image_says_so);
    ADD("the second copy stands in and that is told",
        test_the_second_copy_stands_in_and_that_is_told);
    ADD("a good first copy is believed over a newer one",
        test_a_good_first_copy_is_believed_over_a_newer_one);
    ADD("a second copy alone is not believed", test_a_second_copy_alone_is_not_believed);
    ADD("blocks too small for a superblock are not btrfs",
        test_blocks_too_small_for_a_superblock_are_not_btrfs);
    return g_test_run();
}

/* The superblock and group descriptors: features, impossible fields, copies, kinds. */
#include "ext-image.h"

static void refused(struct image *im, int code, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(block) b = block_of(im->bytes, BLOCKS * SIZE);
    g_assert_null(tree_open(b, &ext_driver, &error));
    g_assert_error(error, ASSAY_ERROR, code);
    g_assert_nonnull(strstr(error->message, text));
    g_assert_null(strchr(error->message, '\n'));
}

static void test_an_empty_filesystem_opens(void)
{
    static const uint32_t sums[] = { 0, RO_CHECKSUMS };
    for (size_t i = 0; i < G_N_ELEMENTS(sums); i++) {
        struct image im = image_new(0, INCOMPAT, sums[i]);
        g_autoptr(tree) t = image_open(&im);
        g_assert_cmpstr(t->label, ==, "made by hand");
        g_assert_cmpstr(t->uuid, ==, "66666666-6666-6666-6666-666666666666");
        g_assert_cmpuint(t->size, ==, BLOCKS * SIZE);
        g_assert_cmpint(t->recovery, ==, TREE_RECOVERY_NONE);
        g_assert_cmpuint(t->fault_count, ==, 0);
        g_autofree char *names = list_names(t, t->root.id);
        g_assert_cmpstr(names, ==, "");
        image_clear(&im);
    }
}

static void test_kinds_are_told_apart(void)
{
    static const struct {
        uint32_t compat, incompat, ro_compat;
        const char *name;
    } kinds[] = {
        { 0, 0x2, 0, "ext2" },
        { 0x20, 0x2, 0x3, "ext2" },
        { COMPAT_JOURNAL, 0x2, 0x3, "ext3" },
        { COMPAT_JOURNAL, INCOMPAT, 0, "ext4" },
        { 0, 0x2, RO_CHECKSUMS, "ext4" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        struct image im = image_new(kinds[i].compat, kinds[i].incompat, kinds[i].ro_compat);
        g_autoptr(tree) t = image_open(&im);
        g_assert_cmpstr(t->type_name, ==, kinds[i].name);
        image_clear(&im);
    }
}

static void test_features_that_are_not_read_are_named(void)
{
    static const struct {
        uint32_t bits;
        const char *text;
    } cases[] = {
        { 0x1, "feature: compression" },
        { 0x1000, "feature: dirdata" },
        { 0x40000, "incompatible bit 0x40000" },
        { 0x80000001, "compression, incompatible bit 0x80000000" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image im = image_new(0, INCOMPAT | cases[i].bits, 0);
        refused(&im, ASSAY_ERROR_UNSUPPORTED, cases[i].text);
        image_clear(&im);
    }
}

static void test_features_that_do_not_matter_are_read(void)
{
    struct image im = image_new(0xffff0000, INCOMPAT, 0xfff00000);
    g_autoptr(tree) t = image_open(&im);
    g_assert_cmpuint(t->fault_count, ==, 0);
    image_clear(&im);
}

static void test_impossible_fields_are_refused_and_not_believed(void)
{
    static const struct {
        unsigned off, len;
        uint64_t value;
        const char *text;
    } cases[] = {
        { 0x00, 4, 33, "number of inodes" },
        { 0x04, 4, 7, "number of blocks" },
        { 0x14, 4, 2, "first block" },
        { 0x14, 4, 300, "number of blocks" },
        { 0x18, 4, 7, "block size" },
        { 0x20, 4, 9, "blocks in a group" },
        { 0x20, 4, 0, "blocks in a group" },
        { 0x28, 4, 0, "inodes in a group" },
        { 0x28, 4, 1u << 20, "inodes in a group" },
        { 0x58, 2, 64, "inode size" },
        { 0x58, 2, 300, "inode size" },
        { 0x58, 2, 2048, "inode size" },
        { 0x38, 2, 0, "no ext superblock" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image im = image_new(0, INCOMPAT, 0);
        put_le(at_block(&im, AT_SUPER) + cases[i].off, cases[i].value, cases[i].len);
        refused(&im, ASSAY_ERROR_CORRUPT, cases[i].text);
        g_autoptr(block) b = block_of(im.bytes, BLOCKS * SIZE);
        g_assert_false(ext_driver.probe(b));
        image_clear(&im);
    }
}

static void test_a_wrong_checksum_is_refused(void)
{
    struct image im = image_new(0, INCOMPAT, RO_CHECKSUMS);
    sum_all(&im);
    at_block(&im, AT_SUPER)[0x78] ^= 1;
    g_autoptr(block) b = block_of(im.bytes, BLOCKS * SIZE);
    g_assert_true(ext_driver.probe(b));
    refused(&im, ASSAY_ERROR_CORRUPT, "checksum");
    image_clear(&im);
}

/* An image that reaches to the second group's copy. */
static struct block *block_with_copy(struct image *im)
{
    const size_t size = (8193 + 8) * SIZE;
    uint8_t *s = at_block(im, AT_SUPER);
    put_le(s, 2 * INODES, 4);
    put_le(s + 4, 8193 + 64, 4); /* a second group */
    uint8_t *g = at_block(im, AT_GROUPS);
    memcpy(g + 32, g, 32);
    g_autofree uint8_t *bytes = g_malloc0(size);
    uint8_t *copy = bytes + 8193 * SIZE;
    memcpy(bytes, im->bytes, BLOCKS * SIZE);
    memcpy(copy, s, 2 * SIZE);
    put_le(copy + 0x5a, 1, 2);
    put_le(bytes + SIZE + 0x18, 99, 4);
    return block_of(bytes, size);
}

static void test_a_copy_stands_in_for_a_damaged_one(void)
{
    struct image im = image_new(0, INCOMPAT, 0);
    g_autoptr(block) b = block_with_copy(&im);
    g_autoptr(tree) t = open_block(b);
    assert_fault(t, "the copy at block 8193 is used");
    g_autofree char *names = list_names(t, t->root.id);
    g_assert_cmpstr(names, ==, "");
    image_clear(&im);
}

static void test_a_block_that_ends_before_the_descriptors_is_refused(void)
{
    struct image im = image_new(0, INCOMPAT, 0);
    g_autoptr(block) b = block_of(im.bytes, AT_GROUPS * SIZE + 100);
    g_autoptr(GError) error = NULL;
    g_assert_null(tree_open(b, &ext_driver, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_CORRUPT);
    g_assert_nonnull(strstr(error->message, "2048"));
    image_clear(&im);
}

static void test_a_block_that_is_cut_short_is_said(void)
{
    struct image im = image_new(0, INCOMPAT, 0);
    g_autoptr(block) b = block_of(im.bytes, 100 * SIZE);
    g_autoptr(tree) t = open_block(b);
    assert_fault(t, "cut short");
    g_assert_cmpuint(t->size, ==, BLOCKS * SIZE);
    image_clear(&im);
}

static void test_damaged_group_descriptors_are_said(void)
{
    struct image im = image_new(0, INCOMPAT, RO_CHECKSUMS);
    sum_all(&im);
    at_block(&im, AT_GROUPS)[12] ^= 1;
    g_autoptr(block) b = block_of(im.bytes, BLOCKS * SIZE);
    g_autoptr(tree) t = open_block(b);
    assert_fault(t, "1 of 1 group descriptors have a wrong checksum");
    image_clear(&im);
}

static void test_inodes_out_of_the_filesystem_are_refused(void)
{
    struct image im = image_new(0, INCOMPAT, 0);
    put_le(at_block(&im, AT_GROUPS) + 8, 1u << 30, 4);
    g_autoptr(tree) t = image_open(&im);
    g_autoptr(GError) error = NULL;
    struct tree_stat st;
    g_assert_false(tree_stat(t, t->root, &st, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_CORRUPT);
    image_clear(&im);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ext-super/an empty filesystem opens", test_an_empty_filesystem_opens);
    g_test_add_func("/ext-super/kinds are told apart", test_kinds_are_told_apart);
    g_test_add_func("/ext-super/features that are not read are named",
                    test_features_that_are_not_read_are_named);
    g_test_add_func("/ext-super/features that do not matter are read",
                    test_features_that_do_not_matter_are_read);
    g_test_add_func("/ext-super/impossible fields are refused and not believed",
                    test_impossible_fields_are_refused_and_not_believed);
    g_test_add_func("/ext-super/a wrong checksum is refused", test_a_wrong_checksum_is_refused);
    g_test_add_func("/ext-super/a copy stands in for a damaged one",
                    test_a_copy_stands_in_for_a_damaged_one);
    g_test_add_func("/ext-super/a block that ends before the descriptors is refused",
                    test_a_block_that_ends_before_the_descriptors_is_refused);
    g_test_add_func("/ext-super/a block that is cut short is said",
                    test_a_block_that_is_cut_short_is_said);
    g_test_add_func("/ext-super/damaged group descriptors are said",
                    test_damaged_group_descriptors_are_said);
    g_test_add_func("/ext-super/inodes out of the filesystem are refused",
                    test_inodes_out_of_the_filesystem_are_refused);
    return g_test_run();
}

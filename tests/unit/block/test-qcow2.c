/* Header, extensions, features, notes. */
#include "qcow2-image.h"

/* Bytes of one header extension at off; the next one starts behind it. */
static size_t put_extension(struct image *im, size_t off, uint32_t type, const void *data,
                            uint32_t len)
{
    put32(im, off, type);
    put32(im, off + 4, len);
    put(im, off + 8, data, len);
    return off + 8 + (len + 7) / 8 * 8;
}

static void test_unallocated_data_and_zero_clusters_are_told_apart(void)
{
    for (unsigned bits = 9; bits <= 21; bits++) {
        struct image im = image_new(3, bits);
        size_t size = cluster_at(&im, 1);
        put_l2(&im, 1, cluster_at(&im, 3) | OFLAG_COPIED);
        put_l2(&im, 2, cluster_at(&im, 4));
        put_l2(&im, 3, OFLAG_ZERO);
        put_l2(&im, 4, cluster_at(&im, 4) | OFLAG_ZERO | OFLAG_COPIED);
        fill(&im, 3, 0x33);
        fill(&im, 4, 0x44);
        g_autoptr(block) b = image_open(&im, NULL);
        g_assert_cmpuint(b->size, ==, DISK_CLUSTERS * size);
        assert_filled(b, 0, size, 0);
        assert_filled(b, size, size, 0x33);
        assert_filled(b, 2 * size, size, 0x44);
        assert_filled(b, 3 * size, 13 * size, 0);
        uint8_t two[2];
        g_assert_true(block_read(b, 2 * size - 1, two, 2, NULL));
        g_assert_cmpmem(two, 2, "\x33\x44", 2);
        image_clear(&im);
    }
}

static void test_version_2_has_no_zero_flag(void)
{
    struct image im = image_new(2, 9);
    put_l2(&im, 0, OFLAG_ZERO);
    put_l2(&im, 1, 3 * 512);
    fill(&im, 3, 7);
    g_autoptr(block) b = image_open(&im, NULL);
    assert_unreadable(b, 0, 512, ASSAY_ERROR_CORRUPT, "zero flag");
    assert_filled(b, 512, 512, 7);
    image_clear(&im);
}

static void test_a_cut_off_header_is_corrupt(void)
{
    struct image im = image_new(3, 9);
    for (guint len = 8; len < 104; len += 8) {
        struct image cut = { .bytes = g_byte_array_new(), .bits = 9 };
        put(&cut, 0, im.bytes->data, len);
        assert_refused(&cut, ASSAY_ERROR_CORRUPT, "cut off");
        image_clear(&cut);
    }
    image_clear(&im);
}

static void test_impossible_numbers_in_the_header_are_refused(void)
{
    static const struct {
        size_t off;
        uint32_t value;
        int code;
        const char *text;
    } cases[] = {
        { 4, 1, ASSAY_ERROR_UNSUPPORTED, "version 1" },
        { 4, 4, ASSAY_ERROR_UNSUPPORTED, "version 4" },
        { 20, 8, ASSAY_ERROR_CORRUPT, "2^8" },
        { 20, 22, ASSAY_ERROR_CORRUPT, "2^22" },
        { 20, UINT32_MAX, ASSAY_ERROR_CORRUPT, "2^4294967295" },
        { 24, UINT32_MAX, ASSAY_ERROR_CORRUPT, "disk size" },
        { 24, 1, ASSAY_ERROR_CORRUPT, "L1 table has 1 entries" },
        { 36, 0, ASSAY_ERROR_CORRUPT, "L1 table has 0 entries" },
        { 36, UINT32_MAX, ASSAY_ERROR_CORRUPT, "4294967295 entries at 512" },
        { 40, UINT32_MAX, ASSAY_ERROR_CORRUPT, "L1 table" },
        { 44, 520, ASSAY_ERROR_CORRUPT, "misplaced" },
        { 44, 512 * 1000, ASSAY_ERROR_CORRUPT, "past the end" },
        { 100, 96, ASSAY_ERROR_CORRUPT, "header length 96" },
        { 100, 108, ASSAY_ERROR_CORRUPT, "header length 108" },
        { 100, 1024, ASSAY_ERROR_CORRUPT, "longer than a cluster" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image im = image_new(3, 9);
        put32(&im, cases[i].off, cases[i].value);
        assert_refused(&im, cases[i].code, cases[i].text);
        image_clear(&im);
    }
}

static void test_refcounts_are_ignored(void)
{
    struct image im = image_new(3, 9);
    put64(&im, 48, UINT64_MAX);
    put32(&im, 56, UINT32_MAX);
    put32(&im, 96, 77);
    put64(&im, 80, UINT64_MAX); /* compatible and autoclear features: read on */
    put64(&im, 88, UINT64_MAX);
    g_autoptr(block) b = image_open(&im, NULL);
    assert_filled(b, 0, DISK_CLUSTERS * 512, 0);
    image_clear(&im);
}

static void test_unknown_features_are_named(void)
{
    struct image im = image_new(3, 9);
    uint8_t names[96] = { 0, 9 };
    memcpy(names + 2, "time travel\n", 12);
    names[48] = 1; /* a compatible feature of the same number is another one */
    names[49] = 40;
    memcpy(names + 50, "wrong", 5);
    put64(&im, 72, UINT64_C(1) << 9 | UINT64_C(1) << 40);
    assert_refused(&im, ASSAY_ERROR_UNSUPPORTED, "feature bit 9, bit 40");
    put_extension(&im, 104, 0x6803f857, names, sizeof names);
    assert_refused(&im, ASSAY_ERROR_UNSUPPORTED, "feature 'time travel\\x0a' (bit 9), bit 40");
    image_clear(&im);
}

static void test_encryption_is_unsupported(void)
{
    static const char *const names[] = { NULL, "AES", "LUKS", "unknown method" };
    for (uint32_t i = 1; i < G_N_ELEMENTS(names); i++) {
        struct image im = image_new(i == 1 ? 2 : 3, 9);
        put32(&im, 32, i);
        assert_refused(&im, ASSAY_ERROR_UNSUPPORTED, names[i]);
        image_clear(&im);
    }
}

static void test_the_compression_type_must_agree_with_its_bit(void)
{
    struct image im = image_new(3, 9);
    put32(&im, 100, 112);
    put64(&im, 72, UINT64_C(1) << 3);
    assert_refused(&im, ASSAY_ERROR_CORRUPT, "compression type");
    put(&im, 104, "\x01", 1);
    g_autoptr(block) b = image_open(&im, NULL);
    g_assert_nonnull(b);
    put(&im, 104, "\x02", 1);
    assert_refused(&im, ASSAY_ERROR_UNSUPPORTED, "compression type 2");
    put64(&im, 72, 0);
    assert_refused(&im, ASSAY_ERROR_CORRUPT, "compression type");
    image_clear(&im);
}

static void test_damaged_extensions_are_corrupt(void)
{
    struct image im = image_new(3, 9);
    size_t next = put_extension(&im, 104, 0xdeadbeef, "whatever", 8);
    put_extension(&im, next, 0xe2792aca, "raw", 3);
    g_autoptr(block) b = image_open(&im, NULL);
    g_assert_nonnull(b);
    put32(&im, next + 4, 4096);
    assert_refused(&im, ASSAY_ERROR_CORRUPT, "extension at 120 reaches past");
    put32(&im, next + 4, UINT32_MAX);
    assert_refused(&im, ASSAY_ERROR_CORRUPT, "extension at 120 reaches past");
    put32(&im, next + 4, 3);
    put_extension(&im, next + 16, 0xe2792aca, "raw", 3);
    assert_refused(&im, ASSAY_ERROR_CORRUPT, "repeated");
    put_extension(&im, next + 16, 0x44415441, "a\0b", 3);
    assert_refused(&im, ASSAY_ERROR_CORRUPT, "bad");
    image_clear(&im);
}

static void test_marks_of_damage_become_notes(void)
{
    struct image im = image_new(3, 9);
    g_autoptr(block) clean = image_open(&im, NULL);
    g_assert_null(clean->notes);
    put64(&im, 72, 3);
    g_autoptr(block) b = image_open(&im, NULL);
    g_assert_cmpuint(b->notes->len, ==, 2);
    const struct block_note *corrupt = b->notes->pdata[0], *dirty = b->notes->pdata[1];
    g_assert_true(corrupt->doubtful);
    g_assert_cmpstr(corrupt->text, ==, "disk.qcow2: the image is marked corrupt");
    g_assert_false(dirty->doubtful);
    g_assert_nonnull(strstr(dirty->text, "marked dirty"));
    image_clear(&im);
}

static void test_formats_that_are_not_read_are_named(void)
{
    static const struct {
        size_t off;
        const char *magic, *text;
    } cases[] = {
        { 0, "KDMV", "VMDK" },         { 0, "# Disk DescriptorFile\n", "VMDK" },
        { 0, "vhdxfile", "VHDX" },     { 0, "conectix", "VHD" },
        { 0, "LUKS\xba\xbe", "LUKS" }, { 64, "\x7f\x10\xda\xbe", "VDI" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image im = { .bytes = g_byte_array_new(), .bits = 9 };
        put(&im, 511, "", 1);
        put(&im, cases[i].off, cases[i].magic, strlen(cases[i].magic));
        assert_refused(&im, ASSAY_ERROR_UNSUPPORTED, cases[i].text);
        const struct block_image_options raw = { .format = "raw" };
        g_autoptr(block) b = image_open_with(&im, &raw, NULL);
        g_assert_nonnull(b);
        image_clear(&im);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/block/qcow2/unallocated, data and zero clusters are told apart",
                    test_unallocated_data_and_zero_clusters_are_told_apart);
    g_test_add_func("/block/qcow2/version 2 has no zero flag", test_version_2_has_no_zero_flag);
    g_test_add_func("/block/qcow2/a cut off header is corrupt", test_a_cut_off_header_is_corrupt);
    g_test_add_func("/block/qcow2/impossible numbers in the header are refused",
                    test_impossible_numbers_in_the_header_are_refused);
    g_test_add_func("/block/qcow2/refcounts are ignored", test_refcounts_are_ignored);
    g_test_add_func("/block/qcow2/unknown features are named", test_unknown_features_are_named);
    g_test_add_func("/block/qcow2/encryption is unsupported", test_encryption_is_unsupported);
    g_test_add_func("/block/qcow2/the compression type must agree with its bit",
                    test_the_compression_type_must_agree_with_its_bit);
    g_test_add_func("/block/qcow2/damaged extensions are corrupt",
                    test_damaged_extensions_are_corrupt);
    g_test_add_func("/block/qcow2/marks of damage become notes", test_marks_of_damage_become_notes);
    g_test_add_func("/block/qcow2/formats that are not read are named",
                    test_formats_that_are_not_read_are_named);
    return g_test_run();
}

/* Contents: every kind of extent, checksums, and extents that contradict themselves. */
#include <zlib.h>

#include "btrfs-image.h"
#include "fs/btrfs_extent.h"

#define FILE_INODE 300
#define DATA       (AT_FREE + 16 * NODE) /* logical address of contents */

/* Sectors of letters, 'a' in the first one. */
static void put_data(struct image *im, uint64_t logical, unsigned sectors)
{
    for (unsigned i = 0; i < sectors; i++) {
        uint8_t bytes[4096];
        memset(bytes, 'a' + (int)i, sizeof bytes);
        image_put(im, logical + i * sizeof bytes, bytes, sizeof bytes);
    }
}

/* The checksums of what lies there now. */
static void put_sums(struct image *im, uint64_t logical, unsigned sectors)
{
    struct btrfs_sum *s = btrfs_sum_new(im->sum_type);
    size_t size = btrfs_sum_size(s);
    g_autofree uint8_t *sums = g_malloc(sectors * size + BTRFS_SUM_MAX);
    for (unsigned i = 0; i < sectors; i++)
        btrfs_sum_of(s, im->bytes + logical + i * 4096, 4096, sums + i * size);
    item_put(im->csum, BTRFS_EXTENT_CSUM_OBJ, BTRFS_EXTENT_CSUM, logical, sums, sectors * size);
    btrfs_sum_free(s);
}

/* One file of `size` bytes with these extents from 0 on, and its sums. */
static struct image image_with(uint64_t size, unsigned sectors)
{
    struct image im = image_new();
    put_inode(im.fs, FILE_INODE, S_IFREG | 0644, size);
    put_data(&im, DATA, sectors);
    put_sums(&im, DATA, sectors);
    return im;
}

static void assert_content(const struct image *im, const char *expected, size_t len)
{
    g_autoptr(tree) t = image_open(im);
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) got = read_all(t, FILE_INODE, &error);
    g_assert_no_error(error);
    g_assert_cmpmem(g_bytes_get_data(got, NULL), g_bytes_get_size(got), expected, len);
    g_assert_cmpuint(t->fault_count, ==, 0);
}

/* "a4096 -100 b5": runs of a letter, '-' for zeros. */
static void assert_runs(struct image *im, const char *runs)
{
    GString *text = g_string_new(NULL);
    g_auto(GStrv) parts = g_strsplit(runs, " ", 0);
    for (char **p = parts; *p != NULL; p++) {
        gsize n = (gsize)g_ascii_strtoull(*p + 1, NULL, 10), old = text->len;
        g_string_set_size(text, old + n);
        memset(text->str + old, **p == '-' ? 0 : **p, n);
    }
    image_write(im);
    assert_content(im, text->str, text->len);
    g_string_free(text, TRUE);
}

static void test_inline_bytes_end_with_the_extent(void)
{
    struct image im = image_with(6000, 0);
    put_inline(im.fs, FILE_INODE, "xxxxxxxxxx");
    assert_runs(&im, "x10 -5990");
    image_clear(&im);
}

static void test_gaps_between_extents_are_zeros(void)
{
    struct image im = image_with(30000, 3);
    put_extent(im.fs, FILE_INODE, 4096,
               (struct disk_extent){
                   .type = 1, .ram = 12288, .disk = DATA, .disk_len = 12288, .len = 4096 });
    put_extent(
        im.fs, FILE_INODE, 16384,
        (struct disk_extent){
            .type = 1, .ram = 12288, .disk = DATA, .disk_len = 12288, .skip = 4096, .len = 8192 });
    put_extent(im.fs, FILE_INODE + 1, 0, (struct disk_extent){ .type = 1, .len = 4096 });
    assert_runs(&im, "-4096 a4096 -8192 b4096 c4096 -5424");
    image_clear(&im);
}

static void test_holes_and_preallocated_extents_are_zeros_and_known(void)
{
    struct image im = image_with(16384, 2);
    put_extent(im.fs, FILE_INODE, 0, (struct disk_extent){ .type = 1, .len = 4096 });
    put_extent(im.fs, FILE_INODE, 4096,
               (struct disk_extent){
                   .type = 2, .ram = 8192, .disk = DATA, .disk_len = 8192, .len = 8192 });
    put_extent(im.fs, FILE_INODE, 12288,
               (struct disk_extent){
                   .type = 1, .ram = 8192, .disk = DATA, .disk_len = 8192, .len = 4096 });
    assert_runs(&im, "-12288 a4096");
    g_autoptr(tree) t = image_open(&im);
    g_autoptr(tree_file) f = tree_file_open(t, (struct tree_node){ FILE_INODE, 5 }, NULL);
    struct block_extent e;
    g_assert_true(tree_file_extent_at(f, 100, &e, NULL));
    g_assert_true(e.zero && e.len == 3996);
    g_assert_true(tree_file_extent_at(f, 5000, &e, NULL));
    g_assert_true(e.zero && e.len == 7288);
    g_assert_true(tree_file_extent_at(f, 12288, &e, NULL));
    g_assert_true(!e.zero && e.len == 4096);
    image_clear(&im);
}

static void test_reads_at_any_offset_agree(void)
{
    struct image im = image_with(12000, 3);
    put_extent(im.fs, FILE_INODE, 0,
               (struct disk_extent){
                   .type = 1, .ram = 12288, .disk = DATA, .disk_len = 12288, .len = 12288 });
    image_write(&im);
    g_autoptr(tree) t = image_open(&im);
    g_autoptr(GBytes) whole = read_all(t, FILE_INODE, NULL);
    const uint8_t *bytes = g_bytes_get_data(whole, NULL);
    g_autoptr(tree_file) f = tree_file_open(t, (struct tree_node){ FILE_INODE, 5 }, NULL);
    for (size_t off = 0; off < 12001; off += 371) {
        for (size_t len = 1; len < 13000; len = len * 3 + 1) {
            g_autofree uint8_t *buf = g_malloc(len);
            size_t got, expected = off >= 12000 ? 0 : MIN(len, 12000 - off);
            g_assert_true(tree_file_read(f, off, buf, len, &got, NULL));
            g_assert_cmpmem(buf, got, bytes + MIN(off, 12000), expected);
        }
    }
    image_clear(&im);
}

/* A compressed extent of which two parts are shown, in the other order. */
static void test_parts_of_a_compressed_extent_are_read(void)
{
    struct image im = image_with(12000, 0);
    uint8_t text[16384], packed[4096] = { 0 };
    uLongf n = sizeof packed;
    for (unsigned i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)('A' + i / 4096);
    g_assert_cmpint(compress(packed, &n, text, sizeof text), ==, Z_OK);
    image_put(&im, DATA, packed, sizeof packed);
    put_sums(&im, DATA, 1);
    struct disk_extent e = { .compression = 1,
                             .type = 1,
                             .ram = sizeof text,
                             .disk = DATA,
                             .disk_len = 4096,
                             .skip = 8192,
                             .len = 8192 };
    put_extent(im.fs, FILE_INODE, 0, e);
    e.skip = 0;
    e.len = 4096;
    put_extent(im.fs, FILE_INODE, 8192, e);
    assert_runs(&im, "C4096 D4096 A3808");
    image_clear(&im);
}

static void test_every_kind_of_checksum_is_verified(void)
{
    for (uint16_t type = 0; type < BTRFS_SUM_COUNT; type++) {
        struct image im = image_new();
        im.sum_type = type;
        put_super(&im);
        put_inode(im.fs, FILE_INODE, S_IFREG | 0644, 8192);
        put_data(&im, DATA, 2);
        put_sums(&im, DATA, 2);
        put_extent(im.fs, FILE_INODE, 0,
                   (struct disk_extent){
                       .type = 1, .ram = 8192, .disk = DATA, .disk_len = 8192, .len = 8192 });
        assert_runs(&im, "a4096 b4096");
        im.bytes[DATA + 5000] ^= 1;
        im.bytes[DATA + 5000 + AREA] ^= 1;
        g_autoptr(tree) t = image_open(&im);
        g_autoptr(GError) error = NULL;
        g_assert_null(read_all(t, FILE_INODE, &error));
        assert_error_says(error, ASSAY_ERROR_CORRUPT,
                          "inode 300 of subvolume 5, bytes 4096 to 8191: checksum");
        image_clear(&im);
    }
}

static void test_a_damaged_sector_is_read_from_the_other_copy(void)
{
    struct image im = image_with(12288, 3);
    put_extent(im.fs, FILE_INODE, 0,
               (struct disk_extent){
                   .type = 1, .ram = 12288, .disk = DATA, .disk_len = 12288, .len = 12288 });
    image_write(&im);
    im.bytes[DATA + 5000] ^= 1;
    im.bytes[DATA + 9000 + AREA] ^= 1;
    g_autoptr(tree) t = image_open(&im);
    g_autoptr(GBytes) got = read_all(t, FILE_INODE, NULL);
    g_assert_nonnull(got);
    const uint8_t *bytes = g_bytes_get_data(got, NULL);
    g_assert_cmpint(bytes[5000], ==, 'b');
    g_assert_cmpint(bytes[9000], ==, 'c');
    assert_one_fault(t, "is wrong; their other copy is used");
    image_clear(&im);
}

static void test_contents_without_checksums_are_told_unless_meant_so(void)
{
    for (unsigned nodatasum = 0; nodatasum < 2; nodatasum++) {
        struct image im = image_with(8192, 1);
        uint8_t inode[INODE_ITEM_SIZE] = { 0 };
        put_le(inode + INODE_SIZE, 8192, 8);
        put_le(inode + INODE_MODE, S_IFREG, 4);
        put_le(inode + INODE_FLAGS, nodatasum, 8);
        item_put(im.fs, FILE_INODE, BTRFS_INODE_ITEM, 0, inode, sizeof inode);
        put_data(&im, DATA, 2);
        put_extent(im.fs, FILE_INODE, 0,
                   (struct disk_extent){
                       .type = 1, .ram = 8192, .disk = DATA, .disk_len = 8192, .len = 8192 });
        image_write(&im);
        g_autoptr(tree) t = image_open(&im);
        g_autoptr(GBytes) got = read_all(t, FILE_INODE, NULL);
        g_assert_cmpuint(g_bytes_get_size(got), ==, 8192);
        if (nodatasum)
            g_assert_cmpuint(t->fault_count, ==, 0);
        else
            assert_one_fault(t, "have no checksum");
        image_clear(&im);
    }
}

static void test_a_damaged_checksum_tree_is_told_and_contents_are_read(void)
{
    struct image im = image_with(4096, 1);
    put_extent(im.fs, FILE_INODE, 0,
               (struct disk_extent){
                   .type = 1, .ram = 4096, .disk = DATA, .disk_len = 4096, .len = 4096 });
    image_write(&im);
    patch_node(&im, AT_CSUM, HEADER_OWNER, 1, 8);
    g_autoptr(tree) t = image_open(&im);
    g_autoptr(GBytes) got = read_all(t, FILE_INODE, NULL);
    g_assert_cmpuint(g_bytes_get_size(got), ==, 4096);
    assert_says(g_ptr_array_index(t->faults, 0), "file contents are not verified");
    image_clear(&im);
}

static void test_extents_that_contradict_themselves_are_refused(void)
{
    const struct disk_extent good = {
        .type = 1, .ram = 4096, .disk = DATA, .disk_len = 4096, .len = 4096
    };
    static const struct {
        size_t off;
        uint64_t value;
        unsigned len;
        int code;
        const char *text;
    } cases[] = {
        { EXTENT_TYPE, 3, 1, ASSAY_ERROR_CORRUPT, "unknown type 3" },
        { EXTENT_COMPRESSION, 4, 1, ASSAY_ERROR_UNSUPPORTED, "unknown method 4" },
        { EXTENT_ENCRYPTION, 1, 1, ASSAY_ERROR_UNSUPPORTED, "encrypted" },
        { EXTENT_OTHER_ENCODING, 1, 2, ASSAY_ERROR_UNSUPPORTED, "encoded" },
        { EXTENT_NUM_BYTES, 0, 8, ASSAY_ERROR_CORRUPT, "empty" },
        { EXTENT_NUM_BYTES, 8192, 8, ASSAY_ERROR_CORRUPT, "beyond its place" },
        { EXTENT_NUM_BYTES, UINT64_MAX - 4095, 8, ASSAY_ERROR_CORRUPT, "beyond its place" },
        { EXTENT_NUM_BYTES, 100, 8, ASSAY_ERROR_CORRUPT, "consist of sectors" },
        { EXTENT_OFFSET, 4096, 8, ASSAY_ERROR_CORRUPT, "beyond its place" },
        { EXTENT_OFFSET, 1, 8, ASSAY_ERROR_CORRUPT, "consist of sectors" },
        { EXTENT_DISK_BYTENR, DATA + 1, 8, ASSAY_ERROR_CORRUPT, "consist of sectors" },
        { EXTENT_DISK_BYTENR, UINT64_MAX - 4095, 8, ASSAY_ERROR_CORRUPT, "beyond its place" },
        { EXTENT_DISK_BYTENR, 8u << 20, 8, ASSAY_ERROR_CORRUPT, "in no chunk" },
        { EXTENT_DISK_NUM_BYTES, 0, 8, ASSAY_ERROR_CORRUPT, "beyond its place" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image im = image_with(4096, 1);
        put_extent(im.fs, FILE_INODE, 0, good);
        struct item *last = &g_array_index(im.fs, struct item, im.fs->len - 1);
        g_autofree uint8_t *data = g_memdup2(g_bytes_get_data(last->data, NULL), EXTENT_SIZE);
        put_le(data + cases[i].off, cases[i].value, cases[i].len);
        item_put(im.fs, FILE_INODE, BTRFS_EXTENT_DATA, 0, data, EXTENT_SIZE);
        image_write(&im);
        g_autoptr(tree) t = image_open(&im);
        g_autoptr(GError) error = NULL;
        g_assert_null(read_all(t, FILE_INODE, &error));
        assert_error_says(error, cases[i].code, cases[i].text);
        assert_says(error->message, "inode 300 of subvolume 5, bytes 0 to 4095: ");
        image_clear(&im);
    }
}

static void test_compressed_extents_are_bounded(void)
{
    static const struct disk_extent cases[] = {
        { .compression = 1,
          .type = 1,
          .ram = (1u << 20) + 4096,
          .disk = DATA,
          .disk_len = 4096,
          .len = 4096 },
        { .compression = 3,
          .type = 1,
          .ram = 4096,
          .disk = DATA,
          .disk_len = 2u << 20,
          .len = 4096 },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image im = image_with(4096, 1);
        g_autoptr(GError) error = NULL;
        put_extent(im.fs, FILE_INODE, 0, cases[i]);
        image_write(&im);
        g_autoptr(tree) t = image_open(&im);
        g_assert_null(read_all(t, FILE_INODE, &error));
        assert_error_says(error, ASSAY_ERROR_LIMIT, "compressed extent of");
        image_clear(&im);
    }
}

static void test_a_cut_extent_item_is_refused(void)
{
    static const uint8_t zeros[EXTENT_SIZE];
    for (size_t len = 0; len < EXTENT_SIZE; len++) {
        struct cursor item = cursor_of(zeros, len);
        struct btrfs_extent e;
        g_assert_false(btrfs_extent_parse(&item, 0, 4096, &e, NULL));
    }
}

static void test_links_are_read_inline_and_from_disk(void)
{
    struct image im = image_new();
    g_autoptr(GError) error = NULL;
    put_inode(im.fs, 300, S_IFLNK | 0777, 6);
    put_inline(im.fs, 300, "target");
    put_inode(im.fs, 301, S_IFLNK | 0777, 4000);
    put_data(&im, DATA, 1);
    put_sums(&im, DATA, 1);
    put_extent(im.fs, 301, 0,
               (struct disk_extent){
                   .type = 1, .ram = 4096, .disk = DATA, .disk_len = 4096, .len = 4096 });
    put_inode(im.fs, 302, S_IFLNK | 0777, 1u << 20);
    put_inode(im.fs, 303, S_IFREG, 0);
    image_write(&im);
    g_autoptr(tree) t = image_open(&im);
    g_autofree char *small = tree_readlink(t, (struct tree_node){ 300, 5 }, NULL);
    g_assert_cmpstr(small, ==, "target");
    g_autofree char *large = tree_readlink(t, (struct tree_node){ 301, 5 }, NULL);
    g_assert_cmpuint(strspn(large, "a"), ==, 4000);
    g_assert_null(tree_readlink(t, (struct tree_node){ 302, 5 }, &error));
    assert_error_says(error, ASSAY_ERROR_LIMIT, "symbolic link of 1048576 bytes");
    g_clear_error(&error);
    g_assert_null(tree_readlink(t, (struct tree_node){ 303, 5 }, &error));
    assert_error_says(error, ASSAY_ERROR_INVALID, "is no symbolic link");
    image_clear(&im);
}

#define ADD(title, func) g_test_add_func("/btrfs-file/" title, func)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("inline bytes end with the extent", test_inline_bytes_end_with_the_extent);
    ADD("gaps between extents are zeros", test_gaps_between_extents_are_zeros);
    ADD("holes and preallocated extents are zeros and known",
        test_holes_and_preallocated_extents_are_zeros_and_known);
    ADD("reads at any offset agree", test_reads_at_any_offset_agree);
    ADD("parts of a compressed extent are read", test_parts_of_a_compressed_extent_are_read);
    ADD("every kind of checksum is verified", test_every_kind_of_checksum_is_verified);
    ADD("a damaged sector is read from the other copy",
        test_a_damaged_sector_is_read_from_the_other_copy);
    ADD("contents without checksums are told unless meant so",
        test_contents_without_checksums_are_told_unless_meant_so);
    ADD("a damaged checksum tree is told and contents are read",
        test_a_damaged_checksum_tree_is_told_and_contents_are_read);
    ADD("extents that contradict themselves are refused",
        test_extents_that_contradict_themselves_are_refused);
    ADD("compressed extents are bounded", test_compressed_extents_are_bounded);
    ADD("a cut extent item is refused", test_a_cut_extent_item_is_refused);
    ADD("links are read inline and from disk", test_links_are_read_inline_and_from_disk);
    return g_test_run();
}

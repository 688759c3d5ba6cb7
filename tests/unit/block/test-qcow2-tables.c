/* Mapping tables: hostile entries, subclusters, extents, what a read costs. */
#include "qcow2-image.h"

static void test_bad_entries_do_not_hide_their_neighbours(void)
{
    struct image im = image_new(3, 9);
    fill(&im, 3, 0x33);
    put_l2(&im, 0, 3 * 512);
    put_l2(&im, 1, 1 << 30);          /* past the end of the file */
    put_l2(&im, 2, 0xfffffffffffe00); /* as far as an offset can be */
    put_l2(&im, 3, 3 * 512);          /* shared with entry 0 */
    put_l2(&im, 4, 512);              /* the L1 table itself */
    g_autoptr(block) b = image_open(&im, NULL);
    assert_filled(b, 0, 512, 0x33);
    assert_unreadable(b, 512, 1, ASSAY_ERROR_CORRUPT, "past the end");
    assert_unreadable(b, 1024, 512, ASSAY_ERROR_CORRUPT, "past the end");
    assert_unreadable(b, 0, 2048, ASSAY_ERROR_CORRUPT, "past the end");
    assert_filled(b, 3 * 512, 512, 0x33);
    uint8_t bytes[512];
    g_assert_true(block_read(b, 4 * 512, bytes, sizeof bytes, NULL));
    image_clear(&im);
}

static void test_offsets_that_are_no_cluster_are_corrupt(void)
{
    struct image im = image_new(3, 12);
    put_l2(&im, 0, 3 * 4096 + 512);
    put_l2(&im, 1, 3 * 4096);
    fill(&im, 3, 1);
    g_autoptr(block) b = image_open(&im, NULL);
    assert_unreadable(b, 0, 1, ASSAY_ERROR_CORRUPT, "does not point to a cluster");
    assert_filled(b, 4096, 4096, 1);
    put64(&im, 4096, 2 * 4096 + 512);
    g_autoptr(block) misplaced = image_open(&im, NULL);
    assert_unreadable(misplaced, 0, 1, ASSAY_ERROR_CORRUPT, "L1 entry 0 points to");
    put64(&im, 4096, UINT64_C(1) << 40);
    g_autoptr(block) outside = image_open(&im, NULL);
    assert_unreadable(outside, 0, 1, ASSAY_ERROR_CORRUPT, "L2 table: ");
    image_clear(&im);
}

static void test_a_truncated_image_gives_an_error_not_zeros(void)
{
    struct image im = image_new(3, 9);
    for (unsigned i = 0; i < DISK_CLUSTERS; i++) {
        put_l2(&im, i, (3 + i) * 512);
        fill(&im, 3 + i, 0x55);
    }
    for (guint len = im.bytes->len - 1; len > 3 * 512; len -= 300) {
        g_byte_array_set_size(im.bytes, len);
        g_autoptr(block) b = image_open(&im, NULL);
        uint64_t whole = len / 512 - 3;
        if (whole > 0)
            assert_filled(b, 0, whole * 512, 0x55);
        assert_unreadable(b, whole * 512, 512, ASSAY_ERROR_CORRUPT, "past the end");
        assert_unreadable(b, 0, DISK_CLUSTERS * 512, ASSAY_ERROR_CORRUPT, "past the end");
    }
    image_clear(&im);
}

/* A disk of clusters of 16 KiB with subclusters of 512 bytes; the entries are twice as long. */
static struct image extended_image(void)
{
    struct image im = image_new(3, 14);
    put64(&im, 72, UINT64_C(1) << 4);
    return im;
}

static void put_extended(struct image *im, unsigned index, uint64_t entry, uint64_t bitmap)
{
    put64(im, cluster_at(im, 2) + index * 16, entry);
    put64(im, cluster_at(im, 2) + index * 16 + 8, bitmap);
}

static void test_subclusters_are_mapped_one_by_one(void)
{
    struct image im = extended_image();
    fill(&im, 3, 0x33);
    /* Allocated: 0, 1, 5, 31. Zero: 2. The others: unallocated. */
    put_extended(&im, 0, 3 * 16384, UINT64_C(1) << 34 | 1u << 31 | 1 << 5 | 3);
    put_extended(&im, 1, 0, UINT64_C(0xffffffff) << 32);
    g_autoptr(block) b = image_open(&im, NULL);
    assert_filled(b, 0, 1024, 0x33);
    assert_filled(b, 1024, 3 * 512, 0);
    assert_filled(b, 5 * 512, 512, 0x33);
    assert_filled(b, 6 * 512, 25 * 512, 0);
    assert_filled(b, 31 * 512, 512, 0x33);
    assert_filled(b, 16384, 16384, 0);
    uint8_t bytes[3];
    g_assert_true(block_read(b, 1023, bytes, 3, NULL));
    g_assert_cmpmem(bytes, 3, "\x33\0\0", 3);
    image_clear(&im);
}

static void test_contradicting_subclusters_are_corrupt(void)
{
    struct image im = extended_image();
    fill(&im, 3, 0x33);
    put_extended(&im, 0, 3 * 16384, UINT64_C(1) << 33 | 3); /* 1 is allocated and zero */
    put_extended(&im, 1, 0, 1);                             /* allocated nowhere */
    put_extended(&im, 2, OFLAG_COPIED, 1);
    g_autoptr(block) b = image_open(&im, NULL);
    assert_filled(b, 0, 512, 0x33);
    assert_unreadable(b, 512, 1, ASSAY_ERROR_CORRUPT, "subcluster");
    assert_filled(b, 1024, 512, 0);
    assert_unreadable(b, 16384, 1, ASSAY_ERROR_CORRUPT, "subcluster");
    assert_unreadable(b, 2 * 16384, 1, ASSAY_ERROR_CORRUPT, "subcluster");
    image_clear(&im);
    struct image small = image_new(3, 13);
    put64(&small, 72, UINT64_C(1) << 4);
    assert_refused(&small, ASSAY_ERROR_CORRUPT, "subclusters need");
    image_clear(&small);
}

static void assert_extent(struct block *b, uint64_t off, uint64_t len, bool zero)
{
    struct block_extent e;
    g_autoptr(GError) error = NULL;
    block_extent_at(b, off, &e, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(e.len, ==, len);
    g_assert_cmpint(e.zero, ==, zero);
}

static void test_extents_merge_neighbours(void)
{
    struct image im = image_new(3, 9);
    put64(&im, 24, 256 * 512); /* four L2 tables, of which only the first is there */
    put32(&im, 36, 4);
    for (unsigned i = 3; i < 7; i++) {
        put_l2(&im, i, (i == 6 ? 10 : i) * 512);
        fill(&im, i == 6 ? 10 : i, 1);
    }
    put_l2(&im, 9, OFLAG_ZERO);
    put_l2(&im, 10, OFLAG_ZERO | 3 * 512);
    g_autoptr(block) b = image_open(&im, NULL);
    assert_extent(b, 0, 3 * 512, true);
    assert_extent(b, 100, 3 * 512 - 100, true);
    assert_extent(b, 3 * 512, 3 * 512, false); /* contiguous in the file */
    assert_extent(b, 6 * 512, 512, false);
    assert_extent(b, 7 * 512, 2 * 512, true);
    assert_extent(b, 9 * 512, 2 * 512, true);
    assert_extent(b, 11 * 512, 245 * 512, true);
    assert_filled(b, 11 * 512, 245 * 512, 0);
    image_clear(&im);
}

static void test_preallocated_clusters_are_holes(void)
{
    struct image im = image_new(3, 16);
    for (unsigned i = 0; i < DISK_CLUSTERS; i++)
        put_l2(&im, i, (uint64_t)(3 + i) << 16);
    int fd = memfd_create("disk.qcow2", 0);
    g_assert_cmpint(write(fd, im.bytes->data, im.bytes->len), ==, im.bytes->len);
    g_assert_cmpint(ftruncate(fd, (3 + DISK_CLUSTERS) << 16), ==, 0);
    g_assert_cmpint(pwrite(fd, "x", 1, 8 << 16), ==, 1);
    g_autoptr(block) file = block_raw_new(fd, "disk.qcow2", NULL);
    g_autoptr(block) b = block_image_open(file, NULL, NULL);
    assert_extent(b, 0, 5 << 16, true);
    struct block_extent e;
    g_assert_true(block_extent_at(b, 5 << 16, &e, NULL));
    g_assert_false(e.zero);
    image_clear(&im);
}

static void test_a_read_costs_only_what_it_touches(void)
{
    struct image im = image_new(3, 21);
    put_l2(&im, 0, cluster_at(&im, 3));
    fill(&im, 3, 9);
    g_autoptr(block) b = image_open(&im, NULL);
    uint64_t before = block_bytes_read();
    assert_filled(b, 4096, 4096, 9);
    g_assert_cmpuint(block_bytes_read() - before, <=, 4096 + 8 + 16384);
    before = block_bytes_read();
    assert_filled(b, 1 << 20, 4096, 9);
    g_assert_cmpuint(block_bytes_read() - before, ==, 4096);
    image_clear(&im);
}

static void *read_all(void *data)
{
    struct block *b = data;
    for (unsigned i = 0; i < 2000; i++) {
        uint64_t cluster = g_random_int_range(0, DISK_CLUSTERS);
        assert_filled(b, cluster * 512, 512, (uint8_t)(cluster + 1));
    }
    return NULL;
}

static void test_threads_share_an_image(void)
{
    struct image im = image_new(3, 9);
    GThread *threads[4];
    for (unsigned i = 0; i < DISK_CLUSTERS; i++) {
        put_l2(&im, i, (3 + i) * 512);
        fill(&im, 3 + i, (uint8_t)(i + 1));
    }
    g_autoptr(block) b = image_open(&im, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("reader", read_all, b);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    image_clear(&im);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/block/qcow2-tables/bad entries do not hide their neighbours",
                    test_bad_entries_do_not_hide_their_neighbours);
    g_test_add_func("/block/qcow2-tables/offsets that are no cluster are corrupt",
                    test_offsets_that_are_no_cluster_are_corrupt);
    g_test_add_func("/block/qcow2-tables/a truncated image gives an error, not zeros",
                    test_a_truncated_image_gives_an_error_not_zeros);
    g_test_add_func("/block/qcow2-tables/subclusters are mapped one by one",
                    test_subclusters_are_mapped_one_by_one);
    g_test_add_func("/block/qcow2-tables/contradicting subclusters are corrupt",
                    test_contradicting_subclusters_are_corrupt);
    g_test_add_func("/block/qcow2-tables/extents merge neighbours", test_extents_merge_neighbours);
    g_test_add_func("/block/qcow2-tables/preallocated clusters are holes",
                    test_preallocated_clusters_are_holes);
    g_test_add_func("/block/qcow2-tables/a read costs only what it touches",
                    test_a_read_costs_only_what_it_touches);
    g_test_add_func("/block/qcow2-tables/threads share an image", test_threads_share_an_image);
    return g_test_run();
}

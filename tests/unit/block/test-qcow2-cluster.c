/* Compressed clusters. */
#include <zlib.h>
#include <zstd.h>

#include "qcow2-image.h"

#define CLUSTER 4096
#define BITS    12
/* Compressed Clusters Descriptor: 62 - (12 - 8) bits of offset. */
#define SECTORS_SHIFT 58

static uint64_t descriptor(uint64_t off, uint64_t len)
{
    uint64_t sectors = (off % 512 + len + 511) / 512 - 1;
    return OFLAG_COMPR | sectors << SECTORS_SHIFT | off;
}

static size_t deflate_raw(const uint8_t *in, size_t len, uint8_t *out, size_t room)
{
    z_stream z = { 0 };
    g_assert_cmpint(deflateInit2(&z, 6, Z_DEFLATED, -12, 9, Z_DEFAULT_STRATEGY), ==, Z_OK);
    z.next_in = (Bytef *)in;
    z.avail_in = (uInt)len;
    z.next_out = out;
    z.avail_out = (uInt)room;
    g_assert_cmpint(deflate(&z, Z_FINISH), ==, Z_STREAM_END);
    size_t n = room - z.avail_out;
    deflateEnd(&z);
    return n;
}

/* len bytes of value compressed. */
static size_t compress_filled(bool zstd, uint8_t value, size_t len, uint8_t *out, size_t room)
{
    g_autofree uint8_t *in = g_malloc(len);
    memset(in, value, len);
    if (!zstd)
        return deflate_raw(in, len, out, room);
    size_t n = ZSTD_compress(out, room, in, len, 3);
    g_assert_false(ZSTD_isError(n));
    return n;
}

static struct image compressed_image(bool zstd)
{
    struct image im = image_new(3, BITS);
    if (zstd) {
        put64(&im, 72, UINT64_C(1) << 3);
        put32(&im, 100, 112);
        put(&im, 104, "\x01", 1);
    }
    return im;
}

static void test_clusters_may_share_sectors(void)
{
    for (int zstd = 0; zstd <= 1; zstd++) {
        struct image im = compressed_image(zstd);
        uint8_t bytes[512];
        size_t at = 3 * CLUSTER;
        for (unsigned i = 0; i < 8; i++) {
            size_t n = compress_filled(zstd, (uint8_t)(i + 1), CLUSTER, bytes, sizeof bytes);
            put_l2(&im, i, descriptor(at, n));
            put(&im, at, bytes, n);
            at += n;
        }
        /* The last sector is not whole in the file. */
        g_autoptr(block) b = image_open(&im, NULL);
        for (unsigned i = 0; i < 8; i++) {
            assert_filled(b, i * CLUSTER, CLUSTER, (uint8_t)(i + 1));
            assert_filled(b, i * CLUSTER + 1000, 10, (uint8_t)(i + 1));
        }
        uint8_t two[2];
        g_assert_true(block_read(b, CLUSTER - 1, two, 2, NULL));
        g_assert_cmpmem(two, 2, "\1\2", 2);
        assert_filled(b, 8 * CLUSTER, 8 * CLUSTER, 0);
        struct block_extent e;
        g_assert_true(block_extent_at(b, 10, &e, NULL));
        g_assert_false(e.zero);
        g_assert_cmpuint(e.len, ==, 8 * CLUSTER - 10);
        image_clear(&im);
    }
}

static void test_short_and_long_output(void)
{
    for (int zstd = 0; zstd <= 1; zstd++) {
        struct image im = compressed_image(zstd);
        uint8_t bytes[65536];
        size_t n = compress_filled(zstd, 1, CLUSTER - 1, bytes, sizeof bytes);
        put(&im, 3 * CLUSTER, bytes, n);
        put_l2(&im, 0, descriptor(3 * CLUSTER, n));
        /* 16 MiB in a few KiB: no more than a cluster of it is ever made. */
        n = compress_filled(zstd, 2, 16 << 20, bytes, sizeof bytes);
        put(&im, 4 * CLUSTER, bytes, n);
        put_l2(&im, 1, descriptor(4 * CLUSTER, MIN(n, 2 * CLUSTER)));
        put(&im, 16 * CLUSTER, "", 1);
        g_autoptr(block) b = image_open(&im, NULL);
        assert_unreadable(b, 0, 1, ASSAY_ERROR_CORRUPT, "compressed cluster at 12288");
        assert_unreadable(b, 0, CLUSTER, ASSAY_ERROR_CORRUPT, "compressed cluster at 12288");
        if (zstd)
            assert_unreadable(b, CLUSTER, 1, ASSAY_ERROR_CORRUPT, "longer than a cluster");
        else
            assert_filled(b, CLUSTER, CLUSTER, 2);
        image_clear(&im);
    }
}

static void test_damaged_data_is_an_error(void)
{
    for (int zstd = 0; zstd <= 1; zstd++) {
        struct image im = compressed_image(zstd);
        uint8_t bytes[512];
        size_t n = compress_filled(zstd, 1, CLUSTER, bytes, sizeof bytes);
        memset(bytes + n / 2, 0xff, n - n / 2);
        memset(bytes, 0xff, zstd ? 2 : 1);
        put(&im, 3 * CLUSTER, bytes, n);
        put_l2(&im, 0, descriptor(3 * CLUSTER, n));
        g_autoptr(block) b = image_open(&im, NULL);
        assert_unreadable(b, 5, 1, ASSAY_ERROR_CORRUPT, "damaged");
        assert_filled(b, CLUSTER, CLUSTER, 0);
        image_clear(&im);
    }
}

static void test_data_past_the_end_is_an_error(void)
{
    for (int zstd = 0; zstd <= 1; zstd++) {
        struct image im = compressed_image(zstd);
        uint8_t bytes[512];
        size_t n = compress_filled(zstd, 1, CLUSTER, bytes, sizeof bytes);
        put(&im, 3 * CLUSTER, bytes, n - 3); /* cut off */
        put_l2(&im, 0, descriptor(3 * CLUSTER, n));
        put_l2(&im, 1, descriptor(3 * CLUSTER + n - 3, 512));
        put_l2(&im, 2, UINT64_MAX & ~OFLAG_COPIED);
        g_autoptr(block) b = image_open(&im, NULL);
        assert_unreadable(b, 0, 1, ASSAY_ERROR_CORRUPT, "ends early");
        assert_unreadable(b, CLUSTER, 1, ASSAY_ERROR_CORRUPT, "past the end");
        assert_unreadable(b, 2 * CLUSTER, 1, ASSAY_ERROR_CORRUPT, "past the end");
        image_clear(&im);
    }
}

/* A frame header that asks for a window of 128 MiB, with one raw block of a cluster. */
static void test_a_huge_zstd_window_costs_no_memory(void)
{
    struct image im = compressed_image(true);
    static const uint8_t head[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x88, 0x01, 0x80, 0x00 };
    put(&im, 3 * CLUSTER, head, sizeof head);
    g_autofree uint8_t *data = g_malloc(CLUSTER);
    memset(data, 0x5a, CLUSTER);
    put(&im, 3 * CLUSTER + sizeof head, data, CLUSTER);
    put_l2(&im, 0, descriptor(3 * CLUSTER, sizeof head + CLUSTER));
    g_autoptr(block) b = image_open(&im, NULL);
    assert_filled(b, 0, CLUSTER, 0x5a);
    image_clear(&im);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/block/qcow2-cluster/clusters may share sectors",
                    test_clusters_may_share_sectors);
    g_test_add_func("/block/qcow2-cluster/short and long output", test_short_and_long_output);
    g_test_add_func("/block/qcow2-cluster/damaged data is an error", test_damaged_data_is_an_error);
    g_test_add_func("/block/qcow2-cluster/data past the end is an error",
                    test_data_past_the_end_is_an_error);
    g_test_add_func("/block/qcow2-cluster/a huge zstd window costs no memory",
                    test_a_huge_zstd_window_costs_no_memory);
    return g_test_run();
}

/* Compressed extents: what is short, long, hostile. */
#include "fs/btrfs_decompress.h"

#include <glib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define SECTOR 4096u
#define CANARY 0xa5

/* Text that compresses, but not to nothing. */
static void fill_text(uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)("abcdefgh"[i % 7] + (i / 97) % 3);
}

static void put32(GByteArray *a, size_t at, uint32_t value)
{
    value = GUINT32_TO_LE(value);
    memcpy(a->data + at, &value, sizeof value);
}

static void append32(GByteArray *a, uint32_t value)
{
    value = GUINT32_TO_LE(value);
    g_byte_array_append(a, (const uint8_t *)&value, sizeof value);
}

/* An LZO1X stream of one run of literals (tests/unit/fs/test-lzo1x.c has all the rest). */
static GByteArray *lzo_stream(const uint8_t *text, size_t len)
{
    static const uint8_t end[3] = { 0x11, 0, 0 };
    GByteArray *a = g_byte_array_new();
    uint8_t byte = (uint8_t)(17 + len);
    if (len > 238) {
        size_t rest = len - 18;
        byte = 0;
        g_byte_array_append(a, &byte, 1);
        for (; rest > 255; rest -= 255)
            g_byte_array_append(a, &byte, 1);
        byte = (uint8_t)rest;
    }
    g_byte_array_append(a, &byte, 1);
    g_byte_array_append(a, text, (guint)len);
    return g_byte_array_append(a, end, sizeof end);
}

/* Segments of a sector each, as Linux writes them. */
static GByteArray *pack_lzo(const uint8_t *text, size_t len)
{
    GByteArray *a = g_byte_array_new();
    append32(a, 0);
    for (size_t off = 0; off < len; off += SECTOR) {
        g_autoptr(GByteArray) packed = lzo_stream(text + off, MIN(SECTOR, len - off));
        while (SECTOR - a->len % SECTOR < 4)
            g_byte_array_append(a, (const uint8_t *)"", 1);
        append32(a, packed->len);
        g_byte_array_append(a, packed->data, packed->len);
    }
    put32(a, 0, a->len);
    return a;
}

static GByteArray *pack(enum btrfs_compression kind, const uint8_t *text, size_t len)
{
    if (kind == BTRFS_COMPRESS_LZO)
        return pack_lzo(text, len);
    GByteArray *a = g_byte_array_new();
    uLongf n = compressBound(len) + 1000;
    g_byte_array_set_size(a, (guint)n);
    if (kind == BTRFS_COMPRESS_ZLIB)
        g_assert_cmpint(compress(a->data, &n, text, len), ==, Z_OK);
    else
        n = ZSTD_compress(a->data, n, text, len, 3);
    g_byte_array_set_size(a, (guint)n);
    return a;
}

static const char *run(enum btrfs_compression kind, const GByteArray *in, uint8_t *out, size_t len)
{
    struct decoder_pool *pool = decoder_pool_new();
    const char *wrong = btrfs_decompress(pool, kind, SECTOR, in->data, in->len, out, len);
    decoder_pool_free(pool);
    return wrong;
}

static const enum btrfs_compression kinds[] = { BTRFS_COMPRESS_ZLIB, BTRFS_COMPRESS_LZO,
                                                BTRFS_COMPRESS_ZSTD };

static void test_what_was_compressed_comes_back(void)
{
    static const size_t lengths[] = { 1, 100, 4095, 4096, 4097, 70000, 131072 };
    g_autofree uint8_t *text = g_malloc(131072), *out = g_malloc(131072);
    fill_text(text, 131072);
    for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
        for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
            g_autoptr(GByteArray) in = pack(kinds[k], text, lengths[i]);
            g_assert_cmpstr(run(kinds[k], in, out, lengths[i]), ==, NULL);
            g_assert_cmpmem(out, lengths[i], text, lengths[i]);
        }
    }
}

/* The last extent of a file covers whole sectors, its stream ends with the file; and zeros follow
 * the stream up to the end of the sector on disk. */
static void test_a_stream_that_ends_early_is_followed_by_zeros(void)
{
    static const uint8_t zeros[3096];
    uint8_t text[5096], out[8192];
    fill_text(text, sizeof text);
    for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
        g_autoptr(GByteArray) in = pack(kinds[k], text, sizeof text);
        g_byte_array_append(in, zeros, 700);
        memset(out, CANARY, sizeof out);
        g_assert_cmpstr(run(kinds[k], in, out, sizeof out), ==, NULL);
        g_assert_cmpmem(out, sizeof text, text, sizeof text);
        g_assert_cmpmem(out + sizeof text, 3096, zeros, 3096);
    }
}

static void test_a_stream_that_holds_more_is_cut(void)
{
    uint8_t text[20000], out[5001];
    fill_text(text, sizeof text);
    for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
        g_autoptr(GByteArray) in = pack(kinds[k], text, sizeof text);
        out[5000] = CANARY;
        g_assert_cmpstr(run(kinds[k], in, out, 5000), ==, NULL);
        g_assert_cmpmem(out, 5000, text, 5000);
        g_assert_cmphex(out[5000], ==, CANARY);
    }
}

/* 64 MiB of zeros in a few KiB: nothing is written or allocated beyond what was asked for. */
static void test_a_bomb_fills_no_more_than_its_extent(void)
{
    const size_t size = 64u << 20;
    g_autofree uint8_t *zeros = g_malloc0(size);
    uint8_t out[4097];
    for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
        if (kinds[k] == BTRFS_COMPRESS_LZO)
            continue; /* its segments are sectors */
        g_autoptr(GByteArray) in = pack(kinds[k], zeros, size);
        out[4096] = CANARY;
        const char *wrong = run(kinds[k], in, out, 4096);
        /* zstd asks for a window that no extent has. */
        g_assert_cmpint(wrong != NULL, ==, kinds[k] == BTRFS_COMPRESS_ZSTD);
        g_assert_cmphex(out[4096], ==, CANARY);
    }
}

static void test_cut_streams_are_refused(void)
{
    uint8_t text[9000], out[9000];
    fill_text(text, sizeof text);
    for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
        g_autoptr(GByteArray) in = pack(kinds[k], text, sizeof text);
        for (guint cut = 0; cut + 20 < in->len; cut += 7) {
            GByteArray part = { .data = in->data, .len = cut };
            g_assert_nonnull(run(kinds[k], &part, out, sizeof out));
        }
    }
}

static void assert_lzo_refused(GByteArray *in, const char *text)
{
    uint8_t out[2 * SECTOR];
    const char *wrong = run(BTRFS_COMPRESS_LZO, in, out, sizeof out);
    g_assert_nonnull(wrong);
    g_assert_nonnull(strstr(wrong, text));
}

static void test_impossible_lengths_in_lzo_are_refused(void)
{
    static const uint32_t values[] = { 0, 3, 1000000, UINT32_MAX, UINT32_MAX - 3 };
    uint8_t text[2 * SECTOR];
    fill_text(text, sizeof text);
    for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
        g_autoptr(GByteArray) total = pack_lzo(text, sizeof text);
        g_autoptr(GByteArray) segment = pack_lzo(text, sizeof text);
        put32(total, 0, values[i]);
        assert_lzo_refused(total, "impossible length");
        put32(segment, 4, values[i]);
        assert_lzo_refused(segment, values[i] == 3 ? "damaged" : "impossible length");
    }
}

static void test_an_lzo_segment_must_not_exceed_a_sector(void)
{
    uint8_t text[SECTOR + 1];
    g_autoptr(GByteArray) in = g_byte_array_new();
    fill_text(text, sizeof text);
    g_autoptr(GByteArray) packed = lzo_stream(text, sizeof text);
    append32(in, packed->len + 8);
    append32(in, packed->len);
    g_byte_array_append(in, packed->data, packed->len);
    assert_lzo_refused(in, "longer than a sector");
}

static void test_zlib_with_a_dictionary_is_refused(void)
{
    uint8_t out[10];
    uint8_t bytes[] = { 0x78, 0xbb, 0, 0, 0, 1, 0, 0 };
    GByteArray in = { .data = bytes, .len = sizeof bytes };
    g_assert_cmpstr(run(BTRFS_COMPRESS_ZLIB, &in, out, sizeof out), ==,
                    "the zlib data has an impossible header");
}

#define ADD(title, func) g_test_add_func("/btrfs-decompress/" title, func)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("what was compressed comes back", test_what_was_compressed_comes_back);
    ADD("a stream that ends early is followed by zeros",
        test_a_stream_that_ends_early_is_followed_by_zeros);
    ADD("a stream that holds more is cut", test_a_stream_that_holds_more_is_cut);
    ADD("a bomb fills no more than its extent", test_a_bomb_fills_no_more_than_its_extent);
    ADD("cut streams are refused", test_cut_streams_are_refused);
    ADD("impossible lengths in LZO are refused", test_impossible_lengths_in_lzo_are_refused);
    ADD("an LZO segment must not exceed a sector", test_an_lzo_segment_must_not_exceed_a_sector);
    ADD("zlib with a dictionary is refused", test_zlib_with_a_dictionary_is_refused);
    return g_test_run();
}

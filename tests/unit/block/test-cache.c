#include <string.h>

#include "base/error.h"
#include "block/block.h"

#define SIZE ((5u << 20) + 4711)

/* A block that counts its reads and can refuse them. */
struct slow {
    struct block block;
    unsigned reads;
    uint64_t misaligned; /* reads that do not start on a line */
    bool broken;
    uint64_t broken_from; /* 0: nowhere */
    uint64_t bytes, end;  /* that were read, and how far */
};

static uint8_t byte_at(uint64_t off)
{
    return (uint8_t)(off * 31 + off / 65536);
}

static bool slow_read(struct block *b, uint64_t off, void *buf, size_t len, GError **error)
{
    struct slow *s = (struct slow *)b;
    s->reads++;
    s->misaligned += off % 65536 != 0;
    s->bytes += len;
    s->end = MAX(s->end, off + len);
    if (s->broken || (s->broken_from > 0 && off + len > s->broken_from))
        return fail(error, ASSAY_ERROR_IO, "broken");
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)buf)[i] = byte_at(off + i);
    return true;
}

static const struct block_driver slow_driver = { .name = "slow", .read = slow_read };

static void assert_read(struct block *b, uint64_t off, size_t len)
{
    g_autofree uint8_t *got = g_malloc(len);
    g_assert_true(block_read(b, off, got, len, NULL));
    for (size_t i = 0; i < len; i++)
        g_assert_cmphex(got[i], ==, byte_at(off + i));
}

static void test_small_reads_become_few(void)
{
    struct slow *s = block_alloc(sizeof *s, &slow_driver, "slow", SIZE);
    g_autoptr(block) under = &s->block;
    g_autoptr(block) b = block_cache_new(under, "cached");
    for (uint64_t off = 0; off + 1024 <= SIZE; off += 1024)
        assert_read(b, off, 1024);
    g_assert_cmpuint(s->reads, <=, SIZE / 65536 + 1);
    s->reads = 0;
    assert_read(b, 100, 900000);
    assert_read(b, SIZE - 5000, 5000);
    g_assert_cmpuint(s->reads, ==, 0);
}

static void test_any_range_is_right_and_asked_for_in_whole_lines(void)
{
    struct slow *s = block_alloc(sizeof *s, &slow_driver, "slow", SIZE);
    g_autoptr(block) under = &s->block;
    g_autoptr(block) b = block_cache_new(under, "cached");
    for (unsigned i = 0; i < 300; i++) {
        uint64_t off = (uint64_t)g_test_rand_int_range(0, SIZE);
        size_t max = MIN(SIZE - (size_t)off, i % 3 == 0 ? 3u << 20 : 200000u);
        assert_read(b, off, (size_t)g_test_rand_int_range(0, (gint32)max + 1));
    }
    g_assert_cmpuint(s->misaligned, ==, 0);
}

static void test_errors_pass_and_are_not_kept(void)
{
    struct slow *s = block_alloc(sizeof *s, &slow_driver, "slow", SIZE);
    g_autoptr(block) under = &s->block;
    g_autoptr(block) b = block_cache_new(under, "cached");
    g_autoptr(GError) error = NULL;
    uint8_t byte;
    s->broken = true;
    g_assert_false(block_read(b, 0, &byte, 1, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_IO);
    s->broken = false;
    assert_read(b, 0, 10);
}

static bool half_extent_at(struct block *b, uint64_t off, struct block_extent *out, GError **error)
{
    uint64_t middle = 40 * 65536;
    *out = (struct block_extent){ .zero = off >= middle,
                                  .len = (off < middle ? middle : b->size) - off };
    return true;
}

static void test_streams_are_read_ahead_and_holes_are_not(void)
{
    static const struct block_driver half = { .name = "half",
                                              .read = slow_read,
                                              .extent_at = half_extent_at };
    struct slow *s = block_alloc(sizeof *s, &half, "half", SIZE);
    g_autoptr(block) under = &s->block;
    g_autoptr(block) b = block_cache_new(under, "cached");
    /* Two at a time, in turn, and what lies apart between them. */
    for (uint64_t off = 0; off < 20 * 65536; off += 4096) {
        assert_read(b, off, 4096);
        assert_read(b, 20 * 65536 + off, 4096);
    }
    g_assert_cmpuint(s->reads, <=, 2 * 6);
    g_assert_cmpuint(s->end, <=, 40 * 65536);
    s->reads = 0;
    assert_read(b, 0, 40 * 4096);
    g_assert_cmpuint(s->reads, ==, 0);
}

static void test_scattered_reads_cost_a_line_each(void)
{
    struct slow *s = block_alloc(sizeof *s, &slow_driver, "slow", SIZE);
    g_autoptr(block) under = &s->block;
    g_autoptr(block) b = block_cache_new(under, "cached");
    for (unsigned i = 0; i < 25; i++)
        assert_read(b, (uint64_t)(i * 7 % 25) * 3 * 65536, 100);
    g_assert_cmpuint(s->reads, ==, 25);
    g_assert_cmpuint(s->bytes, ==, 25 * 65536);
}

static void test_a_failure_ahead_is_not_the_readers(void)
{
    struct slow *s = block_alloc(sizeof *s, &slow_driver, "slow", SIZE);
    g_autoptr(block) under = &s->block;
    g_autoptr(block) b = block_cache_new(under, "cached");
    s->broken_from = 5 * 65536;
    for (uint64_t off = 0; off < s->broken_from; off += 65536)
        assert_read(b, off, 65536);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/block/cache/small reads become few", test_small_reads_become_few);
    g_test_add_func("/block/cache/any range is right and asked for in whole lines",
                    test_any_range_is_right_and_asked_for_in_whole_lines);
    g_test_add_func("/block/cache/errors pass and are not kept", test_errors_pass_and_are_not_kept);
    g_test_add_func("/block/cache/streams are read ahead, and holes are not",
                    test_streams_are_read_ahead_and_holes_are_not);
    g_test_add_func("/block/cache/scattered reads cost a line each",
                    test_scattered_reads_cost_a_line_each);
    g_test_add_func("/block/cache/a failure ahead is not the reader's",
                    test_a_failure_ahead_is_not_the_readers);
    return g_test_run();
}

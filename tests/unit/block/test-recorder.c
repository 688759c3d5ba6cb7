#include "block/recorder.h"

#include "base/limits.h"

#define UNIT 65536u
#define HOLE (UINT64_C(1) << 40) /* where a hole begins, up to the end */

static bool none_read(struct block *b, uint64_t off, void *buf, size_t len, GError **error)
{
    memset(buf, 0, len);
    return true;
}

static bool none_extent_at(struct block *b, uint64_t off, struct block_extent *out, GError **error)
{
    *out = (struct block_extent){ .len = (off < HOLE && HOLE < b->size ? HOLE : b->size) - off,
                                  .zero = off >= HOLE };
    return true;
}

static const struct block_driver none = {
    .name = "none",
    .description = "",
    .read = none_read,
    .extent_at = none_extent_at,
};

static struct block *recorder_of(uint64_t size)
{
    g_autoptr(block) b = block_alloc(sizeof *b, &none, "disk", size);
    return block_recorder_new(b);
}

static void read_at(struct block *b, uint64_t off, size_t len)
{
    g_autofree uint8_t *buf = g_malloc(len + 1);
    g_assert_true(block_read(b, off, buf, len, NULL));
}

static void assert_ranges(struct block *b, const struct block_range *wanted, size_t count)
{
    g_autoptr(GArray) got = block_recorder_ranges(b);
    g_assert_cmpuint(got->len, ==, count);
    for (size_t i = 0; i < count; i++) {
        const struct block_range *r = &g_array_index(got, struct block_range, i);
        g_assert_cmpuint(r->off, ==, wanted[i].off);
        g_assert_cmpuint(r->len, ==, wanted[i].len);
    }
}

static void test_ranges_are_whole_units_merged_and_in_order(void)
{
    g_autoptr(block) b = recorder_of(100 * UNIT + 17);
    assert_ranges(b, NULL, 0);
    read_at(b, 100 * UNIT + 16, 1);
    read_at(b, 5 * UNIT + 1, UNIT);
    read_at(b, 8 * UNIT, 1);
    read_at(b, 7 * UNIT, 1);
    read_at(b, 90 * UNIT, 0);
    const struct block_range wanted[] = { { 5 * UNIT, 4 * UNIT }, { 100 * UNIT, 17 } };
    assert_ranges(b, wanted, G_N_ELEMENTS(wanted));
}

static void test_a_hole_that_was_told_of_counts_in_pieces(void)
{
    g_autoptr(block) b = recorder_of(HOLE + (1u << 30));
    struct block_extent e;
    g_assert_true(block_extent_at(b, 0, &e, NULL));
    g_assert_false(e.zero);
    assert_ranges(b, NULL, 0);
    g_assert_true(block_extent_at(b, HOLE + (4u << 20), &e, NULL));
    g_assert_true(e.zero);
    g_assert_cmpuint(e.len, ==, 1u << 20);
    const struct block_range wanted[] = { { HOLE + (4u << 20), 1u << 20 } };
    assert_ranges(b, wanted, 1);
}

static void test_too_many_ranges_become_coarser_and_lose_nothing(void)
{
    g_autoptr(block) b = recorder_of(UINT64_C(3) * LIMIT_READ_RANGES * 2 * UNIT);
    for (uint64_t i = 0; i < LIMIT_READ_RANGES * 2; i++)
        read_at(b, i * 3 * UNIT, 1);
    g_autoptr(GArray) got = block_recorder_ranges(b);
    g_assert_cmpuint(got->len, >, 0);
    g_assert_cmpuint(got->len, <=, LIMIT_READ_RANGES);
    for (uint64_t i = 0, k = 0; i < LIMIT_READ_RANGES * 2; i++) {
        const struct block_range *r = &g_array_index(got, struct block_range, k);
        while (r->off + r->len <= i * 3 * UNIT)
            r = &g_array_index(got, struct block_range, ++k);
        g_assert_cmpuint(r->off, <=, i * 3 * UNIT);
    }
}

static void test_a_huge_disk_takes_no_more_memory(void)
{
    g_autoptr(block) b = recorder_of(UINT64_C(1) << 62);
    read_at(b, (UINT64_C(1) << 62) - 1, 1);
    g_autoptr(GArray) got = block_recorder_ranges(b);
    g_assert_cmpuint(got->len, ==, 1);
    const struct block_range *r = &g_array_index(got, struct block_range, 0);
    g_assert_cmpuint(r->off + r->len, ==, UINT64_C(1) << 62);
}

static void test_an_empty_disk_has_no_ranges(void)
{
    g_autoptr(block) b = recorder_of(0);
    assert_ranges(b, NULL, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/block/recorder/ranges are whole units, merged and in order",
                    test_ranges_are_whole_units_merged_and_in_order);
    g_test_add_func("/block/recorder/a hole that was told of counts, in pieces",
                    test_a_hole_that_was_told_of_counts_in_pieces);
    g_test_add_func("/block/recorder/too many ranges become coarser and lose nothing",
                    test_too_many_ranges_become_coarser_and_lose_nothing);
    g_test_add_func("/block/recorder/a huge disk takes no more memory",
                    test_a_huge_disk_takes_no_more_memory);
    g_test_add_func("/block/recorder/an empty disk has no ranges",
                    test_an_empty_disk_has_no_ranges);
    return g_test_run();
}

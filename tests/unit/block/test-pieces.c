#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "block/block.h"

#define SIZE 65536

static struct block *make_disk(void)
{
    uint8_t bytes[SIZE];
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    int fd = memfd_create("disk", 0);
    g_assert_cmpint(write(fd, bytes, SIZE), ==, SIZE);
    struct block *b = block_raw_new(fd, "disk", NULL);
    g_assert_nonnull(b);
    return b;
}

static void test_pieces_read_across_their_borders(void)
{
    g_autoptr(block) disk = make_disk();
    const struct block_piece list[] = {
        { .off = 0, .len = 100, .under = disk, .under_off = 5000 },
        { .off = 100, .len = 50, .under = NULL },
        { .off = 150, .len = 200, .under = disk, .under_off = 10 },
    };
    g_autoptr(block) p = block_pieces_new(list, 3, "striped", NULL);
    uint8_t got[350], want[350] = { 0 };
    g_assert_true(block_read(disk, 5000, want, 100, NULL));
    g_assert_true(block_read(disk, 10, want + 150, 200, NULL));
    g_assert_true(block_read(p, 0, got, 350, NULL));
    g_assert_cmpmem(got, 350, want, 350);
    struct block_extent e;
    g_assert_true(block_extent_at(p, 120, &e, NULL));
    g_assert_true(e.zero);
    g_assert_cmpuint(e.len, ==, 30);
}

static void test_pieces_with_gaps_or_past_the_end_are_refused(void)
{
    g_autoptr(block) disk = make_disk();
    g_autoptr(GError) error = NULL;
    const struct block_piece gap[] = { { .off = 0, .len = 10, .under = disk },
                                       { .off = 11, .len = 10, .under = disk } };
    g_assert_null(block_pieces_new(gap, 2, "x", &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_CORRUPT);
    g_clear_error(&error);
    g_assert_null(block_slice_new(disk, SIZE - 5, 6, "x", &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_CORRUPT);
    g_clear_error(&error);
    g_assert_null(block_slice_new(disk, UINT64_MAX, 6, "x", &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_CORRUPT);
    g_clear_error(&error);
    uint8_t c;
    g_assert_false(block_read(disk, SIZE, &c, 1, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_CORRUPT);
}

static void test_overlay_shows_its_units_and_nothing_else(void)
{
    g_autoptr(block) disk = make_disk();
    g_autoptr(block) o = block_overlay_new(disk, 1024, "journal");
    uint8_t unit[1024], got[3000], want[3000];
    memset(unit, 0xab, sizeof unit);
    g_assert_true(block_overlay_put(o, 3, unit, NULL));
    g_assert_false(block_overlay_put(o, SIZE / 1024, unit, NULL));
    g_assert_true(block_read(disk, 2500, want, 3000, NULL));
    memset(want + (3072 - 2500), 0xab, 1024);
    g_assert_true(block_read(o, 2500, got, 3000, NULL));
    g_assert_cmpmem(got, 3000, want, 3000);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/block/pieces/read across their borders",
                    test_pieces_read_across_their_borders);
    g_test_add_func("/block/pieces/gaps and ends are refused",
                    test_pieces_with_gaps_or_past_the_end_are_refused);
    g_test_add_func("/block/overlay/shows its units and nothing else",
                    test_overlay_shows_its_units_and_nothing_else);
    return g_test_run();
}

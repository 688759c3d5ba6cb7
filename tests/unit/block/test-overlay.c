/* Units over a block: copied ones, moved ones, and the holes around them. */
#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/limits.h"
#include "block/block.h"

#define UNIT  512u
#define UNITS 16u

/* Unit i is full of 'a' + i; without bytes for a hole. */
static struct block *make(bool hole)
{
    g_autoptr(GError) error = NULL;
    int fd = memfd_create("overlay", MFD_CLOEXEC);
    g_assert_cmpint(ftruncate(fd, UNITS * UNIT), ==, 0);
    for (unsigned i = 0; i < UNITS && !hole; i++) {
        char bytes[UNIT];
        memset(bytes, (int)('a' + i), UNIT);
        g_assert_cmpint(pwrite(fd, bytes, UNIT, i * UNIT), ==, UNIT);
    }
    struct block *b = block_raw_new(fd, "disk", &error);
    g_assert_no_error(error);
    return b;
}

static void assert_bytes(struct block *b, uint64_t off, const char *text)
{
    char buf[64];
    g_autoptr(GError) error = NULL;
    g_assert_true(block_read(b, off, buf, strlen(text), &error));
    g_assert_no_error(error);
    g_assert_cmpmem(buf, strlen(text), text, strlen(text));
}

static void test_units_lie_over_the_block(void)
{
    g_autoptr(block) under = make(false);
    g_autoptr(block) o = block_overlay_new(under, UNIT, "replayed");
    char bytes[UNIT];
    memset(bytes, 'X', UNIT);
    assert_bytes(o, UNIT - 2, "aabb");
    g_assert_true(block_overlay_put(o, 1, bytes, NULL));
    g_assert_true(block_overlay_move(o, 3, 7 * UNIT, NULL));
    assert_bytes(o, UNIT - 2, "aaXX");
    assert_bytes(o, 2 * UNIT - 2, "XXcc");
    assert_bytes(o, 3 * UNIT - 2, "cchh");
    assert_bytes(o, 4 * UNIT - 2, "hhee");
    assert_bytes(o, 7 * UNIT, "hh");
    g_autofree char *all = g_malloc(UNITS * UNIT);
    g_assert_true(block_read(o, 0, all, UNITS * UNIT, NULL));
    for (unsigned i = 0; i < UNITS; i++)
        g_assert_cmpint(all[i * UNIT + 5], ==, i == 1 ? 'X' : i == 3 ? 'h' : (char)('a' + i));
}

static void test_the_last_word_counts(void)
{
    g_autoptr(block) under = make(false);
    g_autoptr(block) o = block_overlay_new(under, UNIT, "replayed");
    char bytes[UNIT];
    memset(bytes, 'X', UNIT);
    g_assert_true(block_overlay_put(o, 1, bytes, NULL));
    g_assert_true(block_overlay_move(o, 1, 2 * UNIT, NULL));
    assert_bytes(o, UNIT, "cc");
    g_assert_true(block_overlay_put(o, 1, bytes, NULL));
    assert_bytes(o, UNIT, "XX");
}

static void test_places_past_the_end_are_refused(void)
{
    g_autoptr(block) under = make(false);
    g_autoptr(block) o = block_overlay_new(under, UNIT, "replayed");
    static const uint64_t far[] = { UNITS, UINT64_MAX, UINT64_MAX / UNIT };
    char bytes[UNIT] = { 0 };
    for (size_t i = 0; i < G_N_ELEMENTS(far); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(block_overlay_put(o, far[i], bytes, &error));
        g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_CORRUPT);
        g_assert_false(block_overlay_move(o, far[i], 0, NULL));
    }
    g_assert_false(block_overlay_move(o, 0, (UNITS - 1) * UNIT + 1, NULL));
    g_assert_false(block_overlay_move(o, 0, UINT64_MAX, NULL));
    assert_bytes(o, 0, "aa");
}

static void test_holes_end_where_units_lie(void)
{
    g_autoptr(block) under = make(true);
    g_autoptr(block) o = block_overlay_new(under, UNIT, "replayed");
    char bytes[UNIT] = { 0 };
    struct block_extent e;
    g_assert_true(block_extent_at(o, 0, &e, NULL));
    if (!e.zero) {
        g_test_skip("the host does not tell holes");
        return;
    }
    g_assert_true(block_overlay_put(o, 4, bytes, NULL));
    g_assert_true(block_extent_at(o, 100, &e, NULL));
    g_assert_true(e.zero);
    g_assert_cmpuint(e.len, ==, 4 * UNIT - 100);
    g_assert_true(block_extent_at(o, 4 * UNIT + 10, &e, NULL));
    g_assert_false(e.zero);
    g_assert_cmpuint(e.len, ==, UNIT - 10);
    g_assert_true(block_extent_at(o, 5 * UNIT, &e, NULL));
    g_assert_true(e.zero);
}

/* Asked unit by unit, this would take minutes. */
static void test_a_vast_hole_is_told_at_once(void)
{
    const uint64_t size = UINT64_C(8) << 40;
    g_autoptr(GError) error = NULL;
    int fd = memfd_create("overlay", MFD_CLOEXEC);
    g_assert_cmpint(ftruncate(fd, (off_t)size), ==, 0);
    g_autoptr(block) under = block_raw_new(fd, "disk", &error);
    g_assert_no_error(error);
    g_autoptr(block) o = block_overlay_new(under, UNIT, "replayed");
    char bytes[UNIT] = { 0 };
    struct block_extent e;
    g_assert_true(block_overlay_put(o, size / UNIT - 1, bytes, NULL));
    g_assert_true(block_overlay_put(o, 1, bytes, NULL));
    g_assert_true(block_extent_at(o, 2 * UNIT, &e, NULL));
    g_assert_true(e.zero);
    g_assert_cmpuint(e.len, ==, size - 3 * UNIT);
    g_assert_true(block_extent_at(o, size - UNIT, &e, NULL));
    g_assert_false(e.zero);
    g_assert_cmpuint(e.len, ==, UNIT);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/overlay/units lie over the block", test_units_lie_over_the_block);
    g_test_add_func("/overlay/the last word counts", test_the_last_word_counts);
    g_test_add_func("/overlay/places past the end are refused",
                    test_places_past_the_end_are_refused);
    g_test_add_func("/overlay/holes end where units lie", test_holes_end_where_units_lie);
    g_test_add_func("/block/overlay: a vast hole is told at once",
                    test_a_vast_hole_is_told_at_once);
    return g_test_run();
}

#include <glib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "block/block.h"

#define UNIT 4u
#define LEN  12u /* of a column */

/* A block of 20 bytes that count from first on. */
static struct block *counting(uint8_t first)
{
    uint8_t bytes[20];
    int fd = memfd_create("column", 0);
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(first + i);
    g_assert_cmpint(write(fd, bytes, sizeof bytes), ==, sizeof bytes);
    return block_raw_new(fd, "column", NULL);
}

static void test_order(void)
{
    static const uint8_t expected[2 * LEN] = { 8,  9,  10, 11, 100, 101, 102, 103,
                                               12, 13, 14, 15, 104, 105, 106, 107,
                                               16, 17, 18, 19, 108, 109, 110, 111 };
    g_autoptr(block) a = counting(0), b = counting(100);
    const struct block_column columns[] = { { a, 8 }, { b, 0 } };
    g_autoptr(block) s = block_stripes_new(columns, 2, UNIT, LEN, "s", NULL);
    g_assert_cmpuint(s->size, ==, 2 * LEN);
    for (size_t off = 0; off < 2 * LEN; off++) {
        for (size_t len = 1; len <= 2 * LEN - off; len++) {
            uint8_t bytes[2 * LEN];
            g_assert_true(block_read(s, off, bytes, len, NULL));
            g_assert_cmpmem(bytes, len, expected + off, len);
        }
    }
}

static void test_holes(void)
{
    struct block_extent e;
    int fd = memfd_create("hole", 0);
    g_assert_cmpint(ftruncate(fd, 20), ==, 0);
    g_autoptr(block) hole = block_raw_new(fd, "hole", NULL), data = counting(0);
    const struct block_column columns[] = { { hole, 0 }, { data, 0 } };
    g_autoptr(block) s = block_stripes_new(columns, 2, UNIT, LEN, "s", NULL);
    g_assert_true(block_extent_at(s, 1, &e, NULL));
    g_assert_true(e.zero);
    g_assert_cmpuint(e.len, ==, UNIT - 1);
    g_assert_true(block_extent_at(s, UNIT, &e, NULL));
    g_assert_false(e.zero);
}

static void assert_refused(const struct block_column *columns, size_t count, uint32_t unit,
                           uint64_t len)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(block_stripes_new(columns, count, unit, len, "s", &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_CORRUPT);
}

static void test_refused(void)
{
    g_autoptr(block) a = counting(0), b = counting(100);
    const struct block_column columns[] = { { a, 8 }, { b, 0 } };
    const struct block_column far[] = { { a, UINT64_MAX }, { b, 0 } };
    assert_refused(columns, 0, UNIT, LEN);
    assert_refused(columns, 2, 0, LEN);
    assert_refused(columns, 2, UNIT, 0);
    assert_refused(columns, 2, UNIT, LEN - 1);
    assert_refused(columns, 2, UNIT, LEN + UNIT);
    assert_refused(columns, 2, UNIT, UINT64_MAX - 3);
    assert_refused(far, 2, UNIT, LEN);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/stripes/units come from the columns in turn", test_order);
    g_test_add_func("/stripes/holes are known up to the unit", test_holes);
    g_test_add_func("/stripes/impossible geometries are refused", test_refused);
    return g_test_run();
}

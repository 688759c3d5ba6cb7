#include "base/cursor.h"

#include <glib.h>

static void test_reads_both_byte_orders(void)
{
    const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
    struct cursor c = cursor_of(bytes, sizeof bytes);
    uint16_t le16 = 0;
    uint32_t be32 = 0;
    uint8_t u8 = 0;
    g_assert_true(rd_le16(&c, &le16) && rd_be32(&c, &be32) && rd_u8(&c, &u8));
    g_assert_cmphex(le16, ==, 0x0201);
    g_assert_cmphex(be32, ==, 0x03040506);
    g_assert_cmphex(u8, ==, 7);
    g_assert_cmpuint(cursor_left(&c), ==, 2);
}

static void test_refuses_past_the_end_and_changes_nothing(void)
{
    const uint8_t bytes[] = { 1, 2, 3 };
    struct cursor c = cursor_of(bytes, sizeof bytes);
    uint32_t v = 77;
    uint64_t w = 78;
    g_assert_false(rd_le32(&c, &v));
    g_assert_false(rd_be32_at(&c, SIZE_MAX, &v));
    g_assert_false(rd_le64_at(&c, 1, &w));
    g_assert_cmpuint(v, ==, 77);
    g_assert_cmpuint(c.pos, ==, 0);
    g_assert_false(cursor_skip(&c, 4));
    g_assert_false(cursor_seek(&c, 4));
    g_assert_true(cursor_seek(&c, 3));
    g_assert_cmpuint(cursor_left(&c), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/cursor/reads both byte orders", test_reads_both_byte_orders);
    g_test_add_func("/base/cursor/refuses past the end and changes nothing",
                    test_refuses_past_the_end_and_changes_nothing);
    return g_test_run();
}

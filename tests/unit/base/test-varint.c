#include "base/varint.h"

#include <glib.h>

static void test_numbers_come_back(void)
{
    static const uint64_t numbers[] = { 0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX };
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
        varint_append(bytes, numbers[i]);
    g_assert_cmpuint(bytes->len, ==, 1 + 1 + 1 + 2 + 2 + 3 + 5 + 10);
    struct cursor c = cursor_of(bytes->data, bytes->len);
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
        uint64_t n = 5;
        g_assert_true(varint_read(&c, &n));
        g_assert_cmpuint(n, ==, numbers[i]);
    }
    g_assert_cmpuint(cursor_left(&c), ==, 0);
}

static void test_what_is_cut_or_too_long_reads_nothing(void)
{
    static const uint8_t cut[] = { 0x80, 0x80 };
    static const uint8_t wide[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02 };
    struct cursor cursors[] = { cursor_of(cut, sizeof cut), cursor_of(wide, sizeof wide),
                                cursor_of(cut, 0) };
    for (size_t i = 0; i < G_N_ELEMENTS(cursors); i++) {
        uint64_t n = 5;
        g_assert_false(varint_read(&cursors[i], &n));
        g_assert_cmpuint(n, ==, 5);
        g_assert_cmpuint(cursors[i].pos, ==, 0);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/varint/numbers come back", test_numbers_come_back);
    g_test_add_func("/varint/what is cut or too long reads nothing",
                    test_what_is_cut_or_too_long_reads_nothing);
    return g_test_run();
}

#include "base/text.h"

#include "base/number.h"

static void test_hostile_names_become_one_plain_line(void)
{
    g_autofree char *s = text_safe("a\nb\033[31m\xff\xc3\xa4 \xe2\x80\xae");
    g_assert_cmpstr(s, ==, "a\\x0ab\\x1b[31m\\xff\xc3\xa4 \\xe2\\x80\\xae");
}

static void test_times_go_both_ways(void)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {
        { 0, "1970-01-01T00:00:00Z" },          { -1, "1969-12-31T23:59:59Z" },
        { 951782400, "2000-02-29T00:00:00Z" },  { 4102444799, "2099-12-31T23:59:59Z" },
        { 1795234620, "2026-11-21T04:17:00Z" }, { 253402300799, "9999-12-31T23:59:59Z" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *s = text_time(cases[i].seconds);
        int64_t back;
        g_assert_cmpstr(s, ==, cases[i].text);
        g_assert_true(text_parse_time(s, &back));
        g_assert_cmpint(back, ==, cases[i].seconds);
    }
    int64_t t;
    g_assert_true(text_parse_time("2024-11-20", &t));
    g_assert_true(text_parse_time("2018-04-26 17:41:00", &t));
    g_assert_true(text_parse_time("2005-05-02T04:00:00.123456+02:00", &t));
    g_assert_cmpint(t, ==, 1114999200);
    g_assert_false(text_parse_time("2024-13-01", &t));
    g_assert_false(text_parse_time("yesterday", &t));
    g_assert_false(text_parse_time("2024-11-20T", &t));
}

static void test_uuids_read_as_blkid_prints_them(void)
{
    static const uint8_t uuid[16] = { 0xde, 0xad, 0xbe, 0xef, 0, 1, 2, 3,
                                      4,    5,    6,    7,    8, 9, 0xa, 0xff };
    g_autofree char *s = text_uuid(uuid);
    g_assert_cmpstr(s, ==, "deadbeef-0001-0203-0405-060708090aff");
}

static void test_numbers_refuse_what_is_not_one(void)
{
    uint64_t n;
    int64_t i;
    g_assert_true(parse_u64("18446744073709551615", 20, &n));
    g_assert_false(parse_u64("18446744073709551616", 20, &n));
    g_assert_false(parse_u64("", 0, &n));
    g_assert_false(parse_u64("12x", 3, &n));
    g_assert_true(parse_i64("-9223372036854775808", 20, &i));
    g_assert_false(parse_i64("9223372036854775808", 19, &i));
    g_assert_true(parse_size("10M", &n) && n == 10u << 20);
    g_assert_true(parse_size("3GiB", &n) && n == 3ull << 30);
    g_assert_false(parse_size("10X", &n));
    g_assert_false(parse_size("99999999999T", &n));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/text/hostile names become one plain line",
                    test_hostile_names_become_one_plain_line);
    g_test_add_func("/base/text/times go both ways", test_times_go_both_ways);
    g_test_add_func("/base/text/uuids read as blkid prints them",
                    test_uuids_read_as_blkid_prints_them);
    g_test_add_func("/base/number/refuses what is not one", test_numbers_refuse_what_is_not_one);
    return g_test_run();
}

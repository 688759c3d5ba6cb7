#include "store/schedule.h"

#include "base/error.h"

#define SECOND ((int64_t)G_USEC_PER_SEC)

static int64_t utc(const char *text)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, NULL);
    g_assert_nonnull(time);
    return g_date_time_to_unix(time);
}

static struct schedule parsed(const char *text)
{
    struct schedule s;
    GError *error = NULL;
    g_assert_true(schedule_parse(text, &s, &error));
    g_assert_no_error(error);
    return s;
}

static void test_fields(void)
{
    static const struct {
        const char *fields, *after, *next;
    } cases[] = {
        { "* * * * *", "2026-11-21T10:00:00Z", "2026-11-21T10:01:00Z" },
        { "* * * * *", "2026-11-21T10:00:59Z", "2026-11-21T10:01:00Z" },
        { "*/15 * * * *", "2026-11-21T10:00:00Z", "2026-11-21T10:15:00Z" },
        { "*/15 * * * *", "2026-11-21T23:45:00Z", "2026-11-22T00:00:00Z" },
        { "7-59/15 * * * *", "2026-11-21T10:37:00Z", "2026-11-21T10:52:00Z" },
        { "0 3 * * *", "2026-11-21T03:00:00Z", "2026-11-22T03:00:00Z" },
        { "0 3 * * *", "2026-11-21T02:59:59Z", "2026-11-21T03:00:00Z" },
        { "30 4,16 * * *", "2026-11-21T05:00:00Z", "2026-11-21T16:30:00Z" },
        { "0 0 1 1 *", "2026-11-21T10:00:00Z", "2027-01-01T00:00:00Z" },
        { "0 0 31 * *", "2026-11-21T10:00:00Z", "2026-12-31T00:00:00Z" },
        { "0 0 31 4-6 *", "2026-06-01T00:00:00Z", "2027-05-31T00:00:00Z" },
        { "0 0 29 2 *", "2026-11-21T10:00:00Z", "2028-02-29T00:00:00Z" },
        { "0 0 29 2 *", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z" }, /* 2100 has none */
        { "0 12 * * 1-5", "2026-11-20T12:00:00Z", "2026-11-23T12:00:00Z" },
        { "0 12 * * MON-fri", "2026-11-20T12:00:00Z", "2026-11-23T12:00:00Z" },
        { "0 12 * * 0", "2026-11-21T00:00:00Z", "2026-11-22T12:00:00Z" },
        { "0 12 * * 7", "2026-11-21T00:00:00Z", "2026-11-22T12:00:00Z" },
        { "0 12 * * sun", "2026-11-21T00:00:00Z", "2026-11-22T12:00:00Z" },
        { "0 12 * * fri-sun", "2026-11-21T13:00:00Z", "2026-11-22T12:00:00Z" },
        { "0 12 * * sun-tue", "2026-11-18T13:00:00Z", "2026-11-22T12:00:00Z" },
        { "0 0 * feb,Dec *", "2026-03-01T00:00:00Z", "2026-12-01T00:00:00Z" },
        /* Both days restricted: either is enough. */
        { "0 0 1 * fri", "2026-11-21T00:00:00Z", "2026-11-27T00:00:00Z" },
        { "0 0 1 * fri", "2026-11-28T00:00:00Z", "2026-12-01T00:00:00Z" },
        /* A field that begins with * does not count as restricted: both must match. */
        { "0 0 */2 * fri", "2026-11-21T00:00:00Z", "2026-11-27T00:00:00Z" },
        { "0 0 1 * */7", "2026-11-21T00:00:00Z", "2027-08-01T00:00:00Z" }, /* a Sunday the 1st */
        { "0 0 29 2 */7", "2026-11-21T00:00:00Z", "2032-02-29T00:00:00Z" },
        { "  5\t4  *  * * ", "2026-11-21T04:05:00Z", "2026-11-22T04:05:00Z" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct schedule s = parsed(cases[i].fields);
        int64_t next = schedule_minute_after(&s, utc(cases[i].after));
        if (next != utc(cases[i].next))
            g_error("%s after %s: %" G_GINT64_FORMAT, cases[i].fields, cases[i].after, next);
    }
}

static void test_refusals(void)
{
    static const char *const bad[] = {
        "0m",
        "5",
        "6 h",
        "* * * *",
        "* * * * * *",
        "99999999d",
        "a b c d e",
        "367d",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 0 *",
        "* * * 13 *",
        "* * * * 8",
        "5-1 * * * *",
        "*/0 * * * *",
        "*/60 * * * *",
        "5/10 * * * *",
        ", * * * *",
        "1, * * * *",
        "1,,2 * * * *",
        "- * * * *",
        "1- * * * *",
        "-1 * * * *",
        "1-2-3 * * * *",
        "*-5 * * * *",
        "** * * * *",
        "*/ * * * *",
        "mon * * * *",
        "* * * mon *",
        "* * * * jan",
        "* * * * sund",
        "0 0 30 2 *",
        "0 0 31 4,6,9,11 *",
        "18446744073709551617m",
        "1.5h",
        "-6h",
        "@daily",
        "h",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        struct schedule s;
        g_autoptr(GError) error = NULL;
        if (schedule_parse(bad[i], &s, &error))
            g_error("'%s' was accepted", bad[i]);
        g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_INVALID);
    }
}

static void test_interval(void)
{
    struct schedule s = parsed("6h");
    const int64_t hour = 3600 * SECOND, set = 1000 * hour;
    int64_t first = schedule_first(&s, "A", set);
    g_assert_cmpint(first, >=, set + 6 * hour);
    g_assert_cmpint(first, <, set + 6 * hour + hour / 4); /* a tenth is more than 15 minutes */
    g_assert_cmpint(schedule_first(&s, "A", set), ==, first);
    g_assert_cmpint(schedule_next(&s, "A", first, first), ==, first + 6 * hour);
    g_assert_cmpint(schedule_next(&s, "A", first, first + hour), ==, first + 6 * hour);
    /* Down for a day: made up for once, by what was due first. */
    g_assert_cmpint(schedule_next(&s, "A", first, first + 25 * hour), ==, first + 30 * hour);
}

static void test_lateness(void)
{
    static const struct {
        const char *text;
        int64_t least, below; /* seconds after now */
    } cases[] = { { "10m", 600, 660 }, { "1d", 86400, 87300 }, { "0 * * * *", 3600, 3660 } };
    const int64_t now = utc("2026-11-21T10:00:00Z") * SECOND;
    for (size_t c = 0; c < G_N_ELEMENTS(cases); c++) {
        struct schedule s = parsed(cases[c].text);
        int64_t tenth = (cases[c].below - cases[c].least) * SECOND / 10;
        unsigned in_tenth[10] = { 0 };
        for (unsigned i = 0; i < 1000; i++) {
            g_autofree char *key = g_strdup_printf("01KAJ3MZZZ%016u", i);
            /* Just before the full hour's own lateness has passed, that hour would be meant. */
            int64_t late = schedule_first(&s, key, now + (c == 2 ? 60 * SECOND : 0)) - now -
                           cases[c].least * SECOND;
            g_assert_cmpint(late, >=, 0);
            g_assert_cmpint(late, <, 10 * tenth);
            in_tenth[late / tenth]++;
        }
        for (unsigned i = 0; i < 10; i++)
            g_assert_cmpuint(in_tenth[i], >, 60);
    }
}

static void test_fields_come_once_each(void)
{
    struct schedule s = parsed("*/10 * * * *");
    const int64_t start = utc("2026-11-21T10:00:30Z") * SECOND;
    int64_t due = schedule_first(&s, "key", start);
    for (unsigned i = 0; i < 10; i++) {
        int64_t next = schedule_next(&s, "key", due, due + (int64_t)i * 50 * SECOND);
        g_assert_cmpint(next, ==, due + 600 * SECOND);
        due = next;
    }
    g_assert_cmpint(schedule_next(&s, "key", due, due + 3601 * SECOND), ==, due + 4200 * SECOND);
}

static void test_none(void)
{
    struct schedule s = parsed("");
    g_assert_cmpint(schedule_first(&s, "key", 5), ==, 0);
    g_assert_cmpint(schedule_next(&s, "key", 5, 6), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/store/schedule/fields name the next minute", test_fields);
    g_test_add_func("/store/schedule/what is no schedule is refused", test_refusals);
    g_test_add_func("/store/schedule/intervals count from when they were set", test_interval);
    g_test_add_func("/store/schedule/lateness is spread and bounded", test_lateness);
    g_test_add_func("/store/schedule/each time of fields comes once", test_fields_come_once_each);
    g_test_add_func("/store/schedule/no schedule never comes", test_none);
    return g_test_run();
}

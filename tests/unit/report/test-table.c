#include "report/columns.h"
#include "report/sample.h"

static void test_no_line_is_wider_than_the_terminal(void)
{
    for (unsigned width = 80; width <= 200; width += 40) {
        size_t len;
        const struct report_options options = { .width = width, .show_suppressed = true };
        g_autofree char *text = sample_written("table", &options, &len);
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        for (char **line = lines; *line != NULL; line++)
            g_assert_cmpuint(columns_of(*line), <=, width);
    }
}

static void test_bytes_from_outside_cannot_reach_the_terminal(void)
{
    size_t len;
    const struct report_options options = { .show_suppressed = true };
    g_autofree char *text = sample_written("table", &options, &len);
    g_assert_true(g_utf8_validate(text, (gssize)len, NULL));
    for (size_t i = 0; i < len; i++)
        g_assert_true(text[i] == '\n' || (unsigned char)text[i] >= 0x20);
    g_assert_null(strstr(text, "\xe2\x80\xae")); /* right-to-left override */
    g_assert_nonnull(strstr(text, "\\x1b[31m<script>"));
}

static void test_it_says_what_there_is_to_say(void)
{
    static const char *const parts[] = {
        "Debian GNU/Linux 12 (bookworm), amd64, 10 packages, on disk0p1 of debian12.qcow2\n",
        "  libexpat1  2.5.0-1 -> 2.5.0-1+deb12u10\n", /* the newest of two fixes */
        /* One source, same advisories: told once. */
        "  libc-bin, libc6, libc6:i386, locales  2.36-9+deb12u4 -> 2.36-9+deb12u7\n",
        "10 packages, 8 vulnerable, 8 advisories\n2 critical, 3 high, 1 medium, 1 low, 1 unknown\n",
        "1 known to be exploited, 4 with a fix, 2 suppressed\n",
        "Not judged: no advisories for TinyOS in the database\n",
        "Coverage: incomplete\n",
        "  read        1 disk, 1 filesystem, 1 package database, 2 partitions\n",
        "  unreadable  mount /srv of disk0p1: UUID=0f3a-22c1 is on no disk that was given\n",
        "  skipped     2 packages docker-ce, docker-ce-cli of disk0p1: from another repository",
        "  debian-osv  45123 records of 2026-11-20 (1 day ago)\n",
        "  epss        270000 records of 2026-11-21 (today), 3 malformed\n",
    };
    size_t len;
    const struct report_options options = { 0 };
    g_autofree char *text = sample_written("table", &options, &len);
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        if (strstr(text, parts[i]) == NULL)
            g_test_message("missing: %s", parts[i]);
        g_assert_nonnull(strstr(text, parts[i]));
    }
    g_assert_null(strstr(text, "CVE-2022-3715"));
    g_assert_null(strchr(text, '\033'));
    const char *coverage = strstr(text, "Coverage:");
    g_assert_true(coverage != NULL && strstr(coverage, "CVE-") == NULL);
}

static void test_colour_only_when_asked(void)
{
    size_t len;
    const struct report_options options = { .colour = true, .width = 100 };
    g_autofree char *text = sample_written("table", &options, &len);
    g_assert_nonnull(strstr(text, "\033[1;31mcritical\033[m"));
}

static void test_what_is_below_the_asked_severity_is_counted(void)
{
    size_t len;
    const struct report_options options = { .min_severity = SEVERITY_HIGH };
    g_autofree char *text = sample_written("table", &options, &len);
    g_assert_null(strstr(text, "CVE-2011-4116"));
    g_assert_nonnull(strstr(text, "3 below severity high not shown"));
}

static void test_suppressed_ones_are_shown_when_asked(void)
{
    size_t len;
    const struct report_options options = { .show_suppressed = true };
    g_autofree char *text = sample_written("table", &options, &len);
    g_assert_nonnull(strstr(text, "CVE-2022-3715"));
    g_assert_nonnull(strstr(text, "suppressed"));
    g_assert_nonnull(strstr(text, "\n                by vex.json: vulnerable_code_not_present\n"));
}

static void test_an_id_wider_than_its_column_stands_apart(void)
{
    size_t len;
    const struct report_options options = { 0 };
    g_autoptr(report) r = sample_report();
    struct finding *f = g_ptr_array_index(r->findings, 0);
    f->id = "bookworm-security/xz-utils_5.4.1-1+deb12u2";
    g_autofree char *text = sample_write(r, "table", &options, &len);
    g_assert_nonnull(strstr(text, "bookworm-security/xz-utils_5.4.1-1+deb12u2  "));
}

static void test_columns_count_what_a_terminal_shows(void)
{
    g_assert_cmpuint(columns_of("a\xc3\xa4\xe6\xbc\xa2"), ==, 4);
    g_assert_cmpuint(columns_of("e\xcc\x81"), ==, 1);
    static const struct {
        const char *text;
        unsigned width;
        const char *cut;
    } cases[] = {
        { "hello", 5, "hello" }, { "hello", 4, "hel…" },
        { "hello", 0, "hello" }, { "a b c", 3, "a…" },
        { "hello", 1, "…" },     { "\xe6\xbc\xa2\xe6\xbc\xa2", 3, "\xe6\xbc\xa2…" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GString) out = g_string_new(NULL);
        columns_append_cut(out, cases[i].text, cases[i].width);
        g_assert_cmpstr(out->str, ==, cases[i].cut);
    }
    g_autoptr(GString) out = g_string_new("12345");
    columns_append_wrapped(out, "one two three", 5, 2, 12);
    g_assert_cmpstr(out->str, ==, "12345one two\n  three");
    g_string_truncate(out, 0);
    columns_append_wrapped(out, "a incomprehensibility b", 0, 2, 8);
    g_assert_cmpstr(out->str, ==, "a\n  incomp\n  rehens\n  ibilit\n  y b");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/report/table: an id wider than its column stands apart",
                    test_an_id_wider_than_its_column_stands_apart);
    g_test_add_func("/report/table/no line is wider than the terminal",
                    test_no_line_is_wider_than_the_terminal);
    g_test_add_func("/report/table/bytes from outside cannot reach the terminal",
                    test_bytes_from_outside_cannot_reach_the_terminal);
    g_test_add_func("/report/table/it says what there is to say",
                    test_it_says_what_there_is_to_say);
    g_test_add_func("/report/table/colour only when asked", test_colour_only_when_asked);
    g_test_add_func("/report/table/what is below the asked severity is counted",
                    test_what_is_below_the_asked_severity_is_counted);
    g_test_add_func("/report/table/suppressed ones are shown when asked",
                    test_suppressed_ones_are_shown_when_asked);
    g_test_add_func("/report/columns/count what a terminal shows",
                    test_columns_count_what_a_terminal_shows);
    return g_test_run();
}

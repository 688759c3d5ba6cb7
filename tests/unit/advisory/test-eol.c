#include "advisory/eol.h"

#include <glib.h>

#include "base/text.h"

static void assert_ends(const char *id, const char *version, const char *end, const char *extended)
{
    struct eol eol;
    g_assert_true(eol_lookup(id, version, &eol));
    g_autofree char *text = text_time(eol.end);
    text[10] = '\0';
    g_assert_cmpstr(text, ==, end);
    g_assert_cmpstr(eol.extended, ==, extended);
}

static void test_minor_releases_share_the_end(void)
{
    assert_ends("debian", "12", "2026-06-10", "LTS");
    assert_ends("rhel", "9.4", "2032-05-31", NULL);
    assert_ends("alpine", "3.20.3", "2026-04-01", NULL);
    assert_ends("sles", "15.5", "2024-12-31", "LTSS");
    assert_ends("ubuntu", "22.04", "2027-04-30", "Ubuntu Pro");
}

static void test_unknown_releases_have_no_end(void)
{
    struct eol eol;
    g_assert_false(eol_lookup("debian", "120", &eol));
    g_assert_false(eol_lookup("alpine", "3.2", &eol));
    g_assert_false(eol_lookup("arch", NULL, &eol));
    g_assert_false(eol_lookup(NULL, "12", &eol));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/advisory/eol/minor releases share the end of their release",
                    test_minor_releases_share_the_end);
    g_test_add_func("/advisory/eol/unknown releases have no end",
                    test_unknown_releases_have_no_end);
    return g_test_run();
}

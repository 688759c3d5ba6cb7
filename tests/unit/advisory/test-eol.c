#include "advisory/eol.h"

#include <glib.h>
#include <string.h>

#include "base/text.h"

static int64_t day(const char *text)
{
    int64_t seconds;
    g_assert_true(text_parse_time(text, &seconds));
    return seconds;
}

static struct eol find(const char *id, const char *version)
{
    struct eol eol;
    const struct frame_os os = { .id = id, .version_id = version };
    g_assert_true(eol_lookup(&os, &eol));
    return eol;
}

static void assert_ends(const char *id, const char *version, const char *last)
{
    struct eol eol = find(id, version);
    g_assert_cmpint(eol.end, ==, day(last) + 24 * 60 * 60 - 1); /* the whole day */
}

static void test_minor_releases_share_the_end(void)
{
    assert_ends("debian", "12", "2026-07-11");
    assert_ends("rhel", "9.4", "2032-05-31");
    assert_ends("alpine", "3.20.3", "2026-04-01");
    assert_ends("alpine", "3.3.1", "2017-11-01");
    assert_ends("sles", "15.5", "2024-12-31");
    assert_ends("sles_sap", "15.5", "2024-12-31");
    assert_ends("ubuntu", "22.04", "2027-06-01");
    assert_ends("mariner", "2.0", "2025-07-31");
    assert_ends("azurelinux", "3.0", "2027-07-31");
    assert_ends("photon", "4.0", "2027-10-11");
    assert_ends("amzn", "2018.03", "2023-12-31");
    assert_ends("amzn", "2", "2026-06-30");
    assert_ends("fedora", "42", "2026-05-27");
}

static void test_centos_is_two_distributions(void)
{
    struct eol eol;
    assert_ends("centos", "8", "2021-12-31");
    const struct frame_os stream = { .id = "centos", .version_id = "8", .name = "CentOS Stream" };
    g_assert_true(eol_lookup(&stream, &eol));
    g_assert_cmpint(eol.end, ==, day("2024-06-01") - 1);
}

static void test_unknown_releases_have_no_end(void)
{
    static const struct frame_os unknown[] = {
        { .id = "debian", .version_id = "120" },
        { .id = "alpine", .version_id = "3.2" },
        { .id = "arch" },
        { .id = "wolfi", .version_id = "20230201" },
        { .version_id = "12" },
        { .id = "ol", .version_id = "10.0" },
    };
    struct eol eol;
    for (size_t i = 0; i < G_N_ELEMENTS(unknown); i++)
        g_assert_false(eol_lookup(&unknown[i], &eol));
    const struct frame_os tells = { .id = "mine", .version_id = "1", .support_end = 99 };
    g_assert_true(eol_lookup(&tells, &eol));
    g_assert_cmpint(eol.end, ==, 99);
    g_assert_cmpuint(eol.phase_count, ==, 0);
}

static void assert_text(const char *id, const char *version, const char *now, bool pro,
                        const char *cover, const char *expected)
{
    struct eol eol = find(id, version);
    const struct eol_phase *phase = eol_covered_by(&eol, day(now), pro);
    g_autofree char *text = eol_describe(&eol, "It", day(now), pro);
    g_assert_cmpstr(phase != NULL ? phase->name : NULL, ==, cover);
    g_assert_cmpstr(text, ==, expected);
}

static void test_longer_support(void)
{
    assert_text("debian", "12", "2026-11-21", false, "LTS",
                "It is past its end of life (2026-07-11), with LTS until 2028-06-30");
    assert_text("debian", "11", "2026-08-31", false, "LTS",
                "It is past its end of life (2024-08-14), with LTS until 2026-08-31");
    assert_text("debian", "11", "2026-11-21", false, NULL,
                "It is past its end of life (2024-08-14) and past LTS (2026-08-31): newer flaws in "
                "it are not published but for ELTS (until 2031-06-30)");
    assert_text("ubuntu", "20.04", "2026-11-21", true, "Ubuntu Pro",
                "It is past its end of life (2025-05-29), with Ubuntu Pro until 2030-04-23");
    assert_text("ubuntu", "20.04", "2026-11-21", false, NULL,
                "It is past its end of life (2025-05-29): newer flaws in it are not published but "
                "for Ubuntu Pro (until 2030-04-23)");
    assert_text("ubuntu", "16.04", "2026-11-21", true, NULL,
                "It is past its end of life (2021-04-30) and past Ubuntu Pro (2026-04-23): newer "
                "flaws in it are not published but for Ubuntu Pro Legacy (until 2028-04-25)");
    assert_text("alpine", "3.18", "2026-11-21", true, NULL,
                "It is past its end of life (2025-05-09): newer flaws in it are not published");
}

static void test_nothing_covers_before_the_end(void)
{
    struct eol eol = find("debian", "13");
    g_assert_null(eol_covered_by(&eol, day("2026-11-21"), false));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/advisory/eol/minor releases share the end of their release",
                    test_minor_releases_share_the_end);
    g_test_add_func("/advisory/eol/CentOS Linux and CentOS Stream end on days of their own",
                    test_centos_is_two_distributions);
    g_test_add_func("/advisory/eol/unknown releases have no end but what they say themselves",
                    test_unknown_releases_have_no_end);
    g_test_add_func("/advisory/eol/longer support covers whom it is for", test_longer_support);
    g_test_add_func("/advisory/eol/nothing covers a release before its end",
                    test_nothing_covers_before_the_end);
    return g_test_run();
}

#include "inspect/rpm_manifest.h"

#include <string.h>

#include "base/error.h"

static bool read_line(const char *line, size_t len, struct arena *a, struct frame_package *p,
                      GError **error)
{
    bool pseudo;
    return rpm_manifest_line(line, len, a, p, &pseudo, error);
}

static void test_facts(void)
{
    static const char line[] = "bind-libs\t9.16.29-1.cm2\t1653816591\t1653628955\tMicrosoft "
                               "Corporation\t32\t5000\tx86_64\t32\t"
                               "bind-9.16.29-1.cm2.src.rpm";
    g_autoptr(arena) arena = arena_new(1 << 20);
    struct frame_package p;
    g_assert_true(read_line(line, strlen(line), arena, &p, NULL));
    g_assert_cmpstr(p.name, ==, "bind-libs");
    g_assert_cmpstr(p.version, ==, "32:9.16.29-1.cm2");
    g_assert_cmpstr(p.arch, ==, "x86_64");
    g_assert_cmpstr(p.vendor, ==, "Microsoft Corporation");
    g_assert_cmpstr(p.source, ==, "bind");
    g_assert_cmpstr(p.source_version, ==, "32:9.16.29-1.cm2");
    g_assert_cmpuint(p.size, ==, 5000);
    g_assert_cmpint(p.installed, ==, 1653816591);
}

static void test_absent(void)
{
    static const char line[] = "a\t1-2\t5\t4\t(none)\t(none)\t0\t(none)\t0\t(none)";
    g_autoptr(arena) arena = arena_new(1 << 20);
    struct frame_package p;
    g_assert_true(read_line(line, strlen(line), arena, &p, NULL));
    g_assert_cmpstr(p.version, ==, "1-2");
    g_assert_null(p.vendor);
    g_assert_null(p.arch);
    g_assert_null(p.source_rpm);
    g_assert_null(p.source);
}

static void test_damage(void)
{
    static const struct {
        const char *line;
        size_t len;
    } cases[] = {
        { "", 0 },
        { "a\t1-2", 5 },
        { "a\t1\t5\t4\tv\t(none)\t0\tx\t0\ts\tmore", 30 },
        { "(none)\t1\t5\t4\tv\t(none)\t0\tx\t0\ts", 30 },
        { "a\t1\t5\t4\tv\tx\t0\tx\t0\ts", 20 },
        { "a\0\t1\t5\t4\tv\t0\t0\tx\t0\ts", 21 },
    };
    g_autoptr(arena) arena = arena_new(1 << 20);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct frame_package p;
        GError *error = NULL;
        g_assert_false(read_line(cases[i].line, cases[i].len, arena, &p, &error));
        g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_CORRUPT);
        g_error_free(error);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rpm-manifest/every fact is taken from the line", test_facts);
    g_test_add_func("/rpm-manifest/what a package lacks is absent", test_absent);
    g_test_add_func("/rpm-manifest/other lines are refused", test_damage);
    return g_test_run();
}

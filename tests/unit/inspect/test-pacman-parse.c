#include "inspect/pacman_parse.h"

#include <string.h>

#include "base/error.h"

static void test_facts(void)
{
    static const char text[] = "%NAME%\nlibcurl-gnutls\n\n%VERSION%\n1:8.7.1-6\n\n%BASE%\ncurl\n\n"
                               "%DESC%\n%NAME%\n\n%ARCH%\nx86_64\n\n%BUILDDATE%\n1713000000\n\n"
                               "%INSTALLDATE%\n1714000000\n\n%PACKAGER%\nA <a@archlinux.org>\n\n"
                               "%SIZE%\n1234567\n\n%LICENSE%\nMIT\nISC\n\n%DEPENDS%\nglibc\n\n";
    g_autoptr(arena) arena = arena_new(1 << 20);
    struct frame_package p;
    GError *error = NULL;
    g_assert_true(pacman_parse(text, strlen(text), arena, &p, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(p.type, ==, "alpm");
    g_assert_cmpstr(p.name, ==, "libcurl-gnutls");
    g_assert_cmpstr(p.version, ==, "1:8.7.1-6");
    g_assert_cmpstr(p.source, ==, "curl");
    g_assert_cmpstr(p.source_version, ==, "1:8.7.1-6");
    g_assert_cmpstr(p.arch, ==, "x86_64");
    g_assert_cmpstr(p.vendor, ==, "A <a@archlinux.org>");
    g_assert_cmpstr(p.license, ==, "MIT, ISC");
    g_assert_cmpuint(p.size, ==, 1234567);
    g_assert_cmpint(p.installed, ==, 1714000000);
}

static void test_damage(void)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        { "", "no name" },
        { "%NAME%\n\n%VERSION%\n1\n", "no name" },
        { "%NAME%\na\n\n%VERSION%", "no version" },
        { "%NAME%\na\n%VERSION%\n1\n", "no version" },
    };
    g_autoptr(arena) arena = arena_new(1 << 20);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct frame_package p;
        GError *error = NULL;
        g_assert_false(pacman_parse(cases[i].text, strlen(cases[i].text), arena, &p, &error));
        g_assert_cmpstr(error->message, ==, cases[i].message);
        g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_CORRUPT);
        g_error_free(error);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pacman-parse/every fact is taken from the description", test_facts);
    g_test_add_func("/pacman-parse/without name or version it is refused", test_damage);
    return g_test_run();
}

#include <string.h>

#include "inspect/dpkg.h"

struct reading {
    struct deb822_paragraph paragraph;
    GPtrArray *texts;
};

static void setup(struct reading *r, const void *unused)
{
    r->paragraph.fields = g_array_new(FALSE, FALSE, sizeof(struct deb822_field));
    r->texts = g_ptr_array_new_with_free_func(g_free);
}

static void teardown(struct reading *r, const void *unused)
{
    g_array_unref(r->paragraph.fields);
    g_ptr_array_unref(r->texts);
}

static enum dpkg_verdict read_one(struct reading *r, const char *text, bool need_status,
                                  struct frame_package *out)
{
    const char *pos = text;
    g_assert_true(deb822_next(&pos, text + strlen(text), &r->paragraph));
    return dpkg_package(&r->paragraph, need_status, out, r->texts);
}

static void test_a_whole_entry(struct reading *r, const void *unused)
{
    struct frame_package p;
    g_assert_cmpint(
        read_one(r,
                 "Package: libc6\nStatus: install ok installed\nInstalled-Size: 12\n"
                 "Architecture: amd64\nsource: glibc (2.36-9)\nVersion: 2.36-9+deb12u9\n"
                 "Maintainer: GNU Libc <x@example.org>\nDescription: a\n b\n .\n c\n",
                 true, &p),
        ==, DPKG_INSTALLED);
    g_assert_cmpstr(p.name, ==, "libc6");
    g_assert_cmpstr(p.version, ==, "2.36-9+deb12u9");
    g_assert_cmpstr(p.source, ==, "glibc");
    g_assert_cmpstr(p.source_version, ==, "2.36-9");
    g_assert_cmpstr(p.arch, ==, "amd64");
    g_assert_cmpuint(p.size, ==, 12 * 1024);
}

static void test_source_alone_has_the_binary_s_version(struct reading *r, const void *unused)
{
    struct frame_package p;
    g_assert_cmpint(read_one(r, "Package: a\nVersion: 1\nSource: b\n", false, &p), ==,
                    DPKG_INSTALLED);
    g_assert_cmpstr(p.source, ==, "b");
    g_assert_cmpstr(p.source_version, ==, "1");
}

static void test_states(struct reading *r, const void *unused)
{
    static const struct {
        const char *status;
        enum dpkg_verdict verdict;
    } states[] = {
        { "install ok installed", DPKG_INSTALLED },
        { "hold ok installed", DPKG_INSTALLED },
        { "install ok unpacked", DPKG_INSTALLED },
        { "install ok half-configured", DPKG_INSTALLED },
        { "install ok triggers-awaited", DPKG_INSTALLED },
        { "install reinstreq half-installed", DPKG_HALF },
        { "deinstall ok config-files", DPKG_NOT_INSTALLED },
        { "purge ok not-installed", DPKG_NOT_INSTALLED },
        { "install ok", DPKG_MALFORMED },
        { "install ok thrown-away", DPKG_MALFORMED },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(states); i++) {
        struct frame_package p;
        g_autofree char *text =
            g_strdup_printf("Package: a\nStatus: %s\nVersion: 1\n", states[i].status);
        g_assert_cmpint(read_one(r, text, true, &p), ==, states[i].verdict);
    }
}

static void test_a_malformed_entry_leaves_the_next_one_whole(struct reading *r, const void *unused)
{
    static const char text[] = "Package: broken\nthis is no field\n\n \n\n"
                               "Package: good\nVersion: 1\n";
    const char *pos = text, *end = text + strlen(text);
    struct frame_package p;
    g_assert_true(deb822_next(&pos, end, &r->paragraph));
    g_assert_cmpuint(r->paragraph.bad_lines, ==, 1);
    g_assert_cmpint(dpkg_package(&r->paragraph, false, &p, r->texts), ==, DPKG_MALFORMED);
    g_assert_cmpstr(p.name, ==, "broken");
    g_assert_true(deb822_next(&pos, end, &r->paragraph));
    g_assert_cmpint(dpkg_package(&r->paragraph, false, &p, r->texts), ==, DPKG_INSTALLED);
    g_assert_cmpstr(p.name, ==, "good");
    g_assert_false(deb822_next(&pos, end, &r->paragraph));
}

static void test_lines_that_dpkg_would_not_have_written(struct reading *r, const void *unused)
{
    static const char *const texts[] = {
        "Package: a\nVersion: 1\n\vPackage: b\n", /* the blank line before it is damaged */
        "Package: a\nVersion: 1\nPackage: b\nVersion: 2\n",
        "Package: a\nVersion: 1\nversion: 2\n",
        "Package: a\nVersion: 1\001\n",
        "Package: a\nVersion: 1\nDescription: a\n b\177\n",
        "Package: a\nVersion: 1\nIn stalled-Size: 3\n",
        "Package: a\nVersion: 1\n-Size: 3\n",
        "Package: a\nVersion: 1\n: 3\n",
        "Package: a\nVersion: 1\nS\303\266urce: b\n",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        struct frame_package p;
        g_assert_cmpint(read_one(r, texts[i], false, &p), ==, DPKG_INSTALLED);
        g_assert_cmpstr(p.name, ==, "a");
        g_assert_true(g_str_has_prefix(p.version, "1"));
        g_assert_cmpuint(r->paragraph.bad_lines, >, 0);
    }
}

static void test_what_could_be_a_package(struct reading *r, const void *unused)
{
    static const struct {
        bool plausible;
        struct frame_package p;
    } cases[] = {
        { true, { .name = "libstdc++6", .version = "1:12.2.0-14+deb12u1~x", .arch = "amd64" } },
        { true, { .name = "Of_Others.x", .version = "2", .arch = "kfreebsd-amd64" } },
        { true, { .name = "a", .version = "1", .source = "b", .source_version = "1-2" } },
        { false, { .name = "libca`-ng0", .version = "1" } },
        { false, { .name = "-a", .version = "1" } },
        { false, { .name = "", .version = "1" } },
        { false, { .name = "a", .version = "1 2" } },
        { false, { .name = "a", .version = "1*2" } },
        { false, { .name = "a", .version = "1", .arch = "amd64\002x" } },
        { false, { .name = "a", .version = "1", .source = "b\377" } },
        { false, { .name = "a", .version = "1", .source = "b", .source_version = "~1" } },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpint(dpkg_is_plausible(&cases[i].p), ==, cases[i].plausible);
}

#define ADD(name, func)                                                                            \
    g_test_add("/inspect/dpkg: " name, struct reading, NULL, setup, func, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("a whole entry", test_a_whole_entry);
    ADD("a source alone has the binary's version", test_source_alone_has_the_binary_s_version);
    ADD("states", test_states);
    ADD("a malformed entry leaves the next one whole",
        test_a_malformed_entry_leaves_the_next_one_whole);
    ADD("lines that dpkg would not have written are counted",
        test_lines_that_dpkg_would_not_have_written);
    ADD("what could be a package", test_what_could_be_a_package);
    return g_test_run();
}

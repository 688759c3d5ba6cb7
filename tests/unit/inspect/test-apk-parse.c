#include "inspect/apk_parse.h"

#include <string.h>

#include "base/error.h"

struct found {
    GString *packages, *faults;
};

static void on_package(void *user, struct frame_package *p, const char *kernel)
{
    struct found *f = user;
    g_string_append_printf(f->packages, "%s %s %s %s %s %s %s %" G_GUINT64_FORMAT " %s\n", p->type,
                           p->name, p->version, p->arch, p->source, p->source_version, p->license,
                           p->size, kernel);
}

static void on_fault(void *user, GError *error)
{
    struct found *f = user;
    g_string_append_printf(f->faults, "%s\n", error->message);
    g_error_free(error);
}

static void check_bytes(const char *text, size_t len, const char *packages, const char *faults)
{
    struct found f = { g_string_new(NULL), g_string_new(NULL) };
    const struct apk_sink sink = { on_package, on_fault, &f };
    GError *error = NULL;
    g_assert_true(apk_parse(text, len, &sink, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(f.packages->str, ==, packages);
    g_assert_cmpstr(f.faults->str, ==, faults);
    g_string_free(f.packages, TRUE);
    g_string_free(f.faults, TRUE);
}

static void check(const char *text, const char *packages, const char *faults)
{
    check_bytes(text, strlen(text), packages, faults);
}

static void test_paragraphs(void)
{
    check("C:Q1abc=\nP:libssl3\nV:3.1.4-r5\nA:x86_64\nS:246\nI:614400\nT:TLS\nL:Apache-2.0\n"
          "o:openssl\nm:A <a@b.org>\nt:1700000000\nF:lib\nR:libssl.so.3\n\n"
          "P:musl\nV:1.2.4-r2\nA:x86_64\nL:MIT\nI:10\n\n",
          "apk libssl3 3.1.4-r5 x86_64 openssl 3.1.4-r5 Apache-2.0 614400 (null)\n"
          "apk musl 1.2.4-r2 x86_64 musl 1.2.4-r2 MIT 10 (null)\n",
          "");
}

static void test_end(void)
{
    check("P:a\nV:1", "apk a 1 (null) a 1 (null) 0 (null)\n", "");
    check("", "", "");
    check("\n\n\n", "", "");
}

static void test_kernels(void)
{
    check("P:linux-lts\nV:6.6.31-r0\nF:boot\nR:vmlinuz-lts\nF:lib/modules\n"
          "F:lib/modules/6.6.31-0-lts\nF:lib/modules/6.6.31-0-lts/kernel\n",
          "apk linux-lts 6.6.31-r0 (null) linux-lts 6.6.31-r0 (null) 0 6.6.31-0-lts\n", "");
    check("P:other\nV:1\nF:lib/modules/6.6.31-0-lts/extra\n",
          "apk other 1 (null) other 1 (null) 0 (null)\n", "");
}

static void test_damage(void)
{
    check("P:a\n\nV:1\n\nP:b\nV:2\n", "apk b 2 (null) b 2 (null) 0 (null)\n",
          "line 1: a: no version\nline 3: a package: no name\n");
    check("P:a\nV:1\n??\nxx\n", "apk a 1 (null) a 1 (null) 0 (null)\n", "line 3: a: not a field\n");
    check_bytes("P:a\nV:1\nL:\0x\n", 13, "apk a 1 (null) a 1 (null) 0 (null)\n",
                "line 3: a: not a field\n");
    check("P:a\nV:1\nI:-5\n", "apk a 1 (null) a 1 (null) 0 (null)\n", "");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/apk-parse/each paragraph is a package", test_paragraphs);
    g_test_add_func("/apk-parse/the last paragraph needs no end", test_end);
    g_test_add_func("/apk-parse/a kernel's release is found", test_kernels);
    g_test_add_func("/apk-parse/damage is told and passed over", test_damage);
    return g_test_run();
}

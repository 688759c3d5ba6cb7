#include <glib.h>

#include "advisory/suppression_set.h"
#include "base/error.h"
#include "suppressing.h"

static void parse(struct bench *b, const char *text)
{
    g_autoptr(GError) error = NULL;
    (void)suppressions_parse_ignore(b->set, ".assayignore", text, strlen(text), &error);
    g_assert_no_error(error);
}

static bool ignores(const char *text)
{
    struct bench b;
    bench_init_debian(&b);
    struct finding *f = bench_find(&b, "libssl3", "CVE-2024-1");
    f->aliases = (const char *const[]){ "GHSA-2", NULL };
    f->advisories = (const char *const[]){ "DSA-1-1", NULL };
    parse(&b, text);
    bench_apply(&b, "2026-11-21T12:00:00Z");
    bool is = f->suppressed_by != NULL;
    g_assert_cmpint(f->state, ==, FINDING_FIXED);
    bench_done(&b);
    return is;
}

static void test_what_rules_describe(void)
{
    static const char *const yes[] = {
        "CVE-2024-1",
        "  cve-2024-1\r\n",
        "id=CVE-2024-1",
        "\"CVE-2024-1\"",
        "# a comment\n\nCVE-2023-9\nCVE-2024-1 # another",
        "GHSA-2",
        "DSA-1-1",
        "CVE-2024-1 package=libssl3",
        "CVE-2024-1 package=openssl", /* the source */
        "package=lib*",
        "package=libssl? path=/var/lib/dpkg/*",
        "path=*/status",
        "CVE-2024-1 expires=2026-11-21", /* the whole day */
        "CVE-2024-1 expires=2030-01-01",
    };
    static const char *const no[] = {
        "",
        "# CVE-2024-1",
        "CVE-2024-10",
        "CVE-2024-1 package=curl",
        "CVE-2024-1 package=ssl",
        "CVE-2024-1 path=/opt/*",
        "CVE-2024-1 expires=2026-11-20",
        "package=libssl3 expires=2026-11-20",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(yes); i++)
        if (!ignores(yes[i]))
            g_error("not ignored by: %s", yes[i]);
    for (size_t i = 0; i < G_N_ELEMENTS(no); i++)
        if (ignores(no[i]))
            g_error("ignored by: %s", no[i]);
}

static void test_report(void)
{
    struct bench b;
    bench_init_debian(&b);
    struct finding *f = bench_find(&b, "curl", "CVE-2024-1");
    parse(&b, "CVE-2024-1 expires=2026-01-01 reason=old\n"
              "CVE-2024-1 package=curl reason=\"a \\\"proxy\\\" is in front\"\n");
    bench_apply(&b, "2026-11-21");
    g_assert_cmpstr(f->suppressed_by, ==, ".assayignore line 2");
    g_assert_cmpstr(f->suppressed_reason, ==, "a \"proxy\" is in front");
    const struct frame_coverage *read = g_ptr_array_index(b.coverage, 1);
    const struct frame_coverage *expired = g_ptr_array_index(b.coverage, 2);
    g_assert_cmpstr(read->kind, ==, "ignore file");
    g_assert_cmpstr(read->object, ==, ".assayignore");
    g_assert_cmpint(read->state, ==, COVERAGE_READ);
    g_assert_cmpstr(read->reason, ==, "2 statements; 1 finding suppressed");
    g_assert_cmpstr(expired->object, ==, ".assayignore line 1");
    g_assert_cmpint(expired->state, ==, COVERAGE_SKIPPED);
    g_assert_cmpstr(expired->reason, ==, "expired on 2026-01-01: ignores nothing any more");
    bench_done(&b);
}

static void test_beside_vex(void)
{
    static const struct {
        const char *status, *by;
        enum finding_state state;
    } cases[] = {
        { "affected", ".assayignore line 1", FINDING_FIXED },
        { "under_investigation", ".assayignore line 1", FINDING_UNDER_INVESTIGATION },
        { "not_affected", "a.json: OpenVEX", FINDING_NOT_AFFECTED },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct bench b;
        bench_init_debian(&b);
        struct finding *f = bench_find(&b, "curl", "CVE-2024-1");
        g_autofree char *json =
            g_strdup_printf("{'@context':'https://openvex.dev/ns','statements':[{'vulnerability':"
                            "'CVE-2024-1','products':['pkg:deb/debian/curl'],'status':'%s'}]}",
                            cases[i].status);
        parse(&b, "CVE-2024-1");
        bench_vex(&b, json);
        bench_apply(&b, "2026-11-21");
        g_assert_cmpstr(f->suppressed_by, ==, cases[i].by);
        g_assert_cmpint(f->state, ==, cases[i].state);
        bench_done(&b);
    }
}

static void test_wrong_lines(void)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        { "CVE-1\nreason=none", "line 2: no id, package or path: it would ignore everything" },
        { "CVE-1 expires=tomorrow", "line 1: expires: 'tomorrow' is not a date (YYYY-MM-DD)" },
        { "CVE-1 expires=2026-02-30", "line 1: expires: '2026-02-30' is not a date (YYYY-MM-DD)" },
        { "CVE-1 expires=2026-2-3", "line 1: expires: '2026-2-3' is not a date (YYYY-MM-DD)" },
        { "CVE-1 until=2026-01-01",
          "line 1: no key 'until' (there are id, package, path, expires, reason)" },
        { "CVE-1 CVE-2", "line 1: 'CVE-2' is not of the form key=value" },
        { "CVE-1 id=CVE-2", "line 1: id stands twice" },
        { "package=a package=b", "line 1: package stands twice" },
        { "package=", "line 1: package is empty" },
        { "package=\"\"", "line 1: package is empty" },
        { "CVE-1 reason=\"no end", "line 1: a quotation mark is missing" },
        { "CVE-1 reason=\"a\"b", "line 1: no blank behind a quoted text" },
        { "CVE-1 reason=\xff", "line 1: not UTF-8 text" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct bench b;
        g_autoptr(GError) error = NULL;
        g_autofree char *message = g_strconcat(".assayignore, ", cases[i].message, NULL);
        bench_init_debian(&b);
        g_assert_false(suppressions_parse_ignore(b.set, ".assayignore", cases[i].text,
                                                 strlen(cases[i].text), &error));
        g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_INVALID);
        g_assert_cmpstr(error->message, ==, message);
        bench_done(&b);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(title, func) g_test_add_func("/advisory/ignore/" title, func)
    TEST("rules describe findings by id, package and path, until a day", test_what_rules_describe);
    TEST("what a file did is in coverage, expired rules by line", test_report);
    TEST("VEX speaks first", test_beside_vex);
    TEST("a wrong line is named", test_wrong_lines);
    return g_test_run();
}

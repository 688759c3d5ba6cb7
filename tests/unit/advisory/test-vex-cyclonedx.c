#include <glib.h>

#include "advisory/vex.h"
#include "base/error.h"
#include "suppressing.h"

#define NOW "2026-11-21"

static char *document(const char *vulnerability)
{
    return g_strdup_printf(
        "{'bomFormat':'CycloneDX','specVersion':'1.6','serialNumber':'urn:uuid:1',"
        "'metadata':{'timestamp':'2026-01-01T00:00:00Z','authors':[{'name':'A Person'}],"
        "'component':{'type':'container','bom-ref':'image','name':'web.qcow2'}},"
        "'components':[{'type':'operating-system','bom-ref':'os','name':'debian','version':'12'},"
        "{'type':'operating-system','bom-ref':'old','name':'debian','version':'11'},"
        "{'type':'application','bom-ref':'app','name':'app','components':["
        "{'type':'library','bom-ref':'c','name':'curl','purl':'pkg:deb/debian/curl'}]}],"
        "'vulnerabilities':[{'id':'CVE-2024-1',%s}]}",
        vulnerability);
}

static struct finding judge(const char *members)
{
    struct bench b;
    bench_init_debian(&b);
    struct finding *f = bench_find(&b, "curl", "CVE-2024-1");
    g_autofree char *json = document(members);
    bench_vex(&b, json);
    bench_apply(&b, NOW);
    struct finding out = *f;
    out.suppressed_by = g_intern_string(out.suppressed_by);
    out.suppressed_reason = g_intern_string(out.suppressed_reason);
    bench_done(&b);
    return out;
}

static bool concerns(const char *affects)
{
    g_autofree char *members =
        g_strdup_printf("'analysis':{'state':'not_affected'},'affects':[%s]", affects);
    return judge(members).suppressed_by != NULL;
}

static void test_references(void)
{
    static const struct {
        const char *affects;
        bool is;
    } cases[] = {
        { "{'ref':'c'}", true },
        { "{'ref':'image'}", true },
        { "{'ref':'os'}", true },
        { "{'ref':'old'}", false },
        { "{'ref':'app'}", false },
        { "{'ref':'nothing'}", false },
        { "{'ref':'pkg:deb/debian/curl'}", true },
        { "{'ref':'urn:cdx:f08a6ccd-4dce-4759-bd84-c626675d60a7/1#pkg:deb/debian/curl'}", true },
        { "{'ref':'urn:cdx:1/1#target-1%2Fdisk0p1%2Fpkg%3Adeb%2Fdebian%2Fcurl'}", true },
        { "{'ref':'urn:cdx:1/1#pkg:deb/debian/wget'}", false },
        { "{}", false },
        { "{'ref':'c','versions':[{'version':'7.88.1-10+deb12u5','status':'affected'}]}", true },
        { "{'ref':'c','versions':[{'version':'7.88.1-10+deb12u5','status':'unknown'}]}", false },
        { "{'ref':'c','versions':[{'version':'7.88.1-1'}]}", false },
        { "{'ref':'c','versions':[{'range':'vers:deb/<8'}]}", false },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        if (concerns(cases[i].affects) != cases[i].is)
            g_error("%s: not %d", cases[i].affects, cases[i].is);
}

static void test_states(void)
{
    static const struct {
        const char *analysis;
        enum finding_state state;
        const char *reason;
    } cases[] = {
        { "{'state':'resolved'}", FINDING_NOT_AFFECTED, "fixed" },
        { "{'state':'resolved_with_pedigree'}", FINDING_NOT_AFFECTED, "fixed" },
        { "{'state':'exploitable'}", FINDING_FIXED, NULL },
        { "{'state':'in_triage'}", FINDING_UNDER_INVESTIGATION, NULL },
        { "{'state':'false_positive','detail':'It is another curl.'}", FINDING_NOT_AFFECTED,
          "not affected: It is another curl" },
        { "{'state':'not_affected','justification':'code_not_reachable'}", FINDING_NOT_AFFECTED,
          "not affected: code_not_reachable" },
        { "{}", FINDING_FIXED, NULL },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *members =
            g_strdup_printf("'analysis':%s,'affects':[{'ref':'c'}]", cases[i].analysis);
        struct finding f = judge(members);
        g_assert_cmpint(f.state, ==, cases[i].state);
        g_assert_cmpstr(f.suppressed_reason, ==, cases[i].reason);
        g_assert_cmpstr(f.suppressed_by, ==,
                        cases[i].reason != NULL ? "a.json: CycloneDX urn:uuid:1 by A Person"
                                                : NULL);
    }
}

static void test_version_that_is_not_affected(void)
{
    struct finding f = judge("'analysis':{'state':'exploitable'},'affects':[{'ref':'c','versions':["
                             "{'version':'7.88.1-9','status':'affected'},"
                             "{'version':'7.88.1-10+deb12u5','status':'unaffected'}]}]");
    g_assert_cmpstr(f.suppressed_reason, ==, "not affected");
}

static void test_unknown_states(void)
{
    struct bench b;
    g_autoptr(GError) error = NULL;
    bench_init_debian(&b);
    g_autofree char *json = document("'analysis':{'state':'maybe'}");
    g_assert_false(bench_try_vex(&b, json, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_CORRUPT);
    g_assert_cmpstr(error->message, ==, "a.json: vulnerability 1: no state 'maybe'");
    bench_done(&b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(title, func) g_test_add_func("/advisory/vex-cyclonedx/" title, func)
    TEST("references lead to components, here or elsewhere", test_references);
    TEST("each state of an analysis does what it says", test_states);
    TEST("a version may be listed as not affected", test_version_that_is_not_affected);
    TEST("unknown states are refused", test_unknown_states);
    return g_test_run();
}

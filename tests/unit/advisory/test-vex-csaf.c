#include <glib.h>

#include "advisory/vex.h"
#include "base/error.h"
#include "suppressing.h"

#define NOW "2026-11-21"

#define TREE                                                                                       \
    "'product_tree':{'branches':[{'category':'vendor','name':'Red Hat','branches':["               \
    "{'category':'product_name','name':'RHEL 9','product':{'name':'Red Hat Enterprise Linux 9',"   \
    "'product_id':'rhel9','product_identification_helper':{"                                       \
    "'cpe':'cpe:/a:redhat:enterprise_linux:9::appstream'}}},"                                      \
    "{'category':'product_name','name':'EUS','product':{'name':'EUS','product_id':'eus',"          \
    "'product_identification_helper':{'cpe':'cpe:/a:redhat:rhel_eus:9.2::appstream'}}}]},"         \
    "{'category':'product_version','name':'openssl','product':{'name':'openssl',"                  \
    "'product_id':'openssl','product_identification_helper':{"                                     \
    "'purl':'pkg:rpm/redhat/openssl?arch=src'}}},"                                                 \
    "{'category':'product_version','name':'openssl-libs','product':{'name':'openssl-libs-1:3',"    \
    "'product_id':'libs','product_identification_helper':{"                                        \
    "'purl':'pkg:rpm/redhat/openssl-libs@3.0.7-27.el9?arch=x86_64&epoch=1'}}}],"                   \
    "'full_product_names':[{'name':'nodejs','product_id':'node'},"                                 \
    "{'name':'nodejs:18','product_id':'module','product_identification_helper':{"                  \
    "'purl':'pkg:rpmmod/redhat/nodejs@18'}},"                                                      \
    "{'name':'nodejs:20','product_id':'module20','product_identification_helper':{"                \
    "'purl':'pkg:rpmmod/redhat/nodejs@20'}}],"                                                     \
    "'product_groups':[{'group_id':'g','product_ids':['rhel9:libs']}],"                            \
    "'relationships':["                                                                            \
    "{'full_product_name':{'name':'a','product_id':'rhel9:openssl'},"                              \
    "'product_reference':'openssl','relates_to_product_reference':'rhel9'},"                       \
    "{'full_product_name':{'name':'b','product_id':'rhel9:libs'},"                                 \
    "'product_reference':'libs','relates_to_product_reference':'rhel9'},"                          \
    "{'full_product_name':{'name':'c','product_id':'eus:libs'},"                                   \
    "'product_reference':'libs','relates_to_product_reference':'eus'},"                            \
    "{'full_product_name':{'name':'d','product_id':'rhel9:node'},"                                 \
    "'product_reference':'node','relates_to_product_reference':'rhel9'},"                          \
    "{'full_product_name':{'name':'e','product_id':'rhel9:module'},"                               \
    "'product_reference':'module','relates_to_product_reference':'rhel9'},"                        \
    "{'full_product_name':{'name':'f','product_id':'rhel9:module:node'},"                          \
    "'product_reference':'node','relates_to_product_reference':'rhel9:module'},"                   \
    "{'full_product_name':{'name':'g','product_id':'rhel9:module20'},"                             \
    "'product_reference':'module20','relates_to_product_reference':'rhel9'},"                      \
    "{'full_product_name':{'name':'h','product_id':'rhel9:module20:node'},"                        \
    "'product_reference':'node','relates_to_product_reference':'rhel9:module20'},"                 \
    "{'full_product_name':{'name':'i','product_id':'loop'},"                                       \
    "'product_reference':'node','relates_to_product_reference':'loop'}]}"

static char *document(const char *vulnerability)
{
    return g_strdup_printf("{'document':{'category':'csaf_vex','csaf_version':'2.0',"
                           "'publisher':{'name':'Red Hat'},'tracking':{'id':'CVE-2024-1',"
                           "'current_release_date':'2026-01-01T00:00:00+00:00'}}," TREE
                           ",'vulnerabilities':[{'cve':'CVE-2024-1',%s}]}",
                           vulnerability);
}

/* What a document with these members of its vulnerability does to a finding in a package. */
static struct finding judge(const char *package, const char *members)
{
    struct bench b;
    bench_init_redhat(&b);
    struct finding *f = bench_find(&b, package, "CVE-2024-1");
    g_autofree char *json = document(members);
    bench_vex(&b, json);
    bench_apply(&b, NOW);
    struct finding out = *f;
    out.suppressed_by = g_intern_string(out.suppressed_by);
    out.suppressed_reason = g_intern_string(out.suppressed_reason);
    bench_done(&b);
    return out;
}

static bool concerns(const char *package, const char *product)
{
    g_autofree char *members =
        g_strdup_printf("'product_status':{'known_not_affected':['%s']}", product);
    return judge(package, members).suppressed_by != NULL;
}

static void test_products(void)
{
    g_assert_true(concerns("openssl-libs", "rhel9:openssl")); /* by its source */
    g_assert_true(concerns("openssl-libs", "rhel9:libs"));
    g_assert_false(concerns("openssl-libs", "eus:libs"));
    g_assert_true(concerns("openssl-libs", "libs"));
    g_assert_true(concerns("openssl-libs", "rhel9")); /* all that is in it */
    g_assert_false(concerns("openssl-libs", "eus"));
    g_assert_false(concerns("nodejs", "rhel9:openssl"));
    g_assert_true(concerns("nodejs", "rhel9:node")); /* by name, within a known release */
    g_assert_false(concerns("nodejs", "node"));
    g_assert_true(concerns("nodejs", "rhel9:module:node"));
    g_assert_false(concerns("nodejs", "rhel9:module20:node"));
    g_assert_false(concerns("nodejs", "loop"));
    g_assert_false(concerns("nodejs", "nowhere"));
}

static void assert_judged(const char *members, enum finding_state state, const char *reason)
{
    struct finding f = judge("openssl-libs", members);
    g_assert_cmpint(f.state, ==, state);
    g_assert_cmpstr(f.suppressed_reason, ==, reason);
    if (reason != NULL)
        g_assert_cmpstr(f.suppressed_by, ==, "a.json: CSAF CVE-2024-1 by Red Hat");
}

static void test_states(void)
{
    assert_judged("'product_status':{'fixed':['rhel9:libs']}", FINDING_NOT_AFFECTED, "fixed");
    assert_judged("'product_status':{'known_affected':['rhel9:libs']}", FINDING_FIXED, NULL);
    assert_judged("'product_status':{'under_investigation':['rhel9:libs']}",
                  FINDING_UNDER_INVESTIGATION, NULL);
    assert_judged("'product_status':{'recommended':['rhel9:libs']}", FINDING_FIXED, NULL);
    assert_judged("'notes':[]", FINDING_FIXED, NULL);
}

static void test_reasons(void)
{
#define STATUS "'product_status':{'known_not_affected':['rhel9:libs']}"
    assert_judged(STATUS, FINDING_NOT_AFFECTED, "not affected");
    assert_judged(STATUS ",'flags':[{'label':'component_not_present',"
                         "'product_ids':['rhel9:libs']}]",
                  FINDING_NOT_AFFECTED, "not affected: component_not_present");
    assert_judged(STATUS ",'flags':[{'label':'component_not_present',"
                         "'product_ids':['rhel9:node']}]",
                  FINDING_NOT_AFFECTED, "not affected");
    assert_judged(STATUS ",'flags':[{'label':'component_not_present','group_ids':['g']}]",
                  FINDING_NOT_AFFECTED, "not affected: component_not_present");
    assert_judged(STATUS ",'flags':[{'label':'component_not_present'}]", FINDING_NOT_AFFECTED,
                  "not affected: component_not_present");
    assert_judged(STATUS ",'threats':[{'category':'impact','details':'It is unused.'}]",
                  FINDING_NOT_AFFECTED, "not affected: It is unused");
}

static void test_ids(void)
{
    struct bench b;
    bench_init_redhat(&b);
    struct finding *f = bench_find(&b, "nodejs", "GHSA-1");
    g_autofree char *json = document("'ids':[{'system_name':'GitHub','text':'GHSA-1'}],"
                                     "'product_status':{'fixed':['rhel9:node']}");
    bench_vex(&b, json);
    bench_apply(&b, NOW);
    g_assert_nonnull(f->suppressed_by);
    bench_done(&b);
}

static void test_deep_branches(void)
{
    struct bench b;
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) json =
        g_string_new("{'document':{'csaf_version':'2.0'},'product_tree':{'branches':");
    for (int i = 0; i < 100; i++)
        g_string_append(json, "[{'branches':");
    g_string_append(json, "[]");
    for (int i = 0; i < 100; i++)
        g_string_append(json, "}]");
    g_string_append(json, "}}");
    bench_init_redhat(&b);
    g_assert_false(bench_try_vex(&b, json->str, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_LIMIT);
    bench_done(&b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(title, func) g_test_add_func("/advisory/vex-csaf/" title, func)
    TEST("products are found through branches, names and relationships", test_products);
    TEST("each status does what it says", test_states);
    TEST("flags and threats tell why a product is not affected", test_reasons);
    TEST("other ids than the CVE count", test_ids);
    TEST("branches nest only so deep", test_deep_branches);
    return g_test_run();
}

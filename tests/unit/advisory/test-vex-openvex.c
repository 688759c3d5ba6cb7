#include <glib.h>

#include "advisory/vex.h"
#include "base/error.h"
#include "suppressing.h"

#define NOW "2026-11-21"

static char *document(const char *statements)
{
    return g_strdup_printf("{'@context':'https://openvex.dev/ns/v0.2.0','@id':'urn:doc',"
                           "'author':'A Person','timestamp':'2026-01-01T00:00:00Z','version':1,"
                           "'statements':[%s]}",
                           statements);
}

static char *statement(const char *product, const char *status, const char *more)
{
    return g_strdup_printf("{'vulnerability':{'name':'CVE-2024-1'},'products':[%s],"
                           "'status':'%s'%s}",
                           product, status, more);
}

/* Whether a product, as JSON, is the package. */
static bool concerns(struct bench *b, const char *package, const char *product)
{
    g_autofree char *one = statement(product, "not_affected", "");
    g_autofree char *json = document(one);
    suppressions_free(b->set);
    b->set = suppressions_new();
    b->source = suppressions_add_source(b->set, "test", "VEX document", NULL);
    g_ptr_array_set_size(b->findings, 0);
    struct finding *f = bench_find(b, package, "CVE-2024-1");
    bench_vex(b, json);
    bench_apply(b, NOW);
    return f->suppressed_by != NULL;
}

static bool purl_concerns(struct bench *b, const char *package, const char *purl)
{
    g_autofree char *product = g_strdup_printf("{'@id':'%s'}", purl);
    return concerns(b, package, product);
}

static void test_states(void)
{
    static const struct {
        const char *status, *more;
        enum finding_state state;
        const char *reason;
    } cases[] = {
        { "not_affected", ",'justification':'vulnerable_code_not_present'", FINDING_NOT_AFFECTED,
          "not affected: vulnerable_code_not_present" },
        { "not_affected",
          ",'justification':'component_not_present','impact_statement':'It is\\nnot there.'",
          FINDING_NOT_AFFECTED, "not affected: component_not_present: It is not there" },
        { "fixed", "", FINDING_NOT_AFFECTED, "fixed" },
        { "affected", ",'action_statement':'Upgrade'", FINDING_FIXED, NULL },
        { "under_investigation", "", FINDING_UNDER_INVESTIGATION, NULL },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct bench b;
        bench_init_debian(&b);
        struct finding *f = bench_find(&b, "curl", "CVE-2024-1");
        struct finding *other = bench_find(&b, "curl", "CVE-2024-2");
        g_autofree char *one =
            statement("{'@id':'pkg:deb/debian/curl'}", cases[i].status, cases[i].more);
        g_autofree char *json = document(one);
        bench_vex(&b, json);
        bench_apply(&b, NOW);
        g_assert_cmpint(f->state, ==, cases[i].state);
        g_assert_cmpstr(f->suppressed_reason, ==, cases[i].reason);
        g_assert_cmpstr(f->suppressed_by, ==,
                        cases[i].reason != NULL ? "a.json: OpenVEX urn:doc by A Person" : NULL);
        g_assert_null(other->suppressed_by);
        bench_done(&b);
    }
}

static void test_packages_by_purl(void)
{
    struct bench b;
    bench_init_debian(&b);
    static const char *const same[] = {
        "pkg:deb/debian/curl",
        "pkg:deb/debian/curl@7.88.1-10%2Bdeb12u5",
        "pkg:deb/Debian/curl@7.88.1-10+deb12u5?arch=amd64&distro=debian-12",
        "pkg:deb/debian/curl?arch=source&distro=bookworm",
        "pkg:deb/debian/curl?distro=debian-bookworm",
        "pkg:deb/debian/curl?distro=esm-apps/bookworm",
        "pkg:deb/debian/curl@0:7.88.1-10+deb12u5?repository_url=https://mirror.example.org",
        "pkg:DEB/debian/curl#path",
    };
    static const char *const others[] = {
        "pkg:deb/debian/curl@7.88.1-10",
        "pkg:deb/debian/curl@7.88.1-10+deb12u6",
        "pkg:deb/ubuntu/curl",
        "pkg:deb/curl",
        "pkg:rpm/debian/curl",
        "pkg:deb/debian/libcurl4",
        "pkg:deb/debian/curl?arch=arm64",
        "pkg:deb/debian/curl?distro=debian-11",
        "pkg:deb/debian/curl?distro=1",
        "pkg:deb/debian/curl?flavour=x",
        "pkg:generic/curl",
        "curl",
        "pkg:deb",
        "pkg:deb/debian/",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(same); i++)
        if (!purl_concerns(&b, "curl", same[i]))
            g_error("%s is not curl", same[i]);
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
        if (purl_concerns(&b, "curl", others[i]))
            g_error("%s is curl", others[i]);
    /* The source package stands for what is built from it, the binary for itself. */
    g_assert_true(purl_concerns(&b, "libssl3", "pkg:deb/debian/openssl?arch=source"));
    g_assert_false(purl_concerns(&b, "libssl3", "pkg:deb/debian/openssl"));
    g_assert_true(purl_concerns(&b, "libssl3", "pkg:deb/debian/libssl3"));
    bench_done(&b);
}

static void test_rpm_epochs_and_modules(void)
{
    struct bench b;
    bench_init_redhat(&b);
    g_assert_true(purl_concerns(&b, "openssl-libs", "pkg:rpm/redhat/openssl-libs@3.0.7-27.el9"));
    g_assert_true(
        purl_concerns(&b, "openssl-libs", "pkg:rpm/redhat/openssl-libs@3.0.7-27.el9?epoch=1"));
    g_assert_false(
        purl_concerns(&b, "openssl-libs", "pkg:rpm/redhat/openssl-libs@3.0.7-27.el9?epoch=2"));
    g_assert_true(
        purl_concerns(&b, "openssl-libs", "pkg:rpm/redhat/openssl@3.0.7-27.el9?arch=src&epoch=1"));
    g_assert_true(purl_concerns(&b, "nodejs", "pkg:rpm/redhat/nodejs?rpmmod=nodejs:18"));
    g_assert_false(purl_concerns(&b, "nodejs", "pkg:rpm/redhat/nodejs?rpmmod=nodejs:1"));
    bench_done(&b);
}

static void test_products_that_hold_the_package(void)
{
    struct bench b;
    bench_init_debian(&b);
    static const struct {
        const char *product;
        bool is;
    } cases[] = {
        { "{'@id':'images/web.qcow2'}", true }, /* the whole image */
        { "{'@id':'web.qcow2','subcomponents':[{'@id':'pkg:deb/debian/curl'}]}", true },
        { "{'@id':'web.qcow2','subcomponents':[{'@id':'curl'}]}", true },
        { "{'@id':'web.qcow2','subcomponents':[{'@id':'pkg:deb/debian/wget'}]}", false },
        { "{'@id':'db.qcow2','subcomponents':[{'@id':'pkg:deb/debian/curl'}]}", false },
        { "{'@id':'pkg:generic/web.qcow2'}", true },
        { "{'@id':'pkg:generic/debian@12'}", true },
        { "{'@id':'pkg:generic/debian@11'}", false },
        { "{'@id':'pkg:oci/web'}", false },
        { "{'@id':'web1'}", true }, /* its host name */
        { "'pkg:deb/debian/curl'", true },
        { "{'identifiers':{'cpe23':'cpe:2.3:o:debian:debian_linux:12.0:*:*:*:*:*:*:*'}}", false },
        { "{'identifiers':{'cpe23':'cpe:2.3:o:debian:debian_linux:12:*:*:*:*:*:*:*'}}", true },
        { "{'identifiers':{'cpe22':'cpe:/o:debian:debian_linux','purl':'pkg:oci/x'}}", true },
        { "{'identifiers':{'cpe23':'cpe:2.3:a:haxx:curl:7.88.1:*:*:*:*:*:*:*'}}", false },
        { "{}", false },
        { "17", false },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        if (concerns(&b, "curl", cases[i].product) != cases[i].is)
            g_error("%s: not %d", cases[i].product, cases[i].is);
    bench_done(&b);
}

static void test_latest_statement_counts(void)
{
    static const struct {
        const char *first, *second, *first_time, *second_time;
        bool suppressed;
    } cases[] = {
        { "affected", "not_affected", "2026-01-01", "2026-02-01", true },
        { "not_affected", "affected", "2026-01-01", "2026-02-01", false },
        { "not_affected", "affected", "2026-02-01", "2026-01-01", true },
        { "affected", "not_affected", "2026-01-01", "2026-01-01", true }, /* the last one */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        for (int together = 0; together < 2; together++) {
            struct bench b;
            bench_init_debian(&b);
            struct finding *f = bench_find(&b, "curl", "CVE-2024-1");
            g_autofree char *t1 = g_strdup_printf(",'timestamp':'%s'", cases[i].first_time);
            g_autofree char *t2 = g_strdup_printf(",'timestamp':'%s'", cases[i].second_time);
            g_autofree char *s1 = statement("'pkg:deb/debian/curl'", cases[i].first, t1);
            g_autofree char *s2 = statement("'pkg:deb/debian/curl'", cases[i].second, t2);
            g_autofree char *both = g_strdup_printf("%s,%s", s1, s2);
            g_autofree char *one = document(together ? both : s1);
            g_autofree char *two = document(s2);
            bench_vex(&b, one);
            if (!together)
                bench_vex(&b, two);
            bench_apply(&b, NOW);
            g_assert_cmpint(f->suppressed_by != NULL, ==, cases[i].suppressed);
            bench_done(&b);
        }
    }
}

static void test_names_of_the_vulnerability(void)
{
    static const struct {
        const char *vulnerability;
        bool is;
    } cases[] = {
        { "'CVE-2024-1'", true },
        { "'cve-2024-1'", true },
        { "{'name':'GHSA-1','aliases':['CVE-2024-1']}", true },
        { "{'@id':'https://nvd.nist.gov/vuln/detail/CVE-2024-1'}", true },
        { "{'name':'GHSA-2'}", true },   /* the finding's own alias */
        { "{'name':'DSA-1-1'}", false }, /* an advisory, that may be about others too */
        { "'CVE-2024-10'", false },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct bench b;
        bench_init_debian(&b);
        struct finding *f = bench_find(&b, "curl", "CVE-2024-1");
        f->aliases = (const char *const[]){ "GHSA-2", NULL };
        f->advisories = (const char *const[]){ "DSA-1-1", NULL };
        g_autofree char *one =
            g_strdup_printf("{'vulnerability':%s,'products':['pkg:deb/debian/curl'],"
                            "'status':'fixed'}",
                            cases[i].vulnerability);
        g_autofree char *json = document(one);
        bench_vex(&b, json);
        bench_apply(&b, NOW);
        if ((f->suppressed_by != NULL) != cases[i].is)
            g_error("%s: not %d", cases[i].vulnerability, cases[i].is);
        bench_done(&b);
    }
}

static void test_old_form(void)
{
    struct bench b;
    bench_init_debian(&b);
    struct finding *f = bench_find(&b, "curl", "CVE-2024-1");
    bench_vex(&b, "{'@context':'https://openvex.dev/ns','timestamp':'2023-01-01T00:00:00Z',"
                  "'statements':[{'vulnerability':'CVE-2024-1','products':['web.qcow2'],"
                  "'subcomponents':['pkg:deb/debian/curl'],'status':'fixed'}]}");
    bench_apply(&b, NOW);
    g_assert_nonnull(f->suppressed_by);
    bench_done(&b);
}

static void test_wrapped_documents(void)
{
#define STATEMENTS                                                                                 \
    "'statements':[{'vulnerability':'CVE-2024-1','products':['pkg:deb/debian/curl'],"              \
    "'status':'fixed'}]"
    static const char *const documents[] = {
        "{'_type':'https://in-toto.io/Statement/v1','predicateType':'https://openvex.dev/ns/"
        "v0.2.0',"
        "'predicate':{'@context':'https://openvex.dev/ns/v0.2.0','@id':'urn:doc'," STATEMENTS "}}",
        "{'metadata':{'@context':'https://openvex.dev/ns/v0.2.0','@id':'urn:doc'}," STATEMENTS "}",
        "{'@context':['https://openvex.dev/ns/v0.2.0',{}],'@id':'urn:doc'," STATEMENTS "}",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(documents); i++) {
        struct bench b;
        bench_init_debian(&b);
        struct finding *f = bench_find(&b, "curl", "CVE-2024-1");
        bench_vex(&b, documents[i]);
        bench_apply(&b, NOW);
        g_assert_cmpstr(f->suppressed_by, ==, "a.json: OpenVEX urn:doc");
        bench_done(&b);
    }
}

static void test_what_cannot_be_used_is_counted(void)
{
    struct bench b;
    bench_init_debian(&b);
    (void)bench_find(&b, "curl", "CVE-2024-1");
    bench_vex(&b, "{'@context':'https://openvex.dev/ns','statements':["
                  "{'vulnerability':'CVE-2024-1','status':'fixed'},"
                  "{'products':['x'],'status':'fixed'},"
                  "{'vulnerability':'CVE-2024-1','products':['pkg:deb/debian/curl'],"
                  "'status':'fixed'}]}");
    bench_apply(&b, NOW);
    const struct frame_coverage *c = g_ptr_array_index(b.coverage, 0);
    g_assert_cmpstr(c->kind, ==, "VEX document");
    g_assert_cmpint(c->state, ==, COVERAGE_READ);
    g_assert_cmpstr(c->reason, ==,
                    "1 statement, 2 more without vulnerability or product; 1 finding suppressed");
    bench_done(&b);
}

static void test_wrong_documents(void)
{
    static const struct {
        const char *json, *message;
    } cases[] = {
        { "{'@context':'https://openvex.dev/ns','statements':[{'status':'so_so'}]}",
          "a.json: statement 1: no status 'so_so'" },
        { "{'@context':'https://openvex.dev/ns','statements':[{}]}",
          "a.json: statement 1: no status ''" },
        { "{'@context':", "a.json: offset 12: *" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct bench b;
        g_autoptr(GError) error = NULL;
        bench_init_debian(&b);
        g_assert_false(bench_try_vex(&b, cases[i].json, &error));
        g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_CORRUPT);
        g_assert_true(g_pattern_match_simple(cases[i].message, error->message));
        bench_done(&b);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(title, func) g_test_add_func("/advisory/vex-openvex/" title, func)
    TEST("each status does what it says", test_states);
    TEST("package URLs name packages of any version, or one", test_packages_by_purl);
    TEST("epochs, sources and modules of RPMs are known", test_rpm_epochs_and_modules);
    TEST("a product may be what holds the package", test_products_that_hold_the_package);
    TEST("the latest statement counts, within a document and across", test_latest_statement_counts);
    TEST("a vulnerability goes by all its names", test_names_of_the_vulnerability);
    TEST("documents of version 0.0.1 are read", test_old_form);
    TEST("documents may be in a statement of in-toto, or their header apart",
         test_wrapped_documents);
    TEST("statements about nothing are counted", test_what_cannot_be_used_is_counted);
    TEST("wrong documents are refused", test_wrong_documents);
    return g_test_run();
}

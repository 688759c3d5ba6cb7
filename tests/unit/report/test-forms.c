/* Every form of report, parsed back by parsers that are not ours. */
#include <expat.h>
#include <jansson.h>

#include "report/markup.h"
#include "report/sample.h"

static json_t *json_of(const char *format, const struct report_options *options)
{
    size_t len;
    json_error_t e;
    g_autofree char *text = sample_written(format, options, &len);
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &e);
    if (root == NULL)
        g_error("%s at %d:%d", e.text, e.line, e.column);
    return root;
}

static const char *string_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static json_t *find(const json_t *array, const char *key, const char *value)
{
    size_t i;
    json_t *element;
    json_array_foreach(array, i, element) {
        if (g_strcmp0(string_of(element, key), value) == 0)
            return element;
    }
    return NULL;
}

static void test_forms_are_deterministic_utf8(void)
{
    for (const struct report_format *const *f = report_formats; *f != NULL; f++) {
        size_t n, m;
        const struct report_options options = { 0 };
        g_autofree char *a = sample_written((*f)->name, &options, &n);
        g_autofree char *b = sample_written((*f)->name, &options, &m);
        g_assert_cmpmem(a, n, b, m);
        g_assert_true(g_utf8_validate(a, (gssize)n, NULL));
    }
}

static void test_no_report_at_all_is_a_document_or_an_error(void)
{
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    const struct report_options options = { 0 };
    for (const struct report_format *const *f = report_formats; *f != NULL; f++) {
        g_autoptr(GError) error = NULL;
        FILE *out = fopen("/dev/null", "we");
        bool ok = (*f)->write(none, &options, out, &error);
        g_assert_true(ok == (error == NULL));
        (void)fclose(out);
    }
}

static void test_a_report_without_advisories_is_never_clean(void)
{
    struct frame *f = frame_new("t");
    sample_add(f, FRAME_OS, &(struct frame_os){ .root = "disk0" });
    sample_add(f, FRAME_COVERAGE, &(struct frame_coverage){ .kind = "disk", .object = "disk0" });
    g_autoptr(report) r = report_new(f);
    g_autoptr(GPtrArray) none = g_ptr_array_new(), reports = g_ptr_array_new();
    const struct report_options options = { 0 };
    char *text = NULL;
    size_t len;
    g_assert_true(report_incomplete(r));
    r->feeds = none;
    g_assert_true(report_incomplete(r));
    g_ptr_array_add(reports, r);
    FILE *out = open_memstream(&text, &len);
    g_assert_true(report_format_find("table")->write(reports, &options, out, NULL));
    (void)fclose(out);
    g_autofree char *owned = text;
    g_assert_nonnull(strstr(owned, "Not judged: there are no advisories to judge by\n"));
    g_assert_nonnull(strstr(owned, "Coverage: incomplete\n"));
    g_assert_nonnull(strstr(owned, "Advisories: none\n"));
    r->feeds = sample_feeds();
    g_assert_false(report_incomplete(r));
}

static void test_a_full_disk_is_an_error(void)
{
    g_autoptr(report) r = sample_report();
    g_autoptr(GPtrArray) reports = g_ptr_array_new();
    const struct report_options options = { 0 };
    g_ptr_array_add(reports, r);
    for (const struct report_format *const *f = report_formats; *f != NULL; f++) {
        g_autoptr(GError) error = NULL;
        FILE *out = fopen("/dev/full", "we");
        g_assert_false((*f)->write(reports, &options, out, &error));
        g_assert_nonnull(error);
        (void)fclose(out);
    }
}

static void test_json_has_every_field(void)
{
    const struct report_options options = { .show_suppressed = true };
    json_t *root = json_of("json", &options);
    const json_t *target = json_array_get(json_object_get(root, "targets"), 0);
    const json_t *system = json_array_get(json_object_get(target, "systems"), 0);
    const json_t *findings = json_object_get(system, "findings");
    const json_t *f = find(findings, "id", "CVE-2024-45491");
    static const char *const strings[][2] = {
        { "severity", "critical" },  { "severity_source", "nvd" },
        { "state", "fixed" },        { "fixed_version", "2.5.0-1+deb12u1" },
        { "matched_name", "expat" }, { "published", "2024-08-30T06:40:00Z" },
        { "feed", "debian-osv" },
    };
    g_assert_cmpuint(json_array_size(findings), ==, 16);
    for (size_t i = 0; i < G_N_ELEMENTS(strings); i++)
        g_assert_cmpstr(string_of(f, strings[i][0]), ==, strings[i][1]);
    g_assert_cmpfloat(json_real_value(json_object_get(f, "cvss_score")), ==, 9.8);
    g_assert_cmpfloat(json_real_value(json_object_get(f, "epss")), ==, 0.0043);
    f = find(findings, "id", "CVE-2022-3715");
    g_assert_true(g_str_has_prefix(string_of(f, "suppressed_by"), ".assayignore:3"));
    f = find(findings, "id", "CVE-2023-31486");
    g_assert_null(json_object_get(f, "epss"));
    g_assert_true(json_is_false(json_object_get(target, "complete")));
    const json_t *summary = json_object_get(target, "summary");
    g_assert_cmpint(json_integer_value(json_object_get(summary, "advisories")), ==, 8);
    g_assert_cmpuint(json_array_size(json_object_get(target, "coverage")), ==, 12);
    g_assert_cmpuint(json_array_size(json_object_get(target, "feeds")), ==, 3);
    json_decref(root);
}

static void test_sarif_rules_and_results_belong_together(void)
{
    const struct report_options options = { 0 };
    json_t *root = json_of("sarif", &options), *result;
    const json_t *run = json_array_get(json_object_get(root, "runs"), 0);
    const json_t *driver = json_object_get(json_object_get(run, "tool"), "driver");
    const json_t *rules = json_object_get(driver, "rules");
    const json_t *results = json_object_get(run, "results");
    g_autoptr(GHashTable) prints = g_hash_table_new(g_str_hash, g_str_equal);
    size_t i, suppressed = 0;
    g_assert_cmpstr(string_of(root, "version"), ==, "2.1.0");
    json_array_foreach(results, i, result) {
        size_t index = (size_t)json_integer_value(json_object_get(result, "ruleIndex"));
        g_assert_cmpstr(string_of(json_array_get(rules, index), "id"), ==,
                        string_of(result, "ruleId"));
        const json_t *print = json_object_get(result, "partialFingerprints");
        g_assert_true(g_hash_table_add(prints, (gpointer)string_of(print, "assayFinding/v1")));
        suppressed += json_array_size(json_object_get(result, "suppressions"));
    }
    g_assert_cmpuint(suppressed, ==, 2); /* there whether or not they are shown */
    const json_t *rule = find(rules, "id", "CVE-2024-45491");
    g_assert_cmpstr(string_of(json_object_get(rule, "properties"), "security-severity"), ==, "9.8");
    g_assert_cmpstr(string_of(rule, "helpUri"), ==,
                    "https://security-tracker.debian.org/tracker/CVE-2024-45491");
    const json_t *invocation = json_array_get(json_object_get(run, "invocations"), 0);
    g_assert_true(json_is_false(json_object_get(invocation, "executionSuccessful")));
    g_assert_cmpuint(json_array_size(json_object_get(invocation, "toolExecutionNotifications")), ==,
                     7);
    json_decref(root);
}

static void test_cyclonedx_vulnerabilities_affect_components(void)
{
    const struct report_options options = { 0 };
    json_t *root = json_of("cyclonedx", &options), *component, *v, *a;
    g_autoptr(GHashTable) refs = g_hash_table_new(g_str_hash, g_str_equal);
    const json_t *list = json_object_get(root, "vulnerabilities");
    size_t i, k;
    json_array_foreach(json_object_get(root, "components"), i, component)
        g_hash_table_add(refs, (gpointer)string_of(component, "bom-ref"));
    json_array_foreach(list, i, v) {
        json_array_foreach(json_object_get(v, "affects"), k, a)
            g_assert_true(g_hash_table_contains(refs, string_of(a, "ref")));
    }
    g_assert_cmpuint(json_array_size(list), ==, 10);
    v = find(list, "id", "CVE-2024-2961");
    g_assert_cmpuint(json_array_size(json_object_get(v, "affects")), ==, 4);
    v = find(list, "id", "CVE-2024-0001");
    g_assert_cmpstr(string_of(json_object_get(v, "analysis"), "state"), ==, "not_affected");
    v = find(list, "id", "CVE-2023-45853");
    const json_t *response = json_object_get(json_object_get(v, "analysis"), "response");
    g_assert_cmpstr(json_string_value(json_array_get(response, 0)), ==, "will_not_fix");
    json_decref(root);
}

static void test_spdx_packages_refer_to_advisories(void)
{
    const struct report_options options = { 0 };
    json_t *root = json_of("spdx", &options);
    const json_t *package = find(json_object_get(root, "packages"), "name", "libexpat1");
    const json_t *references = json_object_get(package, "externalRefs");
    g_assert_cmpuint(json_array_size(references), ==, 3);
    g_assert_nonnull(
        find(references, "referenceLocator", "https://www.cve.org/CVERecord?id=CVE-2023-52425"));
    json_decref(root);
}

/* --- XML ----------------------------------------------------------------------------------------
 */

struct xml {
    guint suites, cases, failures, errors, skipped;
    guint said[4]; /* what the root's attributes say: tests, failures, errors, skipped */
};

static void xml_start(void *user, const XML_Char *name, const XML_Char **attributes)
{
    static const char *const counts[] = { "tests", "failures", "errors", "skipped" };
    struct xml *x = user;
    x->suites += g_str_equal(name, "testsuite");
    x->cases += g_str_equal(name, "testcase");
    x->failures += g_str_equal(name, "failure");
    x->errors += g_str_equal(name, "error");
    x->skipped += g_str_equal(name, "skipped");
    for (; g_str_equal(name, "testsuites") && *attributes != NULL; attributes += 2) {
        for (size_t i = 0; i < G_N_ELEMENTS(counts); i++) {
            if (g_str_equal(attributes[0], counts[i]))
                x->said[i] = (guint)g_ascii_strtoull(attributes[1], NULL, 10);
        }
    }
}

static void test_junit_counts_agree(void)
{
    size_t len;
    struct xml x = { 0 };
    const struct report_options options = { .show_suppressed = true };
    g_autofree char *text = sample_written("junit", &options, &len);
    XML_Parser parser = XML_ParserCreate(NULL);
    XML_SetUserData(parser, &x);
    XML_SetStartElementHandler(parser, xml_start);
    if (XML_Parse(parser, text, (int)len, 1) != XML_STATUS_OK)
        g_error("%s at line %lu", XML_ErrorString(XML_GetErrorCode(parser)),
                XML_GetCurrentLineNumber(parser));
    XML_ParserFree(parser);
    g_assert_cmpuint(x.suites, ==, 3);
    g_assert_cmpuint(x.cases, ==, x.said[0]);
    g_assert_cmpuint(x.failures, ==, x.said[1]);
    g_assert_cmpuint(x.errors, ==, x.said[2]);
    g_assert_cmpuint(x.skipped, ==, x.said[3]);
    g_assert_cmpuint(x.failures, ==, 10);
    g_assert_cmpuint(x.errors, ==, 4);
}

static void test_csv_cells_are_never_formulas(void)
{
    size_t len;
    const struct report_options options = { .show_suppressed = true };
    g_autofree char *text = sample_written("csv", &options, &len);
    g_auto(GStrv) lines = g_strsplit(text, "\r\n", -1);
    guint count = 0;
    for (char **line = lines; **line != '\0'; line++, count++) {
        guint cells = 1;
        bool quoted = false, start = true;
        for (const char *p = *line; *p != '\0'; p++) {
            if (start && !quoted)
                g_assert_null(strchr("=+-@\t\r", *p == '"' ? p[1] : *p));
            start = false;
            if (*p == '"')
                quoted = !quoted;
            else if (*p == ',' && !quoted) {
                cells++;
                start = true;
            }
            g_assert_cmpint((unsigned char)*p, >=, 0x20);
        }
        g_assert_false(quoted);
        g_assert_cmpuint(cells, ==, 22);
    }
    g_assert_cmpuint(count, ==, 1 + 16 + 12);
}

static void test_html_carries_nothing_active_from_outside(void)
{
    size_t len;
    const struct report_options options = { .show_suppressed = true };
    g_autofree char *text = sample_written("html", &options, &len);
    const char *first = strstr(text, "<script>");
    g_assert_nonnull(first);
    g_assert_null(strstr(first + 1, "<script>")); /* ours alone */
    g_assert_null(strstr(text, "javascript:alert"));
    g_assert_null(strstr(text, " src="));
    g_assert_null(strstr(text, "unsafe-inline"));
    g_assert_nonnull(strstr(text, "default-src 'none'; style-src 'sha256-"));
    g_assert_nonnull(strstr(text, "\\x1b[31m&lt;script&gt;alert(&#39;x&#39;)"));
    g_assert_nonnull(strstr(text, "href=\"https://security-tracker.debian.org/tracker/"));
    g_assert_nonnull(strstr(text, "<b>Incomplete:</b> 4 objects"));
}

static void test_only_plain_web_addresses_are_linked(void)
{
    static const char *const good[] = { "https://a.example/x?y=z&k=%20#f", "http://a" };
    static const char *const bad[] = { "",
                                       "https://",
                                       "javascript:alert(1)",
                                       "//a",
                                       "ftp://a",
                                       "https://a b",
                                       "https://a\"",
                                       "https://a'",
                                       "https://a<b",
                                       "https://a\n",
                                       "https://\xc3\xa4",
                                       "data:text/html,x" };
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++)
        g_assert_true(url_is_web(good[i]));
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(url_is_web(bad[i]));
    g_autofree char *cve = finding_url(&(struct finding){ .id = "CVE-2024-12345" });
    g_assert_cmpstr(cve, ==, "https://www.cve.org/CVERecord?id=CVE-2024-12345");
    g_assert_null(finding_url(&(struct finding){ .id = "CVE-2024-12345\"onload=" }));
    g_autofree char *path = path_uri("//var/a b/%\xff?#");
    g_assert_cmpstr(path, ==, "var/a%20b/%25%FF%3F%23");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/report/forms/are deterministic UTF-8", test_forms_are_deterministic_utf8);
    g_test_add_func("/report/forms/no report at all is a document or an error",
                    test_no_report_at_all_is_a_document_or_an_error);
    g_test_add_func("/report/forms/a report without advisories is never clean",
                    test_a_report_without_advisories_is_never_clean);
    g_test_add_func("/report/forms/a full disk is an error", test_a_full_disk_is_an_error);
    g_test_add_func("/report/json/has every field", test_json_has_every_field);
    g_test_add_func("/report/sarif/rules and results belong together",
                    test_sarif_rules_and_results_belong_together);
    g_test_add_func("/report/cyclonedx/vulnerabilities affect components",
                    test_cyclonedx_vulnerabilities_affect_components);
    g_test_add_func("/report/spdx/packages refer to advisories",
                    test_spdx_packages_refer_to_advisories);
    g_test_add_func("/report/junit/counts agree", test_junit_counts_agree);
    g_test_add_func("/report/csv/cells are never formulas", test_csv_cells_are_never_formulas);
    g_test_add_func("/report/html/carries nothing active from outside",
                    test_html_carries_nothing_active_from_outside);
    g_test_add_func("/report/html/only plain web addresses are linked",
                    test_only_plain_web_addresses_are_linked);
    return g_test_run();
}

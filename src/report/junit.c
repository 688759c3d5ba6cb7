/* JUnit's XML, as continuous integration servers read it: a test suite for every system with a test
 * case for every package, which fails when there are findings; and one for the coverage of the
 * target, whose gaps are errors. */
#include <errno.h>

#include "base/error.h"
#include "base/text.h"
#include "report/forms.h"
#include "report/markup.h"

struct counts {
    guint tests, failures, errors, skipped;
};

struct suite {
    char *name;
    GString *cases;
    struct counts counts;
};

static void suite_free(void *p)
{
    struct suite *s = p;
    g_free(s->name);
    g_string_free(s->cases, TRUE);
    g_free(s);
}

static struct suite *suite_new(char *name)
{
    struct suite *s = g_new0(struct suite, 1);
    s->name = name;
    s->cases = g_string_new(NULL);
    return s;
}

static void case_begin(struct suite *s, const char *name)
{
    s->counts.tests++;
    markup_printf(s->cases, "    <testcase classname=\"%s\" name=\"%s\"", s->name, name);
}

static void failure(struct suite *s, const GPtrArray *findings, guint first, guint end)
{
    enum severity worst = SEVERITY_UNKNOWN;
    for (guint i = first; i < end; i++)
        worst = MAX(worst, ((const struct finding *)g_ptr_array_index(findings, i))->severity);
    guint count = end - first;
    g_autofree char *message = g_strdup_printf("%u advisor%s, worst %s", count,
                                               count == 1 ? "y" : "ies", severity_name(worst));
    s->counts.failures++;
    markup_printf(s->cases, ">\n      <failure type=\"%s\" message=\"%s\">", severity_name(worst),
                  message);
    for (guint i = first; i < end; i++) {
        const struct finding *f = g_ptr_array_index(findings, i);
        if (i > first)
            g_string_append_c(s->cases, '\n');
        markup_printf(s->cases, "%s (%s%s%s): ", f->id, severity_name(f->severity),
                      f->known_exploited ? ", known exploited" : "",
                      f->suppressed_by != NULL ? ", suppressed" : "");
        if (f->fixed_version != NULL)
            markup_printf(s->cases, "fixed in %s", f->fixed_version);
        else
            markup_printf(s->cases, "fix: %s", finding_fix_label(f));
        if (f->title != NULL)
            markup_printf(s->cases, ". %s", f->title);
    }
    g_string_append(s->cases, "</failure>\n    </testcase>\n");
}

static struct suite *system_suite(const struct report *r, const struct frame_system *system,
                                  const struct report_options *options)
{
    g_autoptr(GPtrArray) findings = findings_of(r, system, options);
    const GPtrArray *packages = system->records[FRAME_PACKAGE];
    g_autofree char *title = system_title(system);
    struct suite *s =
        suite_new(g_strdup_printf("%s: %s on %s", r->frame->target, title, system->os->root));
    guint at = 0; /* findings are in the order of packages */
    for (guint i = 0; i < packages->len; i++) {
        const struct frame_package *p = g_ptr_array_index(packages, i);
        g_autofree char *name =
            g_strdup_printf("%s %s%s%s", p->name, p->version, p->arch != NULL ? " " : "",
                            p->arch != NULL ? p->arch : "");
        guint end = at;
        while (end < findings->len &&
               ((const struct finding *)g_ptr_array_index(findings, end))->package == p)
            end++;
        case_begin(s, name);
        if (end > at)
            failure(s, findings, at, end);
        else
            g_string_append(s->cases, "/>\n");
        at = end;
    }
    return s;
}

static struct suite *coverage_suite(const struct report *r)
{
    struct suite *s = suite_new(g_strdup_printf("%s: coverage", r->frame->target));
    for (guint i = 0; i < r->coverage->len; i++) {
        const struct frame_coverage *c = g_ptr_array_index(r->coverage, i);
        g_autofree char *name =
            g_strdup_printf("%s %s%s%s", c->kind, c->object, c->system != NULL ? " of " : "",
                            c->system != NULL ? c->system : "");
        const char *reason = c->reason != NULL ? c->reason : coverage_state_name(c->state);
        case_begin(s, name);
        if (c->state == COVERAGE_READ) {
            g_string_append(s->cases, "/>\n");
        } else if (c->state == COVERAGE_SKIPPED) {
            s->counts.skipped++;
            markup_printf(s->cases, ">\n      <skipped message=\"%s\"/>\n    </testcase>\n",
                          reason);
        } else {
            s->counts.errors++;
            markup_printf(s->cases,
                          ">\n      <error type=\"%s\" message=\"%s\"/>\n    </testcase>\n",
                          coverage_state_name(c->state), reason);
        }
    }
    return s;
}

static void append_counts(GString *out, const struct counts *c)
{
    g_string_append_printf(out, " tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"%u\"",
                           c->tests, c->failures, c->errors, c->skipped);
}

static void append_suite(GString *out, const struct suite *s, const struct report *r)
{
    g_autofree char *time = text_time(r->now);
    markup_printf(out, "  <testsuite name=\"%s\"", s->name);
    append_counts(out, &s->counts);
    g_string_append_printf(out, " timestamp=\"%.19s\" time=\"0\">\n", time);
    g_string_append(out, s->cases->str);
    g_string_append(out, "  </testsuite>\n");
}

static bool junit_write(const GPtrArray *reports, const struct report_options *options, FILE *out,
                        GError **error)
{
    g_autoptr(GString) body = g_string_new(NULL), head = g_string_new(NULL);
    struct counts all = { 0 };
    for (guint i = 0; i < reports->len; i++) {
        const struct report *r = g_ptr_array_index(reports, i);
        g_autoptr(GPtrArray) suites = g_ptr_array_new_with_free_func(suite_free);
        for (guint k = 0; k < r->frame->systems->len; k++)
            g_ptr_array_add(suites,
                            system_suite(r, g_ptr_array_index(r->frame->systems, k), options));
        g_ptr_array_add(suites, coverage_suite(r));
        for (guint k = 0; k < suites->len; k++) {
            const struct suite *s = g_ptr_array_index(suites, k);
            append_suite(body, s, r);
            all.tests += s->counts.tests;
            all.failures += s->counts.failures;
            all.errors += s->counts.errors;
            all.skipped += s->counts.skipped;
        }
    }
    g_string_append(head, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"assay\"");
    append_counts(head, &all);
    g_string_append(head, " time=\"0\">\n");
    (void)fwrite(head->str, 1, head->len, out);
    (void)fwrite(body->str, 1, body->len, out);
    (void)fputs("</testsuites>\n", out);
    return fflush(out) == 0 && !ferror(out) ? true : fail_errno(error, errno, "writing JUnit XML");
}

const struct report_format report_format_junit = {
    .name = "junit",
    .description = "JUnit XML, for continuous integration servers",
    .media_type = "application/xml",
    .write = junit_write,
};

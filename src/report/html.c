/* One HTML file that needs nothing else: no network, no script to be read. The script only sorts
 * and filters. The content security policy names style and script by their hashes, so that nothing
 * that slipped through as markup could ever run or load. */
#include <errno.h>
#include <inttypes.h>

#include "base/error.h"
#include "base/text.h"
#include "report/forms.h"
#include "report/markup.h"

/* report.css and report.js, by tools/embed. */
extern const char report_css[], report_js[];

static char *csp_hash(const char *text)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    guint8 digest[32];
    gsize len = sizeof digest;
    g_checksum_update(sum, (const guchar *)text, -1);
    g_checksum_get_digest(sum, digest, &len);
    g_autofree char *base64 = g_base64_encode(digest, len);
    return g_strdup_printf("'sha256-%s'", base64);
}

static void head(GString *out, const GPtrArray *reports)
{
    const struct report *first = reports->len > 0 ? g_ptr_array_index(reports, 0) : NULL;
    g_autofree char *style = csp_hash(report_css), *script = csp_hash(report_js);
    g_autofree char *time = first != NULL ? text_time(first->now) : NULL;
    g_autofree char *more =
        reports->len > 1 ? g_strdup_printf(" and %u more", reports->len - 1) : g_strdup("");
    const char *target = first != NULL ? first->frame->target : "nothing";
    g_string_append_printf(out,
                           "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                           "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src "
                           "'none'; style-src %s; script-src %s; base-uri 'none'; form-action "
                           "'none'\">\n"
                           "<meta name=\"viewport\" content=\"width=device-width, "
                           "initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n",
                           style, script);
    markup_printf(out, "<title>%s%s - assay report</title>\n", target, more);
    g_string_append_printf(out, "<style>%s</style>\n</head>\n<body>\n", report_css);
    markup_printf(
        out,
        "<header>\n<h1>%s%s</h1>\n<p class=\"dim\">Report of assay %s, %s</p>\n</header>\n"
        "<main>\n",
        target, more, first != NULL ? first->frame->version : "", time);
}

/* --- summary ------------------------------------------------------------------------------------
 */

static void card(GString *out, uint64_t number, const char *label, const char *class)
{
    g_string_append_printf(out, "<li class=\"%s\"><b>%" PRIu64 "</b>%s</li>\n", class, number,
                           label);
}

static void severity_bar(GString *out, const struct report_summary *s)
{
    double x = 0;
    if (s->advisories == 0)
        return;
    g_string_append(out, "<svg class=\"bar\" viewBox=\"0 0 100 1\" preserveAspectRatio=\"none\" "
                         "role=\"img\" aria-label=\"Advisories by severity\">\n");
    for (unsigned i = SEVERITY_COUNT; i-- > 0;) {
        char from[32], wide[32];
        double width = 100.0 * (double)s->by_severity[i] / (double)s->advisories;
        if (s->by_severity[i] == 0)
            continue;
        const char *name = severity_name((enum severity)i);
        g_string_append_printf(out,
                               "<rect class=\"%s\" x=\"%s\" y=\"0\" width=\"%s\" height=\"1\">"
                               "<title>%" PRIu64 " %s</title></rect>\n",
                               name, g_ascii_formatd(from, sizeof from, "%.3f", x),
                               g_ascii_formatd(wide, sizeof wide, "%.3f", width), s->by_severity[i],
                               name);
        x += width;
    }
    g_string_append(out, "</svg>\n");
}

static void summary(GString *out, const struct report *r, const struct report_options *options)
{
    struct report_summary s;
    report_summarize(r, options, &s);
    g_string_append(out, "<ul class=\"cards\">\n");
    card(out, s.packages, s.packages == 1 ? "package" : "packages", "");
    card(out, s.vulnerable_packages, "vulnerable", "");
    card(out, s.advisories, s.advisories == 1 ? "advisory" : "advisories", "");
    for (unsigned i = SEVERITY_COUNT; i-- > 0;) {
        const char *name = severity_name((enum severity)i);
        if (s.by_severity[i] > 0)
            card(out, s.by_severity[i], name, name);
    }
    card(out, s.known_exploited, "known exploited", s.known_exploited > 0 ? "alarm" : "");
    card(out, s.fixable, "with a fix", "");
    card(out, s.suppressed, "suppressed", "");
    if (s.hidden > 0)
        card(out, s.hidden, "below the asked severity", "");
    g_string_append(out, "</ul>\n");
    severity_bar(out, &s);
}

static void banner(GString *out, const struct report *r)
{
    guint gaps = 0;
    for (guint i = 0; i < r->coverage->len; i++) {
        const struct frame_coverage *c = g_ptr_array_index(r->coverage, i);
        gaps += c->state == COVERAGE_PARTIAL || c->state == COVERAGE_UNREADABLE;
    }
    if (!report_incomplete(r)) {
        g_string_append(out, "<p class=\"banner good\">Everything was looked at.</p>\n");
        return;
    }
    g_string_append(out, "<p class=\"banner\"><b>Incomplete:</b> ");
    if (gaps > 0)
        g_string_append_printf(out, "%u object%s could not be looked at whole. ", gaps,
                               gaps == 1 ? "" : "s");
    g_string_append(out, "What this report does not list may still be there: see the coverage "
                         "below.</p>\n");
}

/* --- findings -----------------------------------------------------------------------------------
 */

/* Sorted by the number, shown as text; a negative number is absent. */
static void number_cell(GString *out, double number, const char *text)
{
    char value[64];
    g_string_append_printf(out, "<td class=\"number\" data-value=\"%s\">",
                           g_ascii_formatd(value, sizeof value, "%.5f", number));
    markup_append(out, number >= 0 ? text : NULL);
    g_string_append(out, "</td>");
}

static void score_cells(GString *out, const struct finding *f)
{
    char score[32];
    g_autofree char *epss = finding_epss_text(f);
    number_cell(out, f->cvss_score, g_ascii_formatd(score, sizeof score, "%.1f", f->cvss_score));
    number_cell(out, f->epss, epss);
}

static void id_cell(GString *out, const struct finding *f)
{
    g_autofree char *url = finding_url(f);
    g_string_append(out, "<td class=\"id\">");
    if (url != NULL)
        markup_printf(out, "<a rel=\"noopener noreferrer\" href=\"%s\">%s</a>", url, f->id);
    else
        markup_append(out, f->id);
    if (f->known_exploited)
        g_string_append(out, " <span class=\"kev\" title=\"Known to be exploited (CISA KEV)\">KEV"
                             "</span>");
    for (const char *const *a = f->advisories; a != NULL && *a != NULL; a++)
        markup_printf(out, "<br><span class=\"dim\">%s</span>", *a);
    g_string_append(out, "</td>");
}

static void finding_row(GString *out, const struct finding *f)
{
    const struct frame_package *p = f->package;
    const char *severity = severity_name(f->severity);
    g_string_append_printf(out, "<tr data-severity=\"%d\" data-kev=\"%d\" data-fix=\"%d\"%s>",
                           (int)f->severity, f->known_exploited, f->fixed_version != NULL,
                           f->suppressed_by != NULL ? " class=\"suppressed\"" : "");
    g_string_append_printf(out, "<td class=\"severity %s\" data-value=\"%d\">%s</td>", severity,
                           (int)f->severity, severity);
    id_cell(out, f);
    markup_printf(out, "<td class=\"any\">%s%s%s</td><td class=\"version\">%s</td>", p->name,
                  p->arch != NULL ? " " : "", p->arch, p->version);
    markup_printf(out, f->fixed_version != NULL ? "<td class=\"version\">%s</td>" : "<td>%s</td>",
                  f->fixed_version != NULL ? f->fixed_version : finding_fix_label(f));
    score_cells(out, f);
    markup_printf(out, "<td class=\"title\">%s", f->title);
    if (f->suppressed_by != NULL)
        markup_printf(out, "<div class=\"dim\">suppressed by %s%s%s</div>", f->suppressed_by,
                      f->suppressed_reason != NULL ? ": " : "", f->suppressed_reason);
    g_string_append(out, "</td></tr>\n");
}

static gint by_badness(gconstpointer a, gconstpointer b)
{
    return finding_badness_compare(*(void *const *)a, *(void *const *)b);
}

static void system_section(GString *out, const struct report *r, const struct frame_system *s,
                           const struct report_options *options)
{
    g_autoptr(GPtrArray) findings = findings_of(r, s, options);
    g_autofree char *title = system_title(s);
    const char *not_judged = system_not_judged(r, s);
    g_ptr_array_sort(findings, by_badness);
    markup_printf(out, "<h3>%s</h3>\n<p class=\"dim\">%s%s", title, s->os->architecture,
                  s->os->architecture != NULL ? ", " : "");
    g_string_append_printf(out, "%u packages, ", s->records[FRAME_PACKAGE]->len);
    markup_printf(out, "on %s of %s</p>\n", s->os->root, r->frame->target);
    if (not_judged != NULL)
        markup_printf(out, "<p class=\"banner\"><b>Not judged:</b> %s</p>\n", not_judged);
    else if (findings->len == 0)
        g_string_append(out, "<p>Nothing to report.</p>\n");
    if (findings->len == 0)
        return;
    g_string_append(out, "<div class=\"wrap\"><table class=\"sortable\">\n<thead><tr>"
                         "<th scope=\"col\">Severity</th><th scope=\"col\">Advisory</th>"
                         "<th scope=\"col\">Package</th><th scope=\"col\">Installed</th>"
                         "<th scope=\"col\">Fixed in</th><th scope=\"col\">CVSS</th>"
                         "<th scope=\"col\">EPSS</th><th scope=\"col\">Title</th>"
                         "</tr></thead>\n<tbody>\n");
    for (guint i = 0; i < findings->len; i++)
        finding_row(out, g_ptr_array_index(findings, i));
    g_string_append(out, "</tbody>\n</table></div>\n");
}

/* --- coverage -----------------------------------------------------------------------------------
 */

static void coverage_rows(GString *out, const struct report *r, enum coverage_state state)
{
    for (guint i = 0; i < r->coverage->len; i++) {
        const struct frame_coverage *c = g_ptr_array_index(r->coverage, i);
        if (c->state != state)
            continue;
        const char *name = coverage_state_name(state);
        markup_printf(out,
                      "<tr><td class=\"%s\">%s</td><td>%s</td><td class=\"any\">%s</td><td>%s</td>"
                      "<td class=\"title\">%s</td></tr>\n",
                      name, name, c->kind, c->object, c->system, c->reason);
    }
}

static void coverage_section(GString *out, const struct report *r)
{
    static const enum coverage_state order[] = { COVERAGE_UNREADABLE, COVERAGE_PARTIAL,
                                                 COVERAGE_SKIPPED, COVERAGE_READ };
    g_string_append(out, "<h3>Coverage</h3>\n<div class=\"wrap\"><table class=\"sortable\">\n"
                         "<thead><tr><th scope=\"col\">State</th><th scope=\"col\">Kind</th>"
                         "<th scope=\"col\">Object</th><th scope=\"col\">System</th>"
                         "<th scope=\"col\">Reason</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < G_N_ELEMENTS(order); i++)
        coverage_rows(out, r, order[i]);
    g_string_append(out, "</tbody>\n</table></div>\n");
}

static void feeds_section(GString *out, const struct report *r)
{
    g_string_append(out, "<h3>Advisories used</h3>\n");
    if (r->feeds == NULL || r->feeds->len == 0) {
        g_string_append(out, "<p class=\"banner\">None: nothing could be judged.</p>\n");
        return;
    }
    g_string_append(out, "<div class=\"wrap\"><table>\n<thead><tr><th scope=\"col\">Feed</th>"
                         "<th scope=\"col\">Records</th><th scope=\"col\">Malformed</th>"
                         "<th scope=\"col\">Newest data</th><th scope=\"col\">Imported</th>"
                         "<th scope=\"col\">Source</th></tr></thead>\n<tbody>\n");
    for (guint i = 0; i < r->feeds->len; i++) {
        const struct advisory_feed *f = g_ptr_array_index(r->feeds, i);
        g_autofree char *date = f->data_date != 0 ? text_time(f->data_date) : g_strdup("unknown");
        g_autofree char *imported = f->imported != 0 ? text_time(f->imported) : g_strdup("unknown");
        markup_printf(out, "<tr><td>%s</td>", f->name);
        g_string_append_printf(out, "<td>%" PRIu64 "</td><td>%" PRIu64 "</td>", f->records,
                               f->malformed);
        markup_printf(out, "<td>%s</td><td>%s</td><td class=\"any\">%s</td></tr>\n", date, imported,
                      f->source);
    }
    g_string_append(out, "</tbody>\n</table></div>\n");
}

static void filter_bar(GString *out)
{
    g_string_append(out, "<form class=\"filter\" hidden>\n"
                         "<input type=\"search\" placeholder=\"Filter: package, CVE, words\" "
                         "aria-label=\"Filter\">\n<select aria-label=\"Least severity\">\n"
                         "<option value=\"0\">any severity</option>\n");
    for (unsigned i = SEVERITY_NEGLIGIBLE; i < SEVERITY_COUNT; i++)
        g_string_append_printf(out, "<option value=\"%u\">%s%s</option>\n", i,
                               severity_name((enum severity)i),
                               i + 1 < SEVERITY_COUNT ? " and worse" : "");
    g_string_append(out, "</select>\n<label><input type=\"checkbox\"> known exploited</label>\n"
                         "<label><input type=\"checkbox\"> with a fix</label>\n"
                         "<output></output>\n</form>\n");
}

static void report_section(GString *out, const struct report *r,
                           const struct report_options *options, bool titled)
{
    g_string_append(out, "<section>\n");
    if (titled)
        markup_printf(out, "<h2>%s</h2>\n", r->frame->target);
    summary(out, r, options);
    banner(out, r);
    for (guint i = 0; i < r->frame->systems->len; i++)
        system_section(out, r, g_ptr_array_index(r->frame->systems, i), options);
    if (r->frame->systems->len == 0)
        g_string_append(out, "<p>No operating system was found.</p>\n");
    coverage_section(out, r);
    feeds_section(out, r);
    g_string_append(out, "</section>\n");
}

static bool html_write(const GPtrArray *reports, const struct report_options *options, FILE *out,
                       GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    head(text, reports);
    filter_bar(text);
    for (guint i = 0; i < reports->len; i++) {
        report_section(text, g_ptr_array_index(reports, i), options, reports->len > 1);
        (void)fwrite(text->str, 1, text->len, out);
        g_string_truncate(text, 0);
    }
    g_string_append_printf(text, "</main>\n<script>%s</script>\n</body>\n</html>\n", report_js);
    (void)fwrite(text->str, 1, text->len, out);
    return fflush(out) == 0 && !ferror(out) ? true : fail_errno(error, errno, "writing HTML");
}

const struct report_format report_format_html = {
    .name = "html",
    .description = "one page for browsers that needs nothing else",
    .media_type = "text/html; charset=utf-8",
    .write = html_write,
};

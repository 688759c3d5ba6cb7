/* Comma-separated values (RFC 4180): a line for every finding, then one for every coverage entry,
 * told apart by the first column. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "frame/formats.h"
#include "report/forms.h"

static const char *const columns[] = {
    "record",
    "target",
    "system",
    "os",
    "type",
    "package",
    "arch",
    "installed_version",
    "fixed_version",
    "id",
    "severity",
    "state",
    "cvss_score",
    "epss",
    "known_exploited",
    "title",
    "advisories",
    "aliases",
    "purl",
    "feed",
    "suppressed_by",
    "suppressed_reason",
};

static void cell(GString *line, const char *text)
{
    g_autofree char *safe = text_safe(text);
    if (line->len > 0)
        g_string_append_c(line, ',');
    /* Spreadsheets run what begins like a formula; an apostrophe makes it text. */
    bool formula = *safe != '\0' && strchr("=+-@", *safe) != NULL;
    bool quotes = formula || strpbrk(safe, ",\" '") != NULL;
    if (quotes)
        g_string_append_c(line, '"');
    if (formula)
        g_string_append_c(line, '\'');
    for (const char *p = safe; *p != '\0'; p++) {
        if (*p == '"')
            g_string_append_c(line, '"');
        g_string_append_c(line, *p);
    }
    if (quotes)
        g_string_append_c(line, '"');
}

static void cell_number(GString *line, double number, const char *format)
{
    char text[64];
    cell(line, number >= 0 ? g_ascii_formatd(text, sizeof text, format, number) : "");
}

static void cell_list(GString *line, const char *const *list)
{
    g_autofree char *joined = list != NULL ? g_strjoinv(" ", (gchar **)list) : NULL;
    cell(line, joined);
}

static void line_end(GString *line, FILE *out)
{
    g_string_append(line, "\r\n");
    (void)fwrite(line->str, 1, line->len, out);
    g_string_truncate(line, 0);
}

static void finding_line(GString *line, const struct report *r, const struct finding *f)
{
    const struct frame_package *p = f->package;
    g_autofree char *title = system_title(f->system), *purl = frame_purl(f->system->os, p);
    cell(line, "finding");
    cell(line, r->frame->target);
    cell(line, f->system->os->root);
    cell(line, title);
    cell(line, p->type);
    cell(line, p->name);
    cell(line, p->arch);
    cell(line, p->version);
    cell(line, f->fixed_version);
    cell(line, f->id);
    cell(line, severity_name(f->severity));
    cell(line, finding_state_name(f->state));
    cell_number(line, f->cvss_score, "%.1f");
    cell_number(line, f->epss, "%.5f");
    cell(line, f->known_exploited ? "yes" : "no");
    cell(line, f->title);
    cell_list(line, f->advisories);
    cell_list(line, f->aliases);
    cell(line, purl);
    cell(line, f->feed);
    cell(line, f->suppressed_by);
    cell(line, f->suppressed_reason);
}

/* The kind stands in the column of the type, the object in that of the package. */
static void coverage_line(GString *line, const struct report *r, const struct frame_coverage *c)
{
    for (size_t i = 0; i < G_N_ELEMENTS(columns); i++) {
        const char *name = columns[i];
        cell(line, g_str_equal(name, "record")    ? "coverage"
                   : g_str_equal(name, "target")  ? r->frame->target
                   : g_str_equal(name, "system")  ? c->system
                   : g_str_equal(name, "type")    ? c->kind
                   : g_str_equal(name, "package") ? c->object
                   : g_str_equal(name, "state")   ? coverage_state_name(c->state)
                   : g_str_equal(name, "title")   ? c->reason
                                                  : NULL);
    }
}

static bool csv_write(const GPtrArray *reports, const struct report_options *options, FILE *out,
                      GError **error)
{
    g_autoptr(GString) line = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(columns); i++)
        cell(line, columns[i]);
    line_end(line, out);
    for (guint i = 0; i < reports->len; i++) {
        const struct report *r = g_ptr_array_index(reports, i);
        for (guint k = 0; k < r->frame->systems->len; k++) {
            const struct frame_system *s = g_ptr_array_index(r->frame->systems, k);
            g_autoptr(GPtrArray) findings = findings_of(r, s, options);
            for (guint n = 0; n < findings->len; n++) {
                finding_line(line, r, g_ptr_array_index(findings, n));
                line_end(line, out);
            }
        }
        for (guint k = 0; k < r->coverage->len; k++) {
            coverage_line(line, r, g_ptr_array_index(r->coverage, k));
            line_end(line, out);
        }
    }
    return fflush(out) == 0 && !ferror(out) ? true : fail_errno(error, errno, "writing CSV");
}

const struct report_format report_format_csv = {
    .name = "csv",
    .description = "a line for each finding and each coverage entry, for spreadsheets",
    .media_type = "text/csv; charset=utf-8",
    .write = csv_write,
};

#include "report/table.h"

#include <errno.h>
#include <inttypes.h>

#include "base/error.h"
#include "base/text.h"
#include "report/columns.h"
#include "report/forms.h"

/* SGR parameters, ECMA-48 8.3.117. */
#define BOLD   "1"
#define DIM    "2"
#define RED    "31"
#define GREEN  "32"
#define YELLOW "33"

static const char *const severity_style[SEVERITY_COUNT] = {
    [SEVERITY_UNKNOWN] = DIM,   [SEVERITY_NEGLIGIBLE] = DIM, [SEVERITY_LOW] = "36",
    [SEVERITY_MEDIUM] = YELLOW, [SEVERITY_HIGH] = RED,       [SEVERITY_CRITICAL] = "1;31",
};

void table_style(struct table *t, const char *style)
{
    if (t->options->colour)
        g_string_append_printf(t->out, "\033[%sm", style != NULL ? style : "");
}

/* One cell in a style, padded to width behind it. */
static void styled(struct table *t, const char *text, const char *style, unsigned width)
{
    bool plain = *style == '\0' || *text == '\0';
    if (!plain)
        table_style(t, style);
    g_string_append(t->out, text);
    if (!plain)
        table_style(t, NULL);
    columns_pad(t->out, columns_of(text), width);
}

/* --- findings -----------------------------------------------------------------------------------
 */

/* Widths of a system's columns; 0: the column is left out. */
struct widths {
    unsigned id, fix, kev, epss;
    bool title;
};

#define SEVERITY_WIDTH 12
#define ROW_INDENT     4
#define TITLE_MIN      12
#define ID_MAX         20 /* longer ones are cut on a terminal, and stand out in a pipe */

static const char *fix_label(const struct finding *f)
{
    return f->suppressed_by != NULL ? "suppressed" : finding_fix_label(f);
}

/* Safe text, on a terminal cut to width. g_free(). */
static char *safe_cut(const struct table *t, const char *text, unsigned width)
{
    g_autofree char *safe = text_safe(text);
    GString *out = g_string_new(NULL);
    columns_append_cut(out, safe, t->options->width != 0 ? width : 0);
    return g_string_free(out, FALSE);
}

static struct widths widths_of(const GPtrArray *groups)
{
    struct widths w = { .id = (unsigned)strlen("ADVISORY"), .fix = (unsigned)strlen("FIX") };
    for (guint i = 0; i < groups->len; i++) {
        const struct finding_group *g = g_ptr_array_index(groups, i);
        for (guint k = 0; k < g->findings->len; k++) {
            const struct finding *f = g_ptr_array_index(g->findings, k);
            g_autofree char *id = text_safe(f->id);
            w.id = MAX(w.id, MIN(columns_of(id), (unsigned)ID_MAX));
            w.fix = MAX(w.fix, (unsigned)strlen(fix_label(f)));
            w.kev = f->known_exploited ? 3 : w.kev;
            w.epss = f->epss >= 0 ? 6 : w.epss;
            w.title |= f->title != NULL;
        }
    }
    w.id += 2;
    w.fix += 2;
    return w;
}

static void legend(struct table *t, const struct widths *w)
{
    columns_pad(t->out, 0, ROW_INDENT);
    table_style(t, DIM);
    g_string_append_printf(t->out, "%-*s%-*s%-*s", SEVERITY_WIDTH, "SEVERITY", (int)w->id,
                           "ADVISORY", (int)w->fix, "FIX");
    if (w->kev > 0)
        g_string_append(t->out, "KEV  ");
    if (w->epss > 0)
        g_string_append(t->out, "  EPSS  ");
    if (w->title)
        g_string_append(t->out, "TITLE");
    while (g_str_has_suffix(t->out->str, " "))
        g_string_truncate(t->out, t->out->len - 1);
    table_style(t, NULL);
    g_string_append_c(t->out, '\n');
}

/* Who suppressed a finding, and why, below its row. */
static void suppression_row(struct table *t, const struct finding *f)
{
    const unsigned indent = ROW_INDENT + SEVERITY_WIDTH;
    g_autofree char *by = text_safe(f->suppressed_by), *why = text_safe(f->suppressed_reason);
    g_autofree char *text = g_strdup_printf("by %s%s%s", by, *why != '\0' ? ": " : "", why);
    columns_pad(t->out, 0, indent);
    table_style(t, DIM);
    columns_append_wrapped(t->out, text, indent, indent, t->options->width);
    table_style(t, NULL);
    g_string_append_c(t->out, '\n');
}

static void finding_row(struct table *t, const struct widths *w, const struct finding *f)
{
    g_autofree char *title = text_safe(f->title), *epss = finding_epss_text(f);
    g_autofree char *id = safe_cut(t, f->id, ID_MAX);
    unsigned used = ROW_INDENT + SEVERITY_WIDTH + w->id + w->fix;
    columns_pad(t->out, 0, ROW_INDENT);
    styled(t, severity_name(f->severity), severity_style[f->severity], SEVERITY_WIDTH);
    styled(t, id, "", w->id);
    if (columns_of(id) >= w->id)
        g_string_append(t->out, "  ");
    styled(t, fix_label(f), f->state == FINDING_FIXED && !f->suppressed_by ? GREEN : DIM, w->fix);
    if (w->kev > 0) {
        styled(t, f->known_exploited ? "KEV" : "", f->known_exploited ? "1;37;41" : "", 5);
        used += 5;
    }
    if (w->epss > 0) {
        g_string_append_printf(t->out, "%6s  ", epss);
        used += 8;
    }
    unsigned left = t->options->width == 0                 ? 0
                    : t->options->width > used + TITLE_MIN ? t->options->width - used
                                                           : TITLE_MIN;
    columns_append_cut(t->out, title, left);
    while (g_str_has_suffix(t->out->str, " "))
        g_string_truncate(t->out, t->out->len - 1);
    g_string_append_c(t->out, '\n');
    if (f->suppressed_by != NULL)
        suppression_row(t, f);
}

/* "libc6, libc6:i386": the architecture only where it is not the system's. */
static char *package_name(const struct frame_system *s, const struct frame_package *p)
{
    bool foreign = p->arch != NULL && s->os->architecture != NULL &&
                   !g_str_equal(p->arch, s->os->architecture) && !g_str_equal(p->arch, "all") &&
                   !g_str_equal(p->arch, "noarch") && !g_str_equal(p->arch, "any");
    g_autofree char *raw = foreign ? g_strdup_printf("%s:%s", p->name, p->arch) : g_strdup(p->name);
    return text_safe(raw);
}

/* As many names as fit into width, then how many more. */
static char *package_names(const struct frame_system *s, const GPtrArray *packages, unsigned width)
{
    GString *names = g_string_new(NULL);
    for (guint i = 0; i < packages->len; i++) {
        g_autofree char *name = package_name(s, g_ptr_array_index(packages, i));
        guint more = packages->len - i;
        if (i > 0 && width != 0 && columns_of(names->str) + columns_of(name) + 14 > width &&
            more > 1) {
            g_string_append_printf(names, " and %u more", more);
            break;
        }
        g_string_append_printf(names, "%s%s", i > 0 ? ", " : "", name);
    }
    return g_string_free(names, FALSE);
}

static void group_rows(struct table *t, const struct frame_system *s, const struct widths *w,
                       const struct finding_group *g)
{
    const struct frame_package *p = g_ptr_array_index(g->packages, 0);
    unsigned most = MAX(t->options->width, 80u) / 3; /* of a version */
    g_autofree char *version = safe_cut(t, p->version, most), *fix = safe_cut(t, g->fix, most);
    unsigned tail = 4 + columns_of(version) + (g->fix != NULL ? 4 + columns_of(fix) : 0);
    unsigned width = t->options->width == 0 ? 0 : MAX(t->options->width, tail + 24) - tail;
    g_autofree char *all = package_names(s, g->packages, width);
    g_autofree char *names = safe_cut(t, all, width);
    g_string_append(t->out, "  ");
    styled(t, names, BOLD, 0);
    g_string_append_printf(t->out, "  %s", version);
    if (g->fix != NULL) {
        g_string_append(t->out, " -> ");
        styled(t, fix, GREEN, 0);
    }
    g_string_append_c(t->out, '\n');
    for (guint i = 0; i < g->findings->len; i++)
        finding_row(t, w, g_ptr_array_index(g->findings, i));
}

/* --- systems ------------------------------------------------------------------------------------
 */

static void system_head(struct table *t, const struct report *r, const struct frame_system *s)
{
    g_autofree char *title_raw = system_title(s);
    g_autofree char *title = text_safe(title_raw), *root = text_safe(s->os->root);
    g_autofree char *arch = text_safe(s->os->architecture), *target = text_safe(r->frame->target);
    guint packages = s->records[FRAME_PACKAGE]->len;
    g_autofree char *rest =
        g_strdup_printf("%s%s%u package%s, on %s of %s", arch, *arch != '\0' ? ", " : "", packages,
                        packages == 1 ? "" : "s", root, target);
    styled(t, title, BOLD, 0);
    g_string_append(t->out, ", ");
    columns_append_wrapped(t->out, rest, columns_of(title) + 2, 2, t->options->width);
    g_string_append_c(t->out, '\n');
}

static void system_rows(struct table *t, const struct report *r, const struct frame_system *s)
{
    g_autoptr(GPtrArray) groups = finding_groups(r, s, t->options);
    const char *not_judged = system_not_judged(r, s);
    system_head(t, r, s);
    if (not_judged != NULL) {
        g_autofree char *reason = text_safe(not_judged);
        styled(t, "  Not judged: ", RED, 0);
        columns_append_wrapped(t->out, reason, 14, 4, t->options->width);
        g_string_append_c(t->out, '\n');
    } else if (groups->len == 0) {
        g_string_append(t->out, s->records[FRAME_PACKAGE]->len == 0 ? "  No package was found.\n"
                                                                    : "  Nothing to report.\n");
    }
    if (groups->len > 0) {
        struct widths w = widths_of(groups);
        g_string_append_c(t->out, '\n');
        legend(t, &w);
        for (guint i = 0; i < groups->len; i++)
            group_rows(t, s, &w, g_ptr_array_index(groups, i));
    }
    g_string_append_c(t->out, '\n');
}

/* --- summary ------------------------------------------------------------------------------------
 */

static void summary(struct table *t, const struct report *r)
{
    struct report_summary s;
    report_summarize(r, t->options, &s);
    g_autoptr(GString) line = g_string_new(NULL);
    g_string_printf(line, "%" PRIu64 " package%s, %" PRIu64 " vulnerable, %" PRIu64 " advisor%s",
                    s.packages, s.packages == 1 ? "" : "s", s.vulnerable_packages, s.advisories,
                    s.advisories == 1 ? "y" : "ies");
    styled(t, line->str, BOLD, 0);
    g_string_append_c(t->out, '\n');
    const char *between = "";
    for (int severity = SEVERITY_COUNT - 1; severity >= 0; severity--) {
        if (s.by_severity[severity] == 0)
            continue;
        g_string_append_printf(t->out, "%s", between);
        g_string_printf(line, "%" PRIu64 " %s", s.by_severity[severity],
                        severity_name((enum severity)severity));
        styled(t, line->str, severity_style[severity], 0);
        between = ", ";
    }
    if (*between != '\0')
        g_string_append_c(t->out, '\n');
    if (s.known_exploited > 0) {
        g_string_printf(line, "%" PRIu64 " known to be exploited", s.known_exploited);
        styled(t, line->str, "1;31", 0);
        g_string_append(t->out, ", ");
    }
    g_string_append_printf(t->out, "%" PRIu64 " with a fix, %" PRIu64 " suppressed", s.fixable,
                           s.suppressed);
    if (s.hidden > 0)
        g_string_append_printf(t->out, ", %" PRIu64 " below severity %s not shown", s.hidden,
                               severity_name(t->options->min_severity));
    g_string_append(t->out, "\n\n");
}

static bool table_write(const GPtrArray *reports, const struct report_options *options, FILE *out,
                        GError **error)
{
    struct table t = { .out = g_string_new(NULL), .options = options };
    for (guint i = 0; i < reports->len; i++) {
        const struct report *r = g_ptr_array_index(reports, i);
        if (r->frame->systems->len == 0) {
            g_autofree char *target = text_safe(r->frame->target);
            styled(&t, target, BOLD, 0);
            g_string_append(t.out, ": no operating system was found\n\n");
        }
        for (guint k = 0; k < r->frame->systems->len; k++)
            system_rows(&t, r, g_ptr_array_index(r->frame->systems, k));
        summary(&t, r);
        table_coverage(&t, r);
        /* Reports of one run share a database: its feeds are told once. */
        if (i + 1 == reports->len ||
            ((const struct report *)g_ptr_array_index(reports, i + 1))->feeds != r->feeds)
            table_feeds(&t, r);
        if (i + 1 < reports->len)
            g_string_append_c(t.out, '\n');
        (void)fwrite(t.out->str, 1, t.out->len, out);
        g_string_truncate(t.out, 0);
    }
    g_string_free(t.out, TRUE);
    return fflush(out) == 0 && !ferror(out) ? true : fail_errno(error, errno, "writing the table");
}

const struct report_format report_format_table = {
    .name = "table",
    .description = "for people, on a terminal or in a pipe",
    .media_type = "text/plain",
    .write = table_write,
};

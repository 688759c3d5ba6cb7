#include "report/report.h"

#include "base/limits.h"
#include "report/forms.h"

struct report *report_new(struct frame *f)
{
    struct report *r = g_new0(struct report, 1);
    r->arena = arena_new(LIMIT_FRAME_MEMORY);
    r->frame = f;
    r->findings = g_ptr_array_new();
    r->coverage = g_ptr_array_new();
    for (guint i = 0; i < f->coverage->len; i++)
        g_ptr_array_add(r->coverage, g_ptr_array_index(f->coverage, i));
    r->now = frame_now();
    return r;
}

void report_free(struct report *r)
{
    if (r == NULL)
        return;
    g_ptr_array_free(r->findings, TRUE);
    g_ptr_array_free(r->coverage, TRUE);
    arena_free(r->arena);
    frame_free(r->frame);
    g_free(r);
}

static bool has_feeds(const struct report *r)
{
    return r->feeds != NULL && r->feeds->len > 0;
}

bool report_incomplete(const struct report *r)
{
    if (!has_feeds(r))
        return true;
    for (guint i = 0; i < r->coverage->len; i++) {
        const struct frame_coverage *c = g_ptr_array_index(r->coverage, i);
        if (c->state == COVERAGE_PARTIAL || c->state == COVERAGE_UNREADABLE)
            return true;
    }
    return false;
}

bool finding_shown(const struct finding *f, const struct report_options *options)
{
    return f->severity >= options->min_severity &&
           (f->suppressed_by == NULL || options->show_suppressed);
}

static int order_of_doubles(double a, double b)
{
    return (a > b) - (a < b);
}

int finding_badness_compare(const struct finding *a, const struct finding *b)
{
    int order = (int)b->severity - (int)a->severity;
    if (order == 0)
        order = (int)b->known_exploited - (int)a->known_exploited;
    if (order == 0)
        order = order_of_doubles(b->epss, a->epss);
    return order != 0 ? order : g_strcmp0(a->id, b->id);
}

/* --- summary ------------------------------------------------------------------------------------
 */

/* One advisory over all packages that it concerns. */
struct advisory_sum {
    enum severity severity;
    bool fixable, known_exploited;
};

static void add_advisory(GHashTable *advisories, const struct finding *f)
{
    struct advisory_sum *sum = g_hash_table_lookup(advisories, f->id);
    if (sum == NULL) {
        sum = g_new0(struct advisory_sum, 1);
        (void)g_hash_table_insert(advisories, (char *)f->id, sum);
    }
    sum->severity = MAX(sum->severity, f->severity);
    sum->fixable |= f->fixed_version != NULL;
    sum->known_exploited |= f->known_exploited;
}

void report_summarize(const struct report *r, const struct report_options *options,
                      struct report_summary *out)
{
    g_autoptr(GHashTable) advisories = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    g_autoptr(GHashTable) packages = g_hash_table_new(NULL, NULL);
    *out = (struct report_summary){ .systems = r->frame->systems->len };
    for (guint i = 0; i < r->frame->systems->len; i++) {
        const struct frame_system *s = g_ptr_array_index(r->frame->systems, i);
        out->packages += s->records[FRAME_PACKAGE]->len;
    }
    for (guint i = 0; i < r->findings->len; i++) {
        const struct finding *f = g_ptr_array_index(r->findings, i);
        out->suppressed += f->suppressed_by != NULL;
        out->hidden += f->suppressed_by == NULL && f->severity < options->min_severity;
        if (f->suppressed_by != NULL || f->severity < options->min_severity)
            continue;
        out->findings++;
        (void)g_hash_table_add(packages, (gpointer)f->package);
        add_advisory(advisories, f);
    }
    out->vulnerable_packages = g_hash_table_size(packages);
    out->advisories = g_hash_table_size(advisories);
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, advisories);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct advisory_sum *sum = value;
        out->fixable += sum->fixable;
        out->known_exploited += sum->known_exploited;
        out->by_severity[sum->severity]++;
    }
}

/* --- systems ------------------------------------------------------------------------------------
 */

char *system_title(const struct frame_system *s)
{
    const struct frame_os *os = s->os;
    if (os->pretty_name != NULL)
        return g_strdup(os->pretty_name);
    const char *name = os->name != NULL ? os->name : os->id != NULL ? os->id : "unknown system";
    const char *version = os->version != NULL ? os->version : os->version_id;
    return version != NULL ? g_strdup_printf("%s %s", name, version) : g_strdup(name);
}

const char *system_not_judged(const struct report *r, const struct frame_system *s)
{
    for (guint i = 0; i < r->coverage->len; i++) {
        const struct frame_coverage *c = g_ptr_array_index(r->coverage, i);
        if (c->state == COVERAGE_UNREADABLE && g_str_equal(c->kind, "advisories") &&
            (c->system == NULL || g_str_equal(c->system, s->os->root)))
            return c->reason != NULL ? c->reason : "no advisories";
    }
    return has_feeds(r) ? NULL : "there are no advisories to judge by";
}

const char *finding_fix_label(const struct finding *f)
{
    switch (f->state) {
    case FINDING_FIXED:
        return "yes";
    case FINDING_AFFECTED:
        return "none yet";
    case FINDING_WILL_NOT_FIX:
        return "won't fix";
    case FINDING_DEFERRED:
        return "deferred";
    case FINDING_UNDER_INVESTIGATION:
        return "unclear";
    case FINDING_END_OF_LIFE:
        return "end of life";
    case FINDING_NOT_AFFECTED:
        return "not needed";
    case FINDING_STATE_COUNT:
    default:
        return "unknown";
    }
}

char *finding_epss_text(const struct finding *f)
{
    char digits[32];
    if (f->epss < 0)
        return g_strdup("");
    if (f->epss < 0.001)
        return g_strdup("<0.1%");
    return g_strdup_printf("%s%%", g_ascii_formatd(digits, sizeof digits, "%.1f", f->epss * 100));
}

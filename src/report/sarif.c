/* SARIF 2.1.0 (OASIS). One run a target; a rule a vulnerability; a result a vulnerable package.
 * Gaps of coverage are notifications of an invocation that was not successful (3.20.14, 3.20.21):
 * a consumer that asks whether the scan was whole gets the true answer. */
#include <string.h>

#include "base/json_writer.h"
#include "base/text.h"
#include "frame/formats.h"
#include "report/forms.h"
#include "report/json.h"
#include "report/markup.h"

struct run {
    struct json_writer *w;
    const struct report *r;
    GPtrArray *findings; /* of all systems, suppressed ones too */
    GPtrArray *rules;    /* struct finding, the worst for each id */
    GHashTable *index;   /* id -> number of its rule */
};

static const char *level_of(enum severity severity)
{
    switch (severity) {
    case SEVERITY_CRITICAL:
    case SEVERITY_HIGH:
        return "error";
    case SEVERITY_MEDIUM:
    case SEVERITY_UNKNOWN:
        return "warning";
    case SEVERITY_LOW:
    case SEVERITY_NEGLIGIBLE:
        return "note";
    case SEVERITY_COUNT:
    default:
        return "none";
    }
}

/* Viewers make severities from this number again: it must lie in the band of ours, which a vendor
 * may have set against the score. < 0: none. */
static double security_severity(const struct finding *f)
{
    static const double middle[SEVERITY_COUNT] = {
        [SEVERITY_UNKNOWN] = -1, [SEVERITY_NEGLIGIBLE] = 0.1, [SEVERITY_LOW] = 2,
        [SEVERITY_MEDIUM] = 5.5, [SEVERITY_HIGH] = 8,         [SEVERITY_CRITICAL] = 9.5,
    };
    return severity_of_score(f->cvss_score) == f->severity ? f->cvss_score : middle[f->severity];
}

static void text_member(struct json_writer *w, const char *key, const char *text)
{
    jw_object_begin(w, key);
    jw_string(w, "text", text);
    jw_object_end(w);
}

/* --- rules --------------------------------------------------------------------------------------
 */

static gint by_id(gconstpointer a, gconstpointer b)
{
    const struct finding *f = *(void *const *)a, *g = *(void *const *)b;
    int order = strcmp(f->id, g->id);
    return order != 0 ? order : finding_badness_compare(f, g);
}

static void collect(struct run *run, const struct report_options *options)
{
    /* Suppressed results are part of SARIF (3.27.23); viewers hide them. */
    struct report_options all = *options;
    all.show_suppressed = true;
    run->findings = g_ptr_array_new();
    for (guint i = 0; i < run->r->frame->systems->len; i++) {
        const struct frame_system *s = g_ptr_array_index(run->r->frame->systems, i);
        g_autoptr(GPtrArray) list = findings_of(run->r, s, &all);
        for (guint k = 0; k < list->len; k++)
            g_ptr_array_add(run->findings, g_ptr_array_index(list, k));
    }
    g_autoptr(GPtrArray) sorted = g_ptr_array_copy(run->findings, NULL, NULL);
    g_ptr_array_sort(sorted, by_id);
    run->rules = g_ptr_array_new();
    run->index = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < sorted->len; i++) {
        struct finding *f = g_ptr_array_index(sorted, i);
        if (g_hash_table_contains(run->index, f->id))
            continue;
        (void)g_hash_table_insert(run->index, (char *)f->id, GUINT_TO_POINTER(run->rules->len));
        g_ptr_array_add(run->rules, f);
    }
}

static char *help_text(const struct finding *f)
{
    GString *text = g_string_new(f->title != NULL ? f->title : f->id);
    g_string_append_printf(text, "\n\nSeverity: %s", severity_name(f->severity));
    if (f->severity_source != NULL)
        g_string_append_printf(text, " (%s)", f->severity_source);
    if (f->cvss_vector != NULL)
        g_string_append_printf(text, "\nCVSS: %s", f->cvss_vector);
    if (f->known_exploited)
        g_string_append(text, "\nKnown to be exploited (CISA KEV)");
    for (const char *const *a = f->advisories; a != NULL && *a != NULL; a++)
        g_string_append_printf(text, "\nAdvisory: %s", *a);
    for (const char *const *u = f->urls; u != NULL && *u != NULL; u++) {
        if (url_is_web(*u))
            g_string_append_printf(text, "\n%s", *u);
    }
    return g_string_free(text, FALSE);
}

static void rule(struct json_writer *w, const struct finding *f)
{
    g_autofree char *help = help_text(f), *url = finding_url(f);
    double number = security_severity(f);
    char text[32];
    jw_object_begin(w, NULL);
    jw_string(w, "id", f->id);
    text_member(w, "shortDescription", f->title != NULL ? f->title : f->id);
    text_member(w, "help", help);
    jw_string_opt(w, "helpUri", url);
    jw_object_begin(w, "defaultConfiguration");
    jw_string(w, "level", level_of(f->severity));
    jw_object_end(w);
    jw_object_begin(w, "properties");
    if (number >= 0)
        jw_string(w, "security-severity", g_ascii_formatd(text, sizeof text, "%.1f", number));
    jw_string(w, "precision", "very-high");
    jw_array_begin(w, "tags");
    jw_string(w, NULL, "security");
    jw_string(w, NULL, "vulnerability");
    if (f->known_exploited)
        jw_string(w, NULL, "known-exploited");
    jw_array_end(w);
    jw_object_end(w);
    jw_object_end(w);
}

static void tool(struct run *run)
{
    struct json_writer *w = run->w;
    jw_object_begin(w, "tool");
    jw_object_begin(w, "driver");
    jw_string(w, "name", "assay");
    jw_string(w, "version", run->r->frame->version);
    jw_array_begin(w, "rules");
    for (guint i = 0; i < run->rules->len; i++)
        rule(w, g_ptr_array_index(run->rules, i));
    jw_array_end(w);
    jw_array_begin(w, "notifications");
    for (unsigned i = COVERAGE_PARTIAL; i < COVERAGE_STATE_COUNT; i++) {
        g_autofree char *id = g_strdup_printf("coverage/%s", coverage_state_name(i));
        jw_object_begin(w, NULL);
        jw_string(w, "id", id);
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_object_end(w);
    jw_object_end(w);
}

/* --- invocation ---------------------------------------------------------------------------------
 */

static void notification(struct json_writer *w, const struct frame_coverage *c)
{
    g_autofree char *id = g_strdup_printf("coverage/%s", coverage_state_name(c->state));
    g_autofree char *text =
        g_strdup_printf("%s %s%s%s: %s", c->kind, c->object, c->system != NULL ? " of " : "",
                        c->system != NULL ? c->system : "",
                        c->reason != NULL ? c->reason : coverage_state_name(c->state));
    jw_object_begin(w, NULL);
    jw_object_begin(w, "descriptor");
    jw_string(w, "id", id);
    jw_object_end(w);
    jw_string(w, "level",
              c->state == COVERAGE_UNREADABLE ? "error"
              : c->state == COVERAGE_PARTIAL  ? "warning"
                                              : "note");
    text_member(w, "message", text);
    jw_object_end(w);
}

static void invocations(struct run *run)
{
    struct json_writer *w = run->w;
    jw_array_begin(w, "invocations");
    jw_object_begin(w, NULL);
    jw_bool(w, "executionSuccessful", !report_incomplete(run->r));
    json_time(w, "endTimeUtc", run->r->now);
    jw_array_begin(w, "toolExecutionNotifications");
    for (guint i = 0; i < run->r->coverage->len; i++) {
        const struct frame_coverage *c = g_ptr_array_index(run->r->coverage, i);
        if (c->state != COVERAGE_READ)
            notification(w, c);
    }
    jw_array_end(w);
    jw_object_end(w);
    jw_array_end(w);
}

/* --- results ------------------------------------------------------------------------------------
 */

static char *base_id(const struct run *run, const struct frame_system *s)
{
    guint index = 0;
    (void)g_ptr_array_find(run->r->frame->systems, s, &index);
    return g_strdup_printf("SYSTEM-%u", index + 1);
}

static void location(struct run *run, const struct finding *f)
{
    struct json_writer *w = run->w;
    const struct frame_package *p = f->package;
    g_autofree char *name =
        g_strdup_printf("%s/%s/%s", run->r->frame->target, f->system->os->root, p->name);
    jw_array_begin(w, "locations");
    jw_object_begin(w, NULL);
    if (p->path != NULL) {
        g_autofree char *uri = path_uri(p->path), *base = base_id(run, f->system);
        jw_object_begin(w, "physicalLocation");
        jw_object_begin(w, "artifactLocation");
        jw_string(w, "uri", uri);
        jw_string(w, "uriBaseId", base);
        jw_object_end(w);
        jw_object_begin(w, "region"); /* viewers show nothing without one */
        jw_u64(w, "startLine", 1);
        jw_object_end(w);
        jw_object_end(w);
    }
    jw_array_begin(w, "logicalLocations");
    jw_object_begin(w, NULL);
    jw_string(w, "name", p->name);
    jw_string(w, "fullyQualifiedName", name);
    jw_string(w, "kind", "package");
    jw_object_end(w);
    jw_array_end(w);
    jw_object_end(w);
    jw_array_end(w);
}

/* The same for the same vulnerability of the same package in later scans, whatever its version. */
static void fingerprint(struct json_writer *w, const struct finding *f)
{
    const struct frame_package *p = f->package;
    g_autofree char *text = g_strdup_printf("%s\n%s\n%s\n%s\n%s", f->system->os->root, p->type,
                                            p->name, p->arch != NULL ? p->arch : "", f->id);
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
    jw_object_begin(w, "partialFingerprints");
    jw_string(w, "assayFinding/v1", sum);
    jw_object_end(w);
}

static void suppressions(struct json_writer *w, const struct finding *f)
{
    jw_array_begin(w, "suppressions");
    if (f->suppressed_by != NULL) {
        g_autofree char *why =
            g_strdup_printf("%s%s%s", f->suppressed_by, f->suppressed_reason != NULL ? ": " : "",
                            f->suppressed_reason != NULL ? f->suppressed_reason : "");
        jw_object_begin(w, NULL);
        jw_string(w, "kind", "external");
        jw_string(w, "status", "accepted");
        jw_string(w, "justification", why);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static char *message_of(const struct finding *f)
{
    const struct frame_package *p = f->package;
    if (f->fixed_version != NULL)
        return g_strdup_printf("%s %s is affected by %s; fixed in %s", p->name, p->version, f->id,
                               f->fixed_version);
    return g_strdup_printf("%s %s is affected by %s; fix: %s", p->name, p->version, f->id,
                           finding_fix_label(f));
}

static void result(struct run *run, const struct finding *f)
{
    struct json_writer *w = run->w;
    g_autofree char *message = message_of(f), *purl = frame_purl(f->system->os, f->package);
    jw_object_begin(w, NULL);
    jw_string(w, "ruleId", f->id);
    jw_u64(w, "ruleIndex", GPOINTER_TO_UINT(g_hash_table_lookup(run->index, f->id)));
    jw_string(w, "level", level_of(f->severity));
    text_member(w, "message", message);
    location(run, f);
    fingerprint(w, f);
    suppressions(w, f);
    jw_object_begin(w, "properties");
    jw_string(w, "purl", purl);
    jw_string(w, "severity", severity_name(f->severity));
    jw_string(w, "state", finding_state_name(f->state));
    jw_string(w, "installedVersion", f->package->version);
    jw_string_opt(w, "fixedVersion", f->fixed_version);
    jw_bool(w, "knownExploited", f->known_exploited);
    if (f->cvss_score >= 0)
        jw_decimal(w, "cvssScore", f->cvss_score, 1);
    if (f->epss >= 0)
        jw_decimal(w, "epss", f->epss, 5);
    jw_object_end(w);
    jw_object_end(w);
}

static void bases(struct run *run)
{
    struct json_writer *w = run->w;
    const struct frame *f = run->r->frame;
    jw_object_begin(w, "originalUriBaseIds");
    for (guint i = 0; i < f->systems->len; i++) {
        const struct frame_system *s = g_ptr_array_index(f->systems, i);
        g_autofree char *base = base_id(run, s), *title = system_title(s);
        g_autofree char *text =
            g_strdup_printf("root of %s on %s of %s", title, s->os->root, f->target);
        jw_object_begin(w, base);
        text_member(w, "description", text);
        jw_object_end(w);
    }
    jw_object_end(w);
}

static void run_write(struct json_writer *w, const struct report *r,
                      const struct report_options *options)
{
    struct run run = { .w = w, .r = r };
    g_autofree char *id = g_strdup_printf("assay/%s/", r->frame->target);
    collect(&run, options);
    jw_object_begin(w, NULL);
    tool(&run);
    invocations(&run);
    jw_object_begin(w, "automationDetails");
    jw_string(w, "id", id);
    jw_object_end(w);
    bases(&run);
    jw_string(w, "columnKind", "unicodeCodePoints");
    jw_array_begin(w, "results");
    for (guint i = 0; i < run.findings->len; i++)
        result(&run, g_ptr_array_index(run.findings, i));
    jw_array_end(w);
    jw_object_end(w);
    g_ptr_array_unref(run.findings);
    g_ptr_array_unref(run.rules);
    g_hash_table_destroy(run.index);
}

static bool sarif_write(const GPtrArray *reports, const struct report_options *options, FILE *out,
                        GError **error)
{
    struct json_writer w;
    jw_init(&w, out, false);
    jw_object_begin(&w, NULL);
    jw_string(&w, "$schema",
              "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/"
              "sarif-schema-2.1.0.json");
    jw_string(&w, "version", "2.1.0");
    jw_array_begin(&w, "runs");
    for (guint i = 0; i < reports->len; i++)
        run_write(&w, g_ptr_array_index(reports, i), options);
    jw_array_end(&w);
    jw_object_end(&w);
    return jw_finish(&w, error);
}

const struct report_format report_format_sarif = {
    .name = "sarif",
    .description = "SARIF 2.1.0, for code scanning dashboards",
    .media_type = "application/sarif+json",
    .write = sarif_write,
};

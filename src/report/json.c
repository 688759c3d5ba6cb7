#include "report/json.h"

#include "base/json_writer.h"
#include "base/text.h"
#include "frame/formats.h"
#include "frame/record_json.h"
#include "report/forms.h"

void json_time(struct json_writer *w, const char *key, int64_t seconds)
{
    g_autofree char *text = text_time(seconds);
    jw_string_opt(w, key, seconds != 0 ? text : NULL);
}

void json_strings(struct json_writer *w, const char *key, const char *const *list)
{
    if (list == NULL || list[0] == NULL)
        return;
    jw_array_begin(w, key);
    for (; *list != NULL; list++)
        jw_string(w, NULL, *list);
    jw_array_end(w);
}

static void write_package(struct json_writer *w, const struct finding *f)
{
    const struct frame_package *p = f->package;
    g_autofree char *purl = frame_purl(f->system->os, p);
    jw_object_begin(w, "package");
    jw_string(w, "type", p->type);
    jw_string(w, "name", p->name);
    jw_string(w, "version", p->version);
    jw_string_opt(w, "arch", p->arch);
    jw_string_opt(w, "source", p->source);
    jw_string_opt(w, "source_version", p->source_version);
    jw_string_opt(w, "path", p->path);
    jw_string(w, "purl", purl);
    jw_object_end(w);
}

void json_finding(struct json_writer *w, const struct finding *f)
{
    jw_object_begin(w, NULL);
    jw_string(w, "id", f->id);
    json_strings(w, "aliases", f->aliases);
    json_strings(w, "advisories", f->advisories);
    jw_string_opt(w, "title", f->title);
    jw_string(w, "severity", severity_name(f->severity));
    jw_string_opt(w, "severity_source", f->severity_source);
    jw_string(w, "state", finding_state_name(f->state));
    jw_string_opt(w, "fixed_version", f->fixed_version);
    write_package(w, f);
    jw_string_opt(w, "matched_name", f->matched_name);
    jw_string_opt(w, "matched_version", f->matched_version);
    if (f->cvss_score >= 0)
        jw_decimal(w, "cvss_score", f->cvss_score, 1);
    jw_string_opt(w, "cvss_vector", f->cvss_vector);
    if (f->epss >= 0)
        jw_decimal(w, "epss", f->epss, 5);
    if (f->epss_percentile >= 0)
        jw_decimal(w, "epss_percentile", f->epss_percentile, 5);
    jw_bool(w, "known_exploited", f->known_exploited);
    if (f->known_exploited) {
        jw_bool(w, "ransomware", f->ransomware);
        json_time(w, "kev_due", f->kev_due);
    }
    json_time(w, "published", f->published);
    json_time(w, "modified", f->modified);
    json_strings(w, "urls", f->urls);
    jw_string_opt(w, "feed", f->feed);
    jw_string_opt(w, "suppressed_by", f->suppressed_by);
    jw_string_opt(w, "suppressed_reason", f->suppressed_reason);
    jw_object_end(w);
}

static void write_summary(struct json_writer *w, const struct report *r,
                          const struct report_options *options)
{
    struct report_summary s;
    report_summarize(r, options, &s);
    jw_object_begin(w, "summary");
    jw_u64(w, "systems", s.systems);
    jw_u64(w, "packages", s.packages);
    jw_u64(w, "vulnerable_packages", s.vulnerable_packages);
    jw_u64(w, "advisories", s.advisories);
    jw_u64(w, "findings", s.findings);
    jw_u64(w, "fixable", s.fixable);
    jw_u64(w, "known_exploited", s.known_exploited);
    jw_u64(w, "suppressed", s.suppressed);
    jw_u64(w, "hidden", s.hidden);
    jw_object_begin(w, "by_severity");
    for (unsigned i = SEVERITY_COUNT; i-- > 0;)
        jw_u64(w, severity_name((enum severity)i), s.by_severity[i]);
    jw_object_end(w);
    jw_object_end(w);
}

static void write_system(struct json_writer *w, const struct report *r,
                         const struct frame_system *s, const struct report_options *options)
{
    g_autoptr(GPtrArray) findings = findings_of(r, s, options);
    jw_object_begin(w, NULL);
    record_write(w, "os", FRAME_OS, s->os);
    jw_u64(w, "packages", s->records[FRAME_PACKAGE]->len);
    jw_string_opt(w, "not_judged", system_not_judged(r, s));
    jw_array_begin(w, "findings");
    for (guint i = 0; i < findings->len; i++)
        json_finding(w, g_ptr_array_index(findings, i));
    jw_array_end(w);
    jw_object_end(w);
}

static void write_feeds(struct json_writer *w, const GPtrArray *feeds)
{
    jw_array_begin(w, "feeds");
    for (guint i = 0; feeds != NULL && i < feeds->len; i++) {
        const struct advisory_feed *feed = g_ptr_array_index(feeds, i);
        jw_object_begin(w, NULL);
        jw_string(w, "name", feed->name);
        jw_string_opt(w, "source", feed->source);
        jw_u64(w, "records", feed->records);
        jw_u64(w, "malformed", feed->malformed);
        json_time(w, "data_date", feed->data_date);
        json_time(w, "imported", feed->imported);
        jw_string_opt(w, "sha256", feed->sha256);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void write_report(struct json_writer *w, const struct report *r,
                         const struct report_options *options)
{
    jw_object_begin(w, NULL);
    jw_string(w, "target", r->frame->target);
    json_time(w, "created", r->frame->created);
    jw_bool(w, "complete", !report_incomplete(r));
    write_summary(w, r, options);
    jw_array_begin(w, "systems");
    for (guint i = 0; i < r->frame->systems->len; i++)
        write_system(w, r, g_ptr_array_index(r->frame->systems, i), options);
    jw_array_end(w);
    jw_array_begin(w, "coverage");
    for (guint i = 0; i < r->coverage->len; i++)
        record_write(w, NULL, FRAME_COVERAGE, g_ptr_array_index(r->coverage, i));
    jw_array_end(w);
    write_feeds(w, r->feeds);
    jw_object_end(w);
}

static bool json_write(const GPtrArray *reports, const struct report_options *options, FILE *out,
                       GError **error)
{
    const struct report *first = reports->len > 0 ? g_ptr_array_index(reports, 0) : NULL;
    struct json_writer w;
    jw_init(&w, out, false);
    jw_object_begin(&w, NULL);
    jw_string(&w, "schema", REPORT_SCHEMA);
    if (first != NULL) {
        jw_string(&w, "assay", first->frame->version);
        json_time(&w, "created", first->now);
    }
    jw_array_begin(&w, "targets");
    for (guint i = 0; i < reports->len; i++)
        write_report(&w, g_ptr_array_index(reports, i), options);
    jw_array_end(&w);
    jw_object_end(&w);
    return jw_finish(&w, error);
}

const struct report_format report_format_json = {
    .name = "json",
    .description = "everything, for programs (docs/report.schema.json)",
    .media_type = "application/json",
    .write = json_write,
};

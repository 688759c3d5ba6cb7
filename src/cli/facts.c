#include "cli/facts.h"

#include "advisory/cve.h"
#include "base/text.h"

static void write_time(struct json_writer *w, const char *key, int64_t seconds)
{
    g_autofree char *text = seconds > 0 ? text_time(seconds) : NULL;
    jw_string_opt(w, key, text);
}

static void write_severity(struct json_writer *w, enum severity severity)
{
    if (severity != SEVERITY_UNKNOWN)
        jw_string(w, "severity", severity_name(severity));
}

static void write_cves(struct json_writer *w, const uint32_t *cves, unsigned count)
{
    if (count == 0)
        return;
    jw_array_begin(w, "cves");
    for (unsigned i = 0; i < count; i++) {
        char text[CVE_TEXT_MAX];
        jw_string(w, NULL, cve_format(cves[i], text));
    }
    jw_array_end(w);
}

void facts_write_statement(struct json_writer *w, const char *type,
                           const struct advisory_statement *s)
{
    jw_object_begin(w, NULL);
    jw_string_opt(w, "type", type);
    jw_string(w, "feed", s->feed);
    jw_string(w, "ecosystem", s->ecosystem);
    jw_string(w, "package", s->package);
    jw_string(w, "id", s->id);
    jw_string(w, "state", finding_state_name(s->state));
    jw_string_opt(w, "introduced", s->introduced);
    jw_string_opt(w, "fixed", s->fixed);
    jw_string_opt(w, "last_affected", s->last_affected);
    jw_string_opt(w, "module", s->module);
    write_severity(w, s->severity);
    jw_object_end(w);
}

void facts_write_record(struct json_writer *w, const char *type, const struct advisory_record *r)
{
    jw_object_begin(w, NULL);
    jw_string_opt(w, "type", type);
    jw_string(w, "feed", r->feed);
    jw_string(w, "id", r->id);
    jw_string_opt(w, "title", r->title);
    write_severity(w, r->severity);
    write_time(w, "published", r->published);
    write_time(w, "modified", r->modified);
    write_cves(w, r->cves, r->cve_count);
    if (r->vector_count > 0) {
        jw_array_begin(w, "scores");
        for (unsigned i = 0; i < r->vector_count; i++) {
            jw_object_begin(w, NULL);
            jw_string_opt(w, "source", r->vectors[i].source);
            jw_string_opt(w, "vector", r->vectors[i].vector);
            write_severity(w, r->vectors[i].severity);
            jw_object_end(w);
        }
        jw_array_end(w);
    }
    jw_object_end(w);
}

void facts_write_score(struct json_writer *w, const struct advisory_score *s)
{
    if (s->epss >= 0) {
        jw_decimal(w, "epss", s->epss, 6);
        jw_decimal(w, "epss_percentile", s->epss_percentile, 6);
        return;
    }
    jw_bool(w, "known_exploited", s->known_exploited);
    jw_bool(w, "ransomware", s->ransomware);
    write_time(w, "kev_added", s->kev_added);
    write_time(w, "kev_due", s->kev_due);
}

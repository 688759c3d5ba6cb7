#include <string.h>

#include "advisory/finding.h"
#include "base/error.h"
#include "base/json_writer.h"
#include "report/json.h"
#include "server/routes.h"
#include "server/server.h"
#include "store/findings.h"
#include "store/installed.h"

static void write_members(struct json_writer *w, const struct vulnerability *v)
{
    jw_string(w, "id", v->id);
    jw_string(w, "title", v->title);
    jw_string(w, "severity", severity_name((enum severity)v->severity));
    jw_i64(w, "things", v->things);
    jw_i64(w, "fixable", v->fixable);
    jw_bool(w, "known_exploited", v->known_exploited);
    jw_bool(w, "ransomware", v->ransomware);
    json_time(w, "kev_due", v->kev_due);
    if (v->epss >= 0)
        jw_decimal(w, "epss", v->epss, 5);
    if (v->epss_percentile >= 0)
        jw_decimal(w, "epss_percentile", v->epss_percentile, 5);
}

static bool is_true(const char *text)
{
    return text != NULL && (g_str_equal(text, "true") || g_str_equal(text, "1"));
}

/* The project that ?project= names, as far as the caller sees it; NULL without *error: none. */
static struct project *project_of_query(struct call *c, GError **error)
{
    const char *name = http_query(c->request, "project");
    return name != NULL ? project_find(c->db, &c->caller, name, error) : NULL;
}

static bool write_listed(struct call *c, const void *item, GError **error)
{
    const struct vulnerability *v = item;
    jw_object_begin(&c->out, NULL);
    write_members(&c->out, v);
    jw_object_end(&c->out);
    return true;
}

static bool list(struct call *c, GError **error)
{
    struct store_page page;
    g_autoptr(GError) failure = NULL;
    enum severity least = SEVERITY_UNKNOWN;
    const char *severity = http_query(c->request, "severity");
    g_autoptr(project) p = project_of_query(c, &failure);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    if (severity != NULL && !severity_parse(severity, &least))
        return problem(error, 400, "severity: unknown, negligible, low, medium, high or critical");
    if (!call_page(c, &page, error))
        return false;
    const struct vulnerability_filter filter = {
        .project = p != NULL ? p->id : NULL,
        .min_severity = (int64_t)least,
        .exploited = is_true(http_query(c->request, "kev")),
        .fixable = is_true(http_query(c->request, "fixable")),
    };
    g_autoptr(GPtrArray) all = vulnerability_list(c->db, &c->caller, &filter, &page, error);
    return call_list(c, all, &page, write_listed, G_STRUCT_OFFSET(struct vulnerability, cursor),
                     error);
}

static void write_thing(struct json_writer *w, const struct affected_thing *t)
{
    jw_object_begin(w, NULL);
    jw_string(w, "kind", thing_kind_name(t->kind));
    jw_string(w, "id", t->id);
    jw_string(w, "name", t->name);
    jw_string(w, "project", t->project);
    jw_string(w, "severity", severity_name((enum severity)t->severity));
    jw_array_begin(w, "packages");
    for (guint i = 0; i < t->packages->len; i++) {
        const struct affected_package *p = g_ptr_array_index(t->packages, i);
        jw_object_begin(w, NULL);
        jw_string(w, "vulnerability", p->id);
        jw_string(w, "name", p->name);
        jw_string(w, "version", p->version);
        jw_string_opt(w, "arch", p->arch);
        jw_string(w, "severity", severity_name((enum severity)p->severity));
        jw_string(w, "state", finding_state_name((enum finding_state)p->state));
        jw_string(w, "fixed_version", p->fixed);
        jw_string(w, "advisories", p->advisories);
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_object_end(w);
}

static void write_coverage(struct json_writer *w, const struct thing_coverage *known)
{
    jw_object_begin(w, "coverage");
    jw_i64(w, "things", known->things);
    jw_i64(w, "incomplete", known->incomplete);
    jw_i64(w, "unexamined", known->unexamined);
    jw_object_end(w);
}

/* "Nothing" says how much it is worth. */
static bool nothing_has_it(struct call *c, const struct thing_coverage *known, GError **error)
{
    static const char nothing[] = "nothing that you see is known to have this vulnerability";
    struct advisories judged_by;
    if (!advisories_current(c->db, &judged_by, error))
        return false;
    if (judged_by.number == 0)
        return fail(error, ASSAY_ERROR_NOT_FOUND,
                    "%s, but there is no advisory database, so nothing has been judged", nothing);
    if (known->incomplete + known->unexamined == 0)
        return fail(error, ASSAY_ERROR_NOT_FOUND, "nothing that you see has this vulnerability");
    return fail(error, ASSAY_ERROR_NOT_FOUND,
                "%s, but of %" G_GINT64_FORMAT " nodes and images %" G_GINT64_FORMAT
                " could not be examined and judged completely, and %" G_GINT64_FORMAT
                " never were examined",
                nothing, known->things, known->incomplete, known->unexamined);
}

/* Also for the name of an advisory, which is no vulnerability of its own but affects things. */
static bool show(struct call *c, GError **error)
{
    struct store_page page;
    g_autoptr(GError) failure = NULL;
    const char *id = call_parameter(c, "vulnerability");
    g_autoptr(project) p = project_of_query(c, &failure);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    if (!call_page(c, &page, error))
        return false;
    g_autoptr(vulnerability) v = vulnerability_find(c->db, &c->caller, id, &failure);
    if (failure != NULL && !g_error_matches(failure, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    const char *project = p != NULL ? p->id : NULL;
    struct thing_coverage known;
    g_autoptr(GPtrArray) things =
        vulnerability_things(c->db, &c->caller, id, project, &page, error);
    if (things == NULL || !thing_coverage(c->db, &c->caller, project, &known, error))
        return false;
    if (v == NULL && things->len == 0)
        return nothing_has_it(c, &known, error);
    guint count = call_list_count(things, &page);
    jw_object_begin(&c->out, NULL);
    if (v != NULL)
        write_members(&c->out, v);
    else
        jw_string(&c->out, "id", id);
    jw_array_begin(&c->out, "affected");
    for (guint i = 0; i < count; i++)
        write_thing(&c->out, g_ptr_array_index(things, i));
    jw_array_end(&c->out);
    if (count < things->len) {
        const struct affected_thing *last = g_ptr_array_index(things, count - 1);
        jw_string(&c->out, "next", last->id);
    }
    write_coverage(&c->out, &known);
    jw_object_end(&c->out);
    return true;
}

/* What the service judges by, and how old it is. */
static bool status(struct call *c, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(advisory_db) db = server_advisories(c->server, &failure);
    int64_t now = store_now() / (int64_t)G_USEC_PER_SEC;
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    jw_object_begin(&c->out, NULL);
    jw_bool(&c->out, "available", db != NULL);
    jw_array_begin(&c->out, "feeds");
    const GPtrArray *feeds = db != NULL ? advisory_db_feeds(db) : NULL;
    for (guint i = 0; feeds != NULL && i < feeds->len; i++) {
        const struct advisory_feed *f = g_ptr_array_index(feeds, i);
        jw_object_begin(&c->out, NULL);
        jw_string(&c->out, "name", f->name);
        jw_u64(&c->out, "records", f->records);
        jw_u64(&c->out, "malformed", f->malformed);
        json_time(&c->out, "data_date", f->data_date);
        if (f->data_date > 0)
            jw_i64(&c->out, "age_days", MAX(now - f->data_date, 0) / 86400);
        json_time(&c->out, "imported", f->imported);
        jw_object_end(&c->out);
    }
    jw_array_end(&c->out);
    jw_object_end(&c->out);
    return true;
}

const struct route routes_vulnerabilities[] = {
    { "GET", "/v1/vulnerabilities", ACCESS_USER, SCOPE_READ, list, 0 },
    { "GET", "/v1/vulnerabilities/{vulnerability}", ACCESS_USER, SCOPE_READ, show, 0 },
    { "GET", "/v1/advisories/status", ACCESS_USER, SCOPE_READ, status, 0 },
    { NULL },
};

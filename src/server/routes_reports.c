/* What is known of nodes and images: reports, frames, findings. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/number.h"
#include "introspect/stored_report.h"
#include "report/json.h"
#include "server/routes.h"
#include "server/server.h"

static enum thing_kind kind_of(const struct call *c)
{
    return (enum thing_kind)c->route->subject;
}

static struct thing *find_thing(struct call *c, GError **error)
{
    return thing_find(c->db, kind_of(c), &c->caller, c->project->id,
                      call_parameter(c, thing_kind_name(kind_of(c))), error);
}

/* The frame that the path or the query names, or the newest one. */
static struct kept_frame *find_frame(struct call *c, GError **error)
{
    const char *named = call_parameter(c, "frame");
    g_autoptr(thing) t = find_thing(c, error);
    if (t == NULL)
        return NULL;
    if (named == NULL)
        named = http_query(c->request, "frame");
    if (named == NULL)
        return kept_frame_newest(c->db, &c->caller, t->id, error);
    g_autoptr(kept_frame) f = kept_frame_find(c->db, &c->caller, named, error);
    if (f == NULL || g_str_equal(f->thing, t->id))
        return g_steal_pointer(&f);
    (void)fail(error, ASSAY_ERROR_NOT_FOUND, "no such frame");
    return NULL;
}

/* --- reports -----------------------------------------------------------------------------------
 */

/* A report of a kept frame, and the advisories that its texts belong to. */
struct judged_report {
    struct advisory_db *advisories; /* NULL: there are none */
    struct report *report;
};

static void judged_report_done(struct judged_report *j)
{
    report_free(j->report);
    advisory_db_close(j->advisories);
}

static bool make_report(struct call *c, struct judged_report *out, GError **error)
{
    g_autoptr(GError) failure = NULL;
    *out = (struct judged_report){ 0 };
    g_autoptr(kept_frame) f = find_frame(c, error);
    if (f == NULL)
        return false;
    out->advisories = server_advisories(c->server, &failure);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    out->report = stored_report(c->db, f, out->advisories, error);
    if (out->report != NULL)
        return true;
    judged_report_done(out);
    return false;
}

static bool min_severity(const struct call *c, enum severity *out, GError **error)
{
    const char *text = http_query(c->request, "severity");
    *out = SEVERITY_UNKNOWN;
    return text == NULL || severity_parse(text, out) ||
           problem(error, 400, "severity: unknown, negligible, low, medium, high or critical");
}

/* By ?format=, else what Accept names first; JSON when it names none of ours. */
static const struct report_format *choose_format(const struct call *c, GError **error)
{
    const char *named = http_query(c->request, "format");
    const char *accept = http_header(c->request, "accept");
    const struct report_format *best = report_format_find("json");
    const char *first = NULL;
    if (named != NULL) {
        best = report_format_find(named);
        if (best == NULL)
            (void)problem(error, 400, "format: there is no '%s'", named);
        return best;
    }
    for (size_t i = 0; accept != NULL && report_formats[i] != NULL; i++) {
        const char *type = report_formats[i]->media_type;
        g_autofree char *bare = g_strndup(type, strcspn(type, ";"));
        const char *at = strstr(accept, bare);
        if (at != NULL && (first == NULL || at < first)) {
            first = at;
            best = report_formats[i];
        }
    }
    return best;
}

static bool write_report(struct call *c, const struct report_format *form, struct report *r,
                         const struct report_options *options, GError **error)
{
    g_autoptr(GPtrArray) reports = g_ptr_array_new();
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    g_ptr_array_add(reports, r);
    bool ok = out != NULL && form->write(reports, options, out, error);
    if (out != NULL && fclose(out) == 0 && ok)
        g_string_append_len(c->response->body, text, (gssize)len);
    free(text);
    http_set_header(c->response, "Content-Type", form->media_type);
    return ok;
}

static bool show_report(struct call *c, GError **error)
{
    struct report_options options = { 0 };
    struct judged_report j;
    uint64_t width = 0;
    const char *columns = http_query(c->request, "width");
    const struct report_format *form = choose_format(c, error);
    if (form == NULL || !min_severity(c, &options.min_severity, error))
        return false;
    if (columns != NULL && parse_u64(columns, strlen(columns), &width))
        options.width = (unsigned)MIN(width, 1000);
    if (!make_report(c, &j, error))
        return false;
    bool ok = write_report(c, form, j.report, &options, error);
    judged_report_done(&j);
    return ok;
}

/* --- findings ----------------------------------------------------------------------------------
 */

struct finding_filter {
    enum severity severity;
    bool exploited, fixable;
    const char *package; /* NULL: all */
};

static bool is_true(const char *text)
{
    return text != NULL && (g_str_equal(text, "true") || g_str_equal(text, "1"));
}

static bool passes(const struct finding_filter *f, const struct finding *x)
{
    return x->suppressed_by == NULL && x->severity >= f->severity &&
           (!f->exploited || x->known_exploited) && (!f->fixable || x->fixed_version != NULL) &&
           (f->package == NULL || g_str_equal(f->package, x->package->name));
}

static void write_findings(struct call *c, const struct report *r, const struct finding_filter *f,
                           uint64_t skip, uint64_t limit)
{
    g_autofree char *next = NULL;
    uint64_t seen = 0;
    call_list_begin(c);
    for (guint i = 0; i < r->findings->len; i++) {
        const struct finding *x = g_ptr_array_index(r->findings, i);
        if (!passes(f, x) || seen++ < skip)
            continue;
        if (seen > skip + limit) {
            next = g_strdup_printf("%" G_GUINT64_FORMAT, skip + limit);
            break;
        }
        json_finding(&c->out, x);
    }
    call_list_end(c, next);
}

static bool list_findings(struct call *c, GError **error)
{
    struct store_page page;
    struct judged_report j;
    uint64_t skip = 0;
    struct finding_filter f = { .exploited = is_true(http_query(c->request, "kev")),
                                .fixable = is_true(http_query(c->request, "fixable")),
                                .package = http_query(c->request, "package") };
    if (!call_page(c, &page, error) || !min_severity(c, &f.severity, error))
        return false;
    if (page.after[0] != '\0' &&
        (!parse_u64(page.after, strlen(page.after), &skip) || skip > G_MAXINT32))
        return problem(error, 400, "after: not the \"next\" of a page");
    if (!make_report(c, &j, error))
        return false;
    write_findings(c, j.report, &f, skip, (uint64_t)page.limit - 1);
    judged_report_done(&j);
    return true;
}

/* --- frames ------------------------------------------------------------------------------------
 */

static bool show_frame(struct call *c, GError **error)
{
    g_autoptr(kept_frame) f = find_frame(c, error);
    g_autoptr(GBytes) json = f != NULL ? kept_frame_read(c->db, f, error) : NULL;
    if (json == NULL)
        return false;
    gsize len;
    const char *text = g_bytes_get_data(json, &len);
    g_string_append_len(c->response->body, text, (gssize)len);
    return true;
}

static bool list_frames(struct call *c, GError **error)
{
    struct store_page page;
    g_autoptr(thing) t = find_thing(c, error);
    if (t == NULL || !call_page(c, &page, error))
        return false;
    g_autoptr(GPtrArray) all =
        kept_frame_list(c->db, &c->caller, c->project->id, t->id, &page, error);
    if (all == NULL)
        return false;
    const struct kept_frame *last = NULL;
    guint count = call_list_count(all, &page);
    call_list_begin(c);
    for (guint i = 0; i < count; i++) {
        last = g_ptr_array_index(all, i);
        jw_object_begin(&c->out, NULL);
        jw_string(&c->out, "id", last->id);
        jw_string(&c->out, "introspection", last->introspection);
        call_write_time(&c->out, "created", last->created);
        jw_i64(&c->out, "size", last->size);
        jw_string(&c->out, "sha256", last->sha256);
        call_write_json(&c->out, "locations", last->locations);
        jw_object_end(&c->out);
    }
    call_list_end(c, count < all->len ? last->id : NULL);
    return true;
}

#define ROUTES(one, kind)                                                                          \
    { "GET", one "/report", ACCESS_VIEWER, SCOPE_READ, show_report, 0, kind },                     \
        { "GET", one "/findings", ACCESS_VIEWER, SCOPE_READ, list_findings, 0, kind },             \
        { "GET", one "/frame", ACCESS_VIEWER, SCOPE_READ, show_frame, 0, kind },                   \
        { "GET", one "/frames", ACCESS_VIEWER, SCOPE_READ, list_frames, 0, kind },                 \
    {                                                                                              \
        "GET", one "/frames/{frame}", ACCESS_VIEWER, SCOPE_READ, show_frame, 0, kind               \
    }

const struct route routes_reports[] = {
    ROUTES("/v1/projects/{project}/nodes/{node}", THING_NODE),
    ROUTES("/v1/projects/{project}/images/{image}", THING_IMAGE),
    { NULL },
};

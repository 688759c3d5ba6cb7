/* What is known of nodes and images: reports, frames, findings. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/number.h"
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

/* The frame of that identifier, or the newest one. */
static struct kept_frame *find_frame_named(struct call *c, const char *named, GError **error)
{
    g_autoptr(thing) t = find_thing(c, error);
    if (t == NULL)
        return NULL;
    if (named == NULL)
        return kept_frame_newest(c->db, &c->caller, t->id, error);
    g_autoptr(kept_frame) f = kept_frame_find(c->db, &c->caller, named, error);
    if (f == NULL || g_str_equal(f->thing, t->id))
        return g_steal_pointer(&f);
    (void)fail(error, ASSAY_ERROR_NOT_FOUND, "no such frame");
    return NULL;
}

/* The frame that the path or the query names, or the newest one. */
static struct kept_frame *find_frame(struct call *c, GError **error)
{
    const char *named = call_parameter(c, "frame");
    return find_frame_named(c, named != NULL ? named : http_query(c->request, "frame"), error);
}

/* --- reports -----------------------------------------------------------------------------------
 */

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
    uint64_t width = 0;
    const char *columns = http_query(c->request, "width");
    const struct report_format *form = choose_format(c, error);
    if (form == NULL || !min_severity(c, &options.min_severity, error))
        return false;
    if (columns != NULL && parse_u64(columns, strlen(columns), &width))
        options.width = (unsigned)MIN(width, 1000);
    g_autoptr(kept_frame) f = find_frame(c, error);
    g_autoptr(shared_report) shared =
        f != NULL ? server_report(c->server, c->db, f, form->files, error) : NULL;
    return shared != NULL && write_report(c, form, shared_report_get(shared), &options, error);
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

/* Where a page ends: in which frame, behind which finding of which package. The finding need not be
 * there any more, when the advisories have changed meanwhile. */
struct finding_place {
    char *frame;
    guint package; /* place in the frame, of all its systems; findings are in that order */
    struct finding finding;
};

static char *write_place(const char *frame, guint package, const struct finding *x)
{
    char score[G_ASCII_DTOSTR_BUF_SIZE];
    return g_strdup_printf("%s:%u:%d:%u:%s:%s", frame, package, x->known_exploited,
                           (unsigned)x->severity,
                           g_ascii_dtostr(score, sizeof score, x->cvss_score), x->id);
}

/* parts: what out's texts belong to; g_strfreev() */
static bool parse_place(const char *after, struct finding_place *out, char ***parts, GError **error)
{
    enum { FRAME, PACKAGE, EXPLOITED, SEVERITY, SCORE, ID, PARTS };
    uint64_t package = 0, exploited = 0, severity = 0;
    char *end = NULL;
    char **p = *parts = g_strsplit(after, ":", PARTS);
    if (g_strv_length(p) != PARTS || !parse_u64(p[PACKAGE], strlen(p[PACKAGE]), &package) ||
        package > G_MAXUINT32 || !parse_u64(p[EXPLOITED], strlen(p[EXPLOITED]), &exploited) ||
        !parse_u64(p[SEVERITY], strlen(p[SEVERITY]), &severity) || severity >= SEVERITY_COUNT)
        return problem(error, 400, "after: not the \"next\" of a page");
    double score = g_ascii_strtod(p[SCORE], &end);
    if (end == p[SCORE] || *end != '\0')
        return problem(error, 400, "after: not the \"next\" of a page");
    *out = (struct finding_place){ .frame = p[FRAME], .package = (guint)package };
    out->finding = (struct finding){ .known_exploited = exploited != 0,
                                     .severity = (enum severity)severity,
                                     .cvss_score = score,
                                     .id = p[ID] };
    return true;
}

/* Findings are in the order of the frame's packages: where each is, as they go by. */
struct package_walk {
    const struct frame *frame;
    guint system, at, passed; /* passed: packages of the systems before */
};

static guint package_number(struct package_walk *w, const struct finding *x)
{
    for (; w->system < w->frame->systems->len; w->system++, w->at = 0) {
        const struct frame_system *s = g_ptr_array_index(w->frame->systems, w->system);
        const GPtrArray *packages = s->records[FRAME_PACKAGE];
        for (; w->at < packages->len; w->at++) {
            if (packages->pdata[w->at] == x->package)
                return w->passed + w->at;
        }
        w->passed += packages->len;
    }
    return w->passed;
}

/* after NULL: from the beginning. */
static void write_findings(struct call *c, const char *frame, const struct report *r,
                           const struct finding_filter *f, const struct finding_place *after,
                           uint64_t limit)
{
    struct package_walk walk = { .frame = r->frame };
    g_autofree char *next = NULL;
    const struct finding *last = NULL;
    guint last_package = 0;
    uint64_t written = 0;
    call_list_begin(c);
    for (guint i = 0; i < r->findings->len; i++) {
        const struct finding *x = g_ptr_array_index(r->findings, i);
        guint package = package_number(&walk, x);
        if (!passes(f, x) || (after != NULL && (package < after->package ||
                                                (package == after->package &&
                                                 finding_compare(x, &after->finding) <= 0))))
            continue;
        if (written++ == limit) {
            next = write_place(frame, last_package, last);
            break;
        }
        json_finding(&c->out, x);
        last = x;
        last_package = package;
    }
    call_list_end(c, next);
}

static bool list_findings(struct call *c, GError **error)
{
    struct store_page page;
    struct finding_place after = { 0 };
    g_auto(GStrv) parts = NULL;
    struct finding_filter f = { .exploited = is_true(http_query(c->request, "kev")),
                                .fixable = is_true(http_query(c->request, "fixable")),
                                .package = http_query(c->request, "package") };
    if (!call_page(c, &page, error) || !min_severity(c, &f.severity, error) ||
        (page.after[0] != '\0' && !parse_place(page.after, &after, &parts, error)))
        return false;
    g_autoptr(kept_frame) frame =
        after.frame != NULL ? find_frame_named(c, after.frame, error) : find_frame(c, error);
    g_autoptr(shared_report) shared =
        frame != NULL ? server_report(c->server, c->db, frame, false, error) : NULL;
    if (shared == NULL)
        return false;
    write_findings(c, frame->id, shared_report_get(shared), &f, after.frame != NULL ? &after : NULL,
                   (uint64_t)page.limit - 1);
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

static bool write_listed_frame(struct call *c, const void *item, GError **error)
{
    const struct kept_frame *k = item;
    jw_object_begin(&c->out, NULL);
    jw_string(&c->out, "id", k->id);
    jw_string(&c->out, "introspection", k->introspection);
    call_write_time(&c->out, "created", k->created);
    jw_i64(&c->out, "size", k->size);
    jw_string(&c->out, "sha256", k->sha256);
    call_write_json(&c->out, "locations", k->locations);
    jw_object_end(&c->out);
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
    return call_list(c, all, &page, write_listed_frame, G_STRUCT_OFFSET(struct kept_frame, id),
                     error);
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

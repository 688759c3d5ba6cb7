/* What clients of M2 (BMI) ask for an introspection with: a form, HTTP Basic, and answers in M2's
 * own shape, of which errors are plain text. */
#include <string.h>

#include "base/error.h"
#include "introspect/introspect.h"
#include "introspect/stored_report.h"
#include "server/authenticate.h"
#include "server/routes.h"
#include "server/server.h"
#include "server/wait.h"
#include "store/seal.h"
#include "store/users.h"

#define WAIT (3600 * (int64_t)G_USEC_PER_SEC) /* M2's clients wait for the end */

/* M2's error: returns true, for it is the answer. */
static bool say(struct call *c, unsigned status, const char *format, ...) G_GNUC_PRINTF(3, 4);
static bool say(struct call *c, unsigned status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    c->response->status = status;
    http_set_header(c->response, "Content-Type", "text/plain; charset=utf-8");
    g_string_append_vprintf(c->response->body, format, args);
    va_end(args);
    return true;
}

/* A problem of ours as M2 would tell it; others stay failures. Frees e. */
static bool say_error(struct call *c, GError *e, GError **error)
{
    unsigned status = e->domain == PROBLEM                                     ? (unsigned)e->code
                      : g_error_matches(e, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND) ? 404
                                                                               : 0;
    if (status == 0) {
        g_propagate_error(error, e);
        return false;
    }
    (void)say(c, status, "%s", e->message);
    g_error_free(e);
    return true;
}

/* --- who asks ----------------------------------------------------------------------------------
 */

static bool by_password(struct call *c, const char *name, const char *password, GError **error)
{
    g_autofree char *account = call_password(c, name, password, 401, error);
    g_autoptr(user) u = account != NULL ? user_find(c->db, account, error) : NULL;
    if (u == NULL)
        return false;
    caller_done(&c->caller);
    c->caller = (struct caller){ .account = g_strdup(u->id),
                                 .name = g_strdup(u->name),
                                 .token = g_strdup(""),
                                 .admin = g_str_equal(u->site, "admin"),
                                 .auditor = u->site[0] != '\0',
                                 .scopes = SCOPE_READ | SCOPE_WRITE };
    return true;
}

/* HIL vouches for callers where it is set, as it does for M2; else they are users of our own. */
static bool identify(struct call *c, const char *project, GError **error)
{
    char *name = NULL, *password = NULL;
    bool tried;
    if (c->server->hil != NULL)
        return call_authenticate_hil(c, project, &tried, error) ||
               (!tried && problem(error, 400, "no credentials"));
    if (!call_basic(c->request, &name, &password))
        return problem(error, 400, "no credentials");
    bool ok = by_password(c, name, password, error);
    g_free(name);
    seal_forget(password);
    return ok;
}

/* The project, when the caller may have its nodes examined. */
static struct project *find_project(struct call *c, const char *name, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(project) p = project_find(c->db, &c->caller, name, &failure);
    if (p == NULL && g_error_matches(failure, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND)) {
        (void)problem(error, 404, "%s not found", name);
    } else if (p == NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
    } else if (!c->caller.admin && p->role < ROLE_OPERATOR) {
        (void)problem(error, 403, "not allowed in %s", name);
        return NULL;
    }
    return g_steal_pointer(&p);
}

/* --- asking ------------------------------------------------------------------------------------
 */

struct wish {
    struct call *call;
    struct introspection_wish wish;
    char *id;
};

static bool request(struct sql *db, void *user, GError **error)
{
    struct wish *w = user;
    g_clear_pointer(&w->id, g_free);
    w->id = introspect_request(db, &w->wish, error);
    return w->id != NULL;
}

static bool ask_for(struct call *c, const char *project, const char *node, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(project) p = identify(c, project, error) ? find_project(c, project, error) : NULL;
    if (p == NULL)
        return false;
    g_autoptr(thing) t = thing_find(c->db, THING_NODE, &c->caller, p->id, node, &failure);
    if (t == NULL && g_error_matches(failure, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND))
        return problem(error, 404, "%s not found", node);
    if (t == NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    struct wish w = { .call = c,
                      .wish = { .kind = THING_NODE,
                                .thing = t,
                                .requested_by = c->caller.name,
                                .priority = JOB_PRIORITY_INTERACTIVE } };
    if (!sql_transaction(c->db, request, &w, error))
        return false;
    call_created(c, "/bmi_introspect/%s", w.id);
    (void)say(c, 202, "%s is being examined", node);
    g_free(w.id);
    worker_wake(c->server->worker);
    call_wait(c, WAIT);
    return true;
}

static bool ask(struct call *c, GError **error)
{
    GError *failure = NULL;
    gsize len;
    const char *body = g_bytes_get_data(c->request->body, &len);
    g_autoptr(GHashTable) form =
        g_uri_parse_params(body != NULL ? body : "", (gssize)len, "&", G_URI_PARAMS_WWW_FORM, NULL);
    const char *project = form != NULL ? g_hash_table_lookup(form, "project") : NULL;
    const char *node = form != NULL ? g_hash_table_lookup(form, "node") : NULL;
    if (project == NULL || node == NULL)
        return say(c, 400, "project and node are wanted");
    return ask_for(c, project, node, &failure) || say_error(c, failure, error);
}

/* --- the answer --------------------------------------------------------------------------------
 */

static void write_finding(struct json_writer *w, const struct finding *f)
{
    const struct frame_os *os = f->system->os;
    g_autofree char *name = g_strdup_printf("%s%s%s", os->id != NULL ? os->id : "unknown",
                                            os->version_id != NULL ? " " : "",
                                            os->version_id != NULL ? os->version_id : "");
    bool advised = f->advisories != NULL && f->advisories[0] != NULL;
    jw_object_begin(w, NULL);
    jw_string(w, "id", advised ? f->advisories[0] : f->id);
    jw_string(w, "pName", f->package->name);
    jw_string(w, "pVersion", f->package->version);
    jw_string(w, "osName", name);
    jw_object_end(w);
}

static bool is_told(const struct finding *f)
{
    return f->suppressed_by == NULL;
}

/* M2's shape has no place for what could not be looked at: an empty list must not hide that. */
static bool is_doubtful(const struct report *r)
{
    for (guint i = 0; i < r->findings->len; i++) {
        if (is_told(g_ptr_array_index(r->findings, i)))
            return false;
    }
    return report_incomplete(r);
}

static bool write_report(struct call *c, const struct introspection *i, GError **error)
{
    g_autoptr(kept_frame) kept = kept_frame_find(c->db, &c->caller, i->frame, error);
    g_autoptr(shared_report) shared =
        kept != NULL ? server_report(c->server, c->db, kept, false, error) : NULL;
    if (shared == NULL)
        return false;
    const struct report *r = shared_report_get(shared);
    if (is_doubtful(r))
        return say(c, 500, "%s: could not be examined completely", i->thing_name);
    jw_array_begin(&c->out, NULL);
    for (guint k = 0; k < r->findings->len; k++) {
        const struct finding *f = g_ptr_array_index(r->findings, k);
        if (is_told(f))
            write_finding(&c->out, f);
    }
    jw_array_end(&c->out);
    return true;
}

static bool tell(struct call *c, const struct introspection *i, GError **error)
{
    if (i->finished == 0)
        return say(c, 202, "%s is being examined", i->thing_name);
    if (i->state != INTROSPECTION_DONE || i->frame == NULL)
        return say(c, 500, "%s: %s", i->thing_name,
                   i->reason != NULL ? i->reason : introspection_state_name(i->state));
    return write_report(c, i, error);
}

static bool show(struct call *c, GError **error)
{
    GError *failure = NULL;
    const char *id = call_parameter(c, "introspection");
    g_autoptr(introspection) known = introspection_find(c->db, &caller_service, id, NULL);
    /* Who has not said who it is is not told what there is. */
    if (!identify(c, known != NULL ? known->project : "", &failure))
        return say_error(c, failure, error);
    g_autoptr(introspection) i = introspection_find(c->db, &c->caller, id, &failure);
    return i != NULL ? tell(c, i, error) : say_error(c, failure, error);
}

const struct route routes_m2[] = {
    { "POST", "/bmi_introspect/", ACCESS_ANYONE, 0, ask, ROUTE_ALONE | ROUTE_FORM },
    { "GET", "/bmi_introspect/{introspection}", ACCESS_ANYONE, 0, show, 0 },
    { NULL },
};

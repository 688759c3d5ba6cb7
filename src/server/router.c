#include "server/router.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "server/authenticate.h"
#include "server/server.h"
#include "server/wait.h"
#include "store/requests.h"
#include "store/secret.h"
#include "worker/worker.h"

#define ID_MAX  64
#define KEY_MAX 255

/* --- problems (RFC 9457) -----------------------------------------------------------------------
 */

static const char *status_title(unsigned status)
{
    static const struct {
        unsigned status;
        const char *title;
    } titles[] = {
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 409, "Conflict" },
        { 412, "Precondition Failed" },
        { 413, "Content Too Large" },
        { 415, "Unsupported Media Type" },
        { 422, "Unprocessable Content" },
        { 429, "Too Many Requests" },
        { 503, "Service Unavailable" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(titles); i++) {
        if (titles[i].status == status)
            return titles[i].title;
    }
    return "Internal Server Error";
}

static unsigned status_of(const GError *e)
{
    if (e->domain == PROBLEM)
        return (unsigned)e->code;
    if (e->domain == STORE_ERROR)
        return e->code == STORE_ERROR_CHANGED ? 412 : 409;
    if (e->domain == SQL_ERROR)
        return e->code == SQL_ERROR_CONFLICT                             ? 409
               : e->code == SQL_ERROR_LOST || e->code == SQL_ERROR_RETRY ? 503
                                                                         : 500;
    if (e->domain != ASSAY_ERROR)
        return 500;
    switch (e->code) {
    case ASSAY_ERROR_NOT_FOUND:
        return 404;
    case ASSAY_ERROR_DENIED:
        return 403;
    case ASSAY_ERROR_INVALID:
    case ASSAY_ERROR_UNSUPPORTED:
        return 422;
    default:
        return 500;
    }
}

static const char *sent_header(const struct call *c, const char *name)
{
    const GPtrArray *h = c->response->headers;
    for (guint i = 0; i < h->len; i += 2) {
        if (g_ascii_strcasecmp(g_ptr_array_index(h, i), name) == 0)
            return g_ptr_array_index(h, i + 1);
    }
    return NULL;
}

/* What the client is not to be told (statements of the store, paths) is for the log alone. */
static void write_problem(struct call *c, const GError *e)
{
    unsigned status = status_of(e);
    bool ours = e->domain == SQL_ERROR || status == 500;
    struct json_writer w;
    g_autofree char *retry = g_strdup(sent_header(c, "Retry-After"));
    g_autofree char *allow = g_strdup(sent_header(c, "Allow"));
    http_response_clear(c->response);
    c->response->status = status;
    jw_init(&w, NULL, true);
    jw_object_begin(&w, NULL);
    jw_string(&w, "type", "about:blank");
    jw_string(&w, "title", status_title(status));
    jw_u64(&w, "status", status);
    jw_string(&w, "detail",
              !ours           ? e->message
              : status == 409 ? "it contradicts what is there"
              : status == 503 ? "the store does not answer; try again"
                              : "the reason is in the service's log");
    jw_string(&w, "request_id", c->id);
    jw_object_end(&w);
    g_autoptr(GString) text = jw_take(&w);
    g_string_free(w.buffer, TRUE);
    g_string_assign(c->response->body, text->str);
    http_set_header(c->response, "Content-Type", "application/problem+json");
    if (status == 401)
        http_set_header(c->response, "WWW-Authenticate", "Bearer realm=\"assay\"");
    if (retry != NULL)
        http_set_header(c->response, "Retry-After", retry);
    if (allow != NULL)
        http_set_header(c->response, "Allow", allow);
}

/* --- may they --------------------------------------------------------------------
 */

static bool reads(const struct route *r)
{
    return g_str_equal(r->method, "GET");
}

static enum role role_needed(enum access access)
{
    return access == ACCESS_VIEWER     ? ROLE_VIEWER
           : access == ACCESS_OPERATOR ? ROLE_OPERATOR
                                       : ROLE_OWNER;
}

static bool authorize(struct call *c, GError **error)
{
    const char *name = call_parameter(c, "project");
    enum access access = c->route->access;
    g_clear_pointer(&c->project, project_free);
    if (access <= ACCESS_USER)
        return true;
    if (name != NULL) {
        c->project = project_find(c->db, &c->caller, name, error);
        if (c->project == NULL)
            return false;
    }
    if (access == ACCESS_ADMIN)
        return c->caller.admin || problem(error, 403, "for administrators");
    if (access == ACCESS_AUDITOR)
        return c->caller.auditor || problem(error, 403, "for auditors and administrators");
    if (c->caller.admin || c->project->role >= role_needed(access) ||
        (access == ACCESS_VIEWER && c->caller.auditor))
        return true;
    return problem(error, 403, "for one who is %s of the project", role_name(role_needed(access)));
}

/* --- bodies ------------------------------------------------------------------------------------
 */

static bool is_json(const char *type)
{
    size_t len = strlen("application/json");
    return type != NULL && g_ascii_strncasecmp(type, "application/json", len) == 0 &&
           (type[len] == '\0' || type[len] == ';' || type[len] == ' ');
}

static bool read_body(struct call *c, GError **error)
{
    bool may, must;
    gsize len;
    const char *text = g_bytes_get_data(c->request->body, &len);
    json_error_t wrong;
    openapi_wants_body(c->server->api, c->route, &may, &must);
    if (c->request->too_large)
        return problem(error, 413, "the body is too large");
    if (c->route->flags & ROUTE_FORM)
        return true;
    if (!may || (len == 0 && !must))
        return len == 0 || problem(error, 400, "this call takes no body");
    if (!is_json(http_header(c->request, "content-type")))
        return problem(error, 415, "Content-Type: application/json is wanted");
    c->body = json_loadb(text != NULL ? text : "", len, JSON_REJECT_DUPLICATES, &wrong);
    if (c->body == NULL) {
        /* Not what stands there: it may be a secret. */
        const char *near = strstr(wrong.text, " near ");
        size_t shown = near != NULL ? (size_t)(near - wrong.text) : strlen(wrong.text);
        return problem(error, 400, "not JSON: line %d, column %d: %.*s", wrong.line, wrong.column,
                       (int)shown, wrong.text);
    }
    return openapi_check_body(c->server->api, c->route, c->body, error);
}

/* Others' systems call hooks with what they like, and open pages are asked for by all sorts. */
static bool read_query(const struct call *c, GError **error)
{
    g_autoptr(GError) failure = NULL;
    if (!reads(c->route) || c->request->waited || c->route->access == ACCESS_ANYONE ||
        openapi_check_query(c->server->api, c->route, c->request->query, &failure))
        return true;
    return problem(error, 400, "%s", failure->message);
}

/* --- calling -----------------------------------------------------------------------------------
 */

static bool call_handler(struct call *c, GError **error)
{
    http_response_clear(c->response);
    g_string_free(jw_take(&c->out), TRUE); /* of an attempt before this one */
    return authorize(c, error) && c->route->handler(c, error);
}

/* g_free() */
static char *digest_of_request(const struct call *c)
{
    gsize len;
    const void *body = g_bytes_get_data(c->request->body, &len);
    GString *all = g_string_new(c->request->method);
    g_string_append_printf(all, " %s\n", c->request->path);
    g_string_append_len(all, body, (gssize)len);
    char *digest =
        seal_digest(c->server->seal, all->str, all->len); /* a body may hold a password */
    g_string_free(all, TRUE);
    return digest;
}

static bool repeat(struct call *c, const struct request_answer *a, const char *digest,
                   GError **error)
{
    if (!g_str_equal(a->digest, digest))
        return problem(error, 422, "Idempotency-Key: was used for another request");
    if (c->route->flags & ROUTE_SECRET)
        return problem(error, 409,
                       "it was done already; the answer held a secret, which is told "
                       "once");
    http_response_clear(c->response);
    c->response->status = a->status;
    g_string_assign(c->response->body, a->body);
    if (a->location != NULL)
        http_set_header(c->response, "Location", a->location);
    if (a->etag != NULL)
        http_set_header(c->response, "ETag", a->etag);
    http_set_header(c->response, "Idempotent-Replayed", "true");
    return true;
}

static void finish_body(struct call *c)
{
    g_autoptr(GString) text = jw_take(&c->out);
    if (text->len > 0 && c->response->body->len == 0)
        g_string_append_len(c->response->body, text->str, (gssize)text->len);
}

static bool once(struct call *c, const char *key, GError **error)
{
    struct request_answer a = { 0 };
    bool found;
    g_autofree char *digest = digest_of_request(c);
    if (strlen(key) > KEY_MAX || key[0] == '\0')
        return problem(error, 400, "Idempotency-Key: 1 to %d characters", KEY_MAX);
    if (!authorize(c, error) || !request_find(c->db, c->caller.account, key, &found, &a, error))
        return false;
    if (found) {
        bool ok = repeat(c, &a, digest, error);
        request_answer_done(&a);
        return ok;
    }
    if (!call_handler(c, error))
        return false;
    finish_body(c);
    const struct request_answer kept = {
        .digest = digest,
        .status = c->response->status,
        .location = (char *)sent_header(c, "Location"),
        .etag = (char *)sent_header(c, "ETag"),
        .body = c->route->flags & ROUTE_SECRET ? (char *)"" : c->response->body->str,
    };
    return request_keep(c->db, c->caller.account, key, &kept, error);
}

static const char *idempotency_key(const struct call *c)
{
    return g_str_equal(c->route->method, "POST") ? http_header(c->request, "idempotency-key")
                                                 : NULL;
}

static bool in_transaction(struct sql *db, void *user, GError **error)
{
    struct call *c = user;
    const char *key = idempotency_key(c);
    return key != NULL ? once(c, key, error) : call_handler(c, error);
}

static bool run_transaction(struct call *c, GError **error)
{
    g_autoptr(GError) failure = NULL;
    if (sql_transaction(c->db, in_transaction, c, &failure))
        return true;
    /* PostgreSQL tells of a twin that ran at the same time as of a name that is taken, not as of a
     * transaction to be run again. The second time its answer is seen, if there was one. */
    if (idempotency_key(c) != NULL && status_of(failure) == 409)
        return sql_transaction(c->db, in_transaction, c, error);
    g_propagate_error(error, g_steal_pointer(&failure));
    return false;
}

static bool run(struct call *c, GError **error)
{
    if (c->route->flags & ROUTE_STORELESS)
        return call_handler(c, error);
    c->db = server_borrow(c->server, error);
    if (c->db == NULL || !call_authenticate(c, error) || !authorize(c, error) ||
        !read_query(c, error) || !read_body(c, error))
        return false;
    if (reads(c->route) || (c->route->flags & ROUTE_ALONE))
        return call_handler(c, error);
    if ((c->route->flags & ROUTE_PASSWORD) && call_text(c, "password") != NULL) {
        c->hash = call_hash(c, call_text(c, "password"), error);
        if (c->hash == NULL)
            return false;
    }
    if (!run_transaction(c, error))
        return false;
    worker_wake(c->server->worker); /* it may have added a job */
    return true;
}

/* --- around the call ---------------------------------------------------------------------------
 */

static bool listed(const char *header, const char *etag)
{
    g_auto(GStrv) parts = g_strsplit(header, ",", -1);
    for (char **p = parts; *p != NULL; p++) {
        const char *one = g_strstrip(*p);
        if (g_str_has_prefix(one, "W/"))
            one += 2;
        if (g_str_equal(one, etag) || g_str_equal(one, "*"))
            return true;
    }
    return false;
}

/* What is read has an ETag: of its version, or of its bytes. */
static void tag(struct call *c)
{
    const char *known = http_header(c->request, "if-none-match");
    if (!reads(c->route) || c->response->status != 200 || c->response->stream != NULL ||
        sent_header(c, "Cache-Control") != NULL)
        return;
    if (sent_header(c, "ETag") == NULL) {
        g_autofree char *digest = secret_digest(c->response->body->str, c->response->body->len);
        g_autofree char *etag = g_strdup_printf("\"%.32s\"", digest);
        http_set_header(c->response, "ETag", etag);
    }
    http_set_header(c->response, "Cache-Control", "private, no-cache");
    if (known != NULL && listed(known, sent_header(c, "ETag"))) {
        c->response->status = 304;
        g_string_truncate(c->response->body, 0);
    }
}

/* The client's own identifier when it is harmless in a log, else a new one. g_free() */
static char *request_id(const struct http_request *r)
{
    const char *given = http_header(r, "x-request-id");
    size_t len = given != NULL ? strlen(given) : 0;
    bool good = len > 0 && len <= ID_MAX;
    for (size_t i = 0; good && i < len; i++)
        good = g_ascii_isalnum(given[i]) || strchr("._-", given[i]) != NULL;
    return good ? g_strdup(given) : store_id_new();
}

static void guard(struct http_response *r, const struct http_request *q)
{
    http_set_header(r, "X-Content-Type-Options", "nosniff");
    http_set_header(r, "Content-Security-Policy",
                    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
    http_set_header(r, "Referrer-Policy", "no-referrer");
    if (q->secure)
        http_set_header(r, "Strict-Transport-Security", "max-age=31536000");
}

/* PostgreSQL takes no other texts. Bodies are looked at by the reader of JSON. */
static bool is_utf8(const struct http_request *r)
{
    static const char *const headers[] = { "idempotency-key", "last-event-id" };
    GHashTableIter i;
    gpointer value;
    bool good = g_utf8_validate(r->path, -1, NULL);
    g_hash_table_iter_init(&i, r->query);
    while (good && g_hash_table_iter_next(&i, NULL, &value))
        good = g_utf8_validate(value, -1, NULL);
    for (size_t h = 0; good && h < G_N_ELEMENTS(headers); h++) {
        const char *text = http_header(r, headers[h]);
        good = text == NULL || g_utf8_validate(text, -1, NULL);
    }
    return good;
}

static bool find_and_run(struct call *c, GError **error)
{
    g_autofree char *allow = NULL;
    const char *method = c->request->method;
    if (!is_utf8(c->request))
        return problem(error, 400, "the address or a header is not UTF-8");
    if (g_str_equal(method, "HEAD"))
        method = "GET"; /* the server leaves the body out, RFC 9110 section 9.3.2 */
    c->route = route_find(route_tables, method, c->request->path, c, &allow);
    if (c->route != NULL)
        return run(c, error);
    if (allow == NULL)
        return problem(error, 404, "there is nothing at this address");
    (void)problem(error, 405, "only %s", allow);
    http_set_header(c->response, "Allow", allow);
    return false;
}

void router_handle(const struct http_request *request, struct http_response *response, void *user)
{
    g_autoptr(GError) error = NULL;
    int64_t begun = g_get_monotonic_time();
    struct call c = { .server = user, .request = request, .response = response };
    c.id = request_id(request);
    jw_init(&c.out, NULL, true);
    bool ok = find_and_run(&c, &error);
    if (ok) {
        finish_body(&c);
        if (response->status != 204 && response->stream == NULL &&
            sent_header(&c, "Content-Type") == NULL)
            http_set_header(response, "Content-Type", "application/json");
        tag(&c);
        if (response->status == 202 && !request->waited)
            call_wait(&c, call_prefers_wait(&c));
    } else {
        write_problem(&c, error);
    }
    http_set_header(response, "X-Request-Id", c.id);
    guard(response, request);
    server_return(c.server, c.db, error != NULL && error->domain == SQL_ERROR);
    const char *route = c.route != NULL ? c.route->pattern : "";
    int64_t took = g_get_monotonic_time() - begun;
    metrics_count(c.server->metrics, route, c.route != NULL ? c.route->method : "",
                  response->status, took);
    const struct log_request line = { .id = c.id,
                                      .method = request->method,
                                      .path = request->path,
                                      .route = c.route != NULL ? route : NULL,
                                      .remote = request->remote,
                                      .user = c.caller.name,
                                      .reason = response->status >= 500 && error != NULL
                                                    ? error->message
                                                    : NULL,
                                      .status = response->status,
                                      .bytes = response->body->len,
                                      .microseconds = took };
    log_request(&line);
    g_string_free(c.out.buffer, TRUE);
    json_decref(c.body);
    g_free(c.hash);
    project_free(c.project);
    caller_done(&c.caller);
    route_clear(&c);
    g_free(c.id);
}

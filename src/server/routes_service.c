#include <string.h>

#include "queue/upkeep.h"
#include "server/routes.h"
#include "server/server.h"
#include "store/secret.h"
#include "watch/watch.h"

static bool give(struct call *c, const char *type, const char *text)
{
    http_set_header(c->response, "Content-Type", type);
    g_string_append(c->response->body, text);
    return true;
}

static bool alive(struct call *c, GError **error)
{
    jw_object_begin(&c->out, NULL);
    jw_string(&c->out, "status", "ok");
    jw_object_end(&c->out);
    http_set_header(c->response, "Cache-Control", "no-store");
    return true;
}

static bool ready(struct call *c, GError **error)
{
    g_autoptr(sql_rows) rows = sql_query(c->db, error, "SELECT count(*) FROM schema_step", "");
    return rows != NULL && sql_rows_next(rows, error) && alive(c, error);
}

static void write_jobs(const GPtrArray *counts, GString *out)
{
    int64_t oldest = 0;
    g_string_append(out, "# HELP assay_jobs Jobs by kind and state.\n"
                         "# TYPE assay_jobs gauge\n");
    for (guint i = 0; i < counts->len; i++) {
        const struct queue_count *c = g_ptr_array_index(counts, i);
        oldest = MAX(oldest, c->oldest);
        g_string_append_printf(out, "assay_jobs{kind=\"%s\",state=\"%s\"} %" G_GINT64_FORMAT "\n",
                               c->kind, c->state, c->jobs);
    }
    g_string_append_printf(out,
                           "# HELP assay_jobs_waiting_seconds How long the first job in the queue "
                           "has been waiting.\n"
                           "# TYPE assay_jobs_waiting_seconds gauge\n"
                           "assay_jobs_waiting_seconds %" G_GINT64_FORMAT "\n",
                           oldest / (int64_t)G_USEC_PER_SEC);
}

/* With a token of its own: what scrapes speaks for no user. */
static bool may_see_metrics(const struct call *c)
{
    const char *given = http_header(c->request, "authorization");
    if (c->server->metrics_token == NULL)
        return true;
    if (given == NULL || g_ascii_strncasecmp(given, "Bearer ", 7) != 0)
        return false;
    g_autofree char *digest = secret_digest(given + 7, strlen(given + 7));
    return g_str_equal(digest, c->server->metrics_token);
}

static bool show_metrics(struct call *c, GError **error)
{
    if (!may_see_metrics(c))
        return problem(error, 401, "for those with the token of the metrics");
    g_autoptr(GPtrArray) counts = queue_counts(c->db, error);
    if (counts == NULL)
        return false;
    http_set_header(c->response, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    http_set_header(c->response, "Cache-Control", "no-store");
    metrics_write(c->server->metrics, c->response->body);
    write_jobs(counts, c->response->body);
    watch_metrics(c->server->watch, c->response->body);
    return true;
}

static bool show_yaml(struct call *c, GError **error)
{
    return give(c, "application/yaml", openapi_yaml(c->server->api));
}

static bool show_json(struct call *c, GError **error)
{
    return give(c, "application/json", openapi_json(c->server->api));
}

static bool show_page(struct call *c, GError **error)
{
    return give(c, "text/html; charset=utf-8", openapi_page(c->server->api));
}

const struct route routes_service[] = {
    { "GET", "/healthz", ACCESS_ANYONE, 0, alive, ROUTE_STORELESS },
    { "GET", "/readyz", ACCESS_ANYONE, 0, ready, 0 },
    { "GET", "/metrics", ACCESS_ANYONE, 0, show_metrics, 0 },
    { "GET", "/v1/openapi.yaml", ACCESS_ANYONE, 0, show_yaml, ROUTE_STORELESS },
    { "GET", "/v1/openapi.json", ACCESS_ANYONE, 0, show_json, ROUTE_STORELESS },
    { "GET", "/v1/docs", ACCESS_ANYONE, 0, show_page, ROUTE_STORELESS },
    { NULL },
};

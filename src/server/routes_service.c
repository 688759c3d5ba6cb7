#include <string.h>

#include "server/routes.h"
#include "server/server.h"

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

static bool show_metrics(struct call *c, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(sql_rows) rows = sql_query(
        c->db, error, "SELECT state, count(*) FROM job GROUP BY state ORDER BY state", "");
    if (rows == NULL)
        return false;
    http_set_header(c->response, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    http_set_header(c->response, "Cache-Control", "no-store");
    metrics_write(c->server->metrics, c->response->body);
    g_string_append(c->response->body, "# HELP assay_jobs Jobs by state.\n"
                                       "# TYPE assay_jobs gauge\n");
    while (sql_rows_next(rows, &failure))
        g_string_append_printf(c->response->body, "assay_jobs{state=\"%s\"} %" G_GINT64_FORMAT "\n",
                               sql_text(rows, 0), sql_int(rows, 1));
    if (failure == NULL)
        return true;
    g_propagate_error(error, g_steal_pointer(&failure));
    return false;
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

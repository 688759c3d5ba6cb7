#include "worker/connection.h"

#include "base/log.h"

struct sql *connection_get(struct connection *c)
{
    g_autoptr(GError) failure = NULL;
    if (c->db != NULL)
        return c->db;
    c->db = sql_open(c->url, &failure);
    if (c->db == NULL && !c->failed)
        log_line("error", "%s", failure->message);
    else if (c->db != NULL && c->failed)
        log_line("info", "the store answers again");
    c->failed = c->db == NULL;
    return c->db;
}

void connection_failed(struct connection *c, const char *doing, GError *failure)
{
    if (!c->failed)
        log_line("error", "%s: %s", doing, failure->message);
    if (g_error_matches(failure, SQL_ERROR, SQL_ERROR_LOST)) {
        connection_close(c);
        c->failed = true;
    }
    g_error_free(failure);
}

void connection_close(struct connection *c)
{
    sql_close(g_steal_pointer(&c->db));
}

#include "queue/outbox.h"

#define CLAIM (30 * (int64_t)G_USEC_PER_SEC) /* how long a claim holds */

static GPtrArray *read_ids(struct sql_rows *rows, GError **error)
{
    g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) failure = NULL;
    if (rows == NULL)
        return NULL;
    while (sql_rows_next(rows, &failure))
        g_ptr_array_add(ids, g_strdup(sql_text(rows, 0)));
    if (failure == NULL)
        return g_steal_pointer(&ids);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

struct claim {
    int64_t limit;
    GPtrArray *ids;
};

static bool claim(struct sql *db, void *user, GError **error)
{
    struct claim *c = user;
    int64_t now = store_now();
    g_clear_pointer(&c->ids, g_ptr_array_unref); /* of an attempt before this one */
    g_autoptr(sql_rows) rows = sql_query(db, error,
                                         "SELECT id FROM job WHERE state = 'queued' AND due <= $1"
                                         " AND announced <= 0 AND (announced = 0 OR announced > $2)"
                                         " ORDER BY due LIMIT $3",
                                         "iii", now, -(now - CLAIM), c->limit);
    c->ids = read_ids(rows, error);
    g_clear_pointer(&rows, sql_rows_free);
    bool ok = c->ids != NULL;
    for (guint i = 0; ok && i < c->ids->len; i++)
        ok = sql_run(db, NULL, error, "UPDATE job SET announced = $2 WHERE id = $1", "si",
                     g_ptr_array_index(c->ids, i), -now);
    return ok;
}

GPtrArray *outbox_claim(struct sql *db, int64_t limit, GError **error)
{
    struct claim c = { .limit = limit };
    if (sql_transaction(db, claim, &c, error))
        return c.ids;
    g_clear_pointer(&c.ids, g_ptr_array_unref);
    return NULL;
}

struct settling {
    const GPtrArray *ids;
    bool told;
};

/* Only claims: a job that was taken and given back meanwhile has to be told of again. */
static bool settle(struct sql *db, void *user, GError **error)
{
    const struct settling *s = user;
    int64_t when = s->told ? store_now() : 0;
    for (guint i = 0; i < s->ids->len; i++) {
        if (!sql_run(db, NULL, error,
                     "UPDATE job SET announced = $2 WHERE id = $1 AND announced < 0", "si",
                     g_ptr_array_index(s->ids, i), when))
            return false;
    }
    return true;
}

bool outbox_settle(struct sql *db, const GPtrArray *ids, bool told, GError **error)
{
    struct settling s = { .ids = ids, .told = told };
    return ids->len == 0 || sql_transaction(db, settle, &s, error);
}

GPtrArray *outbox_overdue(struct sql *db, const struct queue_limits *limits, int64_t age,
                          int64_t limit, GError **error)
{
    int64_t now = store_now();
    g_autoptr(sql_rows) rows = sql_query(
        db, error,
        "SELECT id FROM job j WHERE state = 'queued' AND due <= $1"
        " AND announced > 0 AND announced <= $2"
        " AND ($3 = 0 OR $3 > (SELECT count(*) FROM job r"
        "  WHERE r.project = j.project AND r.state = 'running'))"
        " AND ($4 = 0 OR j.pool = '' OR $4 > (SELECT count(*) FROM job r"
        "  WHERE r.pool = j.pool AND r.state = 'running'))"
        " AND (j.alone = '' OR NOT EXISTS (SELECT 1 FROM job r"
        "  WHERE r.alone = j.alone AND r.state = 'running')) ORDER BY created LIMIT $5",
        "iiiii", now, now - age, (int64_t)limits->per_project, (int64_t)limits->per_pool, limit);
    return read_ids(rows, error);
}

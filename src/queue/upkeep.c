#include "queue/upkeep.h"

#define CLEAR_AGAIN_LEAST (10 * (int64_t)G_USEC_PER_SEC)
#define CLEAR_AGAIN_MOST  (3600 * (int64_t)G_USEC_PER_SEC)

static bool ended(GError *failure, GError **error)
{
    if (failure != NULL)
        g_propagate_error(error, failure);
    return failure == NULL;
}

bool queue_ready(struct sql *db, const struct queue_part *part, bool *ready, GError **error)
{
    GError *failure = NULL;
    g_autoptr(sql_rows) rows = sql_query(db, error,
                                         "SELECT 1 FROM job WHERE state = 'queued' AND due <= $1"
                                         " AND ($2 = '' OR (kind = $2) = ($3 = 0)) LIMIT 1",
                                         "isi", store_now(), part->kind, (int64_t)part->others);
    if (rows == NULL)
        return false;
    *ready = sql_rows_next(rows, &failure);
    return ended(failure, error);
}

/* The first column of all rows. */
static GPtrArray *texts(struct sql_rows *rows, GError **error)
{
    GError *failure = NULL;
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
    while (rows != NULL && sql_rows_next(rows, &failure))
        g_ptr_array_add(found, g_strdup(sql_text(rows, 0)));
    return rows != NULL && ended(failure, error) ? g_steal_pointer(&found) : NULL;
}

GPtrArray *queue_cancelling(struct sql *db, const char *worker, GError **error)
{
    g_autoptr(sql_rows) rows = sql_query(
        db, error, "SELECT id FROM job WHERE worker = $1 AND state = 'running' AND cancelling = 1",
        "s", worker);
    return texts(rows, error);
}

GPtrArray *queue_workers(struct sql *db, const char *prefix, GError **error)
{
    g_autoptr(sql_rows) rows =
        sql_query(db, error,
                  "SELECT worker FROM job WHERE state = 'running'"
                  " AND substr(worker, 1, length($1)) = $1"
                  " UNION SELECT worker FROM duty WHERE substr(worker, 1, length($1)) = $1",
                  "s", prefix);
    return texts(rows, error);
}

bool queue_release(struct sql *db, const char *worker, const struct queue_limits *limits,
                   uint64_t *count, GError **error)
{
    return sql_run(db, count, error,
                   "UPDATE job SET state = CASE WHEN cancelling = 1 THEN 'cancelled'"
                   " WHEN attempt >= $3 + extra THEN 'dead' ELSE 'queued' END,"
                   " finished = CASE WHEN cancelling = 1 OR attempt >= $3 + extra THEN CAST($2 AS "
                   "BIGINT) END,"
                   " reason = 'its worker ' || $1 || ' has died', lease = NULL"
                   " WHERE state = 'running' AND worker = $1",
                   "sii", worker, store_now(), (int64_t)limits->attempts) &&
           sql_run(db, NULL, error, "UPDATE duty SET worker = NULL, lease = 0 WHERE worker = $1",
                   "s", worker);
}

void queue_leftover_free(struct queue_leftover *l)
{
    if (l == NULL)
        return;
    job_free(l->job);
    g_free(l->reason);
    g_free(l);
}

GPtrArray *queue_leftovers(struct sql *db, const char *id, int64_t limit, GError **error)
{
    GError *failure = NULL;
    g_autoptr(GPtrArray) found =
        g_ptr_array_new_with_free_func((GDestroyNotify)queue_leftover_free);
    g_autoptr(sql_rows) rows = sql_query(
        db, error,
        "SELECT id, kind, project, pool, payload, coalesce(worker, ''), attempt,"
        " coalesce(reason, ''), state, coalesce(finished, 0) FROM job WHERE cleared = 0"
        " AND state IN ('dead', 'cancelled') AND (id = $1 OR ($1 = '' AND clear_due <= $2))"
        " ORDER BY clear_due, id LIMIT $3",
        "sii", id != NULL ? id : "", store_now(), limit);
    while (rows != NULL && sql_rows_next(rows, &failure)) {
        struct queue_leftover *l = g_new0(struct queue_leftover, 1);
        struct job *j = l->job = g_new0(struct job, 1);
        j->id = g_strdup(sql_text(rows, 0));
        j->kind = g_strdup(sql_text(rows, 1));
        j->project = g_strdup(sql_text(rows, 2));
        j->pool = g_strdup(sql_text(rows, 3));
        j->payload = g_strdup(sql_text(rows, 4));
        j->worker = g_strdup(sql_text(rows, 5));
        j->attempt = (unsigned)sql_int(rows, 6);
        l->reason = g_strdup(sql_text(rows, 7));
        l->cancelled = g_str_equal(sql_text(rows, 8), "cancelled");
        l->finished = sql_int(rows, 9);
        g_ptr_array_add(found, l);
    }
    return rows != NULL && ended(failure, error) ? g_steal_pointer(&found) : NULL;
}

bool queue_clear_later(struct sql *db, const struct queue_leftover *l, GError **error)
{
    int64_t now = store_now();
    return sql_run(db, NULL, error, "UPDATE job SET clear_due = $2 WHERE id = $1", "si", l->job->id,
                   now + CLAMP(now - l->finished, CLEAR_AGAIN_LEAST, CLEAR_AGAIN_MOST));
}

bool queue_cleared(struct sql *db, const char *id, GError **error)
{
    return sql_run(db, NULL, error, "UPDATE job SET cleared = 1 WHERE id = $1", "s", id);
}

bool queue_expire(struct sql *db, int64_t age, GError **error)
{
    return sql_run(db, NULL, error,
                   "DELETE FROM job WHERE finished < $1 AND (state = 'done'"
                   " OR (state IN ('dead', 'cancelled') AND cleared = 1))",
                   "i", store_now() - age);
}

void queue_count_free(struct queue_count *c)
{
    if (c == NULL)
        return;
    g_free(c->kind);
    g_free(c->state);
    g_free(c);
}

GPtrArray *queue_counts(struct sql *db, GError **error)
{
    GError *failure = NULL;
    int64_t now = store_now();
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func((GDestroyNotify)queue_count_free);
    g_autoptr(sql_rows) rows = sql_query(
        db, error,
        "SELECT kind, state, count(*), min(due) FROM job GROUP BY kind, state ORDER BY kind, state",
        "");
    while (rows != NULL && sql_rows_next(rows, &failure)) {
        struct queue_count *c = g_new0(struct queue_count, 1);
        c->kind = g_strdup(sql_text(rows, 0));
        c->state = g_strdup(sql_text(rows, 1));
        c->jobs = sql_int(rows, 2);
        if (g_str_equal(c->state, "queued"))
            c->oldest = MAX(0, now - sql_int(rows, 3));
        g_ptr_array_add(found, c);
    }
    return rows != NULL && ended(failure, error) ? g_steal_pointer(&found) : NULL;
}

#include "queue/queue.h"

#include "base/error.h"

#define BACKOFF_MAX (G_USEC_PER_SEC * INT64_C(3600))

void job_free(struct job *j)
{
    if (j == NULL)
        return;
    g_free(j->id);
    g_free(j->kind);
    g_free(j->project);
    g_free(j->pool);
    g_free(j->payload);
    g_free(j->worker);
    g_free(j);
}

char *queue_add(struct sql *db, const char *kind, const char *project, const char *payload,
                const struct job_options *options, GError **error)
{
    static const struct job_options usual = { .priority = JOB_PRIORITY_SCHEDULED };
    g_autofree char *id = store_id_new();
    int64_t now = store_now();
    if (options == NULL)
        options = &usual;
    bool ok =
        sql_run(db, NULL, error,
                "INSERT INTO job (id, kind, project, pool, priority, payload, state, attempt,"
                " created, due, extra, alone)"
                " VALUES ($1, $2, $3, $4, $5, $6, 'queued', 0, $7, $8, $9, $10)",
                "ssssisiiis", id, kind, project, options->pool != NULL ? options->pool : "",
                options->priority, payload, now, options->due > 0 ? options->due : now,
                (int64_t)options->extra_attempts, options->alone != NULL ? options->alone : "");
    return ok ? g_steal_pointer(&id) : NULL;
}

/* --- taking ------------------------------------------------------------------------------------
 */

struct taking {
    const char *worker;
    const struct queue_limits *limits;
    const struct queue_part *part;
    struct job *job;
};

const struct queue_part queue_whole = { "", false };

#define IN_PART(job) " ($4 = '' OR (" job ".kind = $4) = ($5 = 0))"
/* Among the first of each project only one can be chosen, so it is enough to look at those. */
static const char choose[] =
    "SELECT id, kind, project, pool, payload, attempt, extra FROM job j"
    " WHERE state = 'queued' AND due <= $1 AND" IN_PART(
        "j") " AND ($2 = 0 OR $2 > (SELECT count(*) FROM job r"
             "  WHERE r.project = j.project AND r.state = 'running' AND" IN_PART(
                 "r") "))"
                      " AND ($3 = 0 OR j.pool = '' OR $3 > (SELECT count(*) FROM job r"
                      "  WHERE r.pool = j.pool AND r.state = 'running'))"
                      " AND (j.alone = '' OR NOT EXISTS (SELECT 1 FROM job r"
                      "  WHERE r.alone = j.alone AND r.state = 'running'))"
                      " ORDER BY priority DESC, (SELECT count(*) FROM job r"
                      "  WHERE r.project = j.project AND r.state = 'running' AND" IN_PART(
                          "r") "), created, id LIMIT 1";

static bool take(struct sql *db, void *user, GError **error)
{
    struct taking *t = user;
    int64_t now = store_now();
    g_clear_pointer(&t->job, job_free); /* of an attempt before this one */
    g_autoptr(sql_rows) rows =
        sql_query(db, error, choose, "iiisi", now, (int64_t)t->limits->per_project,
                  (int64_t)t->limits->per_pool, t->part->kind, (int64_t)t->part->others);
    g_autoptr(GError) failure = NULL;
    if (rows == NULL)
        return false;
    if (!sql_rows_next(rows, &failure)) {
        if (failure != NULL)
            g_propagate_error(error, g_steal_pointer(&failure));
        return failure == NULL && (error == NULL || *error == NULL);
    }
    struct job *j = t->job = g_new0(struct job, 1);
    j->id = g_strdup(sql_text(rows, 0));
    j->kind = g_strdup(sql_text(rows, 1));
    j->project = g_strdup(sql_text(rows, 2));
    j->pool = g_strdup(sql_text(rows, 3));
    j->payload = g_strdup(sql_text(rows, 4));
    j->attempt = (unsigned)sql_int(rows, 5) + 1;
    j->extra_attempts = (unsigned)sql_int(rows, 6);
    j->worker = g_strdup(t->worker);
    g_clear_pointer(&rows, sql_rows_free);
    return sql_run(db, NULL, error,
                   "UPDATE job SET state = 'running', worker = $2, lease = $3, attempt = $4,"
                   " announced = 0 WHERE id = $1",
                   "ssii", j->id, t->worker, now + t->limits->lease, (int64_t)j->attempt);
}

struct job *queue_take(struct sql *db, const char *worker, const struct queue_limits *limits,
                       const struct queue_part *part, GError **error)
{
    struct taking t = { .worker = worker, .limits = limits, .part = part };
    if (sql_transaction(db, take, &t, error))
        return t.job;
    job_free(t.job);
    return NULL;
}

bool queue_heartbeat(struct sql *db, const struct job *j, const struct queue_limits *limits,
                     const char *progress, bool *mine, GError **error)
{
    uint64_t changed;
    if (!sql_run(db, &changed, error,
                 "UPDATE job SET lease = $4, progress = coalesce($5, progress) WHERE id = $1"
                 " AND worker = $2 AND attempt = $3 AND state = 'running' AND cancelling = 0",
                 "ssiis", j->id, j->worker, (int64_t)j->attempt, store_now() + limits->lease,
                 progress))
        return false;
    *mine = changed == 1;
    return true;
}

/* --- ending ------------------------------------------------------------------------------------
 */

struct ending {
    const struct job *job;
    const char *result;
    sql_body body;
    void *user;
    bool mine;
};

static bool end(struct sql *db, void *user, GError **error)
{
    struct ending *e = user;
    uint64_t changed;
    if (!sql_run(db, &changed, error,
                 "UPDATE job SET state = 'done', finished = $4, result = $5, lease = NULL"
                 " WHERE id = $1 AND worker = $2 AND attempt = $3 AND state = 'running'"
                 " AND cancelling = 0",
                 "ssiis", e->job->id, e->job->worker, (int64_t)e->job->attempt, store_now(),
                 e->result))
        return false;
    e->mine = changed == 1;
    return !e->mine || e->body == NULL || e->body(db, e->user, error);
}

bool queue_done(struct sql *db, const struct job *j, const char *result, sql_body body, void *user,
                bool *mine, GError **error)
{
    struct ending e = { .job = j, .result = result, .body = body, .user = user };
    bool ok = sql_transaction(db, end, &e, error);
    *mine = ok && e.mine;
    return ok;
}

bool queue_last_run(const struct job *j, const struct queue_limits *limits)
{
    return j->attempt >= limits->attempts + j->extra_attempts;
}

bool queue_failed(struct sql *db, const struct job *j, const struct queue_limits *limits,
                  const char *reason, bool repeat, GError **error)
{
    int64_t now = store_now(), wait = limits->backoff;
    bool again = repeat && !queue_last_run(j, limits);
    for (unsigned i = 1; i < j->attempt && wait < BACKOFF_MAX; i++)
        wait *= 2;
    wait = MIN(wait, BACKOFF_MAX);
    return sql_run(db, NULL, error,
                   "UPDATE job SET state = CASE WHEN cancelling = 1 THEN 'cancelled' ELSE $4 END,"
                   " due = $5, reason = $7, lease = NULL, finished ="
                   " CASE WHEN cancelling = 1 OR $4 = 'dead' THEN CAST($6 AS BIGINT) END"
                   " WHERE id = $1 AND worker = $2 AND attempt = $3 AND state = 'running'",
                   "ssisiis", j->id, j->worker, (int64_t)j->attempt, again ? "queued" : "dead",
                   now + wait, now, reason);
}

bool queue_holds(struct sql *db, const struct job *j, bool *holds, GError **error)
{
    GError *failure = NULL;
    g_autoptr(sql_rows) rows =
        sql_query(db, error,
                  "SELECT 1 FROM job WHERE id = $1 AND worker = $2 AND attempt = $3"
                  " AND state = 'running'",
                  "ssi", j->id, j->worker, (int64_t)j->attempt);
    if (rows == NULL)
        return false;
    *holds = sql_rows_next(rows, &failure);
    if (failure != NULL)
        g_propagate_error(error, failure);
    return failure == NULL;
}

/* due 0: as it is. */
static bool give_back(struct sql *db, const struct job *j, int64_t due, bool *mine, GError **error)
{
    uint64_t changed;
    if (!sql_run(db, &changed, error,
                 "UPDATE job SET state = CASE WHEN cancelling = 1 THEN 'cancelled'"
                 " ELSE 'queued' END, attempt = attempt - 1, lease = NULL,"
                 " finished = CASE WHEN cancelling = 1 THEN CAST($5 AS BIGINT) END,"
                 " due = CASE WHEN CAST($4 AS BIGINT) > 0 THEN $4 ELSE due END"
                 " WHERE id = $1 AND worker = $2 AND attempt = $3 AND state = 'running'",
                 "ssiii", j->id, j->worker, (int64_t)j->attempt, due, store_now()))
        return false;
    *mine = changed == 1;
    return true;
}

bool queue_return(struct sql *db, const struct job *j, GError **error)
{
    bool mine;
    return give_back(db, j, 0, &mine, error);
}

bool queue_postpone(struct sql *db, const struct job *j, int64_t due, bool *mine, GError **error)
{
    return give_back(db, j, due, mine, error);
}

bool queue_cancel(struct sql *db, const char *id, bool *ended, GError **error)
{
    uint64_t waiting, running;
    if (!sql_run(db, &waiting, error,
                 "UPDATE job SET cancelling = 1, state = 'cancelled', finished = $2"
                 " WHERE id = $1 AND state = 'queued'",
                 "si", id, store_now()) ||
        !sql_run(db, &running, error,
                 "UPDATE job SET cancelling = 1 WHERE id = $1 AND state = 'running'", "s", id))
        return false;
    *ended = waiting == 1;
    return waiting + running == 1 || fail(error, ASSAY_ERROR_NOT_FOUND, "no unfinished job %s", id);
}

bool queue_urge(struct sql *db, const char *id, int64_t priority, GError **error)
{
    return sql_run(db, NULL, error,
                   "UPDATE job SET priority = CASE WHEN priority < $2 THEN $2 ELSE priority END,"
                   " due = CASE WHEN due > $3 THEN $3 ELSE due END"
                   " WHERE id = $1 AND state = 'queued'",
                   "sii", id, priority, store_now());
}

bool queue_recover(struct sql *db, const struct queue_limits *limits, uint64_t *count,
                   GError **error)
{
    return sql_run(db, count, error,
                   "UPDATE job SET state = CASE WHEN cancelling = 1 THEN 'cancelled'"
                   " WHEN attempt >= $2 + extra THEN 'dead' ELSE 'queued' END,"
                   " finished = CASE WHEN cancelling = 1 OR attempt >= $2 + extra THEN $1 END,"
                   " reason = 'its worker ' || coalesce(worker, '') || ' did not answer any more',"
                   " lease = NULL WHERE state = 'running' AND lease < $1",
                   "ii", store_now(), (int64_t)limits->attempts);
}

bool queue_pending(struct sql *db, const char *kind, bool *pending, GError **error)
{
    GError *failure = NULL;
    g_autoptr(sql_rows) rows = sql_query(
        db, error,
        "SELECT 1 FROM job WHERE kind = $1 AND (state = 'queued' OR state = 'running') LIMIT 1",
        "s", kind);
    if (rows == NULL)
        return false;
    *pending = sql_rows_next(rows, &failure);
    if (failure != NULL)
        g_propagate_error(error, failure);
    return failure == NULL;
}

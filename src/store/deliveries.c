#include "store/deliveries.h"

#include "base/error.h"
#include "store/events.h"

#define COLUMNS                                                                                    \
    "id, project, notification, event, kind, data, state, reason, job, time, attempts, status,"    \
    " created, finished"
#define TRIAL "notification.test"

void delivery_free(struct delivery *d)
{
    if (d == NULL)
        return;
    g_free(d->id);
    g_free(d->project);
    g_free(d->notification);
    g_free(d->event);
    g_free(d->kind);
    g_free(d->data);
    g_free(d->job);
    g_free(d->state);
    g_free(d->reason);
    g_free(d);
}

static struct delivery *read_delivery(struct sql_rows *rows)
{
    struct delivery *d = g_new0(struct delivery, 1);
    char **const texts[] = { &d->id,   &d->project, &d->notification, &d->event, &d->kind,
                             &d->data, &d->state,   &d->reason,       &d->job };
    for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++)
        *texts[i] = g_strdup(sql_text(rows, i));
    d->time = sql_int(rows, 9);
    d->attempts = sql_int(rows, 10);
    d->status = sql_int(rows, 11);
    d->created = sql_int(rows, 12);
    d->finished = sql_int(rows, 13);
    return d;
}

static GPtrArray *read_deliveries(struct sql_rows *rows, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)delivery_free);
    while (sql_rows_next(rows, &failure))
        g_ptr_array_add(list, read_delivery(rows));
    if (failure == NULL)
        return g_steal_pointer(&list);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

static bool insert(struct sql *db, const char *id, const char *project, const char *notification,
                   const char *event, const char *kind, const char *data, int64_t time,
                   GError **error)
{
    return sql_run(db, NULL, error,
                   "INSERT INTO delivery (id, project, notification, event, kind, data, time,"
                   " state, created) VALUES ($1, $2, $3, $4, $5, $6, $7, 'new', $8)",
                   "ssssssii", id, project, notification, event, kind, data, time, store_now());
}

/* Identifiers of the notifications that want it. */
static GPtrArray *who_wants(struct sql *db, const char *project, const char *kind, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *pattern = g_strdup_printf("%%\"%s\"%%", kind); /* in a JSON array of texts */
    g_autoptr(sql_rows) rows = sql_query(db, error,
                                         "SELECT id FROM notification WHERE project = $1"
                                         " AND enabled = 1 AND events LIKE $2 ORDER BY id",
                                         "ss", project, pattern);
    if (rows == NULL)
        return NULL;
    while (sql_rows_next(rows, &failure))
        g_ptr_array_add(ids, g_strdup(sql_text(rows, 0)));
    if (failure == NULL)
        return g_steal_pointer(&ids);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

bool delivery_add_for_events(struct sql *db, const GPtrArray *events, GError **error)
{
    /* "PROJECT KIND" -> identifiers of notifications: events come in numbers, of few kinds. */
    g_autoptr(GHashTable) wanted =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    for (guint i = 0; i < events->len; i++) {
        const struct event *e = events->pdata[i];
        g_autofree char *key = g_strconcat(e->project, " ", e->kind, NULL);
        GPtrArray *ids = g_hash_table_lookup(wanted, key);
        if (ids == NULL) {
            ids = who_wants(db, e->project, e->kind, error);
            if (ids == NULL)
                return false;
            g_hash_table_insert(wanted, g_steal_pointer(&key), ids);
        }
        for (guint k = 0; k < ids->len; k++) {
            g_autofree char *id = store_id_new();
            if (!insert(db, id, e->project, ids->pdata[k], e->id, e->kind, e->data, e->time, error))
                return false;
        }
    }
    return true;
}

char *delivery_add_trial(struct sql *db, const char *project, const char *notification,
                         const char *data, GError **error)
{
    g_autofree char *id = store_id_new();
    return insert(db, id, project, notification, id, TRIAL, data, store_now(), error)
               ? g_steal_pointer(&id)
               : NULL;
}

GPtrArray *delivery_list_new(struct sql *db, int64_t limit, GError **error)
{
    g_autoptr(sql_rows) rows = sql_query(
        db, error, "SELECT " COLUMNS " FROM delivery WHERE state = 'new' ORDER BY id LIMIT $1", "i",
        limit);
    return rows != NULL ? read_deliveries(rows, error) : NULL;
}

bool delivery_set_job(struct sql *db, const char *id, const char *job, bool *mine, GError **error)
{
    uint64_t changed;
    if (!sql_run(db, &changed, error,
                 "UPDATE delivery SET state = 'waiting', job = $2 WHERE id = $1 AND state = 'new'",
                 "ss", id, job))
        return false;
    *mine = changed == 1;
    return true;
}

bool delivery_drop(struct sql *db, const char *id, GError **error)
{
    return sql_run(db, NULL, error, "DELETE FROM delivery WHERE id = $1 AND state = 'new'", "s",
                   id);
}

struct delivery *delivery_find(struct sql *db, const char *notification, const char *id,
                               GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(sql_rows) rows = sql_query(
        db, error,
        "SELECT " COLUMNS " FROM delivery WHERE id = $1 AND ($2 = '' OR notification = $2)", "ss",
        id, notification != NULL ? notification : "");
    if (rows == NULL)
        return NULL;
    if (sql_rows_next(rows, &failure))
        return read_delivery(rows);
    if (failure != NULL)
        g_propagate_error(error, g_steal_pointer(&failure));
    else
        (void)fail(error, ASSAY_ERROR_NOT_FOUND, "no such delivery");
    return NULL;
}

GPtrArray *delivery_list(struct sql *db, const char *notification, const struct store_page *page,
                         GError **error)
{
    g_autoptr(sql_rows) rows = sql_query(db, error,
                                         "SELECT " COLUMNS " FROM delivery WHERE notification = $1"
                                         " AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $3",
                                         "ssi", notification, page->after, page->limit);
    return rows != NULL ? read_deliveries(rows, error) : NULL;
}

bool delivery_failed(struct sql *db, const struct delivery_run *run, const char *reason,
                     GError **error)
{
    return sql_run(db, NULL, error,
                   "UPDATE delivery SET attempts = $3, status = $4, reason = $5 WHERE id = $1"
                   " AND job = $2 AND state = 'waiting'",
                   "ssiis", run->id, run->job, run->attempt, run->status, reason);
}

bool delivery_delivered(struct sql *db, const struct delivery_run *run, GError **error)
{
    return sql_run(db, NULL, error,
                   "UPDATE delivery SET state = 'delivered', attempts = $3, status = $4,"
                   " reason = NULL, finished = $5 WHERE id = $1 AND job = $2 AND state = 'waiting'",
                   "ssiii", run->id, run->job, run->attempt, run->status, store_now());
}

bool delivery_dead(struct sql *db, const char *id, const char *job, const char *reason,
                   GError **error)
{
    return sql_run(db, NULL, error,
                   "UPDATE delivery SET state = 'dead', reason = coalesce($3, reason),"
                   " finished = $4 WHERE id = $1 AND job = $2 AND state = 'waiting'",
                   "sssi", id, job, reason, store_now());
}

bool delivery_again(struct sql *db, const char *id, GError **error)
{
    uint64_t changed;
    if (!sql_run(db, &changed, error,
                 "UPDATE delivery SET state = 'new', job = NULL, attempts = 0, status = 0,"
                 " reason = NULL, finished = 0 WHERE id = $1 AND state IN ('delivered', 'dead')",
                 "s", id))
        return false;
    if (changed == 1)
        return true;
    g_set_error(error, STORE_ERROR, STORE_ERROR_IN_USE, "the delivery is still on its way");
    return false;
}

bool delivery_expire(struct sql *db, int64_t age, GError **error)
{
    return sql_run(db, NULL, error, "DELETE FROM delivery WHERE finished > 0 AND finished < $1",
                   "i", store_now() - age);
}

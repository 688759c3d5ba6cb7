#include "store/introspections.h"

#include <string.h>

#include "base/error.h"

#define COLUMNS                                                                                    \
    "id, project, kind, thing, thing_name, job, state, step, steps, handles, reason, frame,"       \
    " requested_by, coverage, summary, changes, deep, fresh, created, started, finished, reused,"  \
    " bytes_read"

static const char *const states[INTROSPECTION_STATE_COUNT] = {
    [INTROSPECTION_QUEUED] = "queued",       [INTROSPECTION_RUNNING] = "running",
    [INTROSPECTION_DONE] = "done",           [INTROSPECTION_FAILED] = "failed",
    [INTROSPECTION_CANCELLED] = "cancelled",
};

const char *introspection_state_name(enum introspection_state state)
{
    return state < INTROSPECTION_STATE_COUNT ? states[state] : NULL;
}

void introspection_free(struct introspection *i)
{
    if (i == NULL)
        return;
    char *const texts[] = { i->id,       i->project, i->thing,   i->thing_name,  i->job,
                            i->step,     i->steps,   i->handles, i->reason,      i->frame,
                            i->coverage, i->summary, i->changes, i->requested_by };
    for (unsigned n = 0; n < G_N_ELEMENTS(texts); n++)
        g_free(texts[n]);
    g_free(i);
}

static enum introspection_state state_of(const char *name)
{
    enum introspection_state s = INTROSPECTION_QUEUED;
    while (s < INTROSPECTION_CANCELLED && !g_str_equal(states[s], name))
        s++;
    return s;
}

static struct introspection *read_row(struct sql_rows *rows)
{
    struct introspection *i = g_new0(struct introspection, 1);
    i->id = g_strdup(sql_text(rows, 0));
    i->project = g_strdup(sql_text(rows, 1));
    i->kind =
        g_str_equal(sql_text(rows, 2), thing_kind_name(THING_NODE)) ? THING_NODE : THING_IMAGE;
    i->thing = g_strdup(sql_text(rows, 3));
    i->thing_name = g_strdup(sql_text(rows, 4));
    i->job = g_strdup(sql_text(rows, 5));
    i->state = state_of(sql_text(rows, 6));
    i->step = g_strdup(sql_text(rows, 7));
    i->steps = g_strdup(sql_text(rows, 8));
    i->handles = g_strdup(sql_text(rows, 9));
    i->reason = g_strdup(sql_text(rows, 10));
    i->frame = g_strdup(sql_text(rows, 11));
    i->requested_by = g_strdup(sql_text(rows, 12));
    i->coverage = g_strdup(sql_text(rows, 13));
    i->summary = g_strdup(sql_text(rows, 14));
    i->changes = g_strdup(sql_text(rows, 15));
    i->deep = sql_int(rows, 16) != 0;
    i->fresh = sql_int(rows, 17) != 0;
    i->created = sql_int(rows, 18);
    i->started = sql_int(rows, 19);
    i->finished = sql_int(rows, 20);
    i->reused = sql_int(rows, 21) != 0;
    i->bytes_read = sql_int(rows, 22);
    return i;
}

static GPtrArray *read_all(struct sql_rows *rows, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func((GDestroyNotify)introspection_free);
    g_autoptr(GError) failure = NULL;
    while (sql_rows_next(rows, &failure))
        g_ptr_array_add(found, read_row(rows));
    if (failure == NULL)
        return g_steal_pointer(&found);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

struct introspection *introspection_find(struct sql *db, const struct caller *caller,
                                         const char *id, GError **error)
{
    g_autoptr(sql_rows) rows = sql_query(db, error,
                                         "SELECT " COLUMNS " FROM introspection WHERE id = $3"
                                         " AND " CALLER_SEES("project"),
                                         "sis", CALLER_VALUES(caller), id);
    g_autoptr(GPtrArray) found = rows != NULL ? read_all(rows, error) : NULL;
    if (found == NULL)
        return NULL;
    if (found->len == 1)
        return g_ptr_array_steal_index(found, 0);
    (void)fail(error, ASSAY_ERROR_NOT_FOUND, "no such introspection");
    return NULL;
}

/* With a condition that an index serves: SQLite plans before it knows the parameters. */
#define LIST(condition)                                                                            \
    "SELECT " COLUMNS " FROM introspection WHERE " condition                                       \
    " AND id < $4 AND " CALLER_SEES("project") " ORDER BY id DESC LIMIT $5"

GPtrArray *introspection_list(struct sql *db, const struct caller *caller, const char *project,
                              const char *thing, const struct store_page *page, GError **error)
{
    const char *statement = thing != NULL     ? LIST("thing = $3")
                            : project != NULL ? LIST("project = $3")
                                              : LIST("$3 = ''");
    const char *of = thing != NULL ? thing : project != NULL ? project : "";
    g_autoptr(sql_rows) rows = sql_query(db, error, statement, "sissi", CALLER_VALUES(caller), of,
                                         store_page_before(page), page->limit);
    return rows != NULL ? read_all(rows, error) : NULL;
}

static bool read_last(struct sql *db, const struct sql_value *keys, unsigned count,
                      GHashTable *found, GError **error)
{
    g_autoptr(sql_rows) rows = sql_query_keys(
        db, error,
        "SELECT " COLUMNS " FROM introspection WHERE id IN"
        " (SELECT max(id) FROM introspection WHERE thing IN (@KEYS@) GROUP BY thing)",
        keys, 0, count);
    g_autoptr(GPtrArray) all = rows != NULL ? read_all(rows, error) : NULL;
    if (all == NULL)
        return false;
    while (all->len > 0) {
        struct introspection *i = g_ptr_array_steal_index_fast(all, all->len - 1);
        (void)g_hash_table_replace(found, i->thing, i);
    }
    return true;
}

GHashTable *introspection_last_of(struct sql *db, const char *const *things, size_t count,
                                  GError **error)
{
    g_autoptr(GHashTable) found =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)introspection_free);
    unsigned batch = sql_lookup(db);
    g_autofree struct sql_value *keys = g_new0(struct sql_value, batch);
    for (size_t done = 0; done < count;) {
        unsigned n = (unsigned)MIN(batch, count - done);
        for (unsigned i = 0; i < n; i++)
            keys[i] = (struct sql_value){ .type = 's', .text = things[done + i] };
        if (!read_last(db, keys, n, found, error))
            return NULL;
        done += n;
    }
    return g_steal_pointer(&found);
}

/* --- what a request and its runs write ---------------------------------------------------------
 */

char *introspection_waiting(struct sql *db, const struct introspection_wish *w, char **job,
                            GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(sql_rows) rows =
        sql_query(db, error,
                  "SELECT i.id, i.job FROM introspection i JOIN job j ON j.id = i.job"
                  " WHERE i.thing = $1 AND i.state = 'queued' AND i.deep = $2 AND i.fresh = $3"
                  " AND j.cancelling = 0 ORDER BY i.id LIMIT 1",
                  "sii", w->thing->id, (int64_t)w->deep, (int64_t)w->fresh);
    *job = NULL;
    if (rows == NULL)
        return NULL;
    if (sql_rows_next(rows, &failure)) {
        *job = g_strdup(sql_text(rows, 1));
        return g_strdup(sql_text(rows, 0));
    }
    if (failure != NULL)
        g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

char *introspection_add(struct sql *db, const struct introspection_wish *w, GError **error)
{
    g_autofree char *id = store_id_new();
    bool ok =
        sql_run(db, NULL, error,
                "INSERT INTO introspection (id, project, kind, thing, thing_name, job, state,"
                " deep, fresh, requested_by, created)"
                " VALUES ($1, $2, $3, $4, $5, '', 'queued', $6, $7, $8, $9)",
                "sssssiisi", id, w->thing->project, thing_kind_name(w->kind), w->thing->id,
                w->thing->name, (int64_t)w->deep, (int64_t)w->fresh, w->requested_by, store_now());
    return ok ? g_steal_pointer(&id) : NULL;
}

/* Whether the one row that was to be changed is there. */
static bool there(uint64_t changed, GError **error)
{
    return changed == 1 || fail(error, ASSAY_ERROR_NOT_FOUND, "no such introspection");
}

bool introspection_set_job(struct sql *db, const char *id, const char *job, GError **error)
{
    uint64_t changed;
    return sql_run(db, &changed, error, "UPDATE introspection SET job = $2 WHERE id = $1", "ss", id,
                   job) &&
           there(changed, error);
}

bool introspection_save(struct sql *db, const struct introspection *i, GError **error)
{
    uint64_t changed;
    return sql_run(db, &changed, error,
                   "UPDATE introspection SET state = $2, started = $3, finished = $4, step = $5,"
                   " steps = $6, handles = $7, reason = $8, frame = $9, reused = $10,"
                   " bytes_read = $11, coverage = $12, summary = $13, changes = $14 WHERE id = $1",
                   "ssiisssssiisss", i->id, states[i->state], i->started, i->finished, i->step,
                   i->steps, i->handles, i->reason, i->frame, (int64_t)i->reused, i->bytes_read,
                   i->coverage, i->summary, i->changes) &&
           there(changed, error);
}

bool introspection_set_handles(struct sql *db, const char *id, const char *before,
                               const char *handles, GError **error)
{
    return sql_run(db, NULL, error,
                   "UPDATE introspection SET handles = $3 WHERE id = $1 AND handles = $2", "sss",
                   id, before, handles);
}

GPtrArray *introspection_left(struct sql *db, int64_t limit, GError **error)
{
    g_autoptr(sql_rows) rows =
        sql_query(db, error,
                  "SELECT " COLUMNS " FROM introspection WHERE handles <> '[]'"
                  " AND state IN ('done', 'failed', 'cancelled') AND drop_due <= $1"
                  " ORDER BY drop_due, id LIMIT $2",
                  "ii", store_now(), limit);
    return rows != NULL ? read_all(rows, error) : NULL;
}

bool introspection_drop_later(struct sql *db, const char *id, int64_t due, GError **error)
{
    return sql_run(db, NULL, error, "UPDATE introspection SET drop_due = $2 WHERE id = $1", "si",
                   id, due);
}

/* --- forgetting --------------------------------------------------------------------------------
 */

/* Identifiers have the order of making, so that what was made since need not be looked at. */
static GPtrArray *expired(struct sql *db, int64_t before, const char *after, int64_t limit,
                          GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *end = store_id_at(before);
    g_autoptr(sql_rows) rows = sql_query(
        db, error,
        "SELECT i.id FROM introspection i WHERE i.id > $1 AND i.id < $2 AND i.finished > 0"
        " AND i.finished < $3 AND i.handles = '[]'"
        " AND i.id NOT IN (SELECT d.introspection FROM late_drop d)"
        " AND NOT EXISTS (SELECT 1 FROM frame f WHERE f.thing = i.thing AND f.introspection = i.id)"
        " AND (EXISTS (SELECT 1 FROM introspection n WHERE n.thing = i.thing AND n.id > i.id"
        " AND n.finished > 0)"
        " OR NOT (EXISTS (SELECT 1 FROM node WHERE node.id = i.thing)"
        " OR EXISTS (SELECT 1 FROM image WHERE image.id = i.thing))) ORDER BY i.id LIMIT $4",
        "ssii", after, end, before, limit);
    while (rows != NULL && sql_rows_next(rows, &failure))
        g_ptr_array_add(ids, g_strdup(sql_text(rows, 0)));
    if (failure == NULL)
        return rows != NULL ? g_steal_pointer(&ids) : NULL;
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

static bool remove_all(struct sql *db, void *user, GError **error)
{
    const GPtrArray *ids = user;
    g_autofree struct sql_value *keys = g_new0(struct sql_value, sql_batch(db));
    for (guint at = 0; at < ids->len;) {
        unsigned n = 0;
        for (; at < ids->len && n < sql_batch(db); at++)
            keys[n++] = (struct sql_value){ .type = 's', .text = ids->pdata[at] };
        if (!sql_run_keys(db, error,
                          "DELETE FROM introspection WHERE handles = '[]' AND id IN (@KEYS@)", keys,
                          0, n))
            return false;
    }
    return true;
}

bool introspection_expire(struct sql *db, int64_t age, int64_t limit, char **after, bool *left,
                          GError **error)
{
    g_autoptr(GPtrArray) ids = expired(db, store_now() - age, *after, limit, error);
    if (ids == NULL || (ids->len > 0 && !sql_transaction(db, remove_all, ids, error)))
        return false;
    *left = ids->len >= limit;
    if (ids->len > 0) {
        g_free(*after);
        *after = g_ptr_array_steal_index(ids, ids->len - 1);
    }
    return true;
}

#include "store/events.h"

#include "store/deliveries.h"

const char *const event_kinds[] = {
    "findings.changed",       "introspection.cancelled", "introspection.failed",
    "introspection.finished", "introspection.queued",    "introspection.started",
    "introspection.step",     NULL,
};

void event_free(struct event *e)
{
    if (e == NULL)
        return;
    g_free(e->id);
    g_free(e->project);
    g_free(e->kind);
    g_free(e->data);
    g_free(e);
}

bool event_add(struct sql *db, const char *project, const char *kind, const char *data,
               GError **error)
{
    struct event e = { .project = (char *)project, .kind = (char *)kind, .data = (char *)data };
    gpointer one = &e;
    const GPtrArray events = { &one, 1 };
    bool ok = event_add_all(db, &events, error);
    g_free(e.id);
    return ok;
}

bool event_add_all(struct sql *db, const GPtrArray *events, GError **error)
{
    enum { COLUMNS = 5 };
    g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(struct sql_value));
    int64_t now = store_now();
    for (guint i = 0; i < events->len; i++) {
        struct event *e = events->pdata[i];
        g_free(e->id);
        e->id = store_id_new();
        e->time = now;
        const struct sql_value v[COLUMNS] = {
            { .type = 's', .text = e->id },   { .type = 's', .text = e->project },
            { .type = 's', .text = e->kind }, { .type = 's', .text = e->data },
            { .type = 'i', .number = now },
        };
        g_array_append_vals(values, v, COLUMNS);
    }
    return sql_insert(db, error, "INSERT INTO event (id, project, kind, data, time)", "", COLUMNS,
                      (const struct sql_value *)(const void *)values->data, events->len) &&
           delivery_add_for_events(db, events, error);
}

/* With a condition that an index serves: SQLite plans before it knows the parameters. */
#define LIST(condition)                                                                            \
    "SELECT id, project, kind, data, time FROM event WHERE " condition                             \
    " AND id > $4 AND " CALLER_SEES("project") " ORDER BY id LIMIT $5"

GPtrArray *event_list(struct sql *db, const struct caller *caller, const char *project,
                      const struct store_page *page, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func((GDestroyNotify)event_free);
    g_autoptr(GError) failure = NULL;
    g_autoptr(sql_rows) rows =
        sql_query(db, error, project != NULL ? LIST("project = $3") : LIST("$3 = ''"), "sissi",
                  CALLER_VALUES(caller), project != NULL ? project : "", page->after, page->limit);
    if (rows == NULL)
        return NULL;
    while (sql_rows_next(rows, &failure)) {
        struct event *e = g_new0(struct event, 1);
        e->id = g_strdup(sql_text(rows, 0));
        e->project = g_strdup(sql_text(rows, 1));
        e->kind = g_strdup(sql_text(rows, 2));
        e->data = g_strdup(sql_text(rows, 3));
        e->time = sql_int(rows, 4);
        g_ptr_array_add(found, e);
    }
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    return g_steal_pointer(&found);
}

bool event_expire(struct sql *db, int64_t age, int64_t limit, bool *left, GError **error)
{
    uint64_t gone;
    if (!sql_run(db, &gone, error,
                 "DELETE FROM event WHERE id IN"
                 " (SELECT id FROM event WHERE time < $1 ORDER BY time LIMIT $2)",
                 "ii", store_now() - age, limit))
        return false;
    *left = gone >= (uint64_t)limit;
    return true;
}

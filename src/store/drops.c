#include "store/drops.h"

#define FIRST_AFTER (5 * 60 * (int64_t)G_USEC_PER_SEC)
#define FOR_AS_LONG (24 * 3600 * (int64_t)G_USEC_PER_SEC)

void late_drop_free(struct late_drop *d)
{
    if (d == NULL)
        return;
    g_free(d->id);
    g_free(d->introspection);
    g_free(d->handles);
    g_free(d);
}

bool late_drop_add(struct sql *db, const char *introspection, const char *handles, GError **error)
{
    /* Handles have identifiers in them, so that those of two introspections are never the same. */
    g_autofree char *id = g_compute_checksum_for_string(G_CHECKSUM_SHA256, handles, -1);
    int64_t now = store_now();
    return sql_run(db, NULL, error,
                   "INSERT INTO late_drop (id, introspection, handles, since, due)"
                   " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING",
                   "sssii", id, introspection, handles, now, now + FIRST_AFTER);
}

GPtrArray *late_drops_due(struct sql *db, int64_t limit, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func((GDestroyNotify)late_drop_free);
    g_autoptr(GError) failure = NULL;
    g_autoptr(sql_rows) rows =
        sql_query(db, error,
                  "SELECT id, introspection, handles, since FROM late_drop WHERE due <= $1"
                  " ORDER BY due LIMIT $2",
                  "ii", store_now(), limit);
    while (rows != NULL && sql_rows_next(rows, &failure)) {
        struct late_drop *d = g_new0(struct late_drop, 1);
        d->id = g_strdup(sql_text(rows, 0));
        d->introspection = g_strdup(sql_text(rows, 1));
        d->handles = g_strdup(sql_text(rows, 2));
        d->since = sql_int(rows, 3);
        g_ptr_array_add(found, d);
    }
    if (failure != NULL)
        g_propagate_error(error, g_steal_pointer(&failure));
    else if (rows != NULL)
        return g_steal_pointer(&found);
    return NULL;
}

bool late_drop_tried(struct sql *db, const struct late_drop *d, bool *last, GError **error)
{
    int64_t now = store_now(), age = now - d->since;
    *last = age >= FOR_AS_LONG;
    if (*last)
        return sql_run(db, NULL, error, "DELETE FROM late_drop WHERE id = $1", "s", d->id);
    return sql_run(db, NULL, error, "UPDATE late_drop SET due = $2 WHERE id = $1", "si", d->id,
                   now + MAX(age, FIRST_AFTER));
}

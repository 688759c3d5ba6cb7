#include "store/watched.h"

void watched_file_free(struct watched_file *f)
{
    if (f == NULL)
        return;
    g_free(f->name);
    g_free(f->identity);
    g_free(f->image);
    g_free(f);
}

/* --- who looks after a folder ------------------------------------------------------------------
 */

struct claim {
    const char *folder, *worker;
    int64_t lease;
    char *holder;
    bool mine;
};

static bool claim(struct sql *db, void *user, GError **error)
{
    struct claim *c = user;
    int64_t now = store_now();
    uint64_t changed;
    if (!sql_run(db, NULL, error,
                 "INSERT INTO watched_folder (image, worker, lease) VALUES ($1, '', 0)"
                 " ON CONFLICT (image) DO NOTHING",
                 "s", c->folder) ||
        !sql_run(db, &changed, error,
                 "UPDATE watched_folder SET worker = $2, lease = $4 WHERE image = $1"
                 " AND (worker = $2 OR lease < $3)",
                 "ssii", c->folder, c->worker, now, now + c->lease))
        return false;
    c->mine = changed == 1;
    g_clear_pointer(&c->holder, g_free); /* of an attempt before this one */
    if (c->mine)
        return true;
    g_autoptr(sql_rows) rows =
        sql_query(db, error, "SELECT worker FROM watched_folder WHERE image = $1", "s", c->folder);
    if (rows == NULL || !sql_rows_next(rows, error))
        return false;
    c->holder = g_strdup(sql_text(rows, 0));
    return true;
}

bool watched_claim(struct sql *db, const char *folder, const char *worker, int64_t lease,
                   bool *mine, char **holder, GError **error)
{
    struct claim c = { .folder = folder, .worker = worker, .lease = lease };
    bool ok = sql_transaction(db, claim, &c, error);
    *mine = ok && c.mine;
    *holder = c.holder;
    return ok;
}

bool watched_release(struct sql *db, const char *folder, const char *holder, GError **error)
{
    return sql_run(db, NULL, error,
                   "UPDATE watched_folder SET lease = 0 WHERE image = $1 AND worker = $2", "ss",
                   folder, holder);
}

/* --- folders and files -------------------------------------------------------------------------
 */

GPtrArray *watched_folders(struct sql *db, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func((GDestroyNotify)thing_free);
    g_autoptr(GError) failure = NULL;
    g_autoptr(sql_rows) rows =
        sql_query(db, error,
                  "SELECT id, project, name, location FROM image WHERE kind = 'folder'"
                  " ORDER BY id",
                  "");
    if (rows == NULL)
        return NULL;
    while (sql_rows_next(rows, &failure)) {
        struct thing *t = g_new0(struct thing, 1);
        t->id = g_strdup(sql_text(rows, 0));
        t->project = g_strdup(sql_text(rows, 1));
        t->name = g_strdup(sql_text(rows, 2));
        t->where = g_strdup(sql_text(rows, 3));
        g_ptr_array_add(found, t);
    }
    if (failure == NULL)
        return g_steal_pointer(&found);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

GPtrArray *watched_files(struct sql *db, const char *folder, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func((GDestroyNotify)watched_file_free);
    g_autoptr(GError) failure = NULL;
    g_autoptr(sql_rows) rows =
        sql_query(db, error,
                  "SELECT name, identity, image, gone FROM watched_file WHERE folder = $1"
                  " ORDER BY name",
                  "s", folder);
    if (rows == NULL)
        return NULL;
    while (sql_rows_next(rows, &failure)) {
        struct watched_file *f = g_new0(struct watched_file, 1);
        f->name = g_strdup(sql_text(rows, 0));
        f->identity = g_strdup(sql_text(rows, 1));
        f->image = g_strdup(sql_text(rows, 2));
        f->gone = sql_int(rows, 3) != 0;
        g_ptr_array_add(found, f);
    }
    if (failure == NULL)
        return g_steal_pointer(&found);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

bool watched_keep(struct sql *db, const char *folder, const struct watched_file *f, GError **error)
{
    return sql_run(db, NULL, error,
                   "INSERT INTO watched_file (folder, name, identity, image, gone)"
                   " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (folder, name) DO UPDATE SET"
                   " identity = $3, image = $4, gone = $5",
                   "ssssi", folder, f->name, f->identity, f->image, (int64_t)f->gone);
}

bool watched_forget(struct sql *db, const char *folder, const char *name, GError **error)
{
    return sql_run(db, NULL, error, "DELETE FROM watched_file WHERE folder = $1 AND name = $2",
                   "ss", folder, name);
}

#include "store/users.h"

#include "base/error.h"

#define COLUMNS "id, name, site, disabled, created, version, external"

void user_free(struct user *u)
{
    if (u == NULL)
        return;
    g_free(u->id);
    g_free(u->name);
    g_free(u->site);
    g_free(u->external);
    g_free(u);
}

static struct user *read_user(struct sql_rows *rows)
{
    struct user *u = g_new0(struct user, 1);
    u->id = g_strdup(sql_text(rows, 0));
    u->name = g_strdup(sql_text(rows, 1));
    u->site = g_strdup(sql_text(rows, 2));
    u->disabled = sql_int(rows, 3) != 0;
    u->created = sql_int(rows, 4);
    u->version = sql_int(rows, 5);
    u->external = g_strdup(sql_text(rows, 6));
    return u;
}

char *user_create(struct sql *db, const char *name, const char *hash, const char *site,
                  GError **error)
{
    g_autofree char *id = store_id_new();
    if (!store_name_valid("user", name, error))
        return NULL;
    if (sql_run(db, NULL, error,
                "INSERT INTO account (id, name, site, password, created)"
                " VALUES ($1, $2, $3, $4, $5)",
                "ssssi", id, name, site, hash, store_now()))
        return g_steal_pointer(&id);
    (void)store_taken(error, "user", name);
    return NULL;
}

struct user *user_find(struct sql *db, const char *id_or_name, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(sql_rows) rows = sql_query(
        db, error, "SELECT " COLUMNS " FROM account WHERE id = $1 OR name = $1", "s", id_or_name);
    if (rows == NULL)
        return NULL;
    if (sql_rows_next(rows, &failure))
        return read_user(rows);
    if (failure != NULL)
        g_propagate_error(error, g_steal_pointer(&failure));
    else
        (void)fail(error, ASSAY_ERROR_NOT_FOUND, "no such user '%s'", id_or_name);
    return NULL;
}

GPtrArray *user_list(struct sql *db, const struct store_page *page, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)user_free);
    g_autoptr(sql_rows) rows =
        sql_query(db, error, "SELECT " COLUMNS " FROM account WHERE id > $1 ORDER BY id LIMIT $2",
                  "si", page->after, page->limit);
    if (rows == NULL)
        return NULL;
    while (sql_rows_next(rows, &failure))
        g_ptr_array_add(list, read_user(rows));
    if (failure == NULL)
        return g_steal_pointer(&list);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

static bool count(struct sql *db, const char *statement, int64_t *out, GError **error)
{
    g_autoptr(sql_rows) rows = sql_query(db, error, statement, "");
    if (rows == NULL || !sql_rows_next(rows, error))
        return false;
    *out = sql_int(rows, 0);
    return true;
}

bool user_count(struct sql *db, int64_t *out, GError **error)
{
    return count(db, "SELECT count(*) FROM account", out, error);
}

static bool an_admin_is_left(struct sql *db, GError **error)
{
    int64_t admins;
    if (!count(db, "SELECT count(*) FROM account WHERE site = 'admin' AND disabled = 0", &admins,
               error))
        return false;
    if (admins == 0)
        g_set_error(error, STORE_ERROR, STORE_ERROR_IN_USE, "it is the last administrator");
    return admins > 0;
}

static bool exists(struct sql *db, const char *id)
{
    g_autoptr(user) u = user_find(db, id, NULL);
    return u != NULL;
}

bool user_change(struct sql *db, const char *id, int64_t version, const struct user_change *change,
                 GError **error)
{
    uint64_t changed;
    if (!sql_run(db, &changed, error,
                 "UPDATE account SET site = coalesce($3, site), password = coalesce($4, password),"
                 " disabled = CASE WHEN $5 < 0 THEN disabled ELSE $5 END, version = version + 1"
                 " WHERE id = $1 AND ($2 = 0 OR version = $2)",
                 "sissi", id, version, change->site, change->hash, (int64_t)change->disabled) ||
        !store_touched(changed, changed == 1 || exists(db, id), "user", error))
        return false;
    if (change->hash != NULL &&
        !sql_run(db, NULL, error,
                 "DELETE FROM token WHERE account = $1 AND kind = 'session' AND id <> $2", "ss", id,
                 change->keep != NULL ? change->keep : ""))
        return false;
    return an_admin_is_left(db, error);
}

bool user_delete(struct sql *db, const char *id, int64_t version, GError **error)
{
    uint64_t changed;
    return sql_run(db, &changed, error,
                   "DELETE FROM account WHERE id = $1 AND ($2 = 0 OR version = $2)", "si", id,
                   version) &&
           store_touched(changed, changed == 1 || exists(db, id), "user", error) &&
           an_admin_is_left(db, error);
}

#include "store/hooks.h"

#include "base/error.h"

#define COLUMNS    "id, project, name, kind, thing, pointer, created, version"
#define REMEMBERED (24 * 3600 * (int64_t)G_USEC_PER_SEC)

void hook_free(struct hook *h)
{
    if (h == NULL)
        return;
    g_free(h->id);
    g_free(h->project);
    g_free(h->name);
    g_free(h->thing);
    g_free(h->pointer);
    g_free(h);
}

static struct hook *read_hook(struct sql_rows *rows)
{
    struct hook *h = g_new0(struct hook, 1);
    h->id = g_strdup(sql_text(rows, 0));
    h->project = g_strdup(sql_text(rows, 1));
    h->name = g_strdup(sql_text(rows, 2));
    h->kind =
        g_str_equal(sql_text(rows, 3), thing_kind_name(THING_NODE)) ? THING_NODE : THING_IMAGE;
    h->thing = g_strdup(sql_text(rows, 4));
    h->pointer = g_strdup(sql_text(rows, 5));
    h->created = sql_int(rows, 6);
    h->version = sql_int(rows, 7);
    return h;
}

static struct seal_place place_of(const char *id)
{
    return (struct seal_place){ "hook", id, "secret" };
}

char *hook_create(struct sql *db, struct seal *seal, const char *project,
                  const struct hook_values *v, GError **error)
{
    g_autofree char *id = store_id_new();
    const struct seal_place place = place_of(id);
    if (!store_name_valid("hook", v->name, error))
        return NULL;
    g_autofree char *sealed = seal_text(seal, &place, v->secret, error);
    if (sealed == NULL)
        return NULL;
    if (sql_run(db, NULL, error,
                "INSERT INTO hook (id, project, name, kind, thing, pointer, secret, created)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                "sssssssi", id, project, v->name, thing_kind_name(v->kind), v->thing, v->pointer,
                sealed, store_now()))
        return g_steal_pointer(&id);
    (void)store_taken(error, "hook", v->name);
    return NULL;
}

static GPtrArray *read_all(struct sql_rows *rows, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func((GDestroyNotify)hook_free);
    g_autoptr(GError) failure = NULL;
    if (rows == NULL)
        return NULL;
    while (sql_rows_next(rows, &failure))
        g_ptr_array_add(found, read_hook(rows));
    if (failure == NULL)
        return g_steal_pointer(&found);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

struct hook *hook_find(struct sql *db, const char *project, const char *id_or_name, GError **error)
{
    g_autoptr(sql_rows) rows = sql_query(
        db, error, "SELECT " COLUMNS " FROM hook WHERE project = $1 AND (id = $2 OR name = $2)",
        "ss", project, id_or_name);
    g_autoptr(GPtrArray) found = read_all(rows, error);
    if (found == NULL)
        return NULL;
    if (found->len == 1)
        return g_ptr_array_steal_index(found, 0);
    (void)fail(error, ASSAY_ERROR_NOT_FOUND, "no such hook");
    return NULL;
}

GPtrArray *hook_list(struct sql *db, const char *project, const struct store_page *page,
                     GError **error)
{
    g_autoptr(sql_rows) rows = sql_query(
        db, error,
        "SELECT " COLUMNS " FROM hook WHERE project = $1 AND id > $2 ORDER BY id LIMIT $3", "ssi",
        project, page->after, page->limit);
    return read_all(rows, error);
}

bool hook_delete(struct sql *db, const char *project, const char *id, int64_t version,
                 GError **error)
{
    uint64_t changed;
    if (!sql_run(db, &changed, error,
                 "DELETE FROM hook WHERE project = $1 AND id = $2 AND ($3 = 0 OR version = $3)",
                 "ssi", project, id, version))
        return false;
    g_autoptr(hook) left = changed == 0 ? hook_find(db, project, id, NULL) : NULL;
    return store_touched(changed, left != NULL, "hook", error);
}

/* The one text of a row; NULL without *error when there is none. */
static char *one_text(struct sql_rows *rows, GError **error)
{
    g_autoptr(GError) failure = NULL;
    char *text = rows != NULL && sql_rows_next(rows, &failure) ? g_strdup(sql_text(rows, 0)) : NULL;
    if (failure != NULL)
        g_propagate_error(error, g_steal_pointer(&failure));
    return text;
}

char *hook_secret(struct sql *db, struct seal *seal, const char *id, GError **error)
{
    const struct seal_place place = place_of(id);
    g_autoptr(sql_rows) rows =
        sql_query(db, error, "SELECT secret FROM hook WHERE id = $1", "s", id);
    g_autofree char *sealed = one_text(rows, error);
    if (sealed != NULL)
        return seal_read(seal, &place, sealed, error);
    if (error != NULL && *error == NULL)
        (void)fail(error, ASSAY_ERROR_NOT_FOUND, "no such hook");
    return NULL;
}

/* --- calls that were made ----------------------------------------------------------------------
 */

char *hook_call_find(struct sql *db, const char *hook, const char *signature, GError **error)
{
    g_autoptr(sql_rows) rows = sql_query(
        db, error,
        "SELECT introspection FROM hook_call WHERE hook = $1 AND signature = $2 AND time > $3",
        "ssi", hook, signature, store_now() - REMEMBERED);
    return one_text(rows, error);
}

bool hook_call_keep(struct sql *db, const char *hook, const char *signature,
                    const char *introspection, GError **error)
{
    return sql_run(db, NULL, error,
                   "INSERT INTO hook_call (hook, signature, introspection, time)"
                   " VALUES ($1, $2, $3, $4) ON CONFLICT (hook, signature) DO UPDATE SET"
                   " introspection = $3, time = $4",
                   "sssi", hook, signature, introspection, store_now());
}

bool hook_call_expire(struct sql *db, GError **error)
{
    return sql_run(db, NULL, error, "DELETE FROM hook_call WHERE time < $1", "i",
                   store_now() - REMEMBERED);
}

#include "store/credentials.h"

#include "base/error.h"

#define COLUMNS "id, name, kind, description, created, changed, version"
/* "owner" is the project, or "" for the site: a key of its own, since NULLs are never equal. */
#define OWNER(project) ((project) != NULL ? (project) : "")

void credential_free(struct credential *c)
{
    if (c == NULL)
        return;
    g_free(c->id);
    g_free(c->name);
    g_free(c->kind);
    g_free(c->description);
    g_free(c);
}

static struct credential *read_credential(struct sql_rows *rows)
{
    struct credential *c = g_new0(struct credential, 1);
    c->id = g_strdup(sql_text(rows, 0));
    c->name = g_strdup(sql_text(rows, 1));
    c->kind = g_strdup(sql_text(rows, 2));
    c->description = g_strdup(sql_text(rows, 3));
    c->created = sql_int(rows, 4);
    c->changed = sql_int(rows, 5);
    c->version = sql_int(rows, 6);
    return c;
}

static char *seal_secret(struct seal *seal, const char *id, const char *secret, GError **error)
{
    const struct seal_place place = { "credential", id, "secret" };
    return seal_text(seal, &place, secret, error);
}

char *credential_create(struct sql *db, struct seal *seal, const char *project,
                        const struct credential_values *v, GError **error)
{
    int64_t now = store_now();
    g_autofree char *id = store_id_new();
    if (!store_name_valid("credential", v->name, error))
        return NULL;
    g_autofree char *sealed = seal_secret(seal, id, v->secret, error);
    if (sealed == NULL)
        return NULL;
    if (sql_run(db, NULL, error,
                "INSERT INTO credential (id, project, owner, name, kind, description, secret,"
                " created, changed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
                "sssssssi", id, project, OWNER(project), v->name, v->kind,
                v->description != NULL ? v->description : "", sealed, now))
        return g_steal_pointer(&id);
    (void)store_taken(error, "credential", v->name);
    return NULL;
}

static struct sql_rows *find_rows(struct sql *db, const char *project, const char *id_or_name,
                                  GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(sql_rows) rows = sql_query(db, error,
                                         "SELECT " COLUMNS ", secret FROM credential"
                                         " WHERE owner = $1 AND (id = $2 OR name = $2)",
                                         "ss", OWNER(project), id_or_name);
    if (rows == NULL)
        return NULL;
    if (sql_rows_next(rows, &failure))
        return g_steal_pointer(&rows);
    if (failure != NULL)
        g_propagate_error(error, g_steal_pointer(&failure));
    else
        (void)fail(error, ASSAY_ERROR_NOT_FOUND, "no such credential '%s'", id_or_name);
    return NULL;
}

struct credential *credential_find(struct sql *db, const char *project, const char *id_or_name,
                                   GError **error)
{
    g_autoptr(sql_rows) rows = find_rows(db, project, id_or_name, error);
    return rows != NULL ? read_credential(rows) : NULL;
}

GPtrArray *credential_list(struct sql *db, const char *project, const struct store_page *page,
                           GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)credential_free);
    g_autoptr(sql_rows) rows = sql_query(
        db, error,
        "SELECT " COLUMNS " FROM credential WHERE owner = $1 AND id > $2 ORDER BY id LIMIT $3",
        "ssi", OWNER(project), page->after, page->limit);
    if (rows == NULL)
        return NULL;
    while (sql_rows_next(rows, &failure))
        g_ptr_array_add(list, read_credential(rows));
    if (failure == NULL)
        return g_steal_pointer(&list);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

static bool exists(struct sql *db, const char *project, const char *id)
{
    g_autoptr(credential) c = credential_find(db, project, id, NULL);
    return c != NULL;
}

bool credential_change(struct sql *db, struct seal *seal, const char *project, const char *id,
                       int64_t version, const struct credential_values *v, GError **error)
{
    uint64_t changed;
    g_autofree char *sealed = NULL;
    if (v->name != NULL && !store_name_valid("credential", v->name, error))
        return false;
    if (v->secret != NULL) {
        sealed = seal_secret(seal, id, v->secret, error);
        if (sealed == NULL)
            return false;
    }
    if (!sql_run(db, &changed, error,
                 "UPDATE credential SET name = coalesce($4, name), kind = coalesce($5, kind),"
                 " description = coalesce($6, description), secret = coalesce($7, secret),"
                 " changed = CASE WHEN $7 IS NULL THEN changed ELSE $8 END, version = version + 1"
                 " WHERE owner = $1 AND id = $2 AND ($3 = 0 OR version = $3)",
                 "ssissssi", OWNER(project), id, version, v->name, v->kind, v->description, sealed,
                 store_now()))
        return store_taken(error, "credential", v->name != NULL ? v->name : id);
    return store_touched(changed, changed == 1 || exists(db, project, id), "credential", error);
}

/* Whether a snapshot that was made with it may still have to be dropped. */
static bool in_use(struct sql *db, const char *project, const char *id)
{
    g_autoptr(sql_rows) rows =
        sql_query(db, NULL,
                  "SELECT 1 FROM introspection i, credential c WHERE c.owner = $1 AND c.id = $2"
                  " AND i.handles <> '[]' AND (c.owner = '' OR i.project = c.owner)"
                  " AND (i.handles LIKE '%\"credential\":\"' || c.name || '\"%'"
                  " OR i.handles LIKE '%\"credential\":\"' || c.id || '\"%') LIMIT 1",
                  "ss", OWNER(project), id);
    return rows != NULL && sql_rows_next(rows, NULL);
}

bool credential_delete(struct sql *db, const char *project, const char *id, int64_t version,
                       GError **error)
{
    uint64_t changed;
    if (in_use(db, project, id)) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_IN_USE,
                    "a disk is being examined with it; cancel that, or wait");
        return false;
    }
    return sql_run(db, &changed, error,
                   "DELETE FROM credential WHERE owner = $1 AND id = $2"
                   " AND ($3 = 0 OR version = $3)",
                   "ssi", OWNER(project), id, version) &&
           store_touched(changed, changed == 1 || exists(db, project, id), "credential", error);
}

char *credential_secret(struct sql *db, struct seal *seal, const char *project,
                        const char *id_or_name, GError **error)
{
    g_autoptr(sql_rows) rows = find_rows(db, project, id_or_name, error);
    if (rows == NULL) {
        g_prefix_error(error, "credential '%s': ", id_or_name);
        return NULL;
    }
    const struct seal_place place = { "credential", sql_text(rows, 0), "secret" };
    return seal_read(seal, &place, sql_text(rows, 7), error);
}

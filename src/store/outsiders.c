#include "store/outsiders.h"

/* 1 found, 0 not, -1 with *error. */
static int find(struct sql *db, const char *external, struct caller *out, bool *disabled,
                GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(sql_rows) rows = sql_query(
        db, error, "SELECT id, name, disabled FROM account WHERE external = $1", "s", external);
    if (rows == NULL)
        return -1;
    bool found = sql_rows_next(rows, &failure);
    if (found) {
        out->account = g_strdup(sql_text(rows, 0));
        out->name = g_strdup(sql_text(rows, 1));
        *disabled = sql_int(rows, 2) != 0;
    }
    if (failure == NULL)
        return found;
    g_propagate_error(error, g_steal_pointer(&failure));
    return -1;
}

/* Another call may make it at the same time: then there is nothing to do. */
static bool make(struct sql *db, const char *external, const char *name, GError **error)
{
    g_autofree char *id = store_id_new();
    return sql_run(db, NULL, error,
                   "INSERT INTO account (id, name, site, created, external)"
                   " VALUES ($1, $2, '', $3, $4) ON CONFLICT DO NOTHING",
                   "ssis", id, name, store_now(), external);
}

bool outsider_account(struct sql *db, const struct outsider *who, struct caller *out,
                      GError **error)
{
    int found;
    bool disabled = false;
    struct caller c = { 0 };
    g_autofree char *external = g_strdup_printf("%s:%s", who->service, who->identifier);
    /* "@" is in no name of our own users. */
    g_autofree char *name = g_strdup_printf("%s@%s", who->name, who->service);
    found = find(db, external, &c, &disabled, error);
    if (found == 0 && make(db, external, name, error))
        found = find(db, external, &c, &disabled, error);
    /* Another of the name there is gone there, or has given it away. */
    if (found == 0 && make(db, external, external, error))
        found = find(db, external, &c, &disabled, error);
    if (found == 1 && !disabled) {
        out->account = c.account;
        out->name = c.name;
        return true;
    }
    g_free(c.account);
    g_free(c.name);
    return false;
}

#include "store/projects.h"

#include <jansson.h>
#include <string.h>

#include "base/error.h"

#define COLUMNS                                                                                    \
    "p.id, p.name, p.description, p.locations, p.created, p.version, coalesce(m.role, 0)"
#define FROM " FROM project p LEFT JOIN member m ON m.project = p.id AND m.account = $1"

void project_free(struct project *p)
{
    if (p == NULL)
        return;
    g_free(p->id);
    g_free(p->name);
    g_free(p->description);
    g_free(p->locations);
    g_free(p);
}

static struct project *read_project(struct sql_rows *rows, const struct caller *caller)
{
    struct project *p = g_new0(struct project, 1);
    p->id = g_strdup(sql_text(rows, 0));
    p->name = g_strdup(sql_text(rows, 1));
    p->description = g_strdup(sql_text(rows, 2));
    p->locations = g_strdup(sql_text(rows, 3));
    p->created = sql_int(rows, 4);
    p->version = sql_int(rows, 5);
    p->role = caller->granted == NULL                ? (enum role)sql_int(rows, 6)
              : g_str_equal(caller->granted, p->id) ? caller->role
                                                    : ROLE_NONE;
    return p;
}

char *project_create(struct sql *db, const struct project_values *v, GError **error)
{
    g_autofree char *id = store_id_new();
    if (!store_name_valid("project", v->name, error))
        return NULL;
    if (sql_run(db, NULL, error,
                "INSERT INTO project (id, name, description, locations, created)"
                " VALUES ($1, $2, $3, $4, $5)",
                "ssssi", id, v->name, v->description != NULL ? v->description : "",
                v->locations != NULL ? v->locations : "[]", store_now()))
        return g_steal_pointer(&id);
    (void)store_taken(error, "project", v->name);
    return NULL;
}

struct project *project_find(struct sql *db, const struct caller *caller, const char *id_or_name,
                             GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(sql_rows) rows = sql_query(
        db, error,
        "SELECT " COLUMNS FROM " WHERE (p.id = $3 OR p.name = $3) AND " CALLER_SEES("p.id"), "sis",
        CALLER_VALUES(caller), id_or_name);
    if (rows == NULL)
        return NULL;
    if (sql_rows_next(rows, &failure))
        return read_project(rows, caller);
    if (failure != NULL)
        g_propagate_error(error, g_steal_pointer(&failure));
    else
        (void)fail(error, ASSAY_ERROR_NOT_FOUND, "no such project '%s'", id_or_name);
    return NULL;
}

GPtrArray *project_list(struct sql *db, const struct caller *caller, const struct store_page *page,
                        GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)project_free);
    g_autoptr(sql_rows) rows =
        sql_query(db, error,
                  "SELECT " COLUMNS FROM
                  " WHERE p.id > $3 AND " CALLER_SEES("p.id") " ORDER BY p.id LIMIT $4",
                  "sisi", CALLER_VALUES(caller), page->after, page->limit);
    if (rows == NULL)
        return NULL;
    while (sql_rows_next(rows, &failure))
        g_ptr_array_add(list, read_project(rows, caller));
    if (failure == NULL)
        return g_steal_pointer(&list);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

static bool exists(struct sql *db, const char *id)
{
    g_autoptr(sql_rows) rows = sql_query(db, NULL, "SELECT 1 FROM project WHERE id = $1", "s", id);
    return rows != NULL && sql_rows_next(rows, NULL);
}

bool project_change(struct sql *db, const char *id, int64_t version, const struct project_values *v,
                    GError **error)
{
    uint64_t changed;
    if (v->name != NULL && !store_name_valid("project", v->name, error))
        return false;
    if (!sql_run(db, &changed, error,
                 "UPDATE project SET name = coalesce($3, name),"
                 " description = coalesce($4, description), locations = coalesce($5, locations),"
                 " version = version + 1 WHERE id = $1 AND ($2 = 0 OR version = $2)",
                 "sisss", id, version, v->name, v->description, v->locations))
        return store_taken(error, "project", v->name);
    return store_touched(changed, changed == 1 || exists(db, id), "project", error);
}

/* With the project would go what names snapshots that are still there. */
static bool has_no_snapshots(struct sql *db, const char *id, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(sql_rows) rows = sql_query(db, error,
                                         "SELECT id, finished FROM introspection WHERE project = $1"
                                         " AND handles <> '[]' ORDER BY finished LIMIT 1",
                                         "s", id);
    if (rows == NULL)
        return false;
    if (!sql_rows_next(rows, &failure)) {
        if (failure == NULL)
            return true;
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    if (sql_int(rows, 1) == 0)
        g_set_error(error, STORE_ERROR, STORE_ERROR_IN_USE,
                    "a disk of the project is being examined; cancel that, or wait");
    else
        g_set_error(error, STORE_ERROR, STORE_ERROR_IN_USE,
                    "what introspection %s has made is still to be dropped; the service's log says"
                    " what keeps it",
                    sql_text(rows, 0));
    return false;
}

/* Nor would anybody know any more of those that Ceph keeps for the newest frames: identities end
 * with their names. */
static bool keeps_snapshots(struct sql *db, const char *id)
{
    g_autoptr(sql_rows) rows =
        sql_query(db, NULL,
                  "SELECT 1 FROM frame WHERE identities LIKE '%#assay-kept-%' AND id IN"
                  " (SELECT max(id) FROM frame WHERE project = $1 GROUP BY thing)"
                  " AND (thing IN (SELECT id FROM node WHERE project = $1)"
                  " OR thing IN (SELECT id FROM image WHERE project = $1)) LIMIT 1",
                  "s", id);
    return rows != NULL && sql_rows_next(rows, NULL);
}

bool project_delete(struct sql *db, const char *id, int64_t version, GError **error)
{
    uint64_t changed;
    if (keeps_snapshots(db, id)) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_IN_USE,
                    "snapshots are kept in the storage for nodes or images of the project; delete "
                    "those first");
        return false;
    }
    return has_no_snapshots(db, id, error) &&
           sql_run(db, &changed, error,
                   "DELETE FROM project WHERE id = $1 AND ($2 = 0 OR version = $2)", "si", id,
                   version) &&
           store_touched(changed, changed == 1 || exists(db, id), "project", error);
}

static bool covers(const char *pattern, const char *location)
{
    size_t len = strlen(pattern);
    return len > 0 && pattern[len - 1] == '*' ? strncmp(pattern, location, len - 1) == 0
                                              : g_str_equal(pattern, location);
}

bool project_may_examine(const struct project *p, const char *location, GError **error)
{
    json_t *patterns = json_loads(p->locations, 0, NULL), *pattern;
    bool found = false;
    size_t i;
    json_array_foreach(patterns, i, pattern)
        found = found || (json_is_string(pattern) && covers(json_string_value(pattern), location));
    json_decref(patterns);
    /* "/srv/project/../other" begins like the project's own. */
    g_auto(GStrv) parts = g_strsplit(location, "/", -1);
    found = found && !g_strv_contains((const char *const *)parts, "..");
    return found || fail(error, ASSAY_ERROR_DENIED,
                         "'%s' is not among the locations of the project", location);
}

/* --- members -----------------------------------------------------------------------------------
 */

void member_free(struct member *m)
{
    if (m == NULL)
        return;
    g_free(m->account);
    g_free(m->name);
    g_free(m);
}

/* The caller's role is part of what is shown of a project, so its ETag has to change. */
static bool touch(struct sql *db, const char *project, GError **error)
{
    return sql_run(db, NULL, error, "UPDATE project SET version = version + 1 WHERE id = $1", "s",
                   project);
}

bool member_set(struct sql *db, const char *project, const char *account, enum role role,
                bool *made, GError **error)
{
    uint64_t changed;
    if (!touch(db, project, error) ||
        !sql_run(db, &changed, error,
                 "UPDATE member SET role = $3 WHERE project = $1 AND account = $2", "ssi", project,
                 account, (int64_t)role))
        return false;
    *made = changed == 0;
    return changed == 1 ||
           sql_run(db, NULL, error,
                   "INSERT INTO member (project, account, role, created) VALUES ($1, $2, $3, $4)",
                   "ssii", project, account, (int64_t)role, store_now());
}

bool member_delete(struct sql *db, const char *project, const char *account, GError **error)
{
    uint64_t changed;
    return touch(db, project, error) &&
           sql_run(db, &changed, error, "DELETE FROM member WHERE project = $1 AND account = $2",
                   "ss", project, account) &&
           store_touched(changed, false, "member", error);
}

GPtrArray *member_list(struct sql *db, const char *project, const struct store_page *page,
                       GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)member_free);
    g_autoptr(sql_rows) rows =
        sql_query(db, error,
                  "SELECT a.id, a.name, m.role, m.created FROM member m"
                  " JOIN account a ON a.id = m.account WHERE m.project = $1 AND a.id > $2"
                  " ORDER BY a.id LIMIT $3",
                  "ssi", project, page->after, page->limit);
    if (rows == NULL)
        return NULL;
    while (sql_rows_next(rows, &failure)) {
        struct member *m = g_new0(struct member, 1);
        m->account = g_strdup(sql_text(rows, 0));
        m->name = g_strdup(sql_text(rows, 1));
        m->role = (enum role)sql_int(rows, 2);
        m->created = sql_int(rows, 3);
        g_ptr_array_add(list, m);
    }
    if (failure == NULL)
        return g_steal_pointer(&list);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

#include "store/things.h"

#include <string.h>

#include "base/error.h"
#include "base/number.h"

/* The statements of a kind; they are constant texts, so that drivers can keep them prepared. */
struct statements {
    const char *name, *insert, *find, *list, *change, *remove, *exists;
};
#define STATEMENTS(table, where, kind)                                                             \
    {                                                                                              \
        .name = table,                                                                             \
        .insert = "INSERT INTO " table " (id, project, name, " where ", " kind                     \
                  ", labels, schedule, created, options)"                                          \
                  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",          \
        .find = "SELECT id, project, name, " where ", " kind                                       \
                ", labels, schedule, options, created, version FROM " table " WHERE project = $3"           \
                " AND (id = $4 OR name = $4) AND " CALLER_SEES("project"),                         \
        .list = "SELECT id, project, name, " where ", " kind                                       \
                ", labels, schedule, options, created, version FROM " table                                 \
                " WHERE ($3 = '' OR project = $3) AND id > $4 AND " CALLER_SEES(                   \
                    "project") " ORDER BY id LIMIT $5",                                            \
        .change =                                                                                  \
            "UPDATE " table " SET name = coalesce($4, name), " where " = coalesce($5, " where      \
            "), " kind " = coalesce($6, " kind "), labels = coalesce($7, labels),"                 \
            " schedule = coalesce($8, schedule), options = coalesce($9, options), version = version + 1"                            \
            " WHERE project = $1 AND id = $2 AND ($3 = 0 OR version = $3)",                        \
        .remove =                                                                                  \
            "DELETE FROM " table " WHERE project = $1 AND id = $2 AND ($3 = 0 OR version = $3)",   \
        .exists = "SELECT 1 FROM " table " WHERE project = $1 AND id = $2",                        \
    }
static const struct statements statements[THING_KIND_COUNT] = {
    [THING_NODE] = STATEMENTS("node", "disks", "source"),
    [THING_IMAGE] = STATEMENTS("image", "location", "kind"),
};

const char *thing_kind_name(enum thing_kind kind)
{
    return statements[kind].name;
}

void thing_free(struct thing *t)
{
    if (t == NULL)
        return;
    g_free(t->id);
    g_free(t->project);
    g_free(t->name);
    g_free(t->where);
    g_free(t->kind);
    g_free(t->labels);
    g_free(t->schedule);
    g_free(t->options);
    g_free(t);
}

static struct thing *read_thing(struct sql_rows *rows)
{
    struct thing *t = g_new0(struct thing, 1);
    char **const texts[] = { &t->id,   &t->project, &t->name,    &t->where,
                             &t->kind, &t->labels,  &t->schedule, &t->options };
    for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++)
        *texts[i] = g_strdup(sql_text(rows, i));
    t->created = sql_int(rows, 8);
    t->version = sql_int(rows, 9);
    return t;
}

static bool valid(enum thing_kind kind, const struct thing_values *v, GError **error)
{
    return (v->name == NULL || store_name_valid(statements[kind].name, v->name, error)) &&
           (v->schedule == NULL || thing_schedule_valid(v->schedule, error));
}

char *thing_create(struct sql *db, enum thing_kind kind, const char *project,
                   const struct thing_values *v, GError **error)
{
    g_autofree char *id = store_id_new();
    if (!valid(kind, v, error))
        return NULL;
    if (sql_run(db, NULL, error, statements[kind].insert, "sssssssis", id, project, v->name,
                v->where, v->kind, v->labels, v->schedule, store_now(),
                v->options != NULL ? v->options : "{}"))
        return g_steal_pointer(&id);
    (void)store_taken(error, statements[kind].name, v->name);
    return NULL;
}

struct thing *thing_find(struct sql *db, enum thing_kind kind, const struct caller *caller,
                         const char *project, const char *id_or_name, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(sql_rows) rows = sql_query(db, error, statements[kind].find, "siss",
                                         CALLER_VALUES(caller), project, id_or_name);
    if (rows == NULL)
        return NULL;
    if (sql_rows_next(rows, &failure))
        return read_thing(rows);
    if (failure != NULL)
        g_propagate_error(error, g_steal_pointer(&failure));
    else
        (void)fail(error, ASSAY_ERROR_NOT_FOUND, "no such %s", statements[kind].name);
    return NULL;
}

GPtrArray *thing_list(struct sql *db, enum thing_kind kind, const struct caller *caller,
                      const char *project, const struct store_page *page, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)thing_free);
    g_autoptr(sql_rows) rows =
        sql_query(db, error, statements[kind].list, "sissi", CALLER_VALUES(caller),
                  project != NULL ? project : "", page->after, page->limit);
    if (rows == NULL)
        return NULL;
    while (sql_rows_next(rows, &failure))
        g_ptr_array_add(list, read_thing(rows));
    if (failure == NULL)
        return g_steal_pointer(&list);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

static bool exists(struct sql *db, enum thing_kind kind, const char *project, const char *id)
{
    g_autoptr(sql_rows) rows = sql_query(db, NULL, statements[kind].exists, "ss", project, id);
    return rows != NULL && sql_rows_next(rows, NULL);
}

bool thing_change(struct sql *db, enum thing_kind kind, const char *project, const char *id,
                  int64_t version, const struct thing_values *v, GError **error)
{
    uint64_t changed;
    if (!valid(kind, v, error))
        return false;
    if (!sql_run(db, &changed, error, statements[kind].change, "ssissssss", project, id, version,
                 v->name, v->where, v->kind, v->labels, v->schedule, v->options))
        return store_taken(error, statements[kind].name, v->name);
    return store_touched(changed, changed == 1 || exists(db, kind, project, id),
                         statements[kind].name, error);
}

bool thing_delete(struct sql *db, enum thing_kind kind, const char *project, const char *id,
                  int64_t version, GError **error)
{
    uint64_t changed;
    return sql_run(db, &changed, error, statements[kind].remove, "ssi", project, id, version) &&
           store_touched(changed, changed == 1 || exists(db, kind, project, id),
                         statements[kind].name, error) &&
           sql_run(db, NULL, error, "DELETE FROM frame WHERE thing = $1", "s", id);
}

bool thing_schedule_valid(const char *schedule, GError **error)
{
    size_t len = strlen(schedule);
    uint64_t count;
    if (len == 0)
        return true;
    if (strchr("mhd", schedule[len - 1]) != NULL && parse_u64(schedule, len - 1, &count) &&
        count > 0 && count <= 366 * 24 * 60)
        return true;
    g_auto(GStrv) fields = g_strsplit(schedule, " ", -1);
    bool good = g_strv_length(fields) == 5;
    for (char **f = fields; good && *f != NULL; f++)
        good = **f != '\0' && strspn(*f, "0123456789*/,-") == strlen(*f);
    return good || fail(error, ASSAY_ERROR_INVALID,
                        "schedule '%s': an interval such as 15m, 6h, 1d, or five fields as in "
                        "crontab(5)",
                        schedule);
}

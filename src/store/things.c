#include "store/things.h"

#include "base/error.h"
#include "store/schedule.h"

/* The statements of a kind; they are constant texts, so that drivers can keep them prepared. */
struct statements {
    const char *name, *insert, *find, *list, *change, *remove, *exists, *due, *set_due;
};
#define COLUMNS(where, kind)                                                                       \
    "id, project, name, " where ", " kind ", labels, schedule, options, created, version, "        \
                                          "next_due"
#define STATEMENTS(table, where, kind)                                                             \
    {                                                                                              \
        .name = table,                                                                             \
        .insert = "INSERT INTO " table " (id, project, name, " where ", " kind                     \
                  ", labels, schedule, created, options, next_due)"                                \
                  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",                             \
        .find = "SELECT " COLUMNS(where,                                                           \
                                  kind) " FROM " table " WHERE project = $3"                       \
                                        " AND (id = $4 OR name = $4) AND " CALLER_SEES("project"), \
        .list = "SELECT " COLUMNS(                                                                 \
            where, kind) " FROM " table                                                            \
                         " WHERE ($3 = '' OR project = $3) AND id > $4 AND " CALLER_SEES(          \
                             "project") " ORDER BY id LIMIT $5",                                   \
        .change =                                                                                  \
            "UPDATE " table " SET name = coalesce($4, name), " where " = coalesce($5, " where      \
            "), " kind " = coalesce($6, " kind "), labels = coalesce($7, labels),"                 \
            " schedule = coalesce($8, schedule), options = coalesce($9, options),"                 \
            " next_due = CASE WHEN $8 IS NULL OR $8 = schedule THEN next_due ELSE $10 END,"        \
            " version = version + 1"                                                               \
            " WHERE project = $1 AND id = $2 AND ($3 = 0 OR version = $3)",                        \
        .remove =                                                                                  \
            "DELETE FROM " table " WHERE project = $1 AND id = $2 AND ($3 = 0 OR version = $3)",   \
        .exists = "SELECT 1 FROM " table " WHERE project = $1 AND id = $2",                        \
        .due = "SELECT " COLUMNS(                                                                  \
            where, kind) " FROM " table                                                            \
                         " WHERE schedule <> '' AND next_due <= $1 ORDER BY next_due LIMIT $2",    \
        .set_due = "UPDATE " table " SET next_due = $4"                                            \
                   " WHERE id = $1 AND next_due = $2 AND schedule = $3",                           \
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
    char **const texts[] = { &t->id,   &t->project, &t->name,     &t->where,
                             &t->kind, &t->labels,  &t->schedule, &t->options };
    for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++)
        *texts[i] = g_strdup(sql_text(rows, i));
    t->created = sql_int(rows, 8);
    t->version = sql_int(rows, 9);
    t->next_due = sql_int(rows, 10);
    return t;
}

static GPtrArray *read_things(struct sql_rows *rows, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)thing_free);
    while (sql_rows_next(rows, &failure))
        g_ptr_array_add(list, read_thing(rows));
    if (failure == NULL)
        return g_steal_pointer(&list);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

/* *due: when a thing of that identifier is due first by the schedule; 0: never, or none is given.
 */
static bool valid(enum thing_kind kind, const char *id, const struct thing_values *v, int64_t *due,
                  GError **error)
{
    struct schedule s = { 0 };
    if ((v->name != NULL && !store_name_valid(statements[kind].name, v->name, error)) ||
        (v->schedule != NULL && !schedule_parse(v->schedule, &s, error)))
        return false;
    *due = schedule_first(&s, id, store_now());
    return true;
}

char *thing_create(struct sql *db, enum thing_kind kind, const char *project,
                   const struct thing_values *v, GError **error)
{
    g_autofree char *id = store_id_new();
    int64_t due;
    if (!valid(kind, id, v, &due, error))
        return NULL;
    if (sql_run(db, NULL, error, statements[kind].insert, "sssssssisi", id, project, v->name,
                v->where, v->kind, v->labels, v->schedule, store_now(),
                v->options != NULL ? v->options : "{}", due))
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
        (void)fail(error, ASSAY_ERROR_NOT_FOUND, "no such %s '%s'", statements[kind].name,
                   id_or_name);
    return NULL;
}

GPtrArray *thing_list(struct sql *db, enum thing_kind kind, const struct caller *caller,
                      const char *project, const struct store_page *page, GError **error)
{
    g_autoptr(sql_rows) rows =
        sql_query(db, error, statements[kind].list, "sissi", CALLER_VALUES(caller),
                  project != NULL ? project : "", page->after, page->limit);
    return rows != NULL ? read_things(rows, error) : NULL;
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
    int64_t due;
    if (!valid(kind, id, v, &due, error))
        return false;
    if (!sql_run(db, &changed, error, statements[kind].change, "ssissssssi", project, id, version,
                 v->name, v->where, v->kind, v->labels, v->schedule, v->options, due))
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

GPtrArray *thing_list_due(struct sql *db, enum thing_kind kind, int64_t now, int64_t limit,
                          GError **error)
{
    g_autoptr(sql_rows) rows = sql_query(db, error, statements[kind].due, "ii", now, limit);
    return rows != NULL ? read_things(rows, error) : NULL;
}

bool thing_set_due(struct sql *db, enum thing_kind kind, const struct thing *t, int64_t now,
                   bool *mine, GError **error)
{
    struct schedule s;
    uint64_t changed;
    int64_t next = INT64_MAX; /* a schedule that was accepted before they were read as now */
    if (schedule_parse(t->schedule, &s, NULL))
        next = t->next_due == 0 ? schedule_first(&s, t->id, now)
                                : schedule_next(&s, t->id, t->next_due, now);
    if (!sql_run(db, &changed, error, statements[kind].set_due, "sisi", t->id, t->next_due,
                 t->schedule, next))
        return false;
    *mine = changed == 1;
    return true;
}

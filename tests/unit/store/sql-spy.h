/* Looks at what a connection is asked: the plans of its statements (SQLite's), and how many
 * transactions it begins.
 *
 *     sql_spy_begin(db);
 *     ... use db ...
 *     sql_spy_end(db);
 *     g_assert_nonnull(strstr(sql_spy.plans->str, "USING INDEX ...")); */
#pragma once
#include <string.h>

#include "store/sql.h"

static struct {
    const struct sql_driver *real;
    struct sql_driver driver;
    GString *plans; /* a line for each part of each plan */
    unsigned transactions;
} sql_spy;

static inline void sql_spy_explain(struct sql *db, const char *statement,
                                   const struct sql_value *values, unsigned count)
{
    GError *error = NULL;
    g_autofree char *explain = g_strconcat("EXPLAIN QUERY PLAN ", statement, NULL);
    struct sql_rows *rows = sql_spy.real->query(db, explain, values, count, NULL, &error);
    g_assert_no_error(error);
    while (sql_spy.real->next(rows, &error))
        g_string_append_printf(sql_spy.plans, "%s\n", sql_spy.real->text(rows, 3));
    g_assert_no_error(error);
    sql_spy.real->rows_free(rows);
}

static inline struct sql_rows *sql_spy_query(struct sql *db, const char *statement,
                                             const struct sql_value *values, unsigned count,
                                             uint64_t *changed, GError **error)
{
    if (sql_spy.real == &sql_driver_sqlite)
        sql_spy_explain(db, statement, values, count);
    return sql_spy.real->query(db, statement, values, count, changed, error);
}

static inline bool sql_spy_script(struct sql *db, const char *statements, GError **error)
{
    sql_spy.transactions += g_str_has_prefix(statements, "BEGIN");
    return sql_spy.real->script(db, statements, error);
}

static inline void sql_spy_begin(struct sql *db)
{
    sql_spy.real = db->drv;
    sql_spy.driver = *db->drv;
    sql_spy.driver.query = sql_spy_query;
    sql_spy.driver.script = sql_spy_script;
    sql_spy.plans = g_string_new(NULL);
    sql_spy.transactions = 0;
    db->drv = &sql_spy.driver;
}

static inline void sql_spy_end(struct sql *db)
{
    db->drv = sql_spy.real;
    g_string_free(sql_spy.plans, TRUE);
}

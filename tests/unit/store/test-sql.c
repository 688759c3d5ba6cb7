#include <string.h>

#include "base/error.h"
#include "store-test.h"

static void setup(struct store_test *t, const void *unused)
{
    store_test_open(t);
    GError *error = NULL;
    g_assert_true(sql_script(t->db,
                             "CREATE TABLE thing (id TEXT PRIMARY KEY, n BIGINT, x @BLOB@);"
                             "CREATE TABLE other (id TEXT PRIMARY KEY)",
                             &error));
    g_assert_no_error(error);
}

static void teardown(struct store_test *t, const void *unused)
{
    store_test_close(t);
}

static void insert(struct store_test *t, const char *id, int64_t n, const char *bytes)
{
    GError *error = NULL;
    uint64_t changed = 0;
    g_autoptr(GBytes) x = bytes != NULL ? g_bytes_new(bytes, strlen(bytes) + 1) : NULL;
    g_assert_true(sql_run(t->db, &changed, &error,
                          "INSERT INTO thing (id, n, x) VALUES ($1, $2, $3)", "sib", id, n, x));
    g_assert_no_error(error);
    g_assert_cmpuint(changed, ==, 1);
}

static void test_values_come_back_as_they_went(struct store_test *t, const void *unused)
{
    GError *error = NULL;
    insert(t, "a 'quoted' \xc3\xa9", INT64_MIN, "bytes");
    insert(t, "b", INT64_MAX, NULL);
    g_autoptr(sql_rows) rows =
        sql_query(t->db, &error, "SELECT id, n, x FROM thing ORDER BY id", "");
    g_assert_true(sql_rows_next(rows, &error));
    g_assert_cmpstr(sql_text(rows, 0), ==, "a 'quoted' \xc3\xa9");
    g_assert_cmpint(sql_int(rows, 1), ==, INT64_MIN);
    g_autoptr(GBytes) x = sql_blob(rows, 2);
    g_assert_cmpmem(g_bytes_get_data(x, NULL), g_bytes_get_size(x), "bytes", 6);
    g_assert_true(sql_rows_next(rows, &error));
    g_assert_cmpint(sql_int(rows, 1), ==, INT64_MAX);
    g_assert_true(sql_is_null(rows, 2));
    g_assert_null(sql_blob(rows, 2));
    g_assert_false(sql_rows_next(rows, &error));
    g_assert_no_error(error);
}

static void test_changes_are_counted(struct store_test *t, const void *unused)
{
    uint64_t changed;
    insert(t, "a", 1, NULL);
    insert(t, "b", 1, NULL);
    g_assert_true(sql_run(t->db, &changed, NULL, "UPDATE thing SET n = $1 WHERE n = $2", "ii",
                          (int64_t)2, (int64_t)1));
    g_assert_cmpuint(changed, ==, 2);
    g_assert_true(sql_run(t->db, &changed, NULL, "DELETE FROM thing WHERE id = $1", "s", "c"));
    g_assert_cmpuint(changed, ==, 0);
}

static void test_errors_tell_conflict_from_failure(struct store_test *t, const void *unused)
{
    g_autoptr(GError) conflict = NULL;
    g_autoptr(GError) failure = NULL;
    insert(t, "a", 1, NULL);
    g_assert_false(sql_run(t->db, NULL, &conflict, "INSERT INTO thing (id) VALUES ($1)", "s", "a"));
    g_assert_error(conflict, SQL_ERROR, SQL_ERROR_CONFLICT);
    g_assert_null(sql_query(t->db, &failure, "SELECT nothing FROM nowhere", ""));
    g_assert_error(failure, SQL_ERROR, SQL_ERROR_FAILED);
    g_assert_null(strchr(failure->message, '\n'));
    insert(t, "b", 1, NULL); /* the connection goes on */
}

static bool fail_halfway(struct sql *db, void *user, GError **error)
{
    if (!sql_run(db, NULL, error, "INSERT INTO other (id) VALUES ('x')", ""))
        return false;
    return fail(error, ASSAY_ERROR_INVALID, "halfway");
}

static int64_t count(struct sql *db, const char *query)
{
    g_autoptr(sql_rows) rows = sql_query(db, NULL, query, "");
    g_assert_true(sql_rows_next(rows, NULL));
    return sql_int(rows, 0);
}

static void test_a_failed_transaction_leaves_nothing(struct store_test *t, const void *unused)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(sql_transaction(t->db, fail_halfway, NULL, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_INVALID);
    g_assert_cmpint(count(t->db, "SELECT count(*) FROM other"), ==, 0);
}

#define WRITERS    4
#define INCREMENTS 50

static bool increment(struct sql *db, void *user, GError **error)
{
    g_autoptr(sql_rows) rows = sql_query(db, error, "SELECT n FROM thing WHERE id = 'counter'", "");
    if (rows == NULL || !sql_rows_next(rows, error))
        return false;
    int64_t n = sql_int(rows, 0) + 1;
    g_clear_pointer(&rows, sql_rows_free);
    return sql_run(db, NULL, error, "UPDATE thing SET n = $1 WHERE id = 'counter'", "i", n);
}

static gpointer writer(gpointer data)
{
    GError *error = NULL;
    g_autoptr(sql) db = sql_open(data, &error);
    g_assert_no_error(error);
    for (int i = 0; i < INCREMENTS; i++) {
        g_assert_true(sql_transaction(db, increment, NULL, &error));
        g_assert_no_error(error);
    }
    return NULL;
}

static void test_transactions_do_not_see_each_other(struct store_test *t, const void *unused)
{
    GThread *threads[WRITERS];
    insert(t, "counter", 0, NULL);
    for (int i = 0; i < WRITERS; i++)
        threads[i] = g_thread_new("writer", writer, t->url);
    for (int i = 0; i < WRITERS; i++)
        g_thread_join(threads[i]);
    g_assert_cmpint(count(t->db, "SELECT n FROM thing WHERE id = 'counter'"), ==,
                    WRITERS * INCREMENTS);
}

static void test_many_rows_go_and_come_in_few_statements(struct store_test *t, const void *unused)
{
    enum { ROWS = 450 };
    GError *error = NULL;
    g_autofree struct sql_value *values = g_new0(struct sql_value, 2 * ROWS);
    g_assert_true(
        sql_script(t->db,
                   "CREATE TABLE numbered (id @SERIAL@, name TEXT UNIQUE, n BIGINT);"
                   "CREATE TABLE pair (a BIGINT, b BIGINT, PRIMARY KEY (a, b)) @CLUSTERED@",
                   &error));
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (unsigned i = 0; i < ROWS; i++) {
        g_ptr_array_add(names, g_strdup_printf("name%u", i));
        values[2 * i] = (struct sql_value){ .type = 's', .text = g_ptr_array_index(names, i) };
        values[2 * i + 1] = (struct sql_value){ .type = 'i', .number = i };
    }
    for (int again = 0; again < 2; again++) {
        g_assert_true(sql_insert(t->db, &error, "INSERT INTO numbered (name, n)",
                                 " ON CONFLICT DO NOTHING", 2, values, ROWS));
        g_assert_no_error(error);
        g_assert_cmpint(count(t->db, "SELECT count(*) FROM numbered"), ==, ROWS);
        g_assert_cmpint(count(t->db, "SELECT count(DISTINCT id) FROM numbered"), ==, ROWS);
    }
    struct sql_value keys[] = { { .type = 's', .text = "name449" }, { .type = 's', .text = "x" } };
    g_autoptr(sql_rows) rows =
        sql_query_keys(t->db, &error, "SELECT n FROM numbered WHERE name IN (@KEYS@)", keys, 0,
                       MIN(sql_batch(t->db), G_N_ELEMENTS(keys)));
    g_assert_true(sql_rows_next(rows, &error));
    g_assert_cmpint(sql_int(rows, 0), ==, 449);
    g_assert_false(sql_rows_next(rows, &error));
    g_assert_no_error(error);
}

static struct sql_value number_value(int64_t number)
{
    return (struct sql_value){ .type = 'i', .number = number };
}

/* More rows than fit in one statement, with a value of every type, and NULL. */
static void test_many_rows_are_changed_and_removed_at_once(struct store_test *t, const void *unused)
{
    enum { ROWS = 450, COLUMNS = 4 };
    GError *error = NULL;
    g_autoptr(GBytes) bytes = g_bytes_new("\0\xff", 2);
    g_autofree struct sql_value *values = g_new0(struct sql_value, COLUMNS * ROWS);
    g_autofree struct sql_value *pairs = g_new0(struct sql_value, 2 * ROWS);
    g_assert_true(sql_script(t->db,
                             "CREATE TABLE pair (a BIGINT, b BIGINT, name TEXT, x @BLOB@,"
                             " PRIMARY KEY (a, b)) @CLUSTERED@",
                             &error));
    for (unsigned i = 0; i < ROWS; i++) {
        pairs[2 * i] = values[COLUMNS * i] = number_value(i / 2);
        pairs[2 * i + 1] = values[COLUMNS * i + 1] = number_value(i % 2);
        values[COLUMNS * i + 2] = (struct sql_value){ .type = 's', .text = i % 3 ? "y" : NULL };
        values[COLUMNS * i + 3] = (struct sql_value){ .type = 'b', .blob = i > 0 ? bytes : NULL };
    }
    g_assert_true(sql_insert(t->db, &error, "INSERT INTO pair (a, b)", "", 2, pairs, ROWS) &&
                  sql_run_rows(t->db, &error,
                               "UPDATE pair SET name = v.column3, x = v.column4 FROM (@ROWS@) AS v"
                               " WHERE pair.a = v.column1 AND pair.b = v.column2",
                               COLUMNS, values, ROWS));
    g_assert_no_error(error);
    g_assert_cmpint(count(t->db, "SELECT count(*) FROM pair WHERE name = 'y'"), ==, 300);
    g_assert_cmpint(count(t->db, "SELECT count(*) FROM pair WHERE x IS NOT NULL"), ==, ROWS - 1);
    pairs[0] = number_value(-1); /* is not there, which is no failure */
    g_assert_true(sql_run_rows(t->db, &error, "DELETE FROM pair WHERE (a, b) IN (@ROWS@)", 2, pairs,
                               ROWS - 1));
    g_assert_true(sql_run_rows(t->db, &error, "DELETE FROM pair WHERE a IN (@ROWS@)", 1, pairs, 0));
    g_assert_no_error(error);
    g_assert_cmpint(count(t->db, "SELECT count(*) FROM pair"), ==, 2);
}

#define PEER "/store/sql/subprocess/peer"

/* Another process, which uses the store while this one does. */
static void peer(void)
{
    const char *url = g_getenv("ASSAY_TEST_PEER");
    if (url == NULL)
        return; /* is not one */
    sql *db = sql_open(url, NULL);
    g_autoptr(sql_rows) rows = sql_query(db, NULL, "SELECT count(*) FROM shared", "");
    g_assert_true(sql_rows_next(rows, NULL));
    (void)printf("rows: %d.", (int)sql_int(rows, 0));
    g_clear_pointer(&rows, sql_rows_free);
    sql_close(db);
}

/* The locks of a process are those of all its connections: a second one must not take those of the
 * first away, or the peer, thinking that it is the last, removes the log that is being written. */
static void test_other_processes_come_and_go(struct store_test *t, const void *unused)
{
    GError *error = NULL;
    g_assert_true(g_setenv("ASSAY_TEST_PEER", t->url, TRUE));
    g_assert_true(sql_script(t->db, "CREATE TABLE shared (id BIGINT)", &error));
    sql *second = sql_open(t->url, &error);
    for (int i = 1; i <= 3; i++) {
        g_autofree char *expected = g_strdup_printf("*rows: %d.*", i);
        g_assert_true(
            sql_run(t->db, NULL, &error, "INSERT INTO shared (id) VALUES ($1)", "i", (int64_t)i));
        g_test_trap_subprocess(PEER, 0, 0);
        g_test_trap_assert_passed();
        g_test_trap_assert_stdout(expected);
    }
    g_assert_no_error(error);
    sql_close(second);
}

#define ADD(name, func)                                                                            \
    g_test_add("/store/sql: " name, struct store_test, NULL, setup, func, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func(PEER, peer);
    ADD("values come back as they went", test_values_come_back_as_they_went);
    ADD("other processes come and go", test_other_processes_come_and_go);
    ADD("changes are counted", test_changes_are_counted);
    ADD("errors tell conflict from failure", test_errors_tell_conflict_from_failure);
    ADD("a failed transaction leaves nothing", test_a_failed_transaction_leaves_nothing);
    ADD("many rows go and come in few statements", test_many_rows_go_and_come_in_few_statements);
    ADD("many rows are changed and removed at once",
        test_many_rows_are_changed_and_removed_at_once);
    ADD("transactions do not see each other", test_transactions_do_not_see_each_other);
    return g_test_run();
}

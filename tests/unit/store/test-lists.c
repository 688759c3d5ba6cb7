/* How lists find their rows: SQLite plans a statement before it knows its parameters, so a
 * condition that holds for "" as well has no index. */
#include "sql-spy.h"
#include "store-test.h"
#include "store/events.h"
#include "store/frames.h"
#include "store/introspections.h"

static const struct store_page first = { .after = "", .limit = 50 };

static void setup(struct store_test *t, const void *unused)
{
    store_test_make(t);
    sql_spy_begin(t->db);
}

static void teardown(struct store_test *t, const void *unused)
{
    sql_spy_end(t->db);
    store_test_close(t);
}

static bool skipped(const struct store_test *t)
{
    if (g_str_equal(sql_dialect(t->db), "sqlite"))
        return false;
    g_test_skip("plans of SQLite");
    return true;
}

/* What was asked since the last time finds its rows so, in their order, and looks at no others. */
static void assert_search(const char *table, const char *index)
{
    g_autofree char *search = g_strdup_printf("SEARCH %s USING INDEX %s", table, index);
    g_autofree char *scan = g_strdup_printf("SCAN %s", table);
    if (strstr(sql_spy.plans->str, search) == NULL)
        g_error("not '%s' but\n%s", search, sql_spy.plans->str);
    g_assert_null(strstr(sql_spy.plans->str, scan));
    g_assert_null(strstr(sql_spy.plans->str, "TEMP B-TREE"));
    (void)g_string_truncate(sql_spy.plans, 0);
}

static void list_introspections(struct store_test *t, const char *project, const char *thing)
{
    GError *error = NULL;
    g_autoptr(GPtrArray) found =
        introspection_list(t->db, &caller_service, project, thing, &first, &error);
    g_assert_no_error(error);
}

static void test_introspections(struct store_test *t, const void *unused)
{
    if (skipped(t))
        return;
    list_introspections(t, "p", "n");
    assert_search("introspection", "introspection_thing (thing=? AND id<?)");
    list_introspections(t, "p", NULL);
    assert_search("introspection", "introspection_project (project=? AND id<?)");
    list_introspections(t, NULL, NULL);
    assert_search("introspection", "sqlite_autoindex_introspection_1 (id<?)");
}

static void list_frames(struct store_test *t, const char *project, const char *thing)
{
    GError *error = NULL;
    g_autoptr(GPtrArray) found =
        kept_frame_list(t->db, &caller_service, project, thing, &first, &error);
    g_assert_no_error(error);
}

static void test_frames(struct store_test *t, const void *unused)
{
    if (skipped(t))
        return;
    list_frames(t, "p", "n");
    assert_search("frame", "frame_thing (thing=? AND id<?)");
    list_frames(t, "p", NULL);
    assert_search("frame", "frame_project (project=? AND id<?)");
    list_frames(t, NULL, NULL);
    assert_search("frame", "sqlite_autoindex_frame_1 (id<?)");
}

static void list_events(struct store_test *t, const char *project)
{
    GError *error = NULL;
    g_autoptr(GPtrArray) found = event_list(t->db, &caller_service, project, &first, &error);
    g_assert_no_error(error);
}

static void test_events(struct store_test *t, const void *unused)
{
    if (skipped(t))
        return;
    list_events(t, "p");
    assert_search("event", "event_project (project=? AND id>?)");
    list_events(t, NULL);
    assert_search("event", "sqlite_autoindex_event_1 (id>?)");
}

#define ADD(title, function)                                                                       \
    g_test_add("/store/lists/" title, struct store_test, NULL, setup, function, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("introspections of a thing or project are found by an index", test_introspections);
    ADD("frames of a thing or project are found by an index", test_frames);
    ADD("events of a project are found by an index", test_events);
    return g_test_run();
}

#include "store/things.h"

#include "store-test.h"
#include "store/projects.h"

#define HOUR (INT64_C(3600) * G_USEC_PER_SEC)

struct scene {
    struct store_test t;
    char *project;
};

static void setup(struct scene *s, const void *unused)
{
    GError *error = NULL;
    const struct project_values p = { .name = "p" };
    store_test_make(&s->t);
    s->project = project_create(s->t.db, &p, &error);
    g_assert_no_error(error);
}

static void teardown(struct scene *s, const void *unused)
{
    g_free(s->project);
    store_test_close(&s->t);
}

static char *add(struct scene *s, const char *name, const char *schedule)
{
    GError *error = NULL;
    const struct thing_values v = {
        .name = name, .where = "[\"/disk\"]", .kind = "own", .labels = "{}", .schedule = schedule
    };
    char *id = thing_create(s->t.db, THING_NODE, s->project, &v, &error);
    g_assert_no_error(error);
    return id;
}

/* Names of what is due so many hours from now. */
static char *due(struct scene *s, int64_t hours)
{
    GError *error = NULL;
    GString *names = g_string_new(NULL);
    g_autoptr(GPtrArray) list =
        thing_list_due(s->t.db, THING_NODE, store_now() + hours * HOUR, 100, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < list->len; i++) {
        const struct thing *t = g_ptr_array_index(list, i);
        g_string_append_printf(names, "%s%s", i > 0 ? " " : "", t->name);
    }
    return g_string_free(names, FALSE);
}
#define ASSERT_DUE(hours, expected)                                                                \
    do {                                                                                           \
        g_autofree char *names_ = due(s, hours);                                                   \
        g_assert_cmpstr(names_, ==, expected);                                                     \
    } while (0)

static void change(struct scene *s, const char *id, const char *name, const char *schedule)
{
    GError *error = NULL;
    const struct thing_values v = { .name = name, .schedule = schedule };
    g_assert_true(thing_change(s->t.db, THING_NODE, s->project, id, 0, &v, &error));
    g_assert_no_error(error);
}

static void test_due_in_order(struct scene *s, const void *unused)
{
    g_autofree char *a = add(s, "a", "12h"), *b = add(s, "b", "6h"), *c = add(s, "c", "");
    ASSERT_DUE(0, "");
    ASSERT_DUE(5, "");
    ASSERT_DUE(7, "b");
    ASSERT_DUE(1000, "b a");
}

static void test_changes_count_at_once(struct scene *s, const void *unused)
{
    g_autofree char *a = add(s, "a", "12h"), *b = add(s, "b", "");
    change(s, a, NULL, "1h");
    change(s, b, NULL, "*/5 * * * *");
    ASSERT_DUE(2, "b a");
    change(s, a, NULL, "");
    ASSERT_DUE(2, "b");
    g_assert_true(thing_delete(s->t.db, THING_NODE, s->project, b, 0, NULL));
    ASSERT_DUE(1000, "");
}

static void test_the_same_schedule_counts_on(struct scene *s, const void *unused)
{
    g_autofree char *a = add(s, "a", "12h");
    g_assert_true(sql_run(s->t.db, NULL, NULL, "UPDATE node SET next_due = 5", ""));
    change(s, a, "other", NULL);
    change(s, a, NULL, "12h");
    ASSERT_DUE(0, "other");
}

static void test_each_time_is_counted_once(struct scene *s, const void *unused)
{
    bool mine;
    int64_t late = store_now() + 100 * HOUR;
    g_autofree char *a = add(s, "a", "6h");
    g_autoptr(GPtrArray) list = thing_list_due(s->t.db, THING_NODE, late, 100, NULL);
    const struct thing *t = g_ptr_array_index(list, 0);
    g_assert_true(thing_set_due(s->t.db, THING_NODE, t, late, &mine, NULL));
    g_assert_true(mine);
    ASSERT_DUE(100, "");
    ASSERT_DUE(107, "a");
    g_assert_true(thing_set_due(s->t.db, THING_NODE, t, late, &mine, NULL));
    g_assert_false(mine); /* by another process, meanwhile */
}

static void test_old_schedules_are_counted(struct scene *s, const void *unused)
{
    bool mine;
    g_autofree char *a = add(s, "a", "6h");
    g_assert_true(
        sql_run(s->t.db, NULL, NULL, "UPDATE node SET next_due = 0, schedule = '99 * * * *'", ""));
    g_autoptr(GPtrArray) list = thing_list_due(s->t.db, THING_NODE, store_now(), 100, NULL);
    g_assert_cmpuint(list->len, ==, 1);
    g_assert_true(
        thing_set_due(s->t.db, THING_NODE, g_ptr_array_index(list, 0), store_now(), &mine, NULL));
    g_assert_true(mine);
    ASSERT_DUE(1000, "");
}

#define ADD(title, function)                                                                       \
    g_test_add("/store/things/" title, struct scene, NULL, setup, function, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("the longest due comes first", test_due_in_order);
    ADD("changed schedules count at once", test_changes_count_at_once);
    ADD("setting the same schedule counts on", test_the_same_schedule_counts_on);
    ADD("each time is counted once", test_each_time_is_counted_once);
    ADD("schedules from before times were counted", test_old_schedules_are_counted);
    return g_test_run();
}

#include "../store/store-test.h"
#include "introspect/introspect.h"
#include "store/projects.h"

static const struct store_page all = { .after = "", .limit = 1000 };

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

static void add(struct scene *s, enum thing_kind kind, const char *name)
{
    GError *error = NULL;
    const struct thing_values v = { .name = name,
                                    .where = kind == THING_NODE ? "[\"/disk\"]" : "\"/disk\"",
                                    .kind = kind == THING_NODE ? "own" : "file",
                                    .labels = "{}",
                                    .schedule = "1h" };
    g_autofree char *id = thing_create(s->t.db, kind, s->project, &v, &error);
    g_assert_no_error(error);
}

static void make_all_due(struct scene *s, const char *when)
{
    g_autofree char *node = g_strconcat("UPDATE node SET next_due = ", when, NULL);
    g_autofree char *image = g_strconcat("UPDATE image SET next_due = ", when, NULL);
    g_assert_true(sql_run(s->t.db, NULL, NULL, node, ""));
    g_assert_true(sql_run(s->t.db, NULL, NULL, image, ""));
}

static guint run_and_count(struct scene *s)
{
    GError *error = NULL;
    g_assert_true(introspect_schedules.run(NULL, s->t.db, &error));
    g_assert_no_error(error);
    g_autoptr(GPtrArray) list =
        introspection_list(s->t.db, &caller_service, NULL, NULL, &all, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < list->len; i++) {
        const struct introspection *one = g_ptr_array_index(list, i);
        g_assert_cmpstr(one->requested_by, ==, "schedule");
    }
    return list->len;
}

static void test_missed_times_are_made_up_once(struct scene *s, const void *unused)
{
    add(s, THING_NODE, "a");
    add(s, THING_IMAGE, "b");
    g_assert_cmpuint(run_and_count(s), ==, 0);
    make_all_due(s, "1000000"); /* 1970: half a million times were missed */
    g_assert_cmpuint(run_and_count(s), ==, 2);
    g_assert_cmpuint(run_and_count(s), ==, 2);
}

static void test_more_than_a_batch(struct scene *s, const void *unused)
{
    for (unsigned i = 0; i < 250; i++) {
        g_autofree char *name = g_strdup_printf("n%u", i);
        add(s, THING_NODE, name);
    }
    make_all_due(s, "1000000");
    g_assert_cmpuint(run_and_count(s), ==, 250);
}

static void test_never_counted_is_not_due(struct scene *s, const void *unused)
{
    add(s, THING_NODE, "a");
    make_all_due(s, "0");
    g_assert_cmpuint(run_and_count(s), ==, 0);
    g_autoptr(thing) t = thing_find(s->t.db, THING_NODE, &caller_service, s->project, "a", NULL);
    g_assert_cmpint(t->next_due, >, store_now());
}

#define ADD(title, function)                                                                       \
    g_test_add("/introspect/schedules/" title, struct scene, NULL, setup, function, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("missed times are made up for once", test_missed_times_are_made_up_once);
    ADD("more things than are read at a time", test_more_than_a_batch);
    ADD("a time never counted is not due", test_never_counted_is_not_due);
    return g_test_run();
}

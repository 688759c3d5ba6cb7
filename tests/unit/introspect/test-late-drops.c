#include "../store/store-test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "introspect/introspect.h"
#include "store/drops.h"
#include "store/projects.h"
#include "worker/worker.h"

struct scene {
    struct store_test t;
    char *project, *introspection;
    char *folder, *copy; /* that a snapshot would make */
    char *handles;
};

static void setup(struct scene *s, const void *unused)
{
    GError *error = NULL;
    const struct project_values p = { .name = "p" };
    const struct thing_values v = {
        .name = "n", .where = "[\"/disk\"]", .kind = "own", .labels = "{}", .schedule = "1h"
    };
    store_test_open(&s->t);
    sql_close(s->t.db);
    s->t.db = store_open(s->t.url, &error);
    s->project = project_create(s->t.db, &p, &error);
    g_autofree char *node = thing_create(s->t.db, THING_NODE, s->project, &v, &error);
    g_assert_no_error(error);
    g_autoptr(thing) t = thing_find(s->t.db, THING_NODE, &caller_service, s->project, "n", &error);
    const struct introspection_wish wish = { .kind = THING_NODE,
                                             .thing = t,
                                             .requested_by = "test" };
    s->introspection = introspection_add(s->t.db, &wish, &error);
    s->folder = g_dir_make_tmp("assay-drops-XXXXXX", &error);
    g_autofree char *disk = g_build_filename(s->folder, "disk", NULL);
    const struct snapshot_options options = { 0 };
    g_autofree char *handle = snapshot_plan(disk, "01DROP", &options, &error);
    g_assert_no_error(error);
    s->handles = g_strdup_printf("[%s]", handle);
    s->copy = g_build_filename(s->folder, ".assay-01DROP", NULL);
}

static void teardown(struct scene *s, const void *unused)
{
    (void)unlink(s->copy);
    (void)rmdir(s->folder);
    g_free(s->project);
    g_free(s->introspection);
    g_free(s->folder);
    g_free(s->copy);
    g_free(s->handles);
    store_test_close(&s->t);
}

/* What a worker does that nobody has told of its being dead. */
static void make_copy(const struct scene *s)
{
    g_assert_true(g_file_set_contents(s->copy, "copy", -1, NULL));
}

static bool is_there(const struct scene *s)
{
    return access(s->copy, F_OK) == 0;
}

static void sweep(struct scene *s)
{
    GError *error = NULL;
    const struct worker_settings settings = { 0 };
    g_assert_true(introspect_sweep.run(&settings, s->t.db, &error));
    g_assert_no_error(error);
}

static void add(struct scene *s)
{
    GError *error = NULL;
    g_assert_true(late_drop_add(s->t.db, s->introspection, s->handles, &error));
    g_assert_true(late_drop_add(s->t.db, s->introspection, s->handles, &error));
    g_assert_no_error(error);
}

static guint due(struct scene *s)
{
    g_autoptr(GPtrArray) found = late_drops_due(s->t.db, 100, NULL);
    return found->len;
}

static void set(struct scene *s, const char *what)
{
    g_autofree char *text = g_strconcat("UPDATE late_drop SET ", what, NULL);
    g_assert_true(sql_run(s->t.db, NULL, NULL, text, ""));
}

static void test_what_a_sleeper_made_is_dropped(struct scene *s, const void *unused)
{
    add(s);
    make_copy(s);
    sweep(s);
    g_assert_true(is_there(s));
    set(s, "due = 1");
    g_assert_cmpuint(due(s), ==, 1);
    sweep(s);
    g_assert_false(is_there(s));
    g_assert_cmpuint(due(s), ==, 0);
    /* And once more, when it wakes up later still. */
    make_copy(s);
    set(s, "due = 1");
    sweep(s);
    g_assert_false(is_there(s));
}

static void test_after_a_day_it_ends(struct scene *s, const void *unused)
{
    add(s);
    set(s, "since = 1, due = 1");
    sweep(s);
    set(s, "due = 1");
    g_assert_cmpuint(due(s), ==, 0);
}

static void test_it_goes_with_the_project(struct scene *s, const void *unused)
{
    add(s);
    set(s, "due = 1");
    g_assert_true(sql_run(s->t.db, NULL, NULL, "DELETE FROM introspection", ""));
    g_assert_cmpuint(due(s), ==, 0);
    sweep(s);
}

#define ADD(title, function)                                                                       \
    g_test_add("/introspect/late drops/" title, struct scene, NULL, setup, function, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("what a sleeping worker made is dropped", test_what_a_sleeper_made_is_dropped);
    ADD("after a day it ends", test_after_a_day_it_ends);
    ADD("it goes with its introspection", test_it_goes_with_the_project);
    return g_test_run();
}

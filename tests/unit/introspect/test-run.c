/* What a run does before it touches a disk. */
#include "../store/store-test.h"

#include <unistd.h>

#include "introspect/introspect.h"
#include "introspect/rates.h"
#include "store/projects.h"
#include "store/rate_accounts.h"

#define HOUR (3600 * (int64_t)G_USEC_PER_SEC)

static const struct queue_limits limits = { .attempts = 3, .lease = HOUR, .backoff = 1 };

struct scene {
    struct store_test t;
    struct worker_settings settings;
    char *project, *node, *introspection;
    char *folder, *copy; /* that a snapshot would make */
    char *handles;
};

static char *ask(struct scene *s, bool fresh)
{
    GError *error = NULL;
    g_autoptr(thing) t =
        thing_find(s->t.db, THING_NODE, &caller_service, s->project, s->node, &error);
    g_assert_no_error(error);
    const struct introspection_wish wish = {
        .kind = THING_NODE, .thing = t, .fresh = fresh, .requested_by = "test"
    };
    char *id = introspect_request(s->t.db, &wish, &error);
    g_assert_no_error(error);
    return id;
}

static void setup(struct scene *s, const void *unused)
{
    GError *error = NULL;
    const struct project_values p = { .name = "p", .locations = "[\"/disk\"]" };
    const struct thing_values v = {
        .name = "n", .where = "[\"/disk\"]", .kind = "own", .labels = "{}", .schedule = ""
    };
    store_test_make(&s->t);
    s->settings = (struct worker_settings){ .rates = rates_new(NULL, &error) };
    s->project = project_create(s->t.db, &p, &error);
    s->node = thing_create(s->t.db, THING_NODE, s->project, &v, &error);
    g_assert_no_error(error);
    s->introspection = ask(s, false);
    s->folder = g_dir_make_tmp("assay-run-XXXXXX", &error);
    g_autofree char *disk = g_build_filename(s->folder, "disk", NULL);
    const struct snapshot_options options = { 0 };
    g_autofree char *handle = snapshot_plan(disk, "01LEFT", &options, &error);
    g_assert_no_error(error);
    s->handles = g_strdup_printf("[%s]", handle);
    s->copy = g_build_filename(s->folder, ".assay-01LEFT", NULL);
}

static void teardown(struct scene *s, const void *unused)
{
    (void)unlink(s->copy);
    (void)rmdir(s->folder);
    rates_free(s->settings.rates);
    g_free(s->project);
    g_free(s->node);
    g_free(s->introspection);
    g_free(s->folder);
    g_free(s->copy);
    g_free(s->handles);
    store_test_close(&s->t);
}

static struct job *take(struct scene *s)
{
    GError *error = NULL;
    struct job *j = queue_take(s->t.db, "w", &limits, &queue_whole, &error);
    g_assert_no_error(error);
    return j;
}

static bool always(const struct job_run *run)
{
    return true;
}

static bool never(const struct job_run *run)
{
    return false;
}

static void ignore(const struct job_run *run, const char *json)
{
}

static struct job_run run_of(struct scene *s, const struct job *j)
{
    return (struct job_run){
        .settings = &s->settings, .db = s->t.db, .job = j, .wanted = always, .progress = ignore
    };
}

/* As a worker that was killed leaves it: the copy is there. */
static void leave(struct scene *s)
{
    g_assert_true(g_file_set_contents(s->copy, "copy", -1, NULL));
    g_assert_true(sql_run(s->t.db, NULL, NULL,
                          "UPDATE introspection SET handles = $2, state = 'running',"
                          " step = 'inspect' WHERE id = $1",
                          "ss", s->introspection, s->handles));
}

static struct introspection *row(struct scene *s)
{
    GError *error = NULL;
    struct introspection *i =
        introspection_find(s->t.db, &caller_service, s->introspection, &error);
    g_assert_no_error(error);
    return i;
}

static int64_t count(struct scene *s, const char *query, const char *key)
{
    int64_t n = -1;
    g_autofree char *text = g_strconcat("SELECT count(*) FROM ", query, NULL);
    g_assert_true(sql_numbers(s->t.db, &n, 1, NULL, text, "s", key));
    return n;
}

static void test_what_a_run_left_goes_before_it_waits(struct scene *s, const void *unused)
{
    GError *error = NULL;
    int64_t now = store_now();
    g_autofree char *account = g_strconcat("node:", s->node, NULL);
    g_assert_true(rate_account_charge(s->t.db, account, now, HOUR, &error));
    leave(s);
    g_autoptr(job) j = take(s);
    struct job_run run = run_of(s, j);
    g_assert_cmpint(introspect_job.run(&run, &error), ==, JOB_LATER);
    g_assert_no_error(error);
    g_assert_cmpint(access(s->copy, F_OK), !=, 0);
    g_autoptr(introspection) i = row(s);
    g_assert_cmpstr(i->handles, ==, "[]");
    g_assert_cmpint(i->state, ==, INTROSPECTION_QUEUED);
    g_assert_cmpstr(i->step, ==, "wait");
    /* Who left it may only have slept. */
    g_assert_cmpint(count(s, "late_drop WHERE introspection = $1", i->id), ==, 1);
    g_assert_cmpint(count(s, "job WHERE state = 'queued' AND attempt = 0 AND id = $1", j->id), ==,
                    1);
    g_assert_null(take(s)); /* its time is in an hour */
}

static void test_those_of_a_node_take_turns(struct scene *s, const void *unused)
{
    g_autofree char *second = ask(s, true);
    g_assert_cmpstr(second, !=, s->introspection);
    g_autoptr(job) first = take(s);
    g_assert_nonnull(first);
    g_assert_null(take(s));
    g_assert_true(queue_return(s->t.db, first, NULL));
    g_autoptr(job) again = take(s);
    g_assert_nonnull(again);
}

static void cancel(struct scene *s)
{
    GError *error = NULL;
    g_autoptr(introspection) i = row(s);
    g_assert_true(introspect_cancel(s->t.db, i, &error));
    g_assert_no_error(error);
}

static void assert_told(struct scene *s, enum introspection_state state, int64_t cancelled)
{
    g_autoptr(introspection) i = row(s);
    g_assert_cmpint(i->state, ==, state);
    g_assert_cmpint(count(s, "event WHERE kind = $1", "introspection.cancelled"), ==, cancelled);
}

static void abandon(struct job_run *run)
{
    GError *error = NULL;
    g_assert_true(introspect_job.abandon(run, NULL, &error));
    g_assert_no_error(error);
}

/* Between a worker's taking the job and its saying that it has begun. */
static void test_one_that_is_about_to_begin_is_cancelled_once(struct scene *s, const void *unused)
{
    g_autoptr(GError) stopped = NULL;
    g_autoptr(job) j = take(s);
    struct job_run run = run_of(s, j);
    cancel(s);
    assert_told(s, INTROSPECTION_QUEUED, 0);
    /* Who asks now does not get one that is being cancelled. */
    g_autofree char *other = ask(s, false);
    g_assert_cmpstr(other, !=, s->introspection);
    run.wanted = never;
    g_assert_cmpint(introspect_job.run(&run, &stopped), ==, JOB_FAILED);
    g_assert_true(worker_is_stopped(stopped));
    g_assert_true(queue_return(s->t.db, j, NULL));
    g_assert_cmpint(count(s, "job WHERE state = 'cancelled' AND id = $1", j->id), ==, 1);
    abandon(&run);
    assert_told(s, INTROSPECTION_CANCELLED, 1);
    abandon(&run);
    assert_told(s, INTROSPECTION_CANCELLED, 1);
}

static void test_one_whose_worker_died_is_cancelled_once(struct scene *s, const void *unused)
{
    leave(s);
    g_autoptr(job) j = take(s);
    struct job_run run = run_of(s, j);
    g_assert_true(queue_return(s->t.db, j, NULL));
    cancel(s);
    assert_told(s, INTROSPECTION_CANCELLED, 1);
    abandon(&run);
    assert_told(s, INTROSPECTION_CANCELLED, 1);
    g_assert_true(introspect_sweep.run(run.settings, s->t.db, NULL));
    g_assert_cmpint(access(s->copy, F_OK), !=, 0);
}

#define ADD(title, function)                                                                       \
    g_test_add("/introspect/run/" title, struct scene, NULL, setup, function, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("what a run left goes before the next one waits for its rate",
        test_what_a_run_left_goes_before_it_waits);
    ADD("those of a node take turns", test_those_of_a_node_take_turns);
    ADD("one that is about to begin is cancelled once",
        test_one_that_is_about_to_begin_is_cancelled_once);
    ADD("one whose worker died is cancelled once", test_one_whose_worker_died_is_cancelled_once);
    return g_test_run();
}

#include "worker/worker.h"

#include <string.h>
#include <unistd.h>

#include "../store/store-test.h"
#include "base/error.h"
#include "queue/upkeep.h"
#include "worker/process.h"

#define PATIENCE (60 * G_USEC_PER_SEC)

/* What kinds and duties of the tests have done; each test its own. */
static struct {
    gint runs, abandoned, cancelled, running, duty_runs, overlapping, on_duty;
} seen;

static enum job_outcome succeed(struct job_run *run, GError **error)
{
    bool mine;
    g_atomic_int_inc(&seen.runs);
    if (!queue_done(run->db, run->job, "{}", NULL, NULL, &mine, error))
        return JOB_FAILED;
    return mine ? JOB_DONE : JOB_DROPPED;
}

static enum job_outcome fail_always(struct job_run *run, GError **error)
{
    g_atomic_int_inc(&seen.runs);
    (void)fail(error, ASSAY_ERROR_IO, "the disk is away");
    return JOB_FAILED;
}

static enum job_outcome fail_for_good(struct job_run *run, GError **error)
{
    g_atomic_int_inc(&seen.runs);
    (void)fail(error, ASSAY_ERROR_DENIED, "not allowed");
    return JOB_FAILED;
}

/* Until it is not wanted any more. */
static enum job_outcome endure(struct job_run *run, GError **error)
{
    g_atomic_int_inc(&seen.runs);
    g_atomic_int_inc(&seen.running);
    run->progress(run, "{\"at\":1}");
    while (run->wanted(run))
        g_usleep(1000);
    (void)g_atomic_int_dec_and_test(&seen.running);
    (void)worker_stopped(error);
    return JOB_FAILED;
}

static bool abandon(struct job_run *run, const char *reason, GError **error)
{
    g_atomic_int_inc(reason != NULL ? &seen.abandoned : &seen.cancelled);
    return true;
}

static bool abandon_never(struct job_run *run, const char *reason, GError **error)
{
    g_atomic_int_inc(&seen.abandoned);
    return fail(error, ASSAY_ERROR_IO, "the storage is away");
}

static bool duty(const struct worker_settings *settings, struct sql *db, GError **error)
{
    if (g_atomic_int_add(&seen.on_duty, 1) > 0)
        g_atomic_int_inc(&seen.overlapping);
    g_usleep(20000);
    g_atomic_int_inc(&seen.duty_runs);
    (void)g_atomic_int_dec_and_test(&seen.on_duty);
    return true;
}

static const struct job_kind kinds_[] = { { "succeed", succeed, abandon },
                                          { "fail", fail_always, abandon },
                                          { "deny", fail_for_good, abandon },
                                          { "endure", endure, abandon },
                                          { "aside", endure, abandon, .threads = 2 },
                                          { "stuck", succeed, abandon_never } };
static const struct job_kind *const kinds[] = { &kinds_[0], &kinds_[1], &kinds_[2], &kinds_[3],
                                                &kinds_[4], &kinds_[5], NULL };
static const struct worker_duty test_duty = { .name = "test", .seconds = 1, .run = duty };
static const struct worker_duty *const duties[] = { &test_duty, NULL };
static const struct worker_duty *const no_duties[] = { NULL };

static struct worker_settings settings_of(const struct store_test *t)
{
    return (struct worker_settings){
        .store = t->url,
        .threads = 2,
        .limits = { .attempts = 3, .lease = 30 * G_USEC_PER_SEC, .backoff = 1000 }
    };
}

static void setup(struct store_test *t, const void *unused)
{
    memset(&seen, 0, sizeof seen);
    store_test_make(t);
}

static void teardown(struct store_test *t, const void *unused)
{
    store_test_close(t);
}

static char *add(struct store_test *t, const char *kind)
{
    GError *error = NULL;
    char *id = queue_add(t->db, kind, "p", "{}", NULL, &error);
    g_assert_no_error(error);
    return id;
}

static bool has(struct store_test *t, const char *id, const char *condition)
{
    g_autofree char *query = g_strdup_printf("SELECT 1 FROM job WHERE id = $1 AND %s", condition);
    g_autoptr(sql_rows) rows = sql_query(t->db, NULL, query, "s", id);
    return rows != NULL && sql_rows_next(rows, NULL);
}

static void wait_until(struct store_test *t, const char *id, const char *condition)
{
    gint64 until = g_get_monotonic_time() + PATIENCE;
    while (!has(t, id, condition)) {
        g_assert_cmpint(g_get_monotonic_time(), <, until);
        g_usleep(2000);
    }
}

static struct worker *start(const struct worker_settings *s, const struct worker_duty *const *d)
{
    GError *error = NULL;
    struct worker *w = worker_start(s, kinds, d, &error);
    g_assert_no_error(error);
    return w;
}

static void test_each_job_is_run_once(struct store_test *t, const void *unused)
{
    const struct worker_settings s = settings_of(t);
    g_autofree char *before = add(t, "succeed");
    struct worker *one = start(&s, no_duties), *two = start(&s, no_duties);
    g_autofree char *after = add(t, "succeed");
    worker_wake(one);
    wait_until(t, before, "state = 'done'");
    wait_until(t, after, "state = 'done' AND attempt = 1");
    g_assert_true(worker_stop(one, PATIENCE) && worker_stop(two, PATIENCE));
    g_assert_cmpint(seen.runs, ==, 2);
}

static void test_what_may_get_better_is_tried_again(struct store_test *t, const void *unused)
{
    const struct worker_settings s = settings_of(t);
    g_autofree char *better = add(t, "fail"), *never = add(t, "deny");
    struct worker *w = start(&s, no_duties);
    wait_until(t, better, "state = 'dead' AND attempt = 3 AND reason = 'the disk is away'");
    wait_until(t, never, "state = 'dead' AND attempt = 1 AND reason = 'not allowed'");
    wait_until(t, better, "cleared = 1");
    wait_until(t, never, "cleared = 1");
    g_assert_true(worker_stop(w, PATIENCE));
    g_assert_cmpint(seen.runs, ==, 4);
    g_assert_cmpint(seen.abandoned, >=, 2); /* twice is allowed */
}

static void test_a_job_of_unknown_kind_waits_for_another_program(struct store_test *t,
                                                                 const void *unused)
{
    struct worker_settings s = settings_of(t);
    s.limits.backoff = 600 * (int64_t)G_USEC_PER_SEC;
    g_autofree char *id = add(t, "newer");
    struct worker *w = start(&s, no_duties);
    wait_until(t, id, "attempt = 1 AND state = 'queued' AND reason LIKE '%newer%'");
    g_assert_true(worker_stop(w, PATIENCE));
}

static void wait_running(void)
{
    gint64 until = g_get_monotonic_time() + PATIENCE;
    while (g_atomic_int_get(&seen.running) == 0) {
        g_assert_cmpint(g_get_monotonic_time(), <, until);
        g_usleep(1000);
    }
}

static void test_a_cancelled_job_stops(struct store_test *t, const void *unused)
{
    GError *error = NULL;
    bool ended;
    const struct worker_settings s = settings_of(t);
    g_autofree char *id = add(t, "endure");
    struct worker *w = start(&s, no_duties);
    wait_running();
    g_assert_true(queue_cancel(t->db, id, &ended, &error));
    g_assert_false(ended);
    wait_until(t, id, "state = 'cancelled' AND cleared = 1");
    g_assert_true(worker_stop(w, PATIENCE));
    g_assert_cmpint(seen.cancelled, >=, 1);
    g_assert_cmpint(seen.abandoned, ==, 0);
}

static void test_a_worker_that_stops_gives_its_jobs_back(struct store_test *t, const void *unused)
{
    const struct worker_settings s = settings_of(t);
    g_autofree char *id = add(t, "endure");
    struct worker *w = start(&s, no_duties);
    wait_running();
    g_assert_true(worker_stop(w, PATIENCE));
    g_assert_true(has(t, id, "state = 'queued' AND attempt = 0"));
    g_assert_cmpint(seen.running, ==, 0);
}

static void test_a_kind_with_threads_of_its_own_keeps_none_from_others(struct store_test *t,
                                                                       const void *unused)
{
    struct worker_settings s = settings_of(t);
    s.threads = 1;
    s.limits.per_project = 2;
    for (int i = 0; i < 3; i++)
        g_free(add(t, "aside"));
    struct worker *w = start(&s, no_duties);
    gint64 until = g_get_monotonic_time() + PATIENCE;
    while (g_atomic_int_get(&seen.running) < 2) {
        g_assert_cmpint(g_get_monotonic_time(), <, until);
        g_usleep(1000);
    }
    g_autofree char *other = add(t, "succeed");
    worker_wake(w);
    wait_until(t, other, "state = 'done'");
    g_assert_cmpint(g_atomic_int_get(&seen.running), ==, 2);
    g_assert_true(worker_stop(w, PATIENCE));
}

static void test_a_job_that_was_taken_away_is_dropped(struct store_test *t, const void *unused)
{
    struct worker_settings s = settings_of(t);
    s.limits.lease = 3 * G_USEC_PER_SEC; /* a heartbeat each second */
    g_autofree char *id = add(t, "endure");
    struct worker *w = start(&s, no_duties);
    wait_running();
    wait_until(t, id, "progress = '{\"at\":1}'");
    g_assert_true(
        sql_run(t->db, NULL, NULL, "UPDATE job SET worker = 'other' WHERE id = $1", "s", id));
    gint64 until = g_get_monotonic_time() + PATIENCE;
    while (g_atomic_int_get(&seen.running) > 0) {
        g_assert_cmpint(g_get_monotonic_time(), <, until);
        g_usleep(1000);
    }
    g_assert_true(worker_stop(w, PATIENCE));
    g_assert_true(has(t, id, "state = 'running' AND worker = 'other'"));
}

/* More than a turn of the duty looks at; its next one is due at once. */
static void test_jobs_that_cannot_be_cleared_away_keep_no_others(struct store_test *t,
                                                                 const void *unused)
{
    const struct worker_settings s = settings_of(t);
    for (int i = 0; i < 50; i++)
        g_free(add(t, i % 2 == 0 ? "stuck" : "newer"));
    g_autofree char *last = add(t, "fail");
    g_assert_true(sql_run(t->db, NULL, NULL,
                          "UPDATE job SET state = 'dead', finished = $1, reason = 'over'", "i",
                          store_now()));
    struct worker *w = start(&s, no_duties);
    gint64 until = g_get_monotonic_time() + PATIENCE;
    while (!has(t, last, "cleared = 1")) {
        g_assert_cmpint(g_get_monotonic_time(), <, until);
        g_assert_true(sql_run(t->db, NULL, NULL, "UPDATE duty SET due = 0", ""));
        g_usleep(50000);
    }
    g_assert_true(worker_stop(w, PATIENCE));
    g_assert_true(has(t, last, "(SELECT count(*) FROM job WHERE cleared = 0) = 50"));
}

/* A process that has ended: its number may already be another's, but not its start. */
static void test_jobs_of_a_dead_process_go_back_at_once(struct store_test *t, const void *unused)
{
    const struct worker_settings s = settings_of(t);
    g_autofree char *prefix = process_name_prefix();
    g_autofree char *gone = g_strdup_printf("%s%d:1", prefix, (int)getpid());
    g_autofree char *id = add(t, "succeed"), *last = add(t, "succeed");
    static const char hold[] = "UPDATE job SET state = 'running', worker = $2, lease = $3,"
                               " attempt = $4 WHERE id = $1";
    int64_t lease = store_now() + 3600 * (int64_t)G_USEC_PER_SEC;
    g_assert_true(sql_run(t->db, NULL, NULL, hold, "ssii", id, gone, lease, (int64_t)1));
    g_assert_true(sql_run(t->db, NULL, NULL, hold, "ssii", last, gone, lease, (int64_t)3));
    struct worker *w = start(&s, no_duties);
    wait_until(t, id, "state = 'done' AND attempt = 2");
    wait_until(t, last, "state = 'dead' AND cleared = 1");
    g_assert_true(worker_stop(w, PATIENCE));
}

static void test_who_lives_is_known(struct store_test *t, const void *unused)
{
    g_autofree char *own = process_name(), *prefix = process_name_prefix();
    g_autofree char *reused = g_strdup_printf("%s%d:1", prefix, (int)getpid());
    g_autofree char *none = g_strdup_printf("%s%d:1", prefix, G_MAXINT - 1);
    g_assert_true(g_str_has_prefix(own, prefix));
    g_assert_false(process_has_ended(own));
    g_assert_true(process_has_ended(reused));
    g_assert_true(process_has_ended(none));
    g_assert_false(process_has_ended("somebody"));
    g_assert_false(process_has_ended("a:b:c:d"));
}

static void test_a_duty_is_done_by_one_at_a_time(struct store_test *t, const void *unused)
{
    const struct worker_settings s = settings_of(t);
    struct worker *one = start(&s, duties), *two = start(&s, duties);
    gint64 until = g_get_monotonic_time() + PATIENCE;
    while (g_atomic_int_get(&seen.duty_runs) < 2) {
        g_assert_cmpint(g_get_monotonic_time(), <, until);
        g_usleep(1000);
    }
    g_assert_true(worker_stop(one, PATIENCE) && worker_stop(two, PATIENCE));
    g_assert_cmpint(seen.overlapping, ==, 0);
}

#define TEST(name, f) g_test_add(name, struct store_test, NULL, setup, f, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST("/worker/each job is run once", test_each_job_is_run_once);
    TEST("/worker/what may get better is tried again", test_what_may_get_better_is_tried_again);
    TEST("/worker/a job of unknown kind waits for another program",
         test_a_job_of_unknown_kind_waits_for_another_program);
    TEST("/worker/a cancelled job stops", test_a_cancelled_job_stops);
    TEST("/worker/a worker that stops gives its jobs back",
         test_a_worker_that_stops_gives_its_jobs_back);
    TEST("/worker/a kind with threads of its own keeps none from others",
         test_a_kind_with_threads_of_its_own_keeps_none_from_others);
    TEST("/worker/a job that was taken away is dropped", test_a_job_that_was_taken_away_is_dropped);
    TEST("/worker/jobs of a dead process go back at once",
         test_jobs_of_a_dead_process_go_back_at_once);
    TEST("/worker/jobs that cannot be cleared away keep no others from it",
         test_jobs_that_cannot_be_cleared_away_keep_no_others);
    TEST("/worker/who lives is known", test_who_lives_is_known);
    TEST("/worker/a duty is done by one at a time", test_a_duty_is_done_by_one_at_a_time);
    return g_test_run();
}

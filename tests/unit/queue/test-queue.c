#include <string.h>

#include "../store/store-test.h"
#include "base/error.h"
#include "queue/queue.h"
#include "queue/upkeep.h"

static const struct queue_limits limits = {
    .attempts = 3,
    .lease = 60 * G_USEC_PER_SEC,
    .backoff = 1,
};
static const struct queue_limits hasty = { .attempts = 3, .lease = -1, .backoff = 1 };

static void setup(struct store_test *t, const void *unused)
{
    store_test_make(t);
}

static void teardown(struct store_test *t, const void *unused)
{
    store_test_close(t);
}

static char *add(struct store_test *t, const char *project, int64_t priority, const char *pool)
{
    GError *error = NULL;
    const struct job_options options = { .priority = priority, .pool = pool };
    char *id = queue_add(t->db, "introspect", project, "{}", &options, &error);
    g_assert_no_error(error);
    return id;
}

static struct job *take(struct store_test *t, const char *worker, const struct queue_limits *l)
{
    GError *error = NULL;
    struct job *j = queue_take(t->db, worker, l, &queue_whole, &error);
    g_assert_no_error(error);
    return j;
}

static char *column(struct store_test *t, const char *id, const char *name)
{
    g_autofree char *query = g_strdup_printf("SELECT %s FROM job WHERE id = $1", name);
    g_autoptr(sql_rows) rows = sql_query(t->db, NULL, query, "s", id);
    g_assert_true(sql_rows_next(rows, NULL));
    return g_strdup(sql_text(rows, 0));
}

static void assert_state(struct store_test *t, const char *id, const char *state)
{
    g_autofree char *is = column(t, id, "state");
    g_assert_cmpstr(is, ==, state);
}

static void assert_finished(struct store_test *t, const char *id, int64_t after)
{
    g_autofree char *is = column(t, id, "finished");
    g_assert_nonnull(is);
    g_assert_cmpint(g_ascii_strtoll(is, NULL, 10), >=, after);
}

static void test_who_goes_first(struct store_test *t, const void *unused)
{
    g_autofree char *a1 = add(t, "a", 0, NULL), *a2 = add(t, "a", 0, NULL);
    g_autofree char *b1 = add(t, "b", 0, NULL), *c1 = add(t, "c", JOB_PRIORITY_INTERACTIVE, NULL);
    /* priority, then age; then the project with less running */
    const char *const order[] = { c1, a1, b1, a2 };
    for (size_t i = 0; i < G_N_ELEMENTS(order); i++) {
        g_autoptr(job) j = take(t, "w", &limits);
        g_assert_cmpstr(j->id, ==, order[i]);
        g_assert_cmpuint(j->attempt, ==, 1);
    }
    g_assert_null(take(t, "w", &limits));
}

static void test_limits_hold_and_others_pass(struct store_test *t, const void *unused)
{
    const struct queue_limits one = {
        .attempts = 3, .lease = limits.lease, .backoff = 1, .per_project = 1, .per_pool = 2
    };
    g_autofree char *a1 = add(t, "a", 0, "ssd"), *a2 = add(t, "a", 0, "ssd");
    g_autofree char *b1 = add(t, "b", 0, "ssd"), *c1 = add(t, "c", 0, "ssd");
    g_autofree char *d1 = add(t, "d", 0, NULL);
    g_autoptr(job) first = take(t, "w", &one), second = take(t, "w", &one);
    g_autoptr(job) third = take(t, "w", &one);
    g_assert_cmpstr(first->id, ==, a1);
    g_assert_cmpstr(second->id, ==, b1); /* a2 waits for a1 */
    g_assert_cmpstr(third->id, ==, d1);  /* c1 for the pool */
    g_assert_null(take(t, "w", &one));
}

static char *add_alone(struct store_test *t, const char *alone)
{
    GError *error = NULL;
    const struct job_options options = { .alone = alone };
    char *id = queue_add(t->db, "introspect", "a", "{}", &options, &error);
    g_assert_no_error(error);
    return id;
}

static void end(struct store_test *t, const struct job *j)
{
    bool mine;
    g_assert_true(queue_done(t->db, j, "{}", NULL, NULL, &mine, NULL));
    g_assert_true(mine);
}

static void test_alone_means_one_after_the_other(struct store_test *t, const void *unused)
{
    g_autofree char *a1 = add_alone(t, "x"), *a2 = add_alone(t, "x"), *b = add_alone(t, "y");
    g_autofree char *c1 = add_alone(t, NULL), *c2 = add_alone(t, NULL);
    const char *const first[] = { a1, b, c1, c2 };
    g_autoptr(GPtrArray) taken = g_ptr_array_new_with_free_func((GDestroyNotify)job_free);
    for (size_t i = 0; i < G_N_ELEMENTS(first); i++) {
        struct job *j = take(t, i % 2 ? "w" : "other", &limits);
        g_assert_nonnull(j);
        g_ptr_array_add(taken, j);
        g_assert_cmpstr(j->id, ==, first[i]);
    }
    g_assert_null(take(t, "w", &limits)); /* a2 waits for a1 */
    assert_state(t, a2, "queued");
    end(t, g_ptr_array_index(taken, 0));
    g_autoptr(job) second = take(t, "w", &limits);
    g_assert_cmpstr(second->id, ==, a2);
}

static void test_who_was_alone_and_died_keeps_nobody_waiting(struct store_test *t,
                                                             const void *unused)
{
    GError *error = NULL;
    bool mine;
    g_autofree char *a1 = add_alone(t, "x"), *a2 = add_alone(t, "x");
    g_autoptr(job) lost = take(t, "w", &hasty);
    g_assert_cmpstr(lost->id, ==, a1);
    g_assert_null(take(t, "other", &limits));
    g_assert_true(queue_recover(t->db, &limits, NULL, &error));
    g_autoptr(job) again = take(t, "other", &limits);
    g_assert_cmpstr(again->id, ==, a1);
    g_assert_null(take(t, "other", &limits));
    /* One that waits for its time is not in the way of those whose time has come. */
    g_assert_true(queue_postpone(t->db, again, store_now() + limits.lease, &mine, &error));
    g_assert_true(mine);
    g_autoptr(job) other = take(t, "other", &limits);
    g_assert_cmpstr(other->id, ==, a2);
}

static bool leave_a_mark(struct sql *db, void *user, GError **error)
{
    return sql_run(db, NULL, error, "UPDATE job SET progress = 'marked' WHERE id = $1", "s", user);
}

static void test_the_end_and_its_effects_are_one(struct store_test *t, const void *unused)
{
    GError *error = NULL;
    bool mine;
    g_autofree char *id = add(t, "a", 0, NULL);
    g_autoptr(job) j = take(t, "w", &limits);
    g_assert_true(queue_done(t->db, j, "{\"x\":1}", leave_a_mark, id, &mine, &error));
    g_assert_true(mine);
    assert_state(t, id, "done");
    g_autofree char *mark = column(t, id, "progress");
    g_assert_cmpstr(mark, ==, "marked");
    g_assert_true(queue_done(t->db, j, "{}", leave_a_mark, (void *)"nobody", &mine, &error));
    g_assert_false(mine);
}

static void test_a_lost_lease_goes_to_another(struct store_test *t, const void *unused)
{
    GError *error = NULL;
    uint64_t count;
    bool mine;
    g_autofree char *id = add(t, "a", 0, NULL);
    g_autoptr(job) lost = take(t, "w1", &hasty);
    g_assert_true(queue_recover(t->db, &limits, &count, &error));
    g_assert_cmpuint(count, ==, 1);
    g_autoptr(job) again = take(t, "w2", &limits);
    g_assert_cmpstr(again->id, ==, id);
    g_assert_cmpuint(again->attempt, ==, 2);
    g_assert_true(queue_heartbeat(t->db, lost, &limits, NULL, &mine, &error));
    g_assert_false(mine);
    g_assert_true(queue_done(t->db, lost, "{}", NULL, NULL, &mine, &error));
    g_assert_false(mine);
    g_assert_true(queue_heartbeat(t->db, again, &limits, "{\"bytes\":1}", &mine, &error));
    g_assert_true(mine);
    g_assert_true(queue_recover(t->db, &limits, &count, &error));
    g_assert_cmpuint(count, ==, 0);
}

static void test_a_failing_job_dies_with_its_reason(struct store_test *t, const void *unused)
{
    GError *error = NULL;
    g_autofree char *id = add(t, "a", 0, NULL);
    for (unsigned i = 1; i <= limits.attempts; i++) {
        g_autoptr(job) j = NULL;
        while (j == NULL) /* the wait before another run is a microsecond here */
            j = take(t, "w", &limits);
        g_assert_cmpuint(j->attempt, ==, i);
        g_assert_true(queue_failed(t->db, j, &limits, "the pool is gone", true, &error));
        assert_state(t, id, i < limits.attempts ? "queued" : "dead");
    }
    g_autofree char *reason = column(t, id, "reason");
    g_assert_cmpstr(reason, ==, "the pool is gone");
    g_autofree char *other = add(t, "a", 0, NULL);
    g_autoptr(job) j = take(t, "w", &limits);
    g_assert_true(queue_failed(t->db, j, &limits, "no such node", false, &error));
    assert_state(t, other, "dead");
}

static void test_workers_that_vanish_three_times_end_a_job(struct store_test *t, const void *unused)
{
    GError *error = NULL;
    g_autofree char *id = add(t, "a", 0, NULL);
    for (unsigned i = 0; i < limits.attempts; i++) {
        g_autoptr(job) j = take(t, "w", &hasty);
        g_assert_nonnull(j);
        g_assert_true(queue_recover(t->db, &limits, NULL, &error));
    }
    assert_state(t, id, "dead");
    g_autofree char *reason = column(t, id, "reason");
    g_assert_nonnull(strstr(reason, "w did not answer"));
}

static void test_cancel(struct store_test *t, const void *unused)
{
    GError *error = NULL;
    bool mine, ended;
    const int64_t begun = store_now();
    g_autofree char *waiting = add(t, "a", 0, NULL), *running = NULL;
    g_assert_true(queue_cancel(t->db, waiting, &ended, &error));
    g_assert_true(ended);
    assert_state(t, waiting, "cancelled");
    g_assert_false(queue_cancel(t->db, waiting, &ended, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND);
    g_clear_error(&error);
    running = add(t, "a", 0, NULL);
    g_autoptr(job) j = take(t, "w", &limits);
    g_assert_true(queue_cancel(t->db, running, &ended, &error));
    g_assert_false(ended);
    assert_state(t, running, "running");
    g_assert_true(queue_heartbeat(t->db, j, &limits, NULL, &mine, &error));
    g_assert_false(mine);
    g_assert_true(queue_failed(t->db, j, &limits, "cancelled", true, &error));
    assert_state(t, running, "cancelled");
    assert_finished(t, running, begun);
}

static void test_what_is_cancelled_and_given_back_has_ended(struct store_test *t,
                                                            const void *unused)
{
    GError *error = NULL;
    bool mine, ended;
    const int64_t begun = store_now();
    g_autofree char *returned = add(t, "a", 0, NULL), *postponed = add(t, "a", 0, NULL);
    g_autoptr(job) first = take(t, "w", &limits), second = take(t, "w", &limits);
    g_assert_true(queue_cancel(t->db, returned, &ended, &error));
    g_assert_true(queue_cancel(t->db, postponed, &ended, &error));
    g_assert_true(queue_return(t->db, first, &error));
    g_assert_true(queue_postpone(t->db, second, begun + limits.lease, &mine, &error));
    assert_finished(t, returned, begun);
    assert_finished(t, postponed, begun);
    /* And is forgotten some time after that. */
    g_assert_true(queue_cleared(t->db, returned, &error));
    g_assert_true(queue_cleared(t->db, postponed, &error));
    g_assert_true(queue_expire(t->db, limits.lease, &error));
    assert_state(t, returned, "cancelled");
    assert_state(t, postponed, "cancelled");
    g_assert_true(queue_expire(t->db, -limits.lease, &error));
    g_autoptr(sql_rows) left = sql_query(t->db, &error, "SELECT id FROM job", "");
    g_assert_false(sql_rows_next(left, &error));
    g_assert_no_error(error);
}

static void test_what_a_stopping_worker_returns_was_not_run(struct store_test *t,
                                                            const void *unused)
{
    GError *error = NULL;
    g_autofree char *id = add(t, "a", 0, NULL);
    g_autoptr(job) j = take(t, "w", &limits);
    g_assert_true(queue_return(t->db, j, &error));
    g_autoptr(job) again = take(t, "w", &limits);
    g_assert_cmpstr(again->id, ==, id);
    g_assert_cmpuint(again->attempt, ==, 1);
}

static void test_a_postponed_job_waits_for_its_time(struct store_test *t, const void *unused)
{
    GError *error = NULL;
    bool mine;
    g_autofree char *id = add(t, "a", 0, NULL);
    g_autoptr(job) j = take(t, "w", &limits);
    const int64_t due = store_now() + limits.lease;
    g_assert_true(queue_postpone(t->db, j, due, &mine, &error));
    g_assert_no_error(error);
    g_assert_true(mine);
    g_autofree char *is = column(t, id, "due"), *was = g_strdup_printf("%" G_GINT64_FORMAT, due);
    g_assert_cmpstr(is, ==, was);
    g_assert_null(take(t, "w", &limits));
    g_assert_true(queue_postpone(t->db, j, 1, &mine, &error));
    g_assert_false(mine); /* it is not held any more */
    g_assert_true(queue_urge(t->db, id, 0, &error));
    g_autoptr(job) again = take(t, "w", &limits);
    g_assert_cmpuint(again->attempt, ==, 1);
}

#define WORKERS 4
#define JOBS    60

static gpointer worker(gpointer data)
{
    GError *error = NULL;
    g_autoptr(sql) db = store_open(data, &error);
    g_assert_no_error(error);
    guint taken = 0;
    for (;;) {
        bool mine;
        g_autoptr(job) j = queue_take(db, "w", &limits, &queue_whole, &error);
        g_assert_no_error(error);
        if (j == NULL)
            return GUINT_TO_POINTER(taken);
        g_assert_cmpuint(j->attempt, ==, 1);
        g_assert_true(queue_done(db, j, "{}", NULL, NULL, &mine, &error));
        g_assert_true(mine);
        taken++;
    }
}

static void test_each_job_is_taken_once(struct store_test *t, const void *unused)
{
    GThread *threads[WORKERS];
    guint taken = 0;
    for (int i = 0; i < JOBS; i++)
        g_free(add(t, i % 2 ? "a" : "b", 0, NULL));
    for (int i = 0; i < WORKERS; i++)
        threads[i] = g_thread_new("worker", worker, t->url);
    for (int i = 0; i < WORKERS; i++)
        taken += GPOINTER_TO_UINT(g_thread_join(threads[i]));
    g_assert_cmpuint(taken, ==, JOBS);
}

#define ADD(name, func) g_test_add("/queue: " name, struct store_test, NULL, setup, func, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("who goes first", test_who_goes_first);
    ADD("limits hold and others pass", test_limits_hold_and_others_pass);
    ADD("those that are to be alone run one after the other", test_alone_means_one_after_the_other);
    ADD("one that was alone and died keeps nobody waiting",
        test_who_was_alone_and_died_keeps_nobody_waiting);
    ADD("the end and its effects are one", test_the_end_and_its_effects_are_one);
    ADD("a lost lease goes to another", test_a_lost_lease_goes_to_another);
    ADD("a failing job dies with its reason", test_a_failing_job_dies_with_its_reason);
    ADD("workers that vanish three times end a job",
        test_workers_that_vanish_three_times_end_a_job);
    ADD("cancel", test_cancel);
    ADD("what is cancelled and given back has ended",
        test_what_is_cancelled_and_given_back_has_ended);
    ADD("what a stopping worker returns was not run",
        test_what_a_stopping_worker_returns_was_not_run);
    ADD("a postponed job waits for its time", test_a_postponed_job_waits_for_its_time);
    ADD("each job is taken once", test_each_job_is_taken_once);
    return g_test_run();
}

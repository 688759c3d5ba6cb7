/* With ASSAY_TEST_BROKER=amqp://... also over that broker (tests/e2e/test_broker.py). */
#include "config.h"

#include <string.h>

#include "../store/store-test.h"
#include "base/error.h"
#include "queue/broker.h"
#include "queue/feed.h"
#include "queue/outbox.h"

static const struct queue_limits limits = {
    .attempts = 3,
    .lease = 60 * G_USEC_PER_SEC,
    .backoff = 1,
};
static const struct queue_limits one_a_project = {
    .per_project = 1,
    .attempts = 3,
    .lease = 60 * G_USEC_PER_SEC,
    .backoff = 1,
};

static void setup(struct store_test *t, const void *unused)
{
    store_test_make(t);
}

static void teardown(struct store_test *t, const void *unused)
{
    store_test_close(t);
}

static char *add_alone(struct store_test *t, const char *project, int64_t due, const char *alone)
{
    GError *error = NULL;
    const struct job_options options = { .due = due, .alone = alone };
    char *id = queue_add(t->db, "introspect", project, "{}", &options, &error);
    g_assert_no_error(error);
    return id;
}

static char *add(struct store_test *t, const char *project, int64_t due)
{
    return add_alone(t, project, due, NULL);
}

static struct job *take(struct store_test *t, const struct queue_limits *l)
{
    GError *error = NULL;
    struct job *j = queue_take(t->db, "w", l, &queue_whole, &error);
    g_assert_no_error(error);
    return j;
}

static GPtrArray *claim(struct store_test *t, guint expected)
{
    GError *error = NULL;
    GPtrArray *ids = outbox_claim(t->db, 10, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(ids->len, ==, expected);
    return ids;
}

static void settle(struct store_test *t, GPtrArray *ids, bool told)
{
    GError *error = NULL;
    g_assert_true(outbox_settle(t->db, ids, told, &error));
    g_assert_no_error(error);
    g_ptr_array_unref(ids);
}

static void test_told_once(struct store_test *t, const void *unused)
{
    g_autofree char *id = add(t, "a", 0);
    g_autofree char *later = add(t, "a", store_now() + G_USEC_PER_SEC * INT64_C(3600));
    GPtrArray *first = claim(t, 1);
    g_assert_cmpstr(g_ptr_array_index(first, 0), ==, id);
    g_ptr_array_unref(claim(t, 0)); /* another relay at the same time */
    settle(t, first, false);
    settle(t, claim(t, 1), true);
    g_ptr_array_unref(claim(t, 0));
}

static void test_told_again_when_given_back(struct store_test *t, const void *unused)
{
    GError *error = NULL;
    g_autofree char *id = add(t, "a", 0);
    settle(t, claim(t, 1), true);
    g_autoptr(job) j = take(t, &limits);
    g_assert_true(queue_return(t->db, j, &error));
    GPtrArray *claimed = claim(t, 1);
    /* Taken, failed and waiting again before the broker confirms: it has to be told once more. */
    g_autoptr(job) again = take(t, &limits);
    g_assert_true(queue_failed(t->db, again, &limits, "broken", true, &error));
    settle(t, claimed, true);
    g_usleep(1000); /* the back-off of a microsecond is over */
    settle(t, claim(t, 1), true);
}

static void test_overdue(struct store_test *t, const void *unused)
{
    GError *error = NULL;
    g_autofree char *a = add(t, "a", 0), *b = add(t, "a", 0), *c = add(t, "b", 0);
    settle(t, claim(t, 3), true);
    g_autoptr(job) running = take(t, &one_a_project);
    g_assert_cmpstr(running->id, ==, a);
    g_autoptr(GPtrArray) found = outbox_overdue(t->db, &one_a_project, -1, 10, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(found->len, ==, 1); /* b waits for a */
    g_assert_cmpstr(g_ptr_array_index(found, 0), ==, c);
    g_autoptr(GPtrArray) fresh = outbox_overdue(t->db, &limits, 60 * G_USEC_PER_SEC, 10, &error);
    g_assert_cmpuint(fresh->len, ==, 0);
}

static void test_overdue_only_when_it_can_be_taken(struct store_test *t, const void *unused)
{
    GError *error = NULL;
    g_autofree char *a = add_alone(t, "a", 0, "x"), *b = add_alone(t, "b", 0, "x");
    settle(t, claim(t, 2), true);
    g_autoptr(job) running = take(t, &limits);
    g_assert_cmpstr(running->id, ==, a);
    g_autoptr(GPtrArray) kept_back = outbox_overdue(t->db, &limits, -1, 10, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(kept_back->len, ==, 0);
    g_assert_true(queue_failed(t->db, running, &limits, "broken", false, &error));
    g_autoptr(GPtrArray) found = outbox_overdue(t->db, &limits, -1, 10, &error);
    g_assert_cmpuint(found->len, ==, 1);
    g_assert_cmpstr(g_ptr_array_index(found, 0), ==, b);
}

static void test_urls(void)
{
    static const char *const good[] = { "amqp://h", "amqps://u:p%40w@h:5671/v%2Fx", "amqp://[::1]/",
                                        "amqps://h/?cacertfile=/a" };
    static const char *const bad[] = { "http://h",
                                       "amqp:",
                                       "amqp://",
                                       "amqp://u:p@/v",
                                       "amqp://h:99999",
                                       "amqp://h/?cacertfile=/a",
                                       "amqps://h/?certfile=/a",
                                       "amqps://h/?verify=none" };
    for (size_t i = 0; HAVE_RABBITMQ && i < G_N_ELEMENTS(good); i++) {
        GError *error = NULL;
        g_assert_true(broker_check(good[i], &error));
        g_assert_no_error(error);
    }
    for (size_t i = 0; HAVE_RABBITMQ && i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(broker_check(bad[i], &error));
        g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_INVALID);
    }
    g_autoptr(GError) error = NULL;
    g_assert_null(broker_open("amqp://me:secret@127.0.0.1:1/", &error));
    g_assert_nonnull(error);
    g_assert_null(strstr(error->message, "secret"));
}

/* --- threads that wait -------------------------------------------------------------------------
 */

struct crowd {
    struct feed *feed;
    const char *store;
    const struct queue_limits *limits;
    gint done; /* atomic: jobs that were run */
    gint wanted;
};

static void *worker(void *user)
{
    struct crowd *c = user;
    struct feed_ticket t = { 0 };
    GError *error = NULL;
    g_autoptr(sql) db = sql_open(c->store, &error);
    g_assert_no_error(error);
    while (feed_wait(c->feed, &t)) {
        struct job *j;
        while ((j = queue_take(db, "w", c->limits, &queue_whole, &error)) != NULL) {
            bool mine;
            g_assert_true(queue_done(db, j, "{}", NULL, NULL, &mine, &error));
            g_assert_true(mine);
            job_free(j);
            if (g_atomic_int_add(&c->done, 1) + 1 == c->wanted)
                feed_stop(c->feed);
        }
        g_assert_no_error(error);
    }
    return NULL;
}

static void run_all(struct store_test *t, const char *broker, const struct queue_limits *l,
                    gint jobs)
{
    GThread *threads[3];
    GError *error = NULL;
    const struct feed_options o = {
        .store = t->url, .broker = broker, .threads = G_N_ELEMENTS(threads), .limits = l
    };
    struct crowd c = { .store = t->url, .limits = l, .wanted = jobs };
    for (gint i = 0; i < jobs / 2; i++)
        g_free(add(t, i % 2 ? "a" : "b", 0));
    c.feed = feed_start(&o, &error);
    g_assert_no_error(error);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("worker", worker, &c);
    for (gint i = jobs / 2; i < jobs; i++) {
        g_free(add(t, i % 2 ? "a" : "b", 0));
        feed_wake(c.feed);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        (void)g_thread_join(threads[i]);
    g_assert_cmpint(c.done, ==, jobs);
    feed_free(c.feed);
}

static void test_without_broker(struct store_test *t, const void *unused)
{
    run_all(t, NULL, &limits, 20);
}

static void test_unreachable(struct store_test *t, const void *unused)
{
    if (HAVE_RABBITMQ)
        run_all(t, "amqp://127.0.0.1:1/", &limits, 20);
}

static void test_broker(struct store_test *t, const void *l)
{
    if (g_getenv("ASSAY_TEST_BROKER") == NULL)
        g_test_skip("ASSAY_TEST_BROKER is not set");
    else
        run_all(t, g_getenv("ASSAY_TEST_BROKER"), l, 60);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(title, test) g_test_add(title, struct store_test, &limits, setup, test, teardown)
    ADD("/feed/a broker is told once of each job that is due", test_told_once);
    ADD("/feed/a broker is told again of a job that was given back or failed",
        test_told_again_when_given_back);
    ADD("/feed/jobs that could be taken and are still there are found, those at limits are not",
        test_overdue);
    ADD("/feed/jobs that wait for one that is to be alone are not found",
        test_overdue_only_when_it_can_be_taken);
    g_test_add_func("/feed/a broker's URL is checked, and its password is in no message",
                    test_urls);
    ADD("/feed/without a broker threads ask the store when they are woken", test_without_broker);
    ADD("/feed/with a broker that cannot be reached they ask it, too", test_unreachable);
    ADD("/feed/threads get all jobs by the broker's messages", test_broker);
    g_test_add("/feed/jobs that wait for limits are not forgotten", struct store_test,
               &one_a_project, setup, test_broker, teardown);
    return g_test_run();
}

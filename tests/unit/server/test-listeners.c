#include "server/listeners.h"

#include "../store/store-test.h"
#include "store/projects.h"
#include "store/users.h"

struct bench {
    struct store_test store;
    struct listeners *all;
    char *project, *other, *account, *token;
    struct caller caller;
};

/* Hears everything, and remembers it. */
struct ear {
    struct listener listener; /* first */
    struct bench *bench;
    GString *heard; /* data of events, one a line */
    bool valid, sees, sees_other;
};

static bool ear_heard(struct listener *self, const struct event *e)
{
    struct ear *x = (struct ear *)self;
    g_string_append_printf(x->heard, "%s\n", e->data);
    return false;
}

static bool ear_tick(struct listener *self, int64_t now)
{
    struct ear *x = (struct ear *)self;
    x->valid = self->sight->valid;
    x->sees = g_hash_table_contains(self->sight->projects, x->bench->project);
    x->sees_other = g_hash_table_contains(self->sight->projects, x->bench->other);
    return false;
}

static void setup(struct bench *b, const void *unused)
{
    GError *error = NULL;
    const struct project_values one = { .name = "one", .description = "" };
    const struct project_values two = { .name = "two", .description = "" };
    bool made;
    store_test_make(&b->store);
    b->project = project_create(b->store.db, &one, &error);
    b->other = project_create(b->store.db, &two, &error);
    b->account = user_create(b->store.db, "ann", NULL, "", &error);
    g_assert_true(member_set(b->store.db, b->project, b->account, ROLE_VIEWER, &made, &error));
    const struct token_new new = { .account = b->account, .name = "t", .scopes = SCOPE_READ };
    g_autofree char *secret = token_create(b->store.db, &new, &b->token, &error);
    g_assert_no_error(error);
    b->all = listeners_new(b->store.url);
}

static void teardown(struct bench *b, const void *unused)
{
    listeners_free(b->all);
    store_test_close(&b->store);
    g_free(b->project);
    g_free(b->other);
    g_free(b->account);
    g_free(b->token);
}

static void ear_open(struct ear *x, struct bench *b)
{
    GError *error = NULL;
    *x = (struct ear){ .bench = b, .heard = g_string_new(NULL) };
    x->listener = (struct listener){ .heard = ear_heard, .tick = ear_tick, .token = b->token };
    g_assert_true(listeners_join(b->all, b->store.db, &x->listener, &error));
}

static void ear_close(struct ear *x)
{
    listeners_leave(x->bench->all, &x->listener);
    g_string_free(x->heard, TRUE);
}

static void wait_for(struct ear *x, const char *heard)
{
    int64_t deadline = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    for (bool same = false; !same; g_usleep(10000)) {
        listeners_lock(x->bench->all);
        same = g_str_equal(x->heard->str, heard);
        listeners_unlock(x->bench->all);
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
    }
}

static void add(struct sql *db, const char *id, const char *project, const char *data)
{
    GError *error = NULL;
    (void)sql_run(db, NULL, &error,
                  "INSERT INTO event (id, project, kind, data, time) VALUES ($1, $2, 'k', $3, $4)",
                  "sssi", id, project, data, store_now());
    g_assert_no_error(error);
}

static void test_events_are_heard_once_from_joining_on(struct bench *b, const void *unused)
{
    GError *error = NULL;
    struct ear early, late;
    g_assert_true(event_add(b->store.db, b->project, "k", "before", &error));
    ear_open(&early, b);
    g_assert_true(event_add(b->store.db, b->project, "k", "1", &error));
    wait_for(&early, "1\n");
    ear_open(&late, b);
    g_assert_true(event_add(b->store.db, b->project, "k", "2", &error));
    wait_for(&early, "1\n2\n");
    wait_for(&late, "2\n");
    ear_close(&early);
    ear_close(&late);
    g_assert_true(event_add(b->store.db, b->project, "k", "while nobody listens", &error));
    ear_open(&late, b);
    g_assert_true(event_add(b->store.db, b->project, "k", "3", &error));
    wait_for(&late, "3\n");
    ear_close(&late);
}

static void test_an_event_that_appears_behind_younger_ones_is_heard(struct bench *b,
                                                                    const void *unused)
{
    GError *error = NULL;
    struct ear x;
    g_autoptr(sql) slow = sql_open(b->store.url, &error);
    g_autofree char *older = store_id_new(), *younger = store_id_at(store_now() + 2000);
    bool together = g_str_equal(sql_dialect(slow), "postgresql");
    ear_open(&x, b);
    /* SQLite lets one write at a time: there only clocks that differ make such a thing. */
    if (together) {
        g_assert_true(sql_script(slow, "BEGIN", &error));
        add(slow, older, b->project, "older");
    }
    add(b->store.db, younger, b->project, "younger");
    wait_for(&x, "younger\n");
    if (together)
        g_assert_true(sql_script(slow, "COMMIT", &error));
    else
        add(slow, older, b->project, "older");
    wait_for(&x, "younger\nolder\n");
    g_assert_true(event_add(b->store.db, b->project, "k", "last", &error));
    wait_for(&x, "younger\nolder\nlast\n");
    ear_close(&x);
}

static void wait_for_sight(struct ear *x, bool valid, bool sees, bool sees_other)
{
    int64_t deadline = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    for (bool same = false; !same; g_usleep(10000)) {
        listeners_lock(x->bench->all);
        same = x->valid == valid && x->sees == sees && x->sees_other == sees_other;
        listeners_unlock(x->bench->all);
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
    }
}

static void test_what_a_listener_sees_follows_its_rights(struct bench *b, const void *unused)
{
    GError *error = NULL;
    struct ear x;
    bool made;
    ear_open(&x, b);
    wait_for_sight(&x, true, true, false);
    g_assert_true(member_set(b->store.db, b->other, b->account, ROLE_OWNER, &made, &error));
    g_assert_true(member_delete(b->store.db, b->project, b->account, &error));
    /* With the event, at the latest. */
    g_assert_true(event_add(b->store.db, b->other, "k", "1", &error));
    wait_for(&x, "1\n");
    wait_for_sight(&x, true, false, true);
    g_assert_true(token_delete(b->store.db, b->account, b->token, &error));
    wait_for_sight(&x, false, false, false);
    ear_close(&x);
}

static void test_identifiers_tell_their_time(void)
{
    int64_t now = store_now(), time;
    g_autofree char *id = store_id_new(), *at = store_id_at(now);
    g_assert_true(store_id_time(id, &time));
    g_assert_cmpint(time, >=, now - 1000);
    g_assert_cmpstr(at, <=, id);
    g_assert_true(store_id_time(at, &time));
    g_assert_cmpint(time, ==, now / 1000 * 1000);
    g_assert_false(store_id_time("", &time));
    g_assert_false(store_id_time("01M7YP88J3BDZ6D98XQ4F5JY1", &time));
    g_assert_false(store_id_time("01M7YP88J3BDZ6D98XQ4F5JY1I", &time));
    g_assert_false(store_id_time("81M7YP88J3BDZ6D98XQ4F5JY18", &time));
}

#define ADD(title, function)                                                                       \
    g_test_add("/server/listeners/" title, struct bench, NULL, setup, function, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("events are heard once, from joining on", test_events_are_heard_once_from_joining_on);
    ADD("an event that appears behind younger ones is heard",
        test_an_event_that_appears_behind_younger_ones_is_heard);
    ADD("what a listener sees follows its rights", test_what_a_listener_sees_follows_its_rights);
    g_test_add_func("/server/listeners/identifiers tell their time",
                    test_identifiers_tell_their_time);
    return g_test_run();
}

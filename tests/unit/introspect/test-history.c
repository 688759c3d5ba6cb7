#include "../store/store-test.h"

#include "introspect/introspect.h"
#include "store/drops.h"
#include "store/events.h"
#include "store/frames.h"
#include "store/projects.h"

#define DAY (24 * 3600 * (int64_t)G_USEC_PER_SEC)

struct scene {
    struct store_test t;
    char *project;
    struct thing *node;
    unsigned old; /* introspections that were made long ago */
};

static void setup(struct scene *s, const void *unused)
{
    GError *error = NULL;
    const struct project_values p = { .name = "p" };
    const struct thing_values v = {
        .name = "n", .where = "[\"/disk\"]", .kind = "own", .labels = "{}", .schedule = "1h"
    };
    store_test_make(&s->t);
    s->project = project_create(s->t.db, &p, &error);
    g_autofree char *node = thing_create(s->t.db, THING_NODE, s->project, &v, &error);
    g_assert_no_error(error);
    s->node = thing_find(s->t.db, THING_NODE, &caller_service, s->project, node, &error);
    g_assert_no_error(error);
}

static void teardown(struct scene *s, const void *unused)
{
    thing_free(s->node);
    g_free(s->project);
    store_test_close(&s->t);
}

static void run(struct scene *s, int64_t events, int64_t introspections)
{
    GError *error = NULL;
    const struct worker_settings settings = { .events_kept = events,
                                              .introspections_kept = introspections };
    g_assert_true(introspect_history.run(&settings, s->t.db, &error));
    g_assert_no_error(error);
}

static int64_t count(struct scene *s, const char *table)
{
    int64_t n;
    g_autofree char *statement = g_strdup_printf("SELECT count(*) FROM %s", table);
    g_assert_true(sql_numbers(s->t.db, &n, 1, NULL, statement, ""));
    return n;
}

static void add_events(struct scene *s, unsigned number)
{
    GError *error = NULL;
    g_assert_true(sql_script(s->t.db, "BEGIN", NULL));
    for (unsigned i = 0; i < number; i++)
        g_assert_true(event_add(s->t.db, s->project, "introspection.queued", "{}", &error));
    g_assert_true(sql_script(s->t.db, "COMMIT", NULL));
}

static void test_old_events_go(struct scene *s, const void *unused)
{
    add_events(s, 1010);
    g_assert_true(
        sql_run(s->t.db, NULL, NULL, "UPDATE event SET time = $1", "i", store_now() - 2 * DAY));
    add_events(s, 3);
    run(s, 0, 0);
    g_assert_cmpint(count(s, "event"), ==, 1013);
    run(s, 3 * DAY, 0);
    g_assert_cmpint(count(s, "event"), ==, 1013);
    run(s, DAY, 0);
    g_assert_cmpint(count(s, "event"), ==, 3);
}

/* One that was made long ago, each a second after the one before; finished 0: it has not ended. */
static char *add_old(struct scene *s, const char *state, int64_t finished, const char *handles)
{
    GError *error = NULL;
    const struct introspection_wish wish = { .kind = THING_NODE,
                                             .thing = s->node,
                                             .requested_by = "test" };
    int64_t made = (1000 + ++s->old) * (int64_t)G_USEC_PER_SEC;
    g_autofree char *now = introspection_add(s->t.db, &wish, &error);
    char *id = store_id_at(made);
    g_assert_true(sql_run(s->t.db, NULL, &error,
                          "UPDATE introspection SET id = $2, created = $3, state = $4,"
                          " finished = $5, handles = $6 WHERE id = $1",
                          "ssisis", now, id, made, state, finished, handles));
    return id;
}

static bool is_there(struct scene *s, const char *id)
{
    g_autoptr(introspection) i = introspection_find(s->t.db, &caller_service, id, NULL);
    return i != NULL;
}

static char *keep_frame(struct scene *s, const char *introspection)
{
    GError *error = NULL;
    const struct kept_frame_values values = { .kind = THING_NODE,
                                              .thing = s->node,
                                              .introspection = introspection,
                                              .locations = "[]",
                                              .identities = "[]" };
    g_autoptr(kept_frame_body) body = kept_frame_pack("{}", 2, &error);
    char *id = kept_frame_add(s->t.db, &values, body, &error);
    g_assert_no_error(error);
    return id;
}

static void test_old_introspections_go_but_what_is_needed_stays(struct scene *s, const void *unused)
{
    const int64_t ended = 2000 * (int64_t)G_USEC_PER_SEC;
    g_autofree char *framed = add_old(s, "done", ended, "[]");
    g_autofree char *plain = add_old(s, "done", ended, "[]");
    g_autofree char *recent = add_old(s, "failed", store_now(), "[]");
    g_autofree char *left = add_old(s, "failed", ended, "[{\"driver\":\"gone\"}]");
    g_autofree char *late = add_old(s, "failed", ended, "[]");
    g_autofree char *last = add_old(s, "cancelled", ended, "[]");
    g_autofree char *runs = add_old(s, "running", 0, "[]");
    g_autofree char *frame = keep_frame(s, framed);
    g_assert_true(late_drop_add(s->t.db, late, "[{\"driver\":\"file\"}]", NULL));
    run(s, 0, 0);
    g_assert_cmpint(count(s, "introspection"), ==, 7);
    run(s, 0, DAY);
    g_assert_cmpint(count(s, "introspection"), ==, 6);
    g_assert_false(is_there(s, plain));
    /* When its reason to stay has gone, it goes. */
    g_assert_true(sql_run(s->t.db, NULL, NULL, "DELETE FROM frame WHERE id = $1", "s", frame));
    g_assert_true(sql_run(s->t.db, NULL, NULL, "DELETE FROM late_drop", ""));
    run(s, 0, DAY);
    g_assert_cmpint(count(s, "introspection"), ==, 4);
    g_assert_true(is_there(s, recent) && is_there(s, left) && is_there(s, last) &&
                  is_there(s, runs));
    g_assert_true(thing_delete(s->t.db, THING_NODE, s->project, s->node->id, 0, NULL));
    run(s, 0, DAY);
    g_assert_false(is_there(s, last));
    g_assert_cmpint(count(s, "introspection"), ==, 3);
}

static void test_as_many_as_there_are(struct scene *s, const void *unused)
{
    g_assert_true(sql_script(s->t.db, "BEGIN", NULL));
    for (int i = 0; i < 1010; i++)
        g_free(add_old(s, "done", DAY, "[]"));
    g_assert_true(sql_script(s->t.db, "COMMIT", NULL));
    run(s, 0, DAY);
    g_assert_cmpint(count(s, "introspection"), ==, 1);
}

#define ADD(title, function)                                                                       \
    g_test_add("/introspect/history/" title, struct scene, NULL, setup, function, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("events are kept as long as the settings say", test_old_events_go);
    ADD("introspections are, and longer while something needs them",
        test_old_introspections_go_but_what_is_needed_stays);
    ADD("all that is old goes in one turn", test_as_many_as_there_are);
    return g_test_run();
}

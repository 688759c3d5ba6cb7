/* What could not be examined must not pass for clean. */
#include "judge-scene.h"

static void test_an_event_tells_that_not_all_was_seen(struct scene *s, const void *unused)
{
    guint events;
    examine_only(s, s->project, "a", OLD, "1:1.2");
    g_autofree char *first = last_event(s, &events);
    assert_has(first, "\"first\":true,\"complete\":true");
    examine_in_vain(s, s->project, "a");
    g_autofree char *second = last_event(s, &events);
    g_assert_cmpuint(events, ==, 2);
    assert_has(second, "\"first\":false,\"complete\":false");
    assert_has(second, "\"counts\":{\"new\":0,\"gone\":2,\"worse\":0}");
}

static void test_what_could_not_be_examined_is_counted(struct scene *s, const void *unused)
{
    GError *error = NULL;
    const struct caller nobody = { .account = (char *)"NOBODY" };
    g_autofree char *other = make_project(s->t.db, "db");
    assert_coverage(s, &everyone, NULL, 0, 0, 0);
    examine_only(s, s->project, "a", OLD, "1:1.2");
    examine_only(s, s->project, "b", OLD, "1:1.2");
    examine_in_vain(s, s->project, "b");
    examine_in_vain(s, other, "x");
    g_autoptr(thing) y = node_named(s, other, "y");
    assert_coverage(s, &everyone, NULL, 4, 2, 1);
    assert_coverage(s, &everyone, s->project, 2, 1, 0);
    assert_coverage(s, &nobody, NULL, 0, 0, 0);
    g_autoptr(thing) x = node_named(s, other, "x");
    g_assert_true(thing_delete(s->t.db, THING_NODE, other, x->id, 0, &error));
    assert_coverage(s, &everyone, other, 1, 0, 1);
    examine_only(s, s->project, "b", OLD, "1:1.2");
    assert_coverage(s, &everyone, s->project, 2, 0, 0);
}

#define ADD(title, function)                                                                       \
    g_test_add("/introspect/coverage: " title, struct scene, NULL, setup, function, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("an event tells that not all was seen", test_an_event_tells_that_not_all_was_seen);
    ADD("what could not be examined is counted", test_what_could_not_be_examined_is_counted);
    return g_test_run();
}

#include "store/projects.h"

#include <string.h>

#include "base/error.h"
#include "store-test.h"
#include "store/things.h"
#include "store/users.h"

static const struct store_page all = { .after = "", .limit = 100 };

struct scene {
    struct store_test t;
    char *a, *b; /* projects */
    struct caller viewer, stranger, auditor;
};

static struct caller make_caller(struct scene *s, const char *name, const char *site)
{
    return (struct caller){ .account = user_create(s->t.db, name, NULL, site, NULL),
                            .auditor = site[0] != '\0' };
}

static void setup(struct scene *s, const void *unused)
{
    GError *error = NULL;
    bool made;
    store_test_make(&s->t);
    const struct project_values a = { .name = "a", .locations = "[\"rbd:pool/a-*\",\"/srv/a/*\"]" };
    const struct project_values b = { .name = "b" };
    s->a = project_create(s->t.db, &a, &error);
    s->b = project_create(s->t.db, &b, &error);
    g_assert_no_error(error);
    s->viewer = make_caller(s, "viewer", "");
    s->stranger = make_caller(s, "stranger", "");
    s->auditor = make_caller(s, "auditor", "auditor");
    g_assert_true(member_set(s->t.db, s->a, s->viewer.account, ROLE_VIEWER, &made, &error));
    g_assert_true(made);
}

static void teardown(struct scene *s, const void *unused)
{
    g_free(s->a);
    g_free(s->b);
    g_free(s->viewer.account);
    g_free(s->stranger.account);
    g_free(s->auditor.account);
    store_test_close(&s->t);
}

static guint length(GPtrArray *list)
{
    guint len = list->len;
    g_ptr_array_unref(list);
    return len;
}

static void test_only_members_see_a_project(struct scene *s, const void *unused)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(project) seen = project_find(s->t.db, &s->viewer, "a", &error);
    g_assert_cmpstr(seen->id, ==, s->a);
    g_assert_cmpint(seen->role, ==, ROLE_VIEWER);
    g_assert_null(project_find(s->t.db, &s->viewer, s->b, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND);
    g_assert_cmpuint(length(project_list(s->t.db, &s->viewer, &all, NULL)), ==, 1);
    g_assert_cmpuint(length(project_list(s->t.db, &s->stranger, &all, NULL)), ==, 0);
    g_assert_cmpuint(length(project_list(s->t.db, &s->auditor, &all, NULL)), ==, 2);
    g_autoptr(project) audited = project_find(s->t.db, &s->auditor, "b", NULL);
    g_assert_cmpint(audited->role, ==, ROLE_NONE);
}

static void test_members_come_and_go(struct scene *s, const void *unused)
{
    bool made;
    g_assert_true(member_set(s->t.db, s->a, s->viewer.account, ROLE_OWNER, &made, NULL));
    g_assert_false(made);
    g_autoptr(project) p = project_find(s->t.db, &s->viewer, "a", NULL);
    g_assert_cmpint(p->role, ==, ROLE_OWNER);
    g_autoptr(GPtrArray) list = member_list(s->t.db, s->a, &all, NULL);
    g_assert_cmpuint(list->len, ==, 1);
    const struct member *m = g_ptr_array_index(list, 0);
    g_assert_cmpstr(m->name, ==, "viewer");
    g_assert_true(member_delete(s->t.db, s->a, s->viewer.account, NULL));
    g_assert_false(member_delete(s->t.db, s->a, s->viewer.account, NULL));
    g_assert_null(project_find(s->t.db, &s->viewer, "a", NULL));
}

static void test_a_project_examines_only_its_locations(struct scene *s, const void *unused)
{
    g_autoptr(project) p = project_find(s->t.db, &s->viewer, "a", NULL);
    g_assert_true(project_may_examine(p, "rbd:pool/a-1", NULL));
    g_assert_true(project_may_examine(p, "/srv/a/x/y.qcow2", NULL));
    static const char *const foreign[] = { "rbd:pool/b-1", "/srv/b/y", "/srv/a/../b/y",
                                           "/etc/shadow", "" };
    for (size_t i = 0; i < G_N_ELEMENTS(foreign); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(project_may_examine(p, foreign[i], &error));
        g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_DENIED);
    }
    g_autoptr(project) none = project_find(s->t.db, &s->auditor, "b", NULL);
    g_assert_false(project_may_examine(none, "rbd:pool/a-1", NULL));
}

static char *add(struct scene *s, const char *project, const char *name, GError **error)
{
    const struct thing_values v = { name, "[\"rbd:pool/a-1\"]", "own", "{}", "6h" };
    return thing_create(s->t.db, THING_NODE, project, &v, error);
}

static void test_nodes_are_seen_by_members_only(struct scene *s, const void *unused)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *n1 = add(s, s->a, "n1", &error), *other = add(s, s->b, "n1", &error);
    g_assert_no_error(error);
    g_autoptr(thing) found = thing_find(s->t.db, THING_NODE, &s->viewer, s->a, "n1", &error);
    g_assert_cmpstr(found->id, ==, n1);
    g_assert_cmpstr(found->schedule, ==, "6h");
    g_assert_null(thing_find(s->t.db, THING_NODE, &s->viewer, s->b, other, NULL));
    g_assert_null(thing_find(s->t.db, THING_NODE, &s->viewer, s->a, other, NULL));
    g_assert_null(thing_find(s->t.db, THING_IMAGE, &s->viewer, s->a, "n1", NULL));
    g_assert_cmpuint(length(thing_list(s->t.db, THING_NODE, &s->viewer, NULL, &all, NULL)), ==, 1);
    g_assert_cmpuint(length(thing_list(s->t.db, THING_NODE, &s->stranger, s->a, &all, NULL)), ==,
                     0);
    g_assert_cmpuint(length(thing_list(s->t.db, THING_NODE, &s->auditor, NULL, &all, NULL)), ==, 2);
}

static void test_names_of_nodes_are_unique_in_a_project(struct scene *s, const void *unused)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *one = add(s, s->a, "n1", &error);
    g_assert_null(add(s, s->a, "n1", &error));
    g_assert_error(error, STORE_ERROR, STORE_ERROR_TAKEN);
}

static void test_nodes_change_and_go_with_their_project(struct scene *s, const void *unused)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *n1 = add(s, s->a, "n1", &error), *n2 = add(s, s->a, "n2", &error);
    const struct thing_values labels = { .labels = "{\"rack\":\"7\"}" };
    g_assert_true(thing_change(s->t.db, THING_NODE, s->a, n1, 1, &labels, &error));
    g_assert_false(thing_change(s->t.db, THING_NODE, s->a, n1, 1, &labels, &error));
    g_assert_error(error, STORE_ERROR, STORE_ERROR_CHANGED);
    g_assert_false(thing_change(s->t.db, THING_NODE, s->b, n1, 0, &labels, NULL));
    g_autoptr(thing) changed = thing_find(s->t.db, THING_NODE, &s->viewer, s->a, n1, NULL);
    g_assert_cmpstr(changed->labels, ==, labels.labels);
    g_assert_cmpstr(changed->name, ==, "n1");
    g_assert_true(thing_delete(s->t.db, THING_NODE, s->a, n1, 2, NULL));
    g_assert_true(project_delete(s->t.db, s->a, 0, NULL));
    g_assert_cmpuint(length(thing_list(s->t.db, THING_NODE, &s->auditor, NULL, &all, NULL)), ==, 0);
}

static void test_pages_join_without_gap(struct scene *s, const void *unused)
{
    for (int i = 0; i < 7; i++) {
        g_autofree char *name = g_strdup_printf("n%d", i), *id = add(s, s->a, name, NULL);
        g_assert_nonnull(id);
    }
    g_autofree char *after = g_strdup("");
    guint seen = 0;
    for (guint got = 3; got == 3; seen += got) {
        const struct store_page page = { .after = after, .limit = 3 };
        g_autoptr(GPtrArray) list = thing_list(s->t.db, THING_NODE, &s->viewer, s->a, &page, NULL);
        got = list->len;
        if (got == 0)
            break;
        const struct thing *last = g_ptr_array_index(list, got - 1);
        g_assert_cmpstr(last->id, >, after);
        g_free(after);
        after = g_strdup(last->id);
    }
    g_assert_cmpuint(seen, ==, 7);
}

#define ADD(title, function)                                                                       \
    g_test_add("/store/projects/" title, struct scene, NULL, setup, function, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("only members see a project", test_only_members_see_a_project);
    ADD("members come and go", test_members_come_and_go);
    ADD("a project examines only its locations", test_a_project_examines_only_its_locations);
    ADD("nodes are seen by members only", test_nodes_are_seen_by_members_only);
    ADD("names of nodes are unique in a project", test_names_of_nodes_are_unique_in_a_project);
    ADD("nodes change, and go with their project", test_nodes_change_and_go_with_their_project);
    ADD("pages join without gap", test_pages_join_without_gap);
    return g_test_run();
}

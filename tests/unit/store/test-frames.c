#include "store/frames.h"

#include <string.h>

#include "base/error.h"
#include "store-test.h"
#include "store/projects.h"

static void setup(struct store_test *t, const void *unused)
{
    store_test_make(t);
}

static void teardown(struct store_test *t, const void *unused)
{
    store_test_close(t);
}

static struct thing *make_node(struct sql *db, const char *project, const char *name)
{
    GError *error = NULL;
    const struct caller all = { .account = (char *)"", .admin = true, .auditor = true };
    const struct thing_values values = {
        .name = name, .where = "[\"/a\"]", .kind = "own", .labels = "{}", .schedule = ""
    };
    g_autofree char *id = thing_create(db, THING_NODE, project, &values, &error);
    g_assert_no_error(error);
    struct thing *t = thing_find(db, THING_NODE, &all, project, id, &error);
    g_assert_no_error(error);
    return t;
}

static char *keep(struct sql *db, const struct thing *node, const char *json)
{
    GError *error = NULL;
    const struct kept_frame_values values = { .kind = THING_NODE,
                                              .thing = node,
                                              .introspection = "I",
                                              .locations = "[\"/a\"]",
                                              .identities = "[\"file:1\"]" };
    g_autoptr(kept_frame_body) body = kept_frame_pack(json, strlen(json), &error);
    g_assert_no_error(error);
    char *id = kept_frame_add(db, &values, body, &error);
    g_assert_no_error(error);
    g_usleep(2000); /* identifiers sort by milliseconds */
    return id;
}

static struct caller everyone = { .account = (char *)"", .admin = true, .auditor = true };
static struct caller stranger = { .account = (char *)"nobody" };

static void test_a_frame_comes_back_as_it_went(struct store_test *t, const void *unused)
{
    GError *error = NULL;
    const struct project_values values = { .name = "web", .description = "", .locations = "[]" };
    g_autofree char *project = project_create(t->db, &values, &error);
    g_assert_no_error(error);
    g_autoptr(thing) node = make_node(t->db, project, "a");
    g_autofree char *json = g_strnfill(100000, 'x');
    g_autofree char *first = keep(t->db, node, "{}"), *second = keep(t->db, node, json);
    g_autoptr(kept_frame) f = kept_frame_newest(t->db, &everyone, node->id, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(f->id, ==, second);
    g_assert_cmpstr(f->identities, ==, "[\"file:1\"]");
    g_assert_cmpint(f->size, ==, 100000);
    g_autoptr(GBytes) body = kept_frame_read(t->db, f, &error);
    g_assert_no_error(error);
    g_assert_cmpmem(g_bytes_get_data(body, NULL), g_bytes_get_size(body), json, 100000);
    g_assert_null(kept_frame_find(t->db, &stranger, first, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND);
    g_clear_error(&error);
    g_assert_null(kept_frame_newest(t->db, &stranger, node->id, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND);
    g_clear_error(&error);
}

static guint count(struct store_test *t, const char *project)
{
    GError *error = NULL;
    const struct store_page page = { .after = "", .limit = 100 };
    g_autoptr(GPtrArray) list = kept_frame_list(t->db, &everyone, project, NULL, &page, &error);
    g_assert_no_error(error);
    return list->len;
}

static void test_old_frames_go_and_all_with_their_thing(struct store_test *t, const void *unused)
{
    GError *error = NULL;
    const struct project_values values = { .name = "web", .description = "", .locations = "[]" };
    g_autofree char *project = project_create(t->db, &values, &error);
    g_assert_no_error(error);
    g_autoptr(thing) a = make_node(t->db, project, "a");
    g_autoptr(thing) b = make_node(t->db, project, "b");
    for (int i = 0; i < 4; i++) {
        g_autofree char *one = keep(t->db, a, "{}"), *other = keep(t->db, b, "[]");
        g_assert_true(kept_frame_trim(t->db, a->id, 2, &error));
    }
    g_assert_cmpuint(count(t, project), ==, 6);
    g_assert_true(thing_delete(t->db, THING_NODE, project, b->id, 0, &error));
    g_assert_cmpuint(count(t, project), ==, 2);
    g_assert_true(project_delete(t->db, project, 0, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(count(t, NULL), ==, 0);
}

#define ADD(name, func)                                                                            \
    g_test_add("/store/frames: " name, struct store_test, NULL, setup, func, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("a frame comes back as it went, to those who may see it",
        test_a_frame_comes_back_as_it_went);
    ADD("old frames go, and all with their thing", test_old_frames_go_and_all_with_their_thing);
    return g_test_run();
}

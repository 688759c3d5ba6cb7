#include "../store/store-test.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "introspect/introspect.h"
#include "store/projects.h"

#define STUCK 50 /* as many as a turn looks at */
#define GONE  "[{\"driver\":\"gone\"}]"

struct scene {
    struct store_test t;
    char *project;
    struct thing *node;
    char *folder, *copy, *handles; /* the copy that a run has left, and what names it */
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
    s->folder = g_dir_make_tmp("assay-left-XXXXXX", &error);
    g_assert_no_error(error);
    g_autofree char *disk = g_build_filename(s->folder, "disk", NULL);
    const struct snapshot_options options = { 0 };
    g_autofree char *handle = snapshot_plan(disk, "01LEFT", &options, &error);
    g_assert_no_error(error);
    s->handles = g_strdup_printf("[%s]", handle);
    s->copy = g_build_filename(s->folder, ".assay-01LEFT", NULL);
    g_assert_true(g_file_set_contents(s->copy, "copy", -1, NULL));
}

static void teardown(struct scene *s, const void *unused)
{
    (void)unlink(s->copy);
    (void)rmdir(s->folder);
    thing_free(s->node);
    g_free(s->project);
    g_free(s->folder);
    g_free(s->copy);
    g_free(s->handles);
    store_test_close(&s->t);
}

static char *add(struct scene *s, const char *state, int64_t finished, const char *handles)
{
    GError *error = NULL;
    const struct introspection_wish wish = { .kind = THING_NODE,
                                             .thing = s->node,
                                             .requested_by = "test" };
    char *id = introspection_add(s->t.db, &wish, &error);
    g_assert_true(
        sql_run(s->t.db, NULL, &error,
                "UPDATE introspection SET state = $2, finished = $3, handles = $4 WHERE id = $1",
                "ssis", id, state, finished, handles));
    return id;
}

static struct introspection *find(struct scene *s, const char *id)
{
    GError *error = NULL;
    struct introspection *i = introspection_find(s->t.db, &caller_service, id, &error);
    g_assert_no_error(error);
    return i;
}

static void sweep(struct scene *s)
{
    GError *error = NULL;
    const struct worker_settings settings = { 0 };
    g_assert_true(introspect_sweep.run(&settings, s->t.db, &error));
    g_assert_no_error(error);
}

static bool is_there(const struct scene *s)
{
    return access(s->copy, F_OK) == 0;
}

static void test_what_cannot_be_dropped_keeps_nothing_else(struct scene *s, const void *unused)
{
    GError *error = NULL;
    int64_t hours_ago = store_now() - 3 * 3600 * (int64_t)G_USEC_PER_SEC;
    g_autofree char *stuck = add(s, "failed", hours_ago, GONE);
    for (int i = 1; i < STUCK; i++)
        g_free(add(s, "failed", hours_ago, GONE));
    g_autofree char *last = add(s, "failed", store_now(), s->handles);
    sweep(s);
    sweep(s);
    g_assert_false(is_there(s));
    g_autoptr(introspection) dropped = find(s, last), left = find(s, stuck);
    g_assert_cmpstr(dropped->handles, ==, "[]");
    g_assert_cmpstr(left->handles, ==, GONE);
    /* It waits for its time, and the project for it. */
    g_autoptr(GPtrArray) due = introspection_left(s->t.db, 100, &error);
    g_assert_cmpuint(due->len, ==, 0);
    g_assert_false(project_delete(s->t.db, s->project, 0, &error));
    g_assert_error(error, STORE_ERROR, STORE_ERROR_IN_USE);
    g_assert_nonnull(strstr(error->message, "still to be dropped"));
    g_clear_error(&error);
    g_assert_true(sql_run(s->t.db, NULL, &error, "UPDATE introspection SET drop_due = 1", ""));
    g_autoptr(GPtrArray) again = introspection_left(s->t.db, 100, &error);
    g_assert_cmpuint(again->len, ==, STUCK);
}

static bool abandon(struct scene *s, const char *id, const char *reason)
{
    GError *error = NULL;
    const struct worker_settings settings = { 0 };
    g_autofree char *payload = g_strdup_printf("{\"introspection\":\"%s\"}", id);
    struct job job = { .payload = payload };
    struct job_run run = { .settings = &settings, .db = s->t.db, .job = &job };
    bool ok = introspect_job.abandon(&run, reason, &error);
    g_clear_error(&error);
    return ok;
}

static void test_it_ends_whatever_it_has_left(struct scene *s, const void *unused)
{
    for (int i = 0; i < STUCK; i++) {
        g_autofree char *id = add(s, "running", 0, GONE);
        g_assert_true(abandon(s, id, i > 0 ? "its worker has died" : NULL));
        g_autoptr(introspection) row = find(s, id);
        g_assert_cmpint(row->state, ==, i > 0 ? INTROSPECTION_FAILED : INTROSPECTION_CANCELLED);
        g_assert_cmpstr(row->handles, ==, GONE);
    }
    g_autofree char *last = add(s, "running", 0, s->handles);
    g_assert_true(abandon(s, last, "its worker has died"));
    sweep(s);
    sweep(s);
    g_assert_false(is_there(s));
}

/* A machine's monitor that takes calls and says nothing. */
static int listen_silently(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpuint(g_strlcpy(address.sun_path, path, sizeof address.sun_path), <,
                     sizeof address.sun_path);
    g_assert_cmpint(bind(fd, (const struct sockaddr *)&address, sizeof address), ==, 0);
    g_assert_cmpint(listen(fd, 16), ==, 0);
    return fd;
}

static void test_silent_storage_costs_a_turn_once(struct scene *s, const void *unused)
{
    GError *error = NULL;
    const struct snapshot_options options = { 0 };
    g_autofree char *path = g_build_filename(s->folder, "monitor", NULL);
    g_autofree char *location = g_strdup_printf("qemu:%s", path);
    g_autofree char *handle = snapshot_plan(location, "01SILENT", &options, &error);
    g_assert_no_error(error);
    g_autofree char *handles = g_strdup_printf("[%s]", handle);
    int fd = listen_silently(path);
    for (int i = 0; i < 3; i++)
        g_free(add(s, "failed", store_now(), handles));
    g_free(add(s, "failed", store_now(), GONE));
    g_free(add(s, "failed", store_now(), s->handles));
    sweep(s);
    sweep(s);
    g_assert_false(is_there(s));
    (void)close(fd);
    (void)unlink(path);
}

#define ADD(title, function)                                                                       \
    g_test_add("/introspect/abandon/" title, struct scene, NULL, setup, function, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("what cannot be dropped keeps nothing else from it",
        test_what_cannot_be_dropped_keeps_nothing_else);
    ADD("it ends, whatever it has left", test_it_ends_whatever_it_has_left);
    ADD("storage that does not answer costs a turn once", test_silent_storage_costs_a_turn_once);
    return g_test_run();
}

#include "server/report_cache.h"

#include "../store/store-test.h"
#include "frame/files.h"
#include "frame/formats.h"
#include "store/projects.h"

#define FILES      300
#define PATH_BYTES 100000

struct scene {
    struct store_test t;
    struct thing *node;
    struct report_cache *cache;
};

static void setup(struct scene *s, const void *unused)
{
    GError *error = NULL;
    const struct project_values p = { .name = "p" };
    const struct thing_values v = {
        .name = "n", .where = "[\"/disk\"]", .kind = "own", .labels = "{}", .schedule = ""
    };
    store_test_make(&s->t);
    g_autofree char *project = project_create(s->t.db, &p, &error);
    g_autofree char *node = thing_create(s->t.db, THING_NODE, project, &v, &error);
    g_assert_no_error(error);
    s->node = thing_find(s->t.db, THING_NODE, &caller_service, project, node, &error);
    g_assert_no_error(error);
    s->cache = report_cache_new();
}

static void teardown(struct scene *s, const void *unused)
{
    report_cache_free(s->cache);
    thing_free(s->node);
    store_test_close(&s->t);
}

/* A frame with files, of some 30 megabytes. */
static char *write_frame(size_t *len)
{
    GError *error = NULL;
    char *text = NULL;
    g_autoptr(frame) f = frame_new("n");
    g_assert_true(frame_add(f, FRAME_OS, &(struct frame_os){ .root = "disk0" }, &error));
    for (unsigned i = 0; i < FILES; i++) {
        g_autofree char *path = g_strnfill(PATH_BYTES, '/');
        path[1] = (char)('a' + i % 26);
        path[2] = (char)('a' + i / 26);
        const struct frame_file file = { .path = path, .type = "file" };
        g_assert_true(frame_add(f, FRAME_FILE, &file, &error));
    }
    frame_finish(f);
    FILE *out = open_memstream(&text, len);
    g_assert_true(frame_format_find("json")->write(f, out, &error));
    g_assert_no_error(error);
    (void)fclose(out);
    return text;
}

static struct kept_frame *keep(struct scene *s, const char *json, size_t len)
{
    GError *error = NULL;
    const struct kept_frame_values values = { .kind = THING_NODE,
                                              .thing = s->node,
                                              .introspection = "I",
                                              .locations = "[]",
                                              .identities = "[]" };
    g_autoptr(kept_frame_body) body = kept_frame_pack(json, len, &error);
    g_assert_no_error(error);
    g_autofree char *id = kept_frame_add(s->t.db, &values, body, &error);
    g_assert_no_error(error);
    struct kept_frame *f = kept_frame_find(s->t.db, &caller_service, id, &error);
    g_assert_no_error(error);
    return f;
}

static struct shared_report *get(struct scene *s, const struct kept_frame *f, bool files)
{
    GError *error = NULL;
    struct shared_report *r = report_cache_get(s->cache, s->t.db, f, "/nothing", files, &error);
    g_assert_no_error(error);
    return r;
}

static void test_a_frame_with_many_files_is_reported_on_once(struct scene *s, const void *unused)
{
    size_t len;
    char *json = write_frame(&len);
    g_autoptr(kept_frame) f = keep(s, json, len);
    free(json);
    g_autoptr(shared_report) first = get(s, f, false), second = get(s, f, false);
    g_assert_true(first == second);
    const struct frame_system *plain =
        g_ptr_array_index(shared_report_get(first)->frame->systems, 0);
    g_assert_null(plain->files);
    /* Forms that tell of files get them. */
    g_autoptr(shared_report) whole = get(s, f, true);
    const struct frame_system *full =
        g_ptr_array_index(shared_report_get(whole)->frame->systems, 0);
    g_assert_cmpuint(frame_files_count(full->files), ==, FILES);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/server/report cache/a frame with many files is reported on once", struct scene,
               NULL, setup, test_a_frame_with_many_files_is_reported_on_once, teardown);
    return g_test_run();
}

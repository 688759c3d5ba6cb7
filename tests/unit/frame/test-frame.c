#include "frame/frame.h"

#include "base/error.h"
#include "frame/files.h"
#include "frame/random.h"

static void add(struct frame *f, enum frame_kind kind, const void *record)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(frame_add(f, kind, record, &error));
    g_assert_no_error(error);
}

static void test_records_are_copied_deeply_and_sorted(void)
{
    g_autoptr(frame) f = frame_new("disk.raw");
    char root[] = "disk0p2", name[] = "disk0p10";
    char *like[] = { g_strdup("rhel"), NULL };
    add(f, FRAME_VOLUME, &(struct frame_volume){ .name = name, .kind = "partition" });
    add(f, FRAME_VOLUME, &(struct frame_volume){ .name = "disk0p2", .kind = "partition" });
    add(f, FRAME_OS, &(struct frame_os){ .root = root, .id_like = (const char *const *)like });
    add(f, FRAME_PACKAGE, &(struct frame_package){ .type = "deb", .name = "b", .version = "1" });
    add(f, FRAME_PACKAGE, &(struct frame_package){ .type = "deb", .name = "a", .version = "1" });
    add(f, FRAME_OS, &(struct frame_os){ .root = "disk0p1" });
    memset(root, 'x', sizeof root - 1);
    memset(name, 'x', sizeof name - 1);
    memset(like[0], 'x', 4);
    g_free(like[0]);
    frame_finish(f);

    const struct frame_volume *v = g_ptr_array_index(f->volumes, 0);
    g_assert_cmpstr(v->name, ==, "disk0p2"); /* 2 before 10 */
    v = g_ptr_array_index(f->volumes, 1);
    g_assert_cmpstr(v->name, ==, "disk0p10");
    const struct frame_system *s = g_ptr_array_index(f->systems, 0);
    g_assert_cmpstr(s->os->root, ==, "disk0p1");
    g_assert_cmpuint(s->records[FRAME_PACKAGE]->len, ==, 0);
    s = g_ptr_array_index(f->systems, 1);
    g_assert_cmpstr(s->os->root, ==, "disk0p2");
    g_assert_cmpstr(s->os->id_like[0], ==, "rhel");
    g_assert_null(s->os->id_like[1]);
    const struct frame_package *p = g_ptr_array_index(s->records[FRAME_PACKAGE], 0);
    g_assert_cmpstr(p->name, ==, "a");
}

static void test_a_deb_is_its_own_source(void)
{
    g_autoptr(frame) f = frame_new("t");
    add(f, FRAME_OS, &(struct frame_os){ .root = "disk0" });
    add(f, FRAME_PACKAGE, &(struct frame_package){ .type = "deb", .name = "b", .version = "1" });
    add(f, FRAME_PACKAGE, &(struct frame_package){ .type = "rpm", .name = "b", .version = "1" });
    const struct frame_system *s = g_ptr_array_index(f->systems, 0);
    const struct frame_package *p = g_ptr_array_index(s->records[FRAME_PACKAGE], 0);
    g_assert_cmpstr(p->source, ==, "b");
    g_assert_cmpstr(p->source_version, ==, "1");
    p = g_ptr_array_index(s->records[FRAME_PACKAGE], 1);
    g_assert_null(p->source);
}

static void test_what_makes_no_sense_is_refused(void)
{
    g_autoptr(frame) f = frame_new("t");
    g_autoptr(GError) early = NULL, nameless = NULL;
    const struct frame_user u = { .name = "root" }, none = { 0 };
    g_assert_false(frame_add(f, FRAME_USER, &u, &early));
    g_assert_error(early, ASSAY_ERROR, ASSAY_ERROR_INVALID);
    add(f, FRAME_OS, &(struct frame_os){ .root = "disk0" });
    g_assert_false(frame_add(f, FRAME_USER, &none, &nameless));
    g_assert_error(nameless, ASSAY_ERROR, ASSAY_ERROR_INVALID);
    add(f, FRAME_USER, &u);
}

static void test_too_many_systems_are_a_limit(void)
{
    g_autoptr(frame) f = frame_new("t");
    g_autoptr(GError) error = NULL;
    const struct frame_os os = { .root = "disk0" };
    for (unsigned i = 0; i < 64; i++)
        add(f, FRAME_OS, &os);
    g_assert_false(frame_add(f, FRAME_OS, &os, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_LIMIT);
}

static void test_the_worst_coverage_counts_but_not_the_skipped(void)
{
    g_autoptr(frame) f = frame_new("t");
    struct frame_coverage c = { .kind = "file", .object = "/a", .state = COVERAGE_SKIPPED };
    add(f, FRAME_COVERAGE, &c);
    g_assert_cmpint(frame_coverage_worst(f), ==, COVERAGE_READ);
    c.state = COVERAGE_PARTIAL;
    add(f, FRAME_COVERAGE, &c);
    g_assert_cmpint(frame_coverage_worst(f), ==, COVERAGE_PARTIAL);
    c.state = COVERAGE_UNREADABLE;
    add(f, FRAME_COVERAGE, &c);
    g_assert_cmpint(frame_coverage_worst(f), ==, COVERAGE_UNREADABLE);
}

static void test_state_names_go_both_ways(void)
{
    for (unsigned i = 0; i < COVERAGE_STATE_COUNT; i++) {
        enum coverage_state back;
        g_assert_true(coverage_state_parse(coverage_state_name((enum coverage_state)i), &back));
        g_assert_cmpuint(back, ==, i);
    }
    enum coverage_state none;
    g_assert_false(coverage_state_parse("", &none));
}

struct expectation {
    GPtrArray *files;
    guint next;
    guint stop;
};

static bool check_file(const struct frame_file *file, void *user)
{
    struct expectation *e = user;
    g_assert_cmpint(frame_record_compare(FRAME_FILE, file, g_ptr_array_index(e->files, e->next)),
                    ==, 0);
    e->next++;
    return e->next != e->stop;
}

static void test_files_come_back_in_order_and_whole(void)
{
    g_autoptr(GRand) r = g_rand_new_with_seed(7);
    g_autoptr(arena) a = arena_new(64 << 20);
    g_autoptr(frame) f = frame_new("t");
    struct expectation e = { .files = g_ptr_array_new() };
    g_autofree char *long_path = g_strnfill(700 * 1024, 'p');
    f->with_files = true;
    add(f, FRAME_OS, &(struct frame_os){ .root = "disk0" });
    const struct frame_system *s = g_ptr_array_index(f->systems, 0);
    g_assert_nonnull(s->files);
    for (unsigned i = 0; i < 20000; i++) {
        struct frame_file *file = arena_new0(a, struct frame_file);
        random_record(r, a, FRAME_FILE, file);
        if (i % 5000 == 4999)
            file->path = long_path; /* does not fit into what is left of a segment */
        g_ptr_array_add(e.files, file);
        add(f, FRAME_FILE, file);
    }
    g_assert_cmpuint(frame_files_count(s->files), ==, 20000);
    g_assert_true(frame_files_each(s->files, check_file, &e, NULL));
    g_assert_cmpuint(e.next, ==, 20000);
    e.next = 0;
    e.stop = 10;
    g_assert_true(frame_files_each(s->files, check_file, &e, NULL));
    g_assert_cmpuint(e.next, ==, 10);
    g_ptr_array_free(e.files, TRUE);
}

static bool check_order(const struct frame_file *file, void *user)
{
    struct expectation *e = user;
    if (e->next > 0)
        g_assert_cmpint(frame_path_compare(g_ptr_array_index(e->files, e->next - 1), file->path),
                        <=, 0);
    g_ptr_array_add(e->files, g_strdup(file->path));
    g_autofree char *linked = g_strdup_printf("to %s", file->path);
    g_assert_cmpstr(file->target, ==, linked);
    e->next++;
    return true;
}

static void test_files_added_in_any_order_end_sorted(void)
{
    g_autoptr(GRand) r = g_rand_new_with_seed(3);
    g_autoptr(frame) f = frame_new("t");
    add(f, FRAME_OS, &(struct frame_os){ .root = "disk0" });
    for (unsigned i = 0; i < 30000; i++) {
        g_autofree char *path = g_strdup_printf("/%x/%x/%x", g_rand_int(r) % 40, g_rand_int(r) % 40,
                                                g_rand_int(r) % 400);
        g_autofree char *target = g_strdup_printf("to %s", path);
        add(f, FRAME_FILE,
            &(struct frame_file){ .path = path, .type = "symlink", .target = target });
    }
    frame_finish(f);
    const struct frame_system *s = g_ptr_array_index(f->systems, 0);
    struct expectation e = { .files = g_ptr_array_new_with_free_func(g_free) };
    g_assert_true(frame_files_each(s->files, check_order, &e, NULL));
    g_assert_cmpuint(e.next, ==, 30000);
    g_ptr_array_free(e.files, TRUE);
}

static void test_a_hashed_file_costs_less_than_150_bytes(void)
{
    g_autoptr(frame) f = frame_new("t");
    add(f, FRAME_OS, &(struct frame_os){ .root = "disk0" });
    for (unsigned i = 0; i < 100000; i++) {
        g_autofree char *path = g_strdup_printf(
            "/usr/lib/python3/dist-packages/package%u/module%u/__pycache__/file%u.cpython-311.pyc",
            i / 1000, i / 20, i);
        add(f, FRAME_FILE,
            &(struct frame_file){
                .path = path,
                .type = "file",
                .size = 100 * i,
                .mode = 0644,
                .nlink = 1,
                .mtime = 1700000000 + i,
                .ctime = 1700000000 + i,
                .sha1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709",
                .sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                .media_type = "application/x-bytecode.python" });
    }
    const struct frame_system *s = g_ptr_array_index(f->systems, 0);
    g_test_message("%.1f bytes a file", (double)frame_files_memory(s->files) / 100000);
    g_assert_cmpuint(frame_files_memory(s->files), <, 150 * 100000);
}

static void test_a_full_store_of_files_is_a_limit(void)
{
    struct frame_files *files = frame_files_new();
    const struct frame_file file = { .path = "/a", .type = "file" };
    g_autoptr(GError) error = NULL;
    g_assert_false(frame_files_add(files, &file, 1000, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_LIMIT);
    g_assert_cmpuint(frame_files_count(files), ==, 0);
    frame_files_free(files);
}

static void test_paths_sort_as_a_walk_meets_them(void)
{
    static const char *const sorted[] = { "", "/", "/a", "/a/b", "/a/b/c", "/a\n", "/a.b", "/ab" };
    for (size_t i = 0; i < G_N_ELEMENTS(sorted); i++) {
        for (size_t k = 0; k < G_N_ELEMENTS(sorted); k++) {
            int order = frame_path_compare(sorted[i], sorted[k]);
            g_assert_cmpint(order, ==, (i > k) - (i < k));
        }
    }
}

static void test_comparison_is_a_total_order(void)
{
    g_autoptr(GRand) r = g_rand_new_with_seed(11);
    g_autoptr(arena) a = arena_new(1 << 20);
    for (unsigned round = 0; round < 3000; round++) {
        enum frame_kind kind = (enum frame_kind)(round % FRAME_KIND_COUNT);
        struct {
            max_align_t align;
            char bytes[RECORD_SIZE_MAX];
        } v[3];
        arena_clear(a);
        for (size_t i = 0; i < 3; i++)
            random_record(r, a, kind, &v[i]);
        int ab = frame_record_compare(kind, &v[0], &v[1]);
        int ba = frame_record_compare(kind, &v[1], &v[0]);
        int bc = frame_record_compare(kind, &v[1], &v[2]);
        int ac = frame_record_compare(kind, &v[0], &v[2]);
        g_assert_true((ab > 0) == (ba < 0) && (ab == 0) == (ba == 0));
        g_assert_true(!(ab < 0 && bc < 0) || ac < 0);
        g_assert_true(!(ab > 0 && bc > 0) || ac > 0);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/frame/records are copied deeply and sorted",
                    test_records_are_copied_deeply_and_sorted);
    g_test_add_func("/frame/a deb without source is its own source", test_a_deb_is_its_own_source);
    g_test_add_func("/frame/what makes no sense is refused", test_what_makes_no_sense_is_refused);
    g_test_add_func("/frame/too many systems are a limit", test_too_many_systems_are_a_limit);
    g_test_add_func("/frame/the worst coverage counts, the skipped does not",
                    test_the_worst_coverage_counts_but_not_the_skipped);
    g_test_add_func("/frame/state names go both ways", test_state_names_go_both_ways);
    g_test_add_func("/frame/files/come back in order and whole",
                    test_files_come_back_in_order_and_whole);
    g_test_add_func("/frame/files/added in any order they end sorted",
                    test_files_added_in_any_order_end_sorted);
    g_test_add_func("/frame/files/a hashed file costs less than 150 bytes",
                    test_a_hashed_file_costs_less_than_150_bytes);
    g_test_add_func("/frame/files/a full store is a limit", test_a_full_store_of_files_is_a_limit);
    g_test_add_func("/frame/kinds/paths sort as a walk meets them",
                    test_paths_sort_as_a_walk_meets_them);
    g_test_add_func("/frame/kinds/comparison is a total order", test_comparison_is_a_total_order);
    return g_test_run();
}

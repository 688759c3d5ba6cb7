#include <jansson.h>

#include "frame/formats.h"
#include "report/sample.h"

/* Order by the first number is enough here. */
static int compare_numbers(const char *type, const char *a, const char *b)
{
    guint64 x = g_ascii_strtoull(a, NULL, 10), y = g_ascii_strtoull(b, NULL, 10);
    return (x > y) - (x < y);
}

static char *diff(const struct frame *a, const struct frame *b, bool json, bool *differ)
{
    char *text = NULL;
    size_t len;
    g_autoptr(GError) error = NULL;
    const struct frame_diff_options options = { .json = json, .compare_versions = compare_numbers };
    FILE *out = open_memstream(&text, &len);
    g_assert_true(frame_diff(a, b, &options, out, differ, &error));
    g_assert_no_error(error);
    (void)fclose(out);
    return text;
}

struct pair {
    struct frame *a, *b;
};

static struct pair pair_new(void)
{
    struct pair p = { frame_new("a"), frame_new("b") };
    sample_add(p.a, FRAME_OS, &(struct frame_os){ .root = "disk0p1", .id = "x" });
    sample_add(p.b, FRAME_OS, &(struct frame_os){ .root = "vg/root", .id = "x" });
    return p;
}

/* Finishes both, compares and frees them. */
static void pair_expect(struct pair p, const char *text)
{
    bool differ;
    frame_finish(p.a);
    frame_finish(p.b);
    g_autofree char *got = diff(p.a, p.b, false, &differ);
    g_assert_cmpstr(got, ==, text);
    g_assert_cmpint(differ, ==, *text != '\0');
    frame_free(p.a);
    frame_free(p.b);
}

static void package(struct frame *f, const char *name, const char *version, int64_t installed)
{
    sample_add(f, FRAME_PACKAGE,
               &(struct frame_package){ .type = "rpm",
                                        .name = name,
                                        .version = version,
                                        .arch = "noarch",
                                        .installed = installed });
}

static void test_a_frame_does_not_differ_from_itself(void)
{
    g_autoptr(frame) a = sample_frame(), b = sample_frame();
    bool differ = true;
    g_autofree char *text = diff(a, b, false, &differ);
    g_assert_cmpstr(text, ==, "");
    g_assert_false(differ);
    g_autofree char *json = diff(a, b, true, &differ);
    g_assert_false(differ);
    json_t *root = json_loads(json, 0, NULL);
    g_assert_cmpuint(json_array_size(json_object_get(root, "changes")), ==, 0);
    g_assert_true(json_is_false(json_object_get(root, "differ")));
    json_decref(root);
}

static void test_packages_are_told_by_what_happened(void)
{
    struct pair p = pair_new();
    package(p.a, "up", "1", 10);
    package(p.b, "up", "2", 20);
    package(p.a, "down", "2", 10);
    package(p.b, "down", "1", 20);
    package(p.a, "gone", "1", 0);
    package(p.b, "new", "1", 0);
    package(p.a, "again", "1", 10); /* installed at another time only */
    package(p.b, "again", "1", 20);
    pair_expect(p, "vg/root (x)\n"
                   "  packages\n"
                   "    < down:noarch 2 -> 1 (downgraded)\n"
                   "    - gone:noarch 1\n"
                   "    + new:noarch 1\n"
                   "    > up:noarch 1 -> 2 (upgraded)\n");
}

static void test_several_versions_of_one_package_are_paired_by_version(void)
{
    struct pair p = pair_new();
    package(p.a, "kernel", "1", 0);
    package(p.a, "kernel", "2", 0);
    package(p.b, "kernel", "2", 0);
    package(p.b, "kernel", "3", 0);
    pair_expect(p, "vg/root (x)\n  packages\n    > kernel:noarch 1 -> 3 (upgraded)\n");
    p = pair_new();
    package(p.a, "kernel", "1", 0);
    package(p.b, "kernel", "1", 0);
    package(p.b, "kernel", "2", 0);
    pair_expect(p, "vg/root (x)\n  packages\n    + kernel:noarch 2\n");
}

static void test_other_facts_name_the_fields_that_changed(void)
{
    struct pair p = pair_new();
    const char *const members[] = { "a", "b", NULL };
    sample_add(p.a, FRAME_USER,
               &(struct frame_user){ .name = "joe", .uid = 1, .shell = "/bin/sh" });
    sample_add(p.b, FRAME_USER, &(struct frame_user){ .name = "joe", .uid = 0 });
    sample_add(p.a, FRAME_GROUP, &(struct frame_group){ .name = "g" });
    sample_add(p.b, FRAME_GROUP, &(struct frame_group){ .name = "g", .members = members });
    sample_add(p.b, FRAME_KERNEL, &(struct frame_kernel){ .version = "6.1\033" });
    pair_expect(p, "vg/root (x)\n"
                   "  kernels\n"
                   "    + 6.1\\x1b\n"
                   "  users\n"
                   "    ~ joe: uid 1 -> 0, shell /bin/sh -> none\n"
                   "  groups\n"
                   "    ~ g: members none -> [\"a\",\"b\"]\n");
}

static void file(struct frame *f, const char *path, uint64_t size, int64_t ctime)
{
    sample_add(f, FRAME_FILE,
               &(struct frame_file){ .path = path, .type = "file", .size = size, .ctime = ctime });
}

static void test_files_are_merged_in_order_of_path(void)
{
    struct pair p = pair_new();
    file(p.a, "/a", 1, 1);
    file(p.b, "/a", 1, 2); /* the inode change alone does not count */
    file(p.a, "/b/c", 1, 1);
    file(p.b, "/b/c", 2, 1);
    file(p.a, "/b.d", 1, 1);
    file(p.b, "/b/x", 1, 1);
    pair_expect(p, "vg/root (x)\n"
                   "  files\n"
                   "    ~ /b/c: size 1 -> 2\n"
                   "    + /b/x\n"
                   "    - /b.d\n");
}

static void test_a_missing_list_of_files_is_said_and_no_difference(void)
{
    struct pair p = pair_new();
    bool differ = true;
    file(p.a, "/a", 1, 1);
    g_autofree char *text = diff(p.a, p.b, false, &differ);
    g_assert_cmpstr(text, ==, "Files were not compared: only one frame lists them.\n");
    g_assert_false(differ);
    frame_free(p.a);
    frame_free(p.b);
}

static void test_coverage_counts_as_a_difference(void)
{
    struct pair p = pair_new();
    struct frame_coverage c = { .kind = "filesystem", .object = "disk0p2" };
    sample_add(p.a, FRAME_COVERAGE, &c);
    c.state = COVERAGE_UNREADABLE;
    c.reason = "encrypted";
    sample_add(p.b, FRAME_COVERAGE, &c);
    /* Of the system, wherever it was found. */
    c = (struct frame_coverage){ .kind = "mount", .object = "/", .system = "disk0p1" };
    sample_add(p.a, FRAME_COVERAGE, &c);
    c.system = "vg/root";
    sample_add(p.b, FRAME_COVERAGE, &c);
    pair_expect(p,
                "target\n"
                "  coverage\n"
                "    ~ filesystem disk0p2: state read -> unreadable, reason none -> encrypted\n");
}

static void test_systems_are_paired_by_root(void)
{
    struct pair p = pair_new();
    sample_add(p.a, FRAME_OS, &(struct frame_os){ .root = "disk1", .id = "y" });
    sample_add(p.b, FRAME_OS, &(struct frame_os){ .root = "disk1", .id = "z" });
    pair_expect(p, "disk0p1 (x)\n  os\n    - disk0p1\n\n"
                   "disk1 (z)\n  os\n    ~ disk1: id y -> z\n\n"
                   "vg/root (x)\n  os\n    + vg/root\n");
}

static void test_two_systems_of_one_root_are_paired_in_order(void)
{
    struct pair p = pair_new();
    sample_add(p.a, FRAME_OS, &(struct frame_os){ .root = "disk0p1", .id = "y" });
    sample_add(p.b, FRAME_OS, &(struct frame_os){ .root = "vg/root", .id = "y" });
    bool differ = true;
    frame_finish(p.a);
    g_autofree char *text = diff(p.a, p.a, false, &differ);
    g_assert_cmpstr(text, ==, "");
    g_assert_false(differ);
    frame_free(p.a);
    frame_free(p.b);
}

static void test_json_carries_both_records(void)
{
    struct pair p = pair_new();
    bool differ;
    package(p.a, "up", "1", 10);
    package(p.b, "up", "2", 20);
    g_autofree char *text = diff(p.a, p.b, true, &differ);
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const json_t *change = json_array_get(json_object_get(root, "changes"), 0);
    g_assert_cmpstr(json_string_value(json_object_get(change, "change")), ==, "upgraded");
    const json_t *after = json_object_get(change, "after");
    g_assert_cmpstr(json_string_value(json_object_get(after, "version")), ==, "2");
    g_assert_true(differ);
    json_decref(root);
    frame_free(p.a);
    frame_free(p.b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/frame/diff/a frame does not differ from itself",
                    test_a_frame_does_not_differ_from_itself);
    g_test_add_func("/frame/diff/packages are told by what happened",
                    test_packages_are_told_by_what_happened);
    g_test_add_func("/frame/diff/several versions of one package are paired by version",
                    test_several_versions_of_one_package_are_paired_by_version);
    g_test_add_func("/frame/diff/other facts name the fields that changed",
                    test_other_facts_name_the_fields_that_changed);
    g_test_add_func("/frame/diff/files are merged in order of path",
                    test_files_are_merged_in_order_of_path);
    g_test_add_func("/frame/diff/a missing list of files is said and no difference",
                    test_a_missing_list_of_files_is_said_and_no_difference);
    g_test_add_func("/frame/diff/coverage counts as a difference",
                    test_coverage_counts_as_a_difference);
    g_test_add_func("/frame/diff/systems are paired by root", test_systems_are_paired_by_root);
    g_test_add_func("/frame/diff/two systems of one root are paired in order",
                    test_two_systems_of_one_root_are_paired_in_order);
    g_test_add_func("/frame/diff/JSON carries both records", test_json_carries_both_records);
    return g_test_run();
}

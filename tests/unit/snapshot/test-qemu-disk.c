/* What QEMU says about disks, and what is made of it. */
#include "base/error.h"
#include "snapshot/qemu_disk.h"

/* One entry of query-block. */
#define ENTRY(drive, device, node, ro, size)                                                       \
    "{\"device\":\"" drive "\",\"qdev\":\"" device "\",\"inserted\":{\"node-name\":\"" node        \
    "\",\"ro\":" ro ",\"image\":{\"virtual-size\":" size "}}}"
#define TWO                                                                                        \
    "[" ENTRY("drive0", "/machine/peripheral/vd0/virtio-backend", "#block1", "false",              \
              "1024") "," ENTRY("", "/machine/peripheral-anon/device[1]", "second", "true",        \
                                "2048") "]"

static json_t *parse(const char *text)
{
    json_t *value = json_loads(text, 0, NULL);
    g_assert_nonnull(value);
    return value;
}

static void check_found(const char *text, const char *name, const char *node, uint64_t size)
{
    g_autoptr(GError) error = NULL;
    struct qemu_disk d;
    json_t *blocks = parse(text);
    bool found = qemu_disk_find(blocks, name, &d, &error);
    g_assert_no_error(error);
    g_assert_true(found);
    g_assert_cmpstr(d.node, ==, node);
    g_assert_cmpuint(d.size, ==, size);
    json_decref(blocks);
}

static void check_refused(const char *text, const char *name, const char *why)
{
    g_autoptr(GError) error = NULL;
    struct qemu_disk d;
    json_t *blocks = parse(text);
    g_assert_false(qemu_disk_find(blocks, name, &d, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND);
    g_assert_cmpstr(error->message, ==, why);
    json_decref(blocks);
}

static void test_names(void)
{
    check_found(TWO, NULL, "#block1", 1024);
    check_found(TWO, "vd0", "#block1", 1024);
    check_found(TWO, "drive0", "#block1", 1024);
    check_found(TWO, "#block1", "#block1", 1024);
    check_found(TWO, "second", "second", 2048);
    check_refused(TWO, "vd",
                  "no disk is called 'vd' of: #block1 "
                  "(/machine/peripheral/vd0/virtio-backend), second "
                  "(/machine/peripheral-anon/device[1])");
    check_refused("[" ENTRY("a", "/d", "x", "true", "512") "]", NULL,
                  "no disk is writable, so name one of: x (/d)");
    check_refused(
        "[" ENTRY("a", "/d", "x", "false", "512") "," ENTRY("a", "/e", "y", "false", "512") "]",
        NULL, "more than one disk is writable, so name one of: x (/d), y (/e)");
}

/* Each is no disk that could be read. */
static void test_strange_entries(void)
{
    static const char *const entries[] = {
        "{}",
        "[]",
        "[1, null, \"x\", []]",
        "[{\"device\": \"cd\", \"qdev\": \"/d\"}]",
        "[" ENTRY("a", "/d", "x", "false", "0") "]",
        "[" ENTRY("a", "/d", "x", "false", "-1") "]",
        "[" ENTRY("a", "/d", "x", "false", "9223372036854775807") "]",
        "[" ENTRY("a", "/d", "x", "false", "\"512\"") "]",
        "[" ENTRY("a", "/d", "a-name-which-is-longer-than-31-bytes", "false", "512") "]",
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(entries); i++)
        check_refused(entries[i], NULL, "no device of the machine has a disk");
}

static void test_bitmaps(void)
{
    static const char nodes_text[] =
        "[{\"node-name\":\"disk\",\"dirty-bitmaps\":["
        "{\"name\":\"assay-1\",\"count\":65536,\"recording\":true},"
        "{\"name\":\"backup\",\"count\":1,\"recording\":true},"
        "{\"count\":1,\"recording\":true},"
        "{\"name\":\"assay-2\",\"count\":1,\"recording\":false},"
        "{\"name\":\"assay-3\",\"count\":1,\"recording\":true,\"inconsistent\":true},"
        "{\"name\":\"assay-4\",\"count\":-1,\"recording\":true}]}]";
    json_t *nodes = parse(nodes_text);
    uint64_t count = 0;
    g_assert_true(qemu_bitmap_count(nodes, "disk", "assay-1", &count));
    g_assert_cmpuint(count, ==, 65536);
    for (char name[] = "assay-2"; name[6] <= '5'; name[6]++)
        g_assert_false(qemu_bitmap_count(nodes, "disk", name, &count));
    g_assert_false(qemu_bitmap_count(nodes, "other", "assay-1", &count));
    size_t position = 0;
    const char *name;
    unsigned seen = 0;
    while (qemu_bitmap_next(nodes, "disk", "assay-", &position, &name))
        seen++;
    g_assert_cmpuint(seen, ==, 4);
    json_decref(nodes);
}

static void test_descriptors(void)
{
    json_t *sets = parse("[{\"fdset-id\":1,\"fds\":[{\"fd\":3}]},"
                         "{\"fdset-id\":2,\"fds\":[{\"fd\":4,\"opaque\":\"assay-10 a\"},"
                         "{\"fd\":5,\"opaque\":\"assay-1 #block1\"}]}]");
    json_int_t set = 0;
    const char *rest = NULL;
    g_assert_true(qemu_fdset_find(sets, "assay-1 ", &set, &rest));
    g_assert_cmpint(set, ==, 2);
    g_assert_cmpstr(rest, ==, "#block1");
    g_assert_false(qemu_fdset_find(sets, "assay-2 ", &set, &rest));
    json_decref(sets);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/snapshot/qemu-disk/a disk is found by drive, device, node or being alone",
                    test_names);
    g_test_add_func("/snapshot/qemu-disk/entries that make no sense are no disks",
                    test_strange_entries);
    g_test_add_func("/snapshot/qemu-disk/only whole bitmaps that record are believed",
                    test_bitmaps);
    g_test_add_func("/snapshot/qemu-disk/descriptors are found by all of their description's name",
                    test_descriptors);
    return g_test_run();
}

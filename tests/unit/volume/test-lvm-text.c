#include <glib.h>
#include <string.h>

#include "base/limits.h"
#include "volume/lvm_text.h"

static struct lvm_item *parse(struct arena *arena, const char *text, GError **error)
{
    return lvm_text_parse(text, strlen(text), "disk0", arena, error);
}

static void assert_wrong(const char *text, int code, const char *message)
{
    g_autoptr(arena) arena = arena_new(1 << 20);
    g_autoptr(GError) error = NULL;
    g_assert_null(parse(arena, text, &error));
    g_assert_error(error, ASSAY_ERROR, code);
    if (strstr(error->message, message) == NULL)
        g_error("'%s' does not say '%s'", error->message, message);
}

static void test_members(void)
{
    g_autoptr(arena) arena = arena_new(1 << 20);
    uint64_t n = 0;
    const struct lvm_item *top = parse(arena,
                                       "# comment { \"\n"
                                       "vg0 {\nseqno=7 # more\n\tname = \"a \\\"b\\\\ #{\"\n"
                                       "list = [\n\"x\", 1,# c\n\"y\", -2]\nempty = []\n"
                                       "sub { } other{deep{a=1}}}\n#end",
                                       NULL);
    g_assert_nonnull(top);
    const struct lvm_item *vg = lvm_item_get(top, "vg0", LVM_SECTION);
    g_assert_nonnull(vg);
    g_assert_true(lvm_item_number(vg, "seqno", &n));
    g_assert_cmpuint(n, ==, 7);
    g_assert_cmpstr(lvm_item_text(vg, "name"), ==, "a \"b\\ #{");
    g_assert_true(lvm_item_has(vg, "list", "y"));
    g_assert_false(lvm_item_has(vg, "list", "z"));
    g_assert_false(lvm_item_has(vg, "none", "z"));
    const struct lvm_item *list = lvm_item_get(vg, "list", LVM_ARRAY);
    g_assert_cmpint(list->first->next->next->next->number, ==, -2);
    g_assert_null(lvm_item_get(vg, "empty", LVM_ARRAY)->first);
    g_assert_null(lvm_item_get(vg, "sub", LVM_SECTION)->first);
    g_assert_nonnull(lvm_item_get(lvm_item_get(vg, "other", LVM_SECTION), "deep", LVM_SECTION));
    g_assert_null(lvm_item_get(vg, "seqno", LVM_STRING));
    g_assert_null(lvm_item_text(vg, "seqno"));
}

static void test_ends_at_nul(void)
{
    static const char text[] = "a = 1\n\0}}}}";
    g_autoptr(arena) arena = arena_new(1 << 20);
    g_assert_nonnull(lvm_text_parse(text, sizeof text, "disk0", arena, NULL));
}

static void test_negative(void)
{
    g_autoptr(arena) arena = arena_new(1 << 20);
    uint64_t n = 42;
    const struct lvm_item *top = parse(arena, "a = -1", NULL);
    g_assert_false(lvm_item_number(top, "a", &n));
    g_assert_cmpuint(n, ==, 42);
}

static void test_wrong(void)
{
    assert_wrong("a", ASSAY_ERROR_CORRUPT, "disk0: LVM metadata: '{' or '=' expected at byte 1");
    assert_wrong("a {", ASSAY_ERROR_CORRUPT, "'}' expected");
    assert_wrong("a { }}", ASSAY_ERROR_CORRUPT, "a name expected");
    assert_wrong("a = ", ASSAY_ERROR_CORRUPT, "a number or a string expected");
    assert_wrong("a = \"b", ASSAY_ERROR_CORRUPT, "the end of a string expected");
    assert_wrong("a = \"b\\", ASSAY_ERROR_CORRUPT, "the end of a string expected");
    assert_wrong("a = [1 2]", ASSAY_ERROR_CORRUPT, "',' or ']' expected");
    assert_wrong("a = [1,", ASSAY_ERROR_CORRUPT, "a number or a string expected");
    assert_wrong("a = [[1]]", ASSAY_ERROR_CORRUPT, "a number or a string expected");
    assert_wrong("a = 99999999999999999999", ASSAY_ERROR_CORRUPT, "a number");
    assert_wrong("= 1", ASSAY_ERROR_CORRUPT, "a name expected");
}

static void test_limits(void)
{
    g_autoptr(GString) deep = g_string_new(NULL);
    for (int i = 0; i <= LIMIT_LVM_NESTING; i++)
        g_string_append(deep, "a{");
    assert_wrong(deep->str, ASSAY_ERROR_LIMIT, "sections deep");
    g_autoptr(GString) many = g_string_new(NULL);
    for (int i = 0; i < 100000; i++)
        g_string_append(many, "a=1 ");
    assert_wrong(many->str, ASSAY_ERROR_LIMIT, "bytes of memory");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/lvm-text/sections, values, arrays, comments and escapes", test_members);
    g_test_add_func("/lvm-text/the text ends at a NUL", test_ends_at_nul);
    g_test_add_func("/lvm-text/a negative number is no size", test_negative);
    g_test_add_func("/lvm-text/what is wrong is named with its offset", test_wrong);
    g_test_add_func("/lvm-text/nesting and memory have limits", test_limits);
    return g_test_run();
}

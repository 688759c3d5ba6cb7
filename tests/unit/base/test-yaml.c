#include "base/yaml.h"

#include <string.h>

#include "base/error.h"

static void test_values(void)
{
    static const struct {
        const char *yaml, *json;
    } cases[] = {
        { "", "{}" },
        { "a: 1\nb: -2\nc: true\nd: null\ne: ~\nf:\n", "{\"a\":1,\"b\":-2,\"c\":true,\"d\":null,"
                                                       "\"e\":null,\"f\":null}" },
        { "a: \"1\"\nb: 'true'\nc: yes\nd: 1.5\n",
          "{\"a\":\"1\",\"b\":\"true\",\"c\":\"yes\",\"d\":\"1.5\"}" },
        { "- [1, {a: b}]\n- |\n  two\n  lines\n", "[[1,{\"a\":\"b\"}],\"two\\nlines\\n\"]" },
        { "200: x\n", "{\"200\":\"x\"}" },
        { "just text", "\"just text\"" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        GError *error = NULL;
        json_t *v = yaml_load("x", cases[i].yaml, strlen(cases[i].yaml), &error);
        g_assert_no_error(error);
        char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
        g_assert_cmpstr(text, ==, cases[i].json);
        free(text);
        json_decref(v);
    }
}

static void test_refusals(void)
{
    static const struct {
        const char *yaml, *why;
    } cases[] = {
        { "a: &x 1\n", "x, line 1: anchors" },
        { "a: 1\nb: *x\n", "x, line 2: " },
        { "a: !!str 1\n", "x, line 1: anchors" },
        { "a: 1\na: 2\n", "twice" },
        { "a: 1\n---\nb: 2\n", "a second document" },
        { "[1]: 2\n", "not a text" },
        { "a: [1\n", "x, line " },
        { "a: \"\\x\"", "x, line 1" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(yaml_load("x", cases[i].yaml, strlen(cases[i].yaml), &error));
        g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_INVALID);
        g_assert_nonnull(strstr(error->message, cases[i].why));
    }
    g_autofree char *deep = g_strnfill(100, '[');
    g_autoptr(GError) error = NULL;
    g_assert_null(yaml_load("x", deep, 100, &error));
    g_assert_nonnull(strstr(error->message, "too deep"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/yaml/values are as JSON has them", test_values);
    g_test_add_func("/base/yaml/what is not understood is refused with its line", test_refusals);
    return g_test_run();
}

#include "base/json_writer.h"

#include <jansson.h>

static void test_output_is_json_whatever_the_bytes(void)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    struct json_writer w;
    jw_init(&w, f, false);
    jw_object_begin(&w, NULL);
    jw_string(&w, "plain", "a\"b\\c\n\x01");
    jw_string(&w, "bytes", "x\xff\xfey");
    jw_array_begin(&w, "empty");
    jw_array_end(&w);
    jw_array_begin(&w, "list");
    jw_u64(&w, NULL, G_MAXUINT64 / 2);
    jw_decimal(&w, NULL, 0.97531, 3);
    jw_bool(&w, NULL, true);
    jw_null(&w, NULL);
    jw_array_end(&w);
    jw_object_end(&w);
    g_assert_true(jw_finish(&w, NULL));
    (void)fclose(f);
    json_error_t e;
    json_t *root = json_loads(text, 0, &e);
    g_assert_nonnull(root);
    g_assert_cmpstr(json_string_value(json_object_get(root, "plain")), ==, "a\"b\\c\n\x01");
    g_assert_cmpstr(json_string_value(json_object_get(root, "bytes")), ==,
                    "x\xef\xbf\xbd\xef\xbf\xbdy");
    g_assert_cmpint(json_array_size(json_object_get(root, "list")), ==, 4);
    json_decref(root);
    free(text);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/json/output is JSON whatever the bytes",
                    test_output_is_json_whatever_the_bytes);
    return g_test_run();
}

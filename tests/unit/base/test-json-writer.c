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

static void test_text_stays_in_memory_without_a_file(void)
{
    struct json_writer w;
    jw_init(&w, NULL, true);
    for (int round = 0; round < 2; round++) {
        jw_object_begin(&w, NULL);
        jw_string(&w, "a", "b");
        jw_object_end(&w);
        g_autoptr(GString) text = jw_take(&w);
        g_assert_cmpstr(text->str, ==, "{\"a\":\"b\"}");
    }
    g_string_free(w.buffer, TRUE);
}

static void test_a_part_can_stand_on_one_line(void)
{
    struct json_writer w;
    jw_init(&w, NULL, false);
    jw_array_begin(&w, NULL);
    jw_object_begin(&w, NULL);
    g_assert_false(jw_set_compact(&w, true));
    jw_u64(&w, "a", 1);
    jw_u64(&w, "b", 2);
    jw_object_end(&w);
    g_assert_true(jw_set_compact(&w, false));
    jw_array_end(&w);
    g_autoptr(GString) text = jw_take(&w);
    g_assert_cmpstr(text->str, ==, "[\n  {\"a\":1,\"b\":2}\n]");
    g_string_free(w.buffer, TRUE);
}

static void test_json_is_taken_over_as_it_is(void)
{
    struct json_writer w;
    jw_init(&w, NULL, true);
    jw_object_begin(&w, NULL);
    jw_json(&w, "a", "{\"x\": [1.50, \"\\u0041\"]}");
    jw_u64(&w, "b", 2);
    jw_object_end(&w);
    g_autoptr(GString) text = jw_take(&w);
    g_assert_cmpstr(text->str, ==, "{\"a\":{\"x\": [1.50, \"\\u0041\"]},\"b\":2}");
    g_string_free(w.buffer, TRUE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/json/output is JSON whatever the bytes",
                    test_output_is_json_whatever_the_bytes);
    g_test_add_func("/base/json/text stays in memory without a file",
                    test_text_stays_in_memory_without_a_file);
    g_test_add_func("/base/json/a part can stand on one line", test_a_part_can_stand_on_one_line);
    g_test_add_func("/base/json/JSON is taken over as it is", test_json_is_taken_over_as_it_is);
    return g_test_run();
}

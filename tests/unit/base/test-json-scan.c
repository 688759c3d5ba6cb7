#include "base/json_scan.h"

#include <string.h>

#include "base/error.h"

/* The parts of an array joined with '|', or the message of the error. */
static char *parts_of(const char *text)
{
    size_t len = strlen(text);
    g_autofree char *exact = g_memdup2(text, len); /* no NUL: reading past the end is seen */
    struct json_scan s = json_scan_of(exact, len);
    struct json_part part;
    bool more;
    GError *error = NULL;
    g_autoptr(GString) out = g_string_new(NULL);
    bool ok = json_scan_open(&s, '[', &error);
    while (ok && json_scan_next(&s, &more, &error) && more) {
        ok = json_scan_value(&s, &part, &error);
        if (ok) {
            g_assert_true(part.text == exact + part.offset);
            g_string_append_printf(out, "%.*s|", (int)part.len, part.text);
        }
    }
    if (error == NULL && !json_scan_end(&s, &error))
        ok = false;
    if (error == NULL)
        return g_strdup(out->str);
    g_assert_true(error->domain == ASSAY_ERROR);
    char *message = g_strdup(error->message);
    g_error_free(error);
    return message;
}

static void test_parts_are_found_where_they_are(void)
{
    static const struct {
        const char *text, *parts;
    } cases[] = {
        { "[]", "" },
        { " [ 1 , \"a,]\\\"}\" ,{\"x\":[{}]}, null ]\n", "1|\"a,]\\\"}\"|{\"x\":[{}]}|null|" },
        { "[[[]],{}]", "[[]]|{}|" },
        { "", "JSON: an array expected at byte 0" },
        { "{}", "JSON: an array expected at byte 0" },
        { "[", "JSON: a value expected at byte 1" },
        { "[1", "JSON: a comma or the end expected at byte 2" },
        { "[1 2]", "JSON: a comma or the end expected at byte 3" },
        { "[,]", "JSON: a value expected at byte 1" },
        { "[1,]", "JSON: a value expected at byte 3" },
        { "[\"a", "JSON: the end of a string expected at byte 3" },
        { "[\"a\\", "JSON: the end of a string expected at byte 4" },
        { "[{]", "JSON: '}' expected at byte 2" },
        { "[[}", "JSON: ']' expected at byte 2" },
        { "[{", "JSON: a closing bracket expected at byte 2" },
        { "[]]", "JSON: the end expected at byte 2" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *got = parts_of(cases[i].text);
        g_assert_cmpstr(got, ==, cases[i].parts);
    }
}

static void test_sixty_four_levels_are_the_most(void)
{
    for (unsigned depth = 64; depth <= 65; depth++) {
        g_autoptr(GString) s = g_string_new("[");
        for (unsigned i = 0; i < depth; i++)
            g_string_append_c(s, i % 2 == 0 ? '[' : '{');
        for (unsigned i = depth; i-- > 0;)
            g_string_append_c(s, i % 2 == 0 ? ']' : '}');
        g_string_append_c(s, ']');
        g_autofree char *got = parts_of(s->str);
        g_assert_cmpint(strstr(got, "more than 64 levels") != NULL, ==, depth == 65);
    }
}

static void test_names_are_decoded_and_offsets_are_of_the_whole(void)
{
    static const char text[] = "{\"\\u0061\\n\": [1 x]}";
    struct json_scan s = json_scan_of(text, strlen(text));
    struct json_part part;
    bool more;
    g_autoptr(GError) error = NULL;
    g_assert_true(json_scan_open(&s, '{', &error) && json_scan_next(&s, &more, &error) && more);
    g_autofree char *key = json_scan_key(&s, &error);
    g_assert_cmpstr(key, ==, "a\n");
    g_assert_true(json_scan_value(&s, &part, &error));
    struct json_scan inner = json_scan_part(&part);
    g_assert_true(json_scan_open(&inner, '[', &error));
    g_assert_true(json_scan_next(&inner, &more, &error) && json_scan_value(&inner, &part, &error));
    g_assert_false(json_scan_next(&inner, &more, &error));
    g_assert_cmpstr(error->message, ==, "JSON: a comma or the end expected at byte 16");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/json-scan/parts are found where they are",
                    test_parts_are_found_where_they_are);
    g_test_add_func("/base/json-scan/sixty-four levels are the most",
                    test_sixty_four_levels_are_the_most);
    g_test_add_func("/base/json-scan/names are decoded and offsets are of the whole",
                    test_names_are_decoded_and_offsets_are_of_the_whole);
    return g_test_run();
}

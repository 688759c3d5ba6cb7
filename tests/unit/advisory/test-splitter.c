#include "advisory/splitter.h"

#include <string.h>

static bool note(const char *key, const char *text, size_t len, const char *broken, void *user,
                 GError **error)
{
    GString *out = user;
    g_string_append_printf(out, "%s%s%.*s%s|", key ? key : "", key ? "=" : "", (int)len, text,
                           broken ? "!" : "");
    return true;
}

/* The documents of a text, each followed by a bar, broken ones by "!"; the same however the bytes
 * arrive. */
static void assert_split(enum feed_form form, const char *text, const char *expected)
{
    for (size_t piece = 1; piece <= strlen(text) + 1; piece++) {
        g_autoptr(GString) out = g_string_new(NULL);
        g_autoptr(GError) error = NULL;
        g_autoptr(splitter) s = splitter_new(form, "u", note, out);
        bool ok = true;
        for (size_t at = 0; ok && at < strlen(text); at += piece)
            ok = splitter_push(s, text + at, MIN(piece, strlen(text) - at), &error);
        if (!ok || !splitter_finish(s, &error))
            g_string_append(out, "failed");
        g_assert_cmpstr(out->str, ==, expected);
    }
}

static void test_json_values(void)
{
    assert_split(FEED_JSON, "{\"a\":[1,{\"b\":\"}\\\"\"}]}", "{\"a\":[1,{\"b\":\"}\\\"\"}]}|");
    assert_split(FEED_JSON, " {\n \"a\": 1\n}\n{\"b\":2}", "{\n \"a\": 1\n}|{\"b\":2}|");
    assert_split(FEED_JSON, "[{\"a\":1}, {\"b\":[]},3,\"x,y\"]", "{\"a\":1}|{\"b\":[]}|3|\"x,y\"|");
    assert_split(FEED_JSON, "", "");
    assert_split(FEED_JSON, "[]", "");
}

static void test_json_lines(void)
{
    assert_split(FEED_JSON, "{\"a\":1}\n\n{\"b\":2}\r\n", "{\"a\":1}|{\"b\":2}\r|");
    /* a broken line costs only itself, the first one too */
    assert_split(FEED_JSON, "{\"a\":{\n{\"b\":2}\n", "{\"a\":{|{\"b\":2}|");
    assert_split(FEED_JSON, "{\"a\":1}\n{\"b\":\"\n{\"c\":3}", "{\"a\":1}|{\"b\":\"|{\"c\":3}|");
}

static void test_json_members(void)
{
    assert_split(FEED_JSON_MEMBERS, "{\"a\": {\"x\":1},\n\"b\\\"c\":[2] ,\"d\":3}",
                 "a={\"x\":1}|b\\\"c=[2]|d=3|");
    assert_split(FEED_JSON_MEMBERS, "{\"a\":{\"x\":1}", "a={\"x\":1}|a=!|");
    assert_split(FEED_JSON_MEMBERS, "{x}", "failed");
}

static void test_truncated_and_stray(void)
{
    assert_split(FEED_JSON, "{\"a\":1", "{\"a\":1!|");
    assert_split(FEED_JSON, "[{\"a\":1},{\"b\"", "{\"a\":1}|{\"b\"!|");
    assert_split(FEED_JSON, "[{\"a\":1}", "{\"a\":1}|!|");
    assert_split(FEED_JSON, "[{\"a\":1}] more", "{\"a\":1}|!|");
    assert_split(FEED_JSON, "{\"a\":1}}{\"b\":2}", "{\"a\":1}|!|{\"b\":2}|");
}

static void test_paragraphs(void)
{
    assert_split(FEED_PARAGRAPHS, "[1] a\n\tb\n\n c\n[2] d\n", "[1] a\n\tb\n\n c\n|[2] d\n|");
    assert_split(FEED_LINES, "a\n\nb\r\nc", "a|b\r|c|");
    assert_split(FEED_WHOLE, "a\nb", "a\nb|");
}

static void test_xml(void)
{
    assert_split(FEED_XML, "<us><u x=\"1\">a</u> <u>b<v/></u></us>",
                 "<u x=\"1\">a</u>|<u>b<v/></u>|");
    assert_split(FEED_XML, "<us><u>a</u><u>b", "<u>a</u>|<u>b!|");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/advisory/splitter/values and elements", test_json_values);
    g_test_add_func("/advisory/splitter/lines, broken ones too", test_json_lines);
    g_test_add_func("/advisory/splitter/members of one object", test_json_members);
    g_test_add_func("/advisory/splitter/truncated and stray text is reported",
                    test_truncated_and_stray);
    g_test_add_func("/advisory/splitter/lines, paragraphs, whole", test_paragraphs);
    g_test_add_func("/advisory/splitter/elements of XML", test_xml);
    return g_test_run();
}

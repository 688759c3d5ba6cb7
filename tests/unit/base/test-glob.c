#include "base/glob.h"

#include <glib.h>
#include <string.h>

static void test_patterns(void)
{
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {
        { "", "", true },           { "", "a", false },         { "a", "a", true },
        { "a", "ab", false },       { "*", "", true },          { "*", "a/b", true },
        { "a*", "abc", true },      { "*c", "abc", true },      { "*b", "abc", false },
        { "a*c*e", "abcde", true }, { "a*c*e", "abcd", false }, { "a?c", "abc", true },
        { "a?", "a", false },       { "**a**", "bab", true },   { "*ab", "aab", true },
        { "[a]", "a", false },      { "a*b", "a*b", true },     { "?*?", "a", false },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        if (glob_match(cases[i].pattern, cases[i].text) != cases[i].matches)
            g_error("'%s' and '%s': not %d", cases[i].pattern, cases[i].text, cases[i].matches);
}

static void test_many_stars_end(void)
{
    enum { LENGTH = 20000 };
    g_autofree char *text = g_strnfill(LENGTH, 'a');
    g_autoptr(GString) pattern = g_string_new(NULL);
    for (int i = 0; i < 1000; i++)
        g_string_append(pattern, "*a");
    g_string_append(pattern, "b");
    g_assert_false(glob_match(pattern->str, text));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/glob/stars and question marks stand for bytes", test_patterns);
    g_test_add_func("/base/glob/many stars do not take for ever", test_many_stars_end);
    return g_test_run();
}

#include "advisory/json_get.h"

static void check(const char *text, const char *title)
{
    GStringChunk *strings = g_string_chunk_new(256);
    g_assert_cmpstr(feed_title(strings, text), ==, title);
    g_string_chunk_free(strings);
}

static void test_the_first_sentence_on_one_line(void)
{
    check("A flaw, e.g. in\nthe parser of some file format, was found. More.",
          "A flaw, e.g. in the parser of some file format, was found");
    check("  \n", NULL);
    check(NULL, NULL);
}

static void test_the_kernel_s_phrase_is_passed_over(void)
{
    check("In the Linux kernel, the following vulnerability has been resolved:\n\n"
          "of: module: add buffer overflow check in of_modalias()\n\nIn of_modalias(), if...",
          "of: module: add buffer overflow check in of_modalias()");
    check("In the Linux kernel before 4.12, a thing fails.",
          "In the Linux kernel before 4.12, a thing fails");
}

static void test_a_long_one_is_cut_between_words_and_characters(void)
{
    g_autoptr(GString) text = g_string_new("Ein");
    for (int i = 0; i < 100; i++)
        g_string_append(text, " gr\xc3\xb6\xc3\x9f"
                              "eres");
    GStringChunk *strings = g_string_chunk_new(256);
    const char *title = feed_title(strings, text->str);
    g_assert_true(g_utf8_validate(title, -1, NULL));
    g_assert_true(g_str_has_suffix(title, "eres\xe2\x80\xa6"));
    g_string_chunk_free(strings);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/advisory/title: the first sentence on one line",
                    test_the_first_sentence_on_one_line);
    g_test_add_func("/advisory/title: the kernel's phrase is passed over",
                    test_the_kernel_s_phrase_is_passed_over);
    g_test_add_func("/advisory/title: a long one is cut between words and characters",
                    test_a_long_one_is_cut_between_words_and_characters);
    return g_test_run();
}

#include "block/rbd_name.h"

#include <string.h>

#include "base/error.h"

static void test_names_are_split(void)
{
    static const struct {
        const char *text, *cluster, *pool, *space, *image, *snapshot;
    } cases[] = {
        { "rbd:p/i", NULL, "p", "", "i", NULL },
        { "rbd:p/i@s", NULL, "p", "", "i", "s" },
        { "rbd:p/n/i@s:1 x", NULL, "p", "n", "i", "s:1 x" },
        { "rbd://c/p/i", "c", "p", "", "i", NULL },
        { "rbd://c/p/n/i@s", "c", "p", "n", "i", "s" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(rbd_name) n = { 0 };
        g_assert_true(rbd_name_parse(cases[i].text, &n, NULL));
        g_assert_cmpstr(n.cluster, ==, cases[i].cluster);
        g_assert_cmpstr(n.pool, ==, cases[i].pool);
        g_assert_cmpstr(n.space, ==, cases[i].space);
        g_assert_cmpstr(n.image, ==, cases[i].image);
        g_assert_cmpstr(n.snapshot, ==, cases[i].snapshot);
    }
}

static void test_what_is_no_name_is_refused(void)
{
    static const char *const cases[] = {
        "",           "p/i",       "rbd:",        "rbd:p",           "rbd:p/",      "rbd:/i",
        "rbd:p//i",   "rbd:p/i@",  "rbd:p/i@a/b", "rbd:p/i@a@b",     "rbd:p/n/i/x", "rbd://c/p",
        "rbd:///p/i", "rbd:p/i\n", "rbd:p/\xff",  "rbd://c/p/n/i/x",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(rbd_name) n = { 0 };
        g_autoptr(GError) error = NULL;
        g_assert_false(rbd_name_parse(cases[i], &n, &error));
        g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_INVALID);
        g_assert_nonnull(strstr(error->message, cases[i]));
    }
    g_autofree char *longest = g_strnfill(256, 'x'), *text = g_strconcat("rbd:p/", longest, NULL);
    g_auto(rbd_name) n = { 0 };
    g_assert_false(rbd_name_parse(text, &n, NULL));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/block/rbd name/names are split", test_names_are_split);
    g_test_add_func("/block/rbd name/what is no name is refused", test_what_is_no_name_is_refused);
    return g_test_run();
}

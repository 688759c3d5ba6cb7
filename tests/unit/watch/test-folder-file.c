#include <string.h>

#include "base/error.h"
#include "store/store.h"
#include "watch/folder_file.h"

static void test_location(void)
{
    static const struct {
        const char *location, *path, *pattern;
    } good[] = {
        { "/srv/b", "/srv/b/", NULL },
        { "/srv/b/*.qcow2", "/srv/b/", "*.qcow2" },
        { "/srv/disk?", "/srv/", "disk?" },
    };
    static const char *const bad[] = {
        "", "srv/b", "/srv/b/", "/srv/../etc", "/srv/*/b", "/srv//b"
    };
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        GError *error = NULL;
        g_autofree char *path = NULL, *pattern = NULL;
        g_assert_true(folder_location(good[i].location, &path, &pattern, &error));
        g_assert_no_error(error);
        g_assert_cmpstr(path, ==, good[i].path);
        g_assert_cmpstr(pattern, ==, good[i].pattern);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        char *path = NULL, *pattern = NULL;
        g_assert_false(folder_location(bad[i], &path, &pattern, &error));
        g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_INVALID);
        g_assert_null(path);
        g_assert_null(pattern);
    }
}

static void test_wants(void)
{
    static const char *const no[] = { ".a.qcow2",     ".",          "..",
                                      "a.qcow2.part", "a.tmp",      "a.qcow2~",
                                      "a\nb.qcow2",   "\xff.qcow2", "a.raw" };
    for (size_t i = 0; i < G_N_ELEMENTS(no); i++)
        g_assert_false(folder_wants("*.qcow2", no[i]));
    g_assert_true(folder_wants("*.qcow2", "a b.qcow2"));
    g_assert_true(folder_wants(NULL, "a.raw"));
    g_assert_false(folder_wants(NULL, "a.raw.filepart"));
}

static void test_name(void)
{
    static const struct {
        const char *file, *name;
    } cases[] = {
        { "db1.qcow2", "db1.qcow2" },
        { "db 1 (new).qcow2", "db-1-new-.qcow2" },
        { "_x.raw", "f_x.raw" },
        { "\xc3\xa4.raw", "f-.raw" },
        { "-", "f-" },
    };
    g_autofree char *file = g_strnfill(200, 'a');
    g_autofree char *name = folder_image_name(file);
    g_assert_true(store_name_valid("image", name, NULL));
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        GError *error = NULL;
        g_autofree char *made = folder_image_name(cases[i].file);
        g_assert_cmpstr(made, ==, cases[i].name);
        g_assert_true(store_name_valid("image", made, &error));
        g_assert_no_error(error);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/folder-file/only the last part of a location may be a pattern",
                    test_location);
    g_test_add_func("/folder-file/hidden and incomplete files are not looked at", test_wants);
    g_test_add_func("/folder-file/any name of a file becomes a valid name of an image", test_name);
    return g_test_run();
}

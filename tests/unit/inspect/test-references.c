#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/autoclose.h"
#include "base/error.h"
#include "inspect/references.h"

/* top/disk, top/sub/base, top/link -> ../outside, outside */
struct folders {
    char *top, *outside, *parent;
    struct inspect_target *target;
    struct references references;
    struct inspect_options options;
};

static void write_file(const char *folder, const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_assert_true(g_file_set_contents(path, name, -1, NULL));
}

static void setup(struct folders *f, const void *policy)
{
    f->parent = g_dir_make_tmp("assay-test-XXXXXX", NULL);
    f->top = g_build_filename(f->parent, "top", NULL);
    g_autofree char *sub = g_build_filename(f->top, "sub", NULL);
    g_autofree char *link = g_build_filename(f->top, "link", NULL);
    g_autofree char *disk = g_build_filename(f->top, "disk", NULL);
    g_assert_cmpint(g_mkdir_with_parents(sub, 0700), ==, 0);
    write_file(f->parent, "outside");
    write_file(f->top, "disk");
    write_file(sub, "base");
    g_assert_cmpint(symlink("../outside", link), ==, 0);
    const struct inspect_options options = { 0 };
    GError *error = NULL;
    f->target = inspect_target_open(&disk, 1, &options, &error);
    g_assert_no_error(error);
    f->options = (struct inspect_options){ .references = GPOINTER_TO_INT(policy) };
    references_init(&f->references, f->target, &f->options);
}

static void teardown(struct folders *f, const void *policy)
{
    g_autofree char *command = g_strdup_printf("rm -r '%s'", f->parent);
    g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
    references_done(&f->references);
    inspect_target_free(f->target);
    g_free(f->top);
    g_free(f->parent);
}

static int open_it(struct folders *f, unsigned from, const char *reference, GError **error)
{
    unsigned token;
    const char *name;
    int fd = references_open(&f->references, from, reference, &token, &name, error);
    if (fd >= 0) {
        g_assert_cmpuint(token, ==, f->references.files->len - 1);
        (void)close(fd);
    }
    return fd;
}

static void refuse(struct folders *f, unsigned from, const char *reference, int code)
{
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(open_it(f, from, reference, &error), <, 0);
    g_assert_error(error, ASSAY_ERROR, code);
    g_assert_nonnull(strstr(error->message, reference));
}

static void test_the_tree_ends_at_the_image_s_folder(struct folders *f, const void *policy)
{
    g_autofree char *absolute = g_build_filename(f->top, "sub", "base", NULL);
    g_autofree char *outside = g_build_filename(f->parent, "outside", NULL);
    g_assert_cmpint(open_it(f, 0, "sub/base", NULL), >=, 0);
    g_assert_cmpint(open_it(f, 0, absolute, NULL), >=, 0);
    g_assert_cmpint(open_it(f, 0, "sub/../sub/./base", NULL), >=, 0);
    refuse(f, 0, "../outside", ASSAY_ERROR_DENIED);
    refuse(f, 0, "link", ASSAY_ERROR_DENIED);
    refuse(f, 0, outside, ASSAY_ERROR_DENIED);
    refuse(f, 0, "/etc/passwd", ASSAY_ERROR_DENIED);
    refuse(f, 0, "nothing", ASSAY_ERROR_NOT_FOUND);
    refuse(f, 0, "sub", ASSAY_ERROR_INVALID);
}

static void test_names_are_relative_to_who_names_them(struct folders *f, const void *policy)
{
    g_assert_cmpint(open_it(f, 0, "sub/base", NULL), >=, 0);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(open_it(f, 1, "base", &error), <, 0);
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_CORRUPT); /* itself: a loop */
    refuse(f, 1, "../disk", ASSAY_ERROR_CORRUPT);
    refuse(f, 1, "../../outside", ASSAY_ERROR_DENIED);
    refuse(f, 2, "base", ASSAY_ERROR_LIMIT); /* no such token */
}

static void test_none_opens_nothing(struct folders *f, const void *policy)
{
    refuse(f, 0, "sub/base", ASSAY_ERROR_DENIED);
}

static void test_any_opens_what_the_user_can(struct folders *f, const void *policy)
{
    g_assert_cmpint(open_it(f, 0, "../outside", NULL), >=, 0);
    g_assert_cmpint(open_it(f, 0, "link", NULL), >=, 0);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(open_it(f, 0, "/dev/null", &error), <, 0);
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_INVALID);
}

#define ADD(name, policy, func)                                                                    \
    g_test_add("/inspect/references: " name, struct folders, GINT_TO_POINTER(policy), setup, func, \
               teardown)

static void test_files_in_use_are_refused_on_request(struct folders *f, const void *policy)
{
    g_autofree char *path = g_build_filename(f->top, "sub", "base", NULL);
    autoclose int writer = open(path, O_WRONLY | O_CLOEXEC);
    g_assert_cmpint(open_it(f, 0, "sub/base", NULL), >=, 0);
    f->options.refuse_used = true;
    refuse(f, 0, "sub/base", ASSAY_ERROR_DENIED);
    (void)close(take_fd(&writer));
    g_assert_cmpint(open_it(f, 0, "sub/base", NULL), >=, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("the tree ends at the image's folder", INSPECT_REFERENCES_TREE,
        test_the_tree_ends_at_the_image_s_folder);
    ADD("names are relative to who names them", INSPECT_REFERENCES_TREE,
        test_names_are_relative_to_who_names_them);
    ADD("none opens nothing", INSPECT_REFERENCES_NONE, test_none_opens_nothing);
    ADD("any opens what the user can", INSPECT_REFERENCES_ANY, test_any_opens_what_the_user_can);
    ADD("files in use are refused on request", INSPECT_REFERENCES_TREE,
        test_files_in_use_are_refused_on_request);
    return g_test_run();
}

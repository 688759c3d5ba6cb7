/* Targets made of blocks, looked at by a real inspector: this program started again. */
#include "config.h"

#include <fcntl.h>
#include <string.h>

#include "../block/qcow2-image.h"
#include "inspect/inspect.h"

#if HAVE_NBD
static const struct inspect_options plain = { 0 };

/* A block of one byte's value, which cannot be read from 1 MiB on. */
static bool filled_read(struct block *b, uint64_t off, void *buf, size_t len, GError **error)
{
    if (off + len > (1u << 20))
        return fail(error, ASSAY_ERROR_IO, "%s: the storage is gone", b->name);
    memset(buf, 7, len);
    return true;
}

static const struct block_driver filled = { .name = "filled",
                                            .description = "",
                                            .read = filled_read };

static struct frame *volumes_of(const struct inspect_source *source)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(inspect_target) t = inspect_target_of_blocks(source, 1, &plain, &error);
    g_assert_no_error(error);
    struct frame *f = inspect_volumes(t, &plain, &error);
    g_assert_no_error(error);
    return f;
}

/* The disk's bytes as `assay cat --disk` would write them. */
static GBytes *disk_of(const struct inspect_source *source, GError **error)
{
    g_autoptr(inspect_target) t = inspect_target_of_blocks(source, 1, &plain, error);
    char *bytes = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&bytes, &len);
    bool ok = inspect_copy(t, &plain, NULL, out, NULL, NULL, error);
    g_assert_cmpint(fclose(out), ==, 0);
    if (ok)
        return g_bytes_new_with_free_func(bytes, len, free, bytes);
    free(bytes);
    return NULL;
}

static bool covered(const struct frame *f, enum coverage_state state, const char *object,
                    const char *reason)
{
    for (unsigned i = 0; i < f->coverage->len; i++) {
        const struct frame_coverage *c = g_ptr_array_index(f->coverage, i);
        if (c->state == state && g_str_equal(c->object, object) && c->reason != NULL &&
            strstr(c->reason, reason) != NULL)
            return true;
    }
    return false;
}

static void test_a_frame_names_the_source_and_its_format(void)
{
    g_autoptr(block) b = block_alloc(sizeof *b, &filled, "inner name", 1u << 20);
    const struct inspect_source source = { .block = b, .name = "rbd:pool/image@snap" };
    g_autoptr(frame) f = volumes_of(&source);
    g_assert_cmpstr(f->target, ==, "rbd:pool/image@snap");
    g_assert_cmpuint(f->volumes->len, ==, 1);
    const struct frame_volume *v = g_ptr_array_index(f->volumes, 0);
    g_assert_cmpstr(v->image, ==, "rbd:pool/image@snap");
    g_assert_cmpstr(v->format, ==, "raw");
    g_assert_cmpuint(v->size, ==, 1u << 20);
}

static void test_a_note_makes_the_disk_partial(void)
{
    g_autoptr(block) b = block_alloc(sizeof *b, &filled, "inner name", 1u << 20);
    const struct inspect_source source = { .block = b,
                                           .name = "disk",
                                           .note = "read while in use" };
    g_autoptr(frame) f = volumes_of(&source);
    g_assert_true(covered(f, COVERAGE_PARTIAL, "disk0", "disk: read while in use"));
}

static void test_coverage_says_why_a_source_could_not_be_read(void)
{
    g_autoptr(block) b = block_alloc(sizeof *b, &filled, "pool/image", 2u << 20);
    const struct inspect_source source = { .block = b, .name = "disk" };
    g_autoptr(frame) f = volumes_of(&source);
    g_assert_true(covered(f, COVERAGE_PARTIAL, "disk", "pool/image: the storage is gone"));
    g_autoptr(GError) error = NULL;
    g_assert_null(disk_of(&source, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_IO);
    g_assert_cmpstr(error->message, ==, "pool/image: the storage is gone");
}

static void test_an_image_in_a_source_is_decoded_unless_it_is_called_raw(void)
{
    struct image im = image_new(3, 16);
    put_l2(&im, 0, cluster_at(&im, 3) | OFLAG_COPIED);
    fill(&im, 3, 9);
    g_autoptr(block) file = image_file(&im, "disk.qcow2");
    const struct inspect_source source = { .block = file, .name = "disk" };
    const struct inspect_source raw = { .block = file, .name = "disk", .format = "raw" };
    g_autoptr(GBytes) decoded = disk_of(&source, NULL), plain_bytes = disk_of(&raw, NULL);
    g_assert_cmpuint(g_bytes_get_size(decoded), ==, DISK_CLUSTERS << 16);
    g_assert_cmpint(((const uint8_t *)g_bytes_get_data(decoded, NULL))[5], ==, 9);
    g_assert_cmpuint(g_bytes_get_size(plain_bytes), ==, im.bytes->len);
    g_assert_cmpmem(g_bytes_get_data(plain_bytes, NULL), im.bytes->len, im.bytes->data,
                    im.bytes->len);
    image_clear(&im);
}

/* folder/top.qcow2 over folder/base (raw), served from a descriptor. */
static struct image with_backing(const char *folder)
{
    struct image im = image_new(3, 16);
    g_autofree char *base = g_build_filename(folder, "base", NULL);
    g_autofree char *top = g_build_filename(folder, "top.qcow2", NULL);
    g_autofree char *bytes = g_malloc(DISK_CLUSTERS << 16);
    memset(bytes, 3, DISK_CLUSTERS << 16);
    put64(&im, 8, 200);
    put32(&im, 16, 4);
    put(&im, 200, "base", 4);
    g_assert_true(g_file_set_contents(base, bytes, DISK_CLUSTERS << 16, NULL));
    g_assert_true(g_file_set_contents(top, (const char *)im.bytes->data, im.bytes->len, NULL));
    return im;
}

static void test_a_backing_file_is_opened_only_for_a_source_with_a_path(void)
{
    g_autofree char *folder = g_dir_make_tmp("assay-test-XXXXXX", NULL);
    g_autofree char *real = realpath(folder, NULL);
    g_autofree char *top = g_build_filename(real, "top.qcow2", NULL);
    g_autofree char *command = g_strdup_printf("rm -r '%s'", folder);
    g_autoptr(GError) error = NULL;
    struct image im = with_backing(real);
    g_autoptr(block) file = image_file(&im, "top.qcow2");
    const struct inspect_source source = { .block = file, .name = "disk", .path = top };
    const struct inspect_source nowhere = { .block = file, .name = "disk" };
    g_autoptr(GBytes) decoded = disk_of(&source, &error);
    g_assert_no_error(error);
    g_assert_cmpint(((const uint8_t *)g_bytes_get_data(decoded, NULL))[5], ==, 3);
    g_assert_null(disk_of(&nowhere, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_DENIED);
    g_assert_nonnull(strstr(error->message, "'base' may not be opened"));
    image_clear(&im);
    g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
}

static void test_several_sources_are_one_machine(void)
{
    g_autoptr(block) a = block_alloc(sizeof *a, &filled, "a", 1u << 20);
    g_autoptr(block) b = block_alloc(sizeof *b, &filled, "b", 1u << 19);
    const struct inspect_source sources[] = { { .block = a, .name = "a" },
                                              { .block = b, .name = "b" } };
    g_autoptr(inspect_target) t = inspect_target_of_blocks(sources, 2, &plain, NULL);
    g_autoptr(frame) f = inspect_volumes(t, &plain, NULL);
    g_assert_cmpstr(f->target, ==, "a + b");
    g_assert_cmpuint(f->volumes->len, ==, 2);
}
#endif

int main(int argc, char **argv)
{
    if (argc > 0 && strcmp(argv[0], INSPECTOR_ARGV0) == 0)
        inspector_main();
    g_test_init(&argc, &argv, NULL);
#if HAVE_NBD
    g_test_add_func("/inspect/target/a frame names the source and its format",
                    test_a_frame_names_the_source_and_its_format);
    g_test_add_func("/inspect/target/a note makes the disk partial",
                    test_a_note_makes_the_disk_partial);
    g_test_add_func("/inspect/target/coverage says why a source could not be read",
                    test_coverage_says_why_a_source_could_not_be_read);
    g_test_add_func("/inspect/target/an image in a source is decoded unless it is called raw",
                    test_an_image_in_a_source_is_decoded_unless_it_is_called_raw);
    g_test_add_func("/inspect/target/a backing file is opened only for a source with a path",
                    test_a_backing_file_is_opened_only_for_a_source_with_a_path);
    g_test_add_func("/inspect/target/several sources are one machine",
                    test_several_sources_are_one_machine);
#endif
    return g_test_run();
}

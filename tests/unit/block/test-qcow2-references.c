/* Backing files and external data files. */
#include "qcow2-image.h"

#include "base/limits.h"

/* Names that may be opened, and their files. */
struct files {
    struct block_references references;
    GHashTable *blocks; /* borrowed struct block * by name */
    unsigned opened;
};

static struct block *open_file(void *ctx, struct block *from, const char *reference, GError **error)
{
    struct files *f = ctx;
    struct block *b = g_hash_table_lookup(f->blocks, reference);
    g_assert_nonnull(from->name);
    f->opened++;
    if (b != NULL)
        return block_ref(b);
    fail(error, ASSAY_ERROR_DENIED, "not among the files of this test");
    return NULL;
}

static void files_init(struct files *f)
{
    *f = (struct files){ .references = { .open = open_file, .ctx = f },
                         .blocks = g_hash_table_new(g_str_hash, g_str_equal) };
}

static void name_backing(struct image *im, const char *name, const char *format)
{
    put64(im, 8, 400);
    put32(im, 16, (uint32_t)strlen(name));
    put(im, 400, name, strlen(name));
    if (format != NULL) {
        put32(im, 104, 0xe2792aca);
        put32(im, 108, (uint32_t)strlen(format));
        put(im, 112, format, strlen(format));
    }
}

static void test_a_shorter_backing_file_reads_as_zeros_past_its_end(void)
{
    struct files f;
    files_init(&f);
    struct image im = image_new(3, 9), base = { .bytes = g_byte_array_new(), .bits = 9 };
    fill(&base, 0, 0x11);
    fill(&base, 1, 0x12);
    put(&base, 1024, "\x13", 1);
    fill(&im, 3, 0x33);
    put_l2(&im, 1, 3 * 512);
    name_backing(&im, "base.raw", "raw");
    g_autoptr(block) raw = image_file(&base, "base.raw");
    g_hash_table_insert(f.blocks, "base.raw", raw);
    const struct block_image_options options = { .references = &f.references };
    g_autoptr(block) b = image_open_with(&im, &options, NULL);
    assert_filled(b, 0, 512, 0x11);
    assert_filled(b, 512, 512, 0x33);
    assert_filled(b, 1024, 1, 0x13);
    assert_filled(b, 1025, 14 * 512 - 1, 0);
    struct block_extent e;
    g_assert_true(block_extent_at(b, 2048, &e, NULL));
    g_assert_true(e.zero);
    g_assert_cmpuint(e.len, ==, 12 * 512);
    g_assert_true(block_extent_at(b, 1024, &e, NULL));
    g_assert_false(e.zero);
    image_clear(&im);
    image_clear(&base);
    g_hash_table_unref(f.blocks);
}

static void test_nothing_is_opened_without_leave(void)
{
    struct files f;
    files_init(&f);
    struct image im = image_new(2, 9);
    name_backing(&im, "/etc/shadow", NULL);
    assert_refused(&im, ASSAY_ERROR_DENIED, "backing file '/etc/shadow' may not be opened");
    const struct block_image_options options = { .references = &f.references };
    assert_refused_with(&im, &options, ASSAY_ERROR_DENIED, "backing file '/etc/shadow': not among");
    g_assert_cmpuint(f.opened, ==, 1);
    image_clear(&im);
    g_hash_table_unref(f.blocks);
}

static void test_protocols_are_not_files(void)
{
    static const char *const names[] = { "json:{\"driver\":\"file\"}", "nbd:localhost:10809",
                                         "https://host/disk", "fat:rw:/", ":" };
    struct files f;
    files_init(&f);
    const struct block_image_options options = { .references = &f.references };
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        struct image im = image_new(2, 9);
        name_backing(&im, names[i], NULL);
        assert_refused_with(&im, &options, ASSAY_ERROR_UNSUPPORTED, "not a plain file name");
        image_clear(&im);
    }
    g_assert_cmpuint(f.opened, ==, 0);
    struct image im = image_new(2, 9), base = image_new(2, 9);
    g_autoptr(block) file = image_file(&base, "a:b");
    g_hash_table_insert(f.blocks, "./a:b", file);
    name_backing(&im, "file:./a:b", NULL);
    g_autoptr(block) b = image_open_with(&im, &options, NULL);
    g_assert_nonnull(b);
    image_clear(&im);
    image_clear(&base);
    g_hash_table_unref(f.blocks);
}

static void test_only_an_absent_format_is_probed(void)
{
    struct files f;
    files_init(&f);
    struct image im = image_new(3, 9), base = image_new(3, 9);
    put_l2(&base, 0, 3 * 512);
    fill(&base, 3, 0x77);
    g_autoptr(block) file = image_file(&base, "base");
    g_hash_table_insert(f.blocks, "base", file);
    const struct block_image_options options = { .references = &f.references };
    name_backing(&im, "base", NULL);
    g_autoptr(block) probed = image_open_with(&im, &options, NULL);
    assert_filled(probed, 0, 512, 0x77);
    name_backing(&im, "base", "raw");
    g_autoptr(block) raw = image_open_with(&im, &options, NULL);
    uint8_t magic[4];
    g_assert_true(block_read(raw, 0, magic, 4, NULL));
    g_assert_cmpmem(magic, 4, "QFI\xfb", 4);
    name_backing(&im, "base", "qcow2");
    g_autoptr(block) qcow2 = image_open_with(&im, &options, NULL);
    assert_filled(qcow2, 0, 512, 0x77);
    name_backing(&im, "base", "vmdk");
    assert_refused_with(&im, &options, ASSAY_ERROR_UNSUPPORTED, "VMDK");
    name_backing(&im, "base", "best\nformat");
    assert_refused_with(&im, &options, ASSAY_ERROR_UNSUPPORTED, "best\\x0aformat");
    image_clear(&im);
    image_clear(&base);
    g_hash_table_unref(f.blocks);
}

static void test_bad_names_are_corrupt(void)
{
    struct image im = image_new(3, 12);
    name_backing(&im, "base", NULL);
    put32(&im, 16, 1024);
    assert_refused(&im, ASSAY_ERROR_CORRUPT, "backing file's name");
    put32(&im, 16, 1000);
    put64(&im, 8, 3500);
    assert_refused(&im, ASSAY_ERROR_CORRUPT, "outside the first cluster");
    put64(&im, 8, UINT64_MAX);
    assert_refused(&im, ASSAY_ERROR_CORRUPT, "outside the first cluster");
    put64(&im, 8, 400);
    put32(&im, 16, 5);
    assert_refused(&im, ASSAY_ERROR_CORRUPT, "NUL");
    image_clear(&im);
}

static void test_loops_and_deep_chains_end(void)
{
    struct files f;
    files_init(&f);
    struct image im = image_new(3, 9);
    name_backing(&im, "disk.qcow2", "qcow2");
    g_autoptr(block) self = image_file(&im, "disk.qcow2");
    g_hash_table_insert(f.blocks, "disk.qcow2", self);
    const struct block_image_options options = { .references = &f.references };
    assert_refused_with(&im, &options, ASSAY_ERROR_LIMIT, "deeper than 64");
    g_assert_cmpuint(f.opened, ==, LIMIT_BACKING_DEPTH);
    image_clear(&im);
    g_hash_table_unref(f.blocks);
}

static void test_notes_of_the_chain_reach_the_top(void)
{
    struct files f;
    files_init(&f);
    struct image im = image_new(3, 9), base = image_new(3, 9);
    put64(&base, 72, 2);
    name_backing(&im, "base", "qcow2");
    g_autoptr(block) file = image_file(&base, "base");
    g_hash_table_insert(f.blocks, "base", file);
    const struct block_image_options options = { .references = &f.references };
    g_autoptr(block) b = image_open_with(&im, &options, NULL);
    g_assert_cmpuint(b->notes->len, ==, 1);
    const struct block_note *note = b->notes->pdata[0];
    g_assert_true(note->doubtful);
    g_assert_cmpstr(note->text, ==, "base: the image is marked corrupt");
    image_clear(&im);
    image_clear(&base);
    g_hash_table_unref(f.blocks);
}

static struct image external_image(const char *name)
{
    struct image im = image_new(3, 9);
    put64(&im, 72, UINT64_C(1) << 2);
    if (name != NULL) {
        put32(&im, 104, 0x44415441);
        put32(&im, 108, (uint32_t)strlen(name));
        put(&im, 112, name, strlen(name));
    }
    return im;
}

static void test_an_external_data_file_is_addressed_by_guest_offset(void)
{
    struct files f;
    files_init(&f);
    const struct block_image_options options = { .references = &f.references };
    struct image im = external_image("disk.raw"), data = { g_byte_array_new(), 9 };
    fill(&data, 0, 0x10);
    fill(&data, 1, 0x20);
    fill(&data, 2, 0x30);
    g_autoptr(block) file = image_file(&data, "disk.raw");
    g_hash_table_insert(f.blocks, "disk.raw", file);
    put_l2(&im, 0, OFLAG_COPIED);
    put_l2(&im, 1, OFLAG_COPIED | 512);
    put_l2(&im, 3, OFLAG_COPIED | 512);     /* not its place */
    put_l2(&im, 4, OFLAG_COPIED | 4 * 512); /* past the end */
    put_l2(&im, 5, OFLAG_COMPR | 512);
    g_autoptr(block) b = image_open_with(&im, &options, NULL);
    assert_filled(b, 0, 512, 0x10);
    assert_filled(b, 512, 512, 0x20);
    assert_filled(b, 1024, 512, 0);
    assert_unreadable(b, 3 * 512, 1, ASSAY_ERROR_CORRUPT, "does not match its place");
    assert_unreadable(b, 4 * 512, 1, ASSAY_ERROR_CORRUPT, "past the end of disk.raw");
    assert_unreadable(b, 5 * 512, 1, ASSAY_ERROR_CORRUPT, "compressed");
    image_clear(&im);
    image_clear(&data);
    g_hash_table_unref(f.blocks);
}

static void test_an_external_data_file_needs_leave_and_a_name(void)
{
    struct image im = external_image("disk.raw");
    assert_refused(&im, ASSAY_ERROR_DENIED, "external data file 'disk.raw'");
    image_clear(&im);
    im = external_image(NULL);
    assert_refused(&im, ASSAY_ERROR_NOT_FOUND, "does not name");
    image_clear(&im);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/block/qcow2-references/a shorter backing file reads as zeros past its end",
                    test_a_shorter_backing_file_reads_as_zeros_past_its_end);
    g_test_add_func("/block/qcow2-references/nothing is opened without leave",
                    test_nothing_is_opened_without_leave);
    g_test_add_func("/block/qcow2-references/protocols are not files",
                    test_protocols_are_not_files);
    g_test_add_func("/block/qcow2-references/only an absent format is probed",
                    test_only_an_absent_format_is_probed);
    g_test_add_func("/block/qcow2-references/bad names are corrupt", test_bad_names_are_corrupt);
    g_test_add_func("/block/qcow2-references/loops and deep chains end",
                    test_loops_and_deep_chains_end);
    g_test_add_func("/block/qcow2-references/notes of the chain reach the top",
                    test_notes_of_the_chain_reach_the_top);
    g_test_add_func("/block/qcow2-references/an external data file is addressed by guest offset",
                    test_an_external_data_file_is_addressed_by_guest_offset);
    g_test_add_func("/block/qcow2-references/an external data file needs leave and a name",
                    test_an_external_data_file_needs_leave_and_a_name);
    return g_test_run();
}

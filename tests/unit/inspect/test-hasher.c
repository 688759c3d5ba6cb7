/* Sums, order, links, holes and failures, over files that exist only here. */
#include "inspect/hasher.h"

#include <elf.h>
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "inspect/media.h"

/* A file of the fake tree: the number of its node is its index. */
struct content {
    uint64_t size;
    uint64_t hole_from, hole_to; /* zeros, which must not be read beyond the first buffer */
    uint64_t bad_from;           /* reading from here on fails; 0: never */
    const void *bytes;           /* the beginning; the rest is a pattern */
    size_t len;
    bool no_open;
};

struct fake {
    struct tree tree;
    GArray *contents;
    unsigned opened;
};

static uint8_t byte_at(const struct content *c, uint64_t off)
{
    if (off >= c->hole_from && off < c->hole_to)
        return 0;
    return off < c->len ? ((const uint8_t *)c->bytes)[off] : (uint8_t)(off * 31 + off / 4099);
}

struct fake_file {
    struct tree_file file;
    const struct content *content;
};

static struct tree_file *fake_open(struct tree *t, struct tree_node node, GError **error)
{
    struct fake *fake = (struct fake *)t;
    const struct content *c = &g_array_index(fake->contents, struct content, node.id);
    fake->opened++;
    if (c->no_open) {
        fail_corrupt(error, "inode %u is damaged", (unsigned)node.id);
        return NULL;
    }
    struct fake_file *f = g_new0(struct fake_file, 1);
    f->file.size = c->size;
    f->content = c;
    return &f->file;
}

static bool fake_read(struct tree_file *file, uint64_t off, void *buf, size_t len, GError **error)
{
    const struct content *c = ((struct fake_file *)file)->content;
    uint8_t *out = buf;
    if (c->bad_from > 0 && off + len > c->bad_from)
        return fail_corrupt(error, "bad byte %u", (unsigned)c->bad_from);
    g_assert(off < 1 << 20 || off + len <= c->hole_from || off >= c->hole_to);
    for (size_t i = 0; i < len; i++)
        out[i] = byte_at(c, off + i);
    return true;
}

static bool fake_extent_at(struct tree_file *file, uint64_t off, struct block_extent *out,
                           GError **error)
{
    const struct content *c = ((struct fake_file *)file)->content;
    out->zero = off >= c->hole_from && off < c->hole_to;
    out->len = (out->zero ? c->hole_to : off < c->hole_from ? c->hole_from : c->size) - off;
    return true;
}

static void fake_close(struct tree_file *file)
{
    g_free(file);
}

static const struct tree_driver fake_driver = { .name = "fake",
                                                .file_open = fake_open,
                                                .file_read = fake_read,
                                                .file_extent_at = fake_extent_at,
                                                .file_close = fake_close };

/* What came out. */
struct seen {
    GString *text; /* a line each */
    unsigned count;
    int code;
};

static void see(const struct frame_file *f, int code, void *user)
{
    struct seen *s = user;
    s->count++;
    s->code = f->fault != NULL ? code : s->code;
    g_string_append_printf(s->text, "%s %s %s %s %s\n", f->path, f->sha1 != NULL ? f->sha1 : "-",
                           f->sha256 != NULL ? f->sha256 : "-",
                           f->media_type != NULL ? f->media_type : "-",
                           f->fault != NULL ? f->fault : "-");
}

struct setup {
    struct fake fake;
    struct hasher *hasher;
    struct seen seen;
    GString *expected;
};

static void setup_init_as(struct setup *s, unsigned threads, bool types)
{
    g_autoptr(GError) error = NULL;
    *s = (struct setup){ .fake.tree.drv = &fake_driver };
    s->fake.tree.faults = g_ptr_array_new_with_free_func(g_free);
    s->fake.tree.told = g_hash_table_new(g_str_hash, g_str_equal);
    s->fake.contents = g_array_new(FALSE, TRUE, sizeof(struct content));
    s->seen.text = g_string_new(NULL);
    s->expected = g_string_new(NULL);
    s->hasher = hasher_new(threads, types, &error);
    g_assert_no_error(error);
    g_assert_true(hasher_begin(s->hasher, see, &s->seen, &error));
    g_assert_no_error(error);
}

static void setup_init(struct setup *s, unsigned threads)
{
    setup_init_as(s, threads, true);
}

static void setup_done(struct setup *s)
{
    hasher_finish(s->hasher);
    g_assert_cmpstr(s->seen.text->str, ==, s->expected->str);
    hasher_free(s->hasher);
    g_array_unref(s->fake.contents);
    g_hash_table_unref(s->fake.tree.told);
    g_ptr_array_unref(s->fake.tree.faults);
    g_string_free(s->seen.text, TRUE);
    g_string_free(s->expected, TRUE);
}

static void expect_sums(struct setup *s, const char *path, const struct content *c,
                        const char *media)
{
    g_autoptr(GChecksum) sha1 = g_checksum_new(G_CHECKSUM_SHA1);
    g_autoptr(GChecksum) sha256 = g_checksum_new(G_CHECKSUM_SHA256);
    uint8_t buf[4096];
    for (uint64_t off = 0; off < c->size;) {
        size_t n = 0;
        while (n < sizeof buf && off < c->size)
            buf[n++] = byte_at(c, off++);
        g_checksum_update(sha1, buf, (gssize)n);
        g_checksum_update(sha256, buf, (gssize)n);
    }
    g_string_append_printf(s->expected, "%s %s %s %s -\n", path, g_checksum_get_string(sha1),
                           g_checksum_get_string(sha256), media);
}

static uint64_t put(struct setup *s, struct content c)
{
    g_array_append_val(s->fake.contents, c);
    return s->fake.contents->len - 1;
}

static void add(struct setup *s, const char *path, uint64_t node, uint64_t nlink)
{
    const struct frame_file f = { .path = path, .type = "file", .nlink = nlink };
    hasher_add(s->hasher, &f, 0, &s->fake.tree, (struct tree_node){ .id = node });
}

static void add_good(struct setup *s, const char *path, struct content c, const char *media)
{
    uint64_t node = put(s, c);
    expect_sums(s, path, &c, media);
    add(s, path, node, 1);
}

#define TEXT "#!/bin/sh\necho\n"

static void test_sums_and_types_of_files_of_every_size(void)
{
    for (unsigned threads = 0; threads < 4; threads++) {
        struct setup s;
        setup_init(&s, threads);
        add_good(&s, "/empty", (struct content){ 0 }, "inode/x-empty");
        add_good(&s, "/script", (struct content){ .size = 15, .bytes = TEXT, .len = 15 },
                 "text/x-shellscript");
        static const uint64_t sizes[] = { 1,      4096,   131071, 131072, 131073, 262143,
                                          262144, 262145, 524288, 524289, 999999, 3 << 20 };
        for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
            g_autofree char *path = g_strdup_printf("/%u", (unsigned)sizes[i]);
            add_good(&s, path, (struct content){ .size = sizes[i], .bytes = "\0\0", .len = 2 },
                     "application/octet-stream");
        }
        setup_done(&s);
    }
}

static void test_without_types_there_are_sums_only(void)
{
    struct setup s;
    setup_init_as(&s, 2, false);
    add_good(&s, "/script", (struct content){ .size = 15, .bytes = TEXT, .len = 15 }, "-");
    add_good(&s, "/large", (struct content){ .size = 999999 }, "-");
    setup_done(&s);
}

static void test_records_come_back_in_order(void)
{
    struct setup s;
    setup_init(&s, 3);
    for (unsigned i = 0; i < 20000; i++) {
        g_autofree char *path = g_strdup_printf("/%06u", i);
        if (i % 3 == 0) {
            const struct frame_file f = { .path = path, .type = "directory" };
            hasher_add(s.hasher, &f, 0, NULL, (struct tree_node){ 0 });
            g_string_append_printf(s.expected, "%s - - - -\n", path);
        } else {
            add_good(&s, path,
                     (struct content){ .size = i % 977 == 0 ? 300000 : 1 + i % 5,
                                       .bytes = "\0\1\0\1\0",
                                       .len = 5 },
                     "application/octet-stream");
        }
    }
    /* Not all of them may wait until the end. */
    g_assert_cmpuint(s.seen.count, >, 10000);
    setup_done(&s);
}

static void test_contents_with_several_names_are_read_once(void)
{
    struct setup s;
    setup_init(&s, 2);
    const struct content c = { .size = 15, .bytes = TEXT, .len = 15 };
    uint64_t node = put(&s, c);
    uint64_t bad = put(&s, (struct content){ .size = 5, .no_open = true });
    for (unsigned i = 0; i < 5; i++) {
        g_autofree char *path = g_strdup_printf("/%u", i);
        g_autofree char *other = g_strdup_printf("/%u-bad", i);
        /* Whether the link count is right or not. */
        add(&s, path, node, 3);
        expect_sums(&s, path, &c, "text/x-shellscript");
        add(&s, other, bad, 5);
        g_string_append_printf(s.expected, "%s - - - inode 1 is damaged\n", other);
    }
    g_assert_cmpuint(s.fake.opened, ==, 2);
    setup_done(&s);
}

static void test_holes_are_hashed_without_being_read(void)
{
    struct setup s;
    setup_init(&s, 2);
    add_good(&s, "/middle",
             (struct content){ .size = 9 << 20,
                               .hole_from = 1 << 20,
                               .hole_to = (8 << 20) + 7,
                               .bytes = "\0\0",
                               .len = 2 },
             "application/octet-stream");
    add_good(&s, "/all", (struct content){ .size = 5 << 20, .hole_to = 5 << 20 },
             "application/octet-stream");
    setup_done(&s);
}

static void test_endless_holes_are_a_limit(void)
{
    struct setup s;
    setup_init(&s, 1);
    add(&s, "/huge", put(&s, (struct content){ .size = UINT64_MAX, .hole_to = UINT64_MAX }), 1);
    g_string_append(
        s.expected,
        "/huge - - - a hole of 18446744073709289471 bytes: with those before, too much\n");
    hasher_finish(s.hasher);
    g_assert_cmpint(s.seen.code, ==, ASSAY_ERROR_LIMIT);
    setup_done(&s);
}

static void test_holes_of_many_files_are_a_limit_too(void)
{
    struct setup s;
    setup_init(&s, 1);
    /* What cannot be read behind the hole saves the time to hash it. */
    const struct content c = {
        .size = 17ull << 30, .hole_from = 1 << 20, .hole_to = 16ull << 30, .bad_from = 16ull << 30
    };
    uint64_t node = put(&s, c);
    for (unsigned i = 0; i < 5; i++)
        add(&s, "/f", node, 1);
    for (unsigned i = 0; i < 4; i++)
        g_string_append(s.expected, "/f - - - bad byte 0\n");
    g_string_append(s.expected,
                    "/f - - - a hole of 17178820608 bytes: with those before, too much\n");
    setup_done(&s);
}

static void test_what_cannot_be_read_says_why_and_the_next_goes_on(void)
{
    struct setup s;
    setup_init(&s, 2);
    add(&s, "/closed", put(&s, (struct content){ .size = 5, .no_open = true }), 1);
    g_string_append(s.expected, "/closed - - - inode 0 is damaged\n");
    add(&s, "/small", put(&s, (struct content){ .size = 500, .bad_from = 400 }), 1);
    g_string_append(s.expected, "/small - - - bad byte 400\n");
    add(&s, "/large", put(&s, (struct content){ .size = 5 << 20, .bad_from = 4 << 20 }), 1);
    g_string_append(s.expected, "/large - - - bad byte 4194304\n");
    add(&s, "/start", put(&s, (struct content){ .size = 5 << 20, .bad_from = 1 }), 1);
    g_string_append(s.expected, "/start - - - bad byte 1\n");
    add_good(&s, "/good", (struct content){ .size = 15, .bytes = TEXT, .len = 15 },
             "text/x-shellscript");
    hasher_finish(s.hasher);
    g_assert_cmpint(s.seen.code, ==, ASSAY_ERROR_CORRUPT);
    setup_done(&s);
}

static void test_what_is_faulty_already_is_not_read(void)
{
    struct setup s;
    setup_init(&s, 1);
    const struct frame_file f = { .path = "/f", .type = "file", .fault = "no inode" };
    hasher_add(s.hasher, &f, ASSAY_ERROR_CORRUPT, NULL, (struct tree_node){ 0 });
    g_string_append(s.expected, "/f - - - no inode\n");
    setup_done(&s);
}

static void test_many_long_paths_do_not_all_wait(void)
{
    struct setup s;
    setup_init(&s, 1);
    g_autofree char *path = g_strnfill(60000, 'x');
    for (unsigned i = 0; i < 400; i++)
        add_good(&s, path, (struct content){ .size = 1, .bytes = "\1", .len = 1 },
                 "application/octet-stream");
    g_assert_cmpuint(s.seen.count, >, 200);
    setup_done(&s);
}

/* A shared object with a dynamic section at 300000, far behind what is kept of it. */
static void put_elf(uint8_t *at, bool wide, bool big)
{
    memcpy(at, ELFMAG, SELFMAG);
    at[EI_CLASS] = wide ? ELFCLASS64 : ELFCLASS32;
    at[EI_DATA] = big ? ELFDATA2MSB : ELFDATA2LSB;
    at[EI_VERSION] = 1;
    at[16 + big] = ET_DYN;
    at[18 + big] = wide ? EM_X86_64 : EM_386;
    at[20 + 3 * big] = 1;
    at[wide ? 32 + 7 * big : 28 + 3 * big] = 64; /* program headers */
    at[(wide ? 54 : 42) + big] = wide ? 56 : 32; /* size of one */
    at[(wide ? 56 : 44) + big] = 2;
    uint8_t *header = at + 64 + (wide ? 56 : 32);
    header[3 * big] = PT_DYNAMIC;
    /* 300032 = 0x49400, 32 bytes long */
    uint8_t *off = header + (wide ? 8 : 4);
    off[big ? (wide ? 6 : 2) : 1] = 0x94;
    off[big ? (wide ? 5 : 1) : 2] = 0x04;
    header[(wide ? 32 : 16) + (big ? (wide ? 7 : 3) : 0)] = 32;
}

static void test_programs_are_told_from_libraries(void)
{
    for (unsigned form = 0; form < 8; form++) {
        struct setup s;
        bool wide = form & 1, big = form & 2, pie = form & 4;
        g_autofree uint8_t *bytes = g_malloc0(300100);
        setup_init(&s, 1);
        put_elf(bytes, wide, big);
        uint8_t *dynamic = bytes + 0x49400;
        static const uint8_t tag[] = { 0x6f, 0xff, 0xff, 0xfb };
        for (unsigned i = 0; i < 4; i++)
            dynamic[big ? (wide ? 4 : 0) + i : 3 - i] = tag[i];
        if (pie)
            dynamic[(wide ? 8 : 4) + (big ? (wide ? 4 : 0) : 3)] = 0x08;
        add_good(&s, "/elf", (struct content){ .size = 300100, .bytes = bytes, .len = 300100 },
                 pie ? "application/x-pie-executable" : "application/x-sharedlib");
        setup_done(&s);
    }
}

static void test_damaged_programs_are_read_within_bounds(void)
{
    uint8_t bytes[400] = { 0 };
    put_elf(bytes, true, false);
    for (size_t len = 0; len < sizeof bytes; len++) {
        struct content c = { .size = len };
        struct fake fake = { .tree.drv = &fake_driver };
        struct fake_file f = { .file = { .tree = &fake.tree, .size = len }, .content = &c };
        g_autofree uint8_t *exact = g_memdup2(bytes, len);
        g_assert_false(media_is_pie(&f.file, exact, len));
    }
    for (size_t at = 16; at < 240; at++) {
        struct content c = { .size = 400, .bytes = bytes, .len = 400 };
        struct fake fake = { .tree.drv = &fake_driver };
        struct fake_file f = { .file = { .tree = &fake.tree, .size = 400 }, .content = &c };
        uint8_t before = bytes[at];
        bytes[at] = 0xff;
        (void)media_is_pie(&f.file, bytes, sizeof bytes);
        bytes[at] = before;
    }
}

static void *find_types(void *unused)
{
    g_autoptr(GError) error = NULL;
    struct media *m = media_new(&error);
    g_assert_no_error(error);
    for (unsigned i = 0; i < 200000; i++) {
        g_autofree char *type = media_type(m, NULL, 0, false);
        g_assert_cmpstr(type, ==, "inode/x-empty");
    }
    media_free(m);
    return NULL;
}

/* Nothing may be shared between those who find the same. */
static void test_threads_find_the_same_type_at_once(void)
{
    GThread *threads[3];
    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("types", find_types, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++)
        (void)g_thread_join(threads[i]);
}

#define ADD(title, func) g_test_add_func("/hasher/" title, func)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("sums and types of files of every size", test_sums_and_types_of_files_of_every_size);
    ADD("without types there are sums only", test_without_types_there_are_sums_only);
    ADD("records come back in order", test_records_come_back_in_order);
    ADD("contents with several names are read once",
        test_contents_with_several_names_are_read_once);
    ADD("holes are hashed without being read", test_holes_are_hashed_without_being_read);
    ADD("endless holes are a limit", test_endless_holes_are_a_limit);
    ADD("holes of many files are a limit too", test_holes_of_many_files_are_a_limit_too);
    ADD("what cannot be read says why, and the next goes on",
        test_what_cannot_be_read_says_why_and_the_next_goes_on);
    ADD("what is faulty already is not read", test_what_is_faulty_already_is_not_read);
    ADD("many long paths do not all wait", test_many_long_paths_do_not_all_wait);
    ADD("threads find the same type at once", test_threads_find_the_same_type_at_once);
    ADD("programs are told from libraries", test_programs_are_told_from_libraries);
    ADD("damaged programs are read within bounds", test_damaged_programs_are_read_within_bounds);
    return g_test_run();
}

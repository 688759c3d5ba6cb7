#include "base/error.h"
#include "base/limits.h"
#include "frame/random.h"
#include "frame/wire.h"

typedef union {
    max_align_t align;
    char bytes[RECORD_SIZE_MAX];
} any_record;

static void test_every_kind_survives_the_wire(void)
{
    g_autoptr(GRand) r = g_rand_new_with_seed(4);
    g_autoptr(arena) a = arena_new(1 << 20), b = arena_new(1 << 20);
    for (unsigned round = 0; round < 2000; round++) {
        enum frame_kind kind = (enum frame_kind)(round % FRAME_KIND_COUNT);
        g_autoptr(GByteArray) out = g_byte_array_new();
        g_autoptr(GError) error = NULL;
        any_record before, after;
        arena_clear(a);
        arena_clear(b);
        random_record(r, a, kind, &before);
        g_assert_true(frame_wire_append(out, kind, &before, &error));
        struct cursor c = cursor_of(out->data, out->len);
        uint8_t k = 0;
        uint32_t len = 0;
        g_assert_true(rd_u8(&c, &k) && k == kind);
        g_assert_true(rd_le32(&c, &len) && len == cursor_left(&c));
        struct cursor body = cursor_of(c.data + c.pos, len);
        g_assert_true(frame_wire_decode(kind, &body, b, &after, &error));
        g_assert_no_error(error);
        g_assert_cmpint(frame_record_compare(kind, &before, &after), ==, 0);
    }
}

static void test_a_cut_or_longer_record_is_refused(void)
{
    const struct frame_package p = {
        .type = "deb", .name = "bash", .version = "5.2-1", .signature = "00ff", .installed = -5
    };
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(arena) a = arena_new(1 << 20);
    struct frame_package q;
    g_assert_true(frame_wire_append(out, FRAME_PACKAGE, &p, NULL));
    const uint8_t *body = out->data + FRAME_WIRE_HEADER;
    size_t len = out->len - FRAME_WIRE_HEADER;
    for (size_t cut = 0; cut < len; cut++) {
        g_autoptr(GError) error = NULL;
        /* A copy of exact size, so that reading past it is seen by the sanitizer. */
        g_autofree uint8_t *part = g_memdup2(body, cut);
        struct cursor c = cursor_of(part, cut);
        g_assert_false(frame_wire_decode(FRAME_PACKAGE, &c, a, &q, &error));
        g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_CORRUPT);
    }
    g_byte_array_append(out, (const guint8 *)"x", 1);
    g_autoptr(GError) error = NULL;
    struct cursor c = cursor_of(out->data + FRAME_WIRE_HEADER, len + 1);
    g_assert_false(frame_wire_decode(FRAME_PACKAGE, &c, a, &q, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_CORRUPT);
}

static void test_hostile_bytes_are_errors_that_name_the_place(void)
{
    static const struct {
        enum frame_kind kind;
        const char *bytes;
        size_t len;
        const char *message;
    } cases[] = {
        { FRAME_GROUP, "\0\0\0", 3, "bad name at byte 0" },    /* a required name is NULL */
        { FRAME_GROUP, "\3a\0\0\0", 5, "bad name at byte 0" }, /* NUL within */
        { FRAME_GROUP, "\2a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 12, "bad gid at byte 2" },
        { FRAME_GROUP, "\2a\0\xff\xff\xff\xff\x0f", 8, "bad members at byte 3" },
        { FRAME_GROUP, "\2a\0\2\5x", 6, "bad members at byte 3" },
        { FRAME_COVERAGE, "\2a\2b\4\0\0\0", 8, "bad state at byte 4" },
        { FRAME_KERNEL, "\2a\0\0\2\0", 6, "bad has_modules at byte 4" },
    };
    g_autoptr(arena) a = arena_new(1 << 20);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        any_record record;
        struct cursor c = cursor_of(cases[i].bytes, cases[i].len);
        g_assert_false(frame_wire_decode(cases[i].kind, &c, a, &record, &error));
        g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_CORRUPT);
        g_assert_nonnull(strstr(error->message, cases[i].message));
    }
    g_autoptr(GError) error = NULL;
    any_record record;
    struct cursor c = cursor_of("", 0);
    g_assert_false(frame_wire_decode((enum frame_kind)200, &c, a, &record, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_CORRUPT);
}

static void test_limits_of_record_and_memory_are_kept(void)
{
    g_autofree char *large = g_strnfill(LIMIT_FRAME_RECORD, 'x');
    struct frame_user u = { .name = large };
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(GError) error = NULL, none_left = NULL;
    g_assert_false(frame_wire_append(out, FRAME_USER, &u, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_LIMIT);
    g_assert_cmpuint(out->len, ==, 0);

    large[LIMIT_FRAME_RECORD - 100] = '\0';
    g_assert_true(frame_wire_append(out, FRAME_USER, &u, NULL));
    g_autoptr(arena) a = arena_new(64 * 1024);
    struct cursor c = cursor_of(out->data + FRAME_WIRE_HEADER, out->len - FRAME_WIRE_HEADER);
    g_assert_false(frame_wire_decode(FRAME_USER, &c, a, &u, &none_left));
    g_assert_error(none_left, ASSAY_ERROR, ASSAY_ERROR_LIMIT);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/frame/wire/every kind of record survives the wire",
                    test_every_kind_survives_the_wire);
    g_test_add_func("/frame/wire/a cut or longer record is refused",
                    test_a_cut_or_longer_record_is_refused);
    g_test_add_func("/frame/wire/hostile bytes are errors that name the place",
                    test_hostile_bytes_are_errors_that_name_the_place);
    g_test_add_func("/frame/wire/limits of record and memory are kept",
                    test_limits_of_record_and_memory_are_kept);
    return g_test_run();
}

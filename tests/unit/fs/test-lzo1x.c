/* LZO1X streams, instruction by instruction. */
#include "fs/lzo1x.h"

#include <glib.h>
#include <string.h>

#define ROOM 65536u

/* A stream being made, and what it must give. */
struct stream {
    GByteArray *in, *out;
};

static struct stream stream_new(void)
{
    return (struct stream){ g_byte_array_new(), g_byte_array_new() };
}

static void stream_done(struct stream *s)
{
    g_byte_array_unref(s->in);
    g_byte_array_unref(s->out);
}

static void put(struct stream *s, const char *bytes, size_t len)
{
    g_byte_array_append(s->in, (const uint8_t *)bytes, (guint)len);
}
#define PUT(s, literal) put(s, literal, sizeof(literal) - 1)

static void put_literals(struct stream *s, const char *text)
{
    put(s, text, strlen(text));
    g_byte_array_append(s->out, (const uint8_t *)text, (guint)strlen(text));
}

static void expect_copy(struct stream *s, size_t distance, size_t count)
{
    for (; count > 0; count--) {
        uint8_t byte = s->out->data[s->out->len - distance];
        g_byte_array_append(s->out, &byte, 1);
    }
}

static bool unpack(const struct stream *s, size_t len, size_t room, uint8_t *out, size_t *got)
{
    /* Exact size, for the sanitizer. */
    g_autofree uint8_t *exact = g_memdup2(s->in->data, len);
    return lzo1x_unpack(exact, len, out, room, got);
}

static void assert_gives_what_it_must(const struct stream *s)
{
    g_autofree uint8_t *out = g_malloc(ROOM);
    size_t got = 0;
    g_assert_true(unpack(s, s->in->len, ROOM, out, &got));
    g_assert_cmpmem(out, got, s->out->data, s->out->len);
}

/* Every kind of instruction that needs less than 2 KiB behind it. */
static struct stream short_stream(void)
{
    struct stream s = stream_new();
    PUT(&s, "\x19");
    put_literals(&s, "abcdefgh");
    PUT(&s, "\x7d\x00"); /* 4 bytes from 8 back, and a literal */
    expect_copy(&s, 8, 4);
    put_literals(&s, "X");
    PUT(&s, "\x0c\x00"); /* behind a literal: 2 bytes from 4 back */
    expect_copy(&s, 4, 2);
    PUT(&s, "\x01"); /* a run of 4 */
    put_literals(&s, "wxyz");
    PUT(&s, "\x21\x02\x00"); /* 3 bytes from 1 back: repeats; and two literals */
    expect_copy(&s, 1, 3);
    put_literals(&s, "01");
    PUT(&s, "\xe4\x00"); /* 8 bytes from 2 back */
    expect_copy(&s, 2, 8);
    PUT(&s, "\x11\x00\x00");
    return s;
}

static void test_copies_and_literals(void)
{
    struct stream s = short_stream();
    g_assert_cmpuint(s.out->len, ==, 32);
    assert_gives_what_it_must(&s);
    stream_done(&s);
}

static void test_long_lengths_and_distances(void)
{
    struct stream s = stream_new();
    PUT(&s, "\x00\x02"); /* a run of 15 + 2 + 3 */
    put_literals(&s, "01234567890123456789");
    PUT(&s, "\x20"); /* 2 + 31 + 130 * 255 + 1 bytes from 20 back */
    for (int i = 0; i < 130; i++)
        PUT(&s, "\x00");
    PUT(&s, "\x01\x4c\x00");
    expect_copy(&s, 20, 33184);
    PUT(&s, "\x01");
    put_literals(&s, "wxyz");
    PUT(&s, "\x04\x02"); /* behind a run: 3 bytes from 2048 + 2 * 4 + 1 + 1 back */
    expect_copy(&s, 2058, 3);
    PUT(&s, "\x12\x0c\x00"); /* 4 bytes from 16384 + 3 back */
    expect_copy(&s, 16387, 4);
    PUT(&s, "\x18\x01\x15\x00"); /* 2 + 7 + 1 bytes from 32768 + 5 back, and a literal */
    expect_copy(&s, 32773, 10);
    put_literals(&s, "!");
    PUT(&s, "\x11\x00\x00");
    assert_gives_what_it_must(&s);
    stream_done(&s);
}

static void test_a_first_run_of_three_counts_as_literals(void)
{
    struct stream s = stream_new();
    PUT(&s, "\x14");
    put_literals(&s, "abc");
    PUT(&s, "\x08\x00"); /* 2 bytes from 3 back, which behind a run would be 3 from 2051 */
    expect_copy(&s, 3, 2);
    PUT(&s, "\x11\x00\x00");
    assert_gives_what_it_must(&s);
    stream_done(&s);
}

static void test_a_stream_of_nothing(void)
{
    struct stream s = stream_new();
    PUT(&s, "\x11\x00\x00");
    assert_gives_what_it_must(&s);
    stream_done(&s);
}

static void test_cut_streams_are_refused(void)
{
    struct stream s = short_stream();
    uint8_t out[64];
    size_t got;
    for (size_t len = 0; len < s.in->len; len++)
        g_assert_false(unpack(&s, len, sizeof out, out, &got));
    stream_done(&s);
}

static void test_no_more_than_the_room_is_written(void)
{
    struct stream s = short_stream();
    for (size_t room = 0; room < s.out->len; room++) {
        g_autofree uint8_t *out = g_malloc(room + 1);
        size_t got;
        g_assert_false(unpack(&s, s.in->len, room, out, &got));
    }
    stream_done(&s);
}

static void test_what_cannot_be_is_refused(void)
{
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        { "\x14"
          "abc\x7c\x00\x11\x00\x00",
          9 },                                 /* from 8 back, of 3 */
        { "\x12\x0c\x00\x11\x00\x00", 6 },     /* a copy of nothing */
        { "\x11\x00\x00\x00", 4 },             /* something behind the end */
        { "\x12\x00\x00", 3 },                 /* an end with a length */
        { "\x00\x00\x00\x00\x00\x00\x00", 7 }, /* a length without end */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct stream s = stream_new();
        uint8_t out[600];
        size_t got;
        put(&s, cases[i].bytes, cases[i].len);
        g_assert_false(unpack(&s, s.in->len, sizeof out, out, &got));
        stream_done(&s);
    }
}

#define ADD(title, func) g_test_add_func("/lzo1x/" title, func)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("copies and literals", test_copies_and_literals);
    ADD("long lengths and distances", test_long_lengths_and_distances);
    ADD("a first run of three counts as literals", test_a_first_run_of_three_counts_as_literals);
    ADD("a stream of nothing", test_a_stream_of_nothing);
    ADD("cut streams are refused", test_cut_streams_are_refused);
    ADD("no more than the room is written", test_no_more_than_the_room_is_written);
    ADD("what cannot be is refused", test_what_cannot_be_is_refused);
    return g_test_run();
}

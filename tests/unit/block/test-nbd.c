/* NBD exports, against a server of a few lines that can also misbehave. */
#include "config.h"

#include <glib.h>

#if HAVE_NBD
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cursor.h"
#include "base/error.h"
#include "block/block.h"

#define SIZE         ((9u << 20) + 1000)
#define OPTION_MAGIC UINT64_C(0x49484156454f5054)
#define REPLY_MAGIC  UINT64_C(0x3e889045565a9)
#define CONTEXT      "base:allocation"
#define CONTEXT_ID   7
#define ZERO_FROM    (4u << 20) /* up to the end */

enum option { OPTION_GO = 7, OPTION_STRUCTURED = 8, OPTION_CONTEXT = 10 };
enum reply { REPLY_ACK = 1, REPLY_INFO = 3, REPLY_CONTEXT = 4 };
#define REPLY_UNSUPPORTED 0x80000001u
#define REPLY_UNKNOWN     0x80000006u
enum command { COMMAND_READ = 0, COMMAND_STATUS = 7 };

struct server {
    int fd;
    bool garbage;         /* greets with something else */
    bool unknown_export;  /* refuses the export */
    bool structured;      /* structured replies and allocation */
    bool empty_extents;   /* allocation answers with extents of no length */
    uint64_t fail_from;   /* reads from here on fail */
    uint64_t vanish_from; /* reads from here on end the connection in the middle */
    uint32_t largest;     /* read seen */
};

static uint8_t byte_at(uint64_t off)
{
    return off >= ZERO_FROM ? 0 : (uint8_t)(off * 31 + off / 65536 + 1);
}

static bool get(struct server *s, void *buf, size_t len)
{
    return len == 0 || recv(s->fd, buf, len, MSG_WAITALL) == (ssize_t)len;
}

static void give(struct server *s, const GByteArray *bytes)
{
    for (size_t done = 0; done < bytes->len;) {
        ssize_t n = send(s->fd, bytes->data + done, bytes->len - done, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        done += (size_t)n;
    }
}

static void add(GByteArray *to, unsigned bytes, uint64_t value)
{
    for (unsigned i = bytes; i-- > 0;) {
        uint8_t byte = (uint8_t)(value >> (8 * i));
        g_byte_array_append(to, &byte, 1);
    }
}

static void option_reply(struct server *s, uint32_t option, uint32_t type, const GByteArray *data)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    add(out, 8, REPLY_MAGIC);
    add(out, 4, option);
    add(out, 4, type);
    add(out, 4, data != NULL ? data->len : 0);
    if (data != NULL)
        g_byte_array_append(out, data->data, data->len);
    give(s, out);
}

/* True while options follow. */
static bool serve_option(struct server *s)
{
    uint8_t head[16], data[1024];
    uint32_t option = 0, len = 0;
    g_autoptr(GByteArray) info = g_byte_array_new();
    if (!get(s, head, sizeof head))
        return false;
    struct cursor c = cursor_of(head + 8, 8);
    g_assert_true(rd_be32(&c, &option) && rd_be32(&c, &len) && len <= sizeof data);
    if (!get(s, data, len))
        return false;
    if (option == OPTION_GO && !s->unknown_export) {
        add(info, 2, 0);
        add(info, 8, SIZE);
        add(info, 2, 1);
        option_reply(s, option, REPLY_INFO, info);
        option_reply(s, option, REPLY_ACK, NULL);
        return false;
    }
    if (option == OPTION_CONTEXT && s->structured) {
        add(info, 4, CONTEXT_ID);
        g_byte_array_append(info, (const uint8_t *)CONTEXT, strlen(CONTEXT));
        option_reply(s, option, REPLY_CONTEXT, info);
    }
    bool known = s->structured && (option == OPTION_STRUCTURED || option == OPTION_CONTEXT);
    option_reply(s, option,
                 known                 ? REPLY_ACK
                 : option == OPTION_GO ? REPLY_UNKNOWN
                                       : REPLY_UNSUPPORTED,
                 NULL);
    return true;
}

static void chunk(GByteArray *out, uint16_t type, uint64_t handle, uint32_t len)
{
    add(out, 4, 0x668e33ef);
    add(out, 2, 1); /* done */
    add(out, 2, type);
    add(out, 8, handle);
    add(out, 4, len);
}

static void serve_status(struct server *s, uint64_t handle, uint64_t off, uint32_t len)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    if (s->empty_extents) {
        chunk(out, 5, handle, 4 + 8);
        add(out, 4, CONTEXT_ID);
        add(out, 4, 0);
        add(out, 4, 3);
    } else if (off < ZERO_FROM) {
        chunk(out, 5, handle, 4 + 24);
        add(out, 4, CONTEXT_ID);
        add(out, 4, (ZERO_FROM - off) / 2);
        add(out, 4, 0);
        add(out, 4, (ZERO_FROM - off) - (ZERO_FROM - off) / 2);
        add(out, 4, 0);
        add(out, 4, len - (ZERO_FROM - off));
        add(out, 4, 3);
    } else {
        chunk(out, 5, handle, 4 + 8);
        add(out, 4, CONTEXT_ID);
        add(out, 4, len);
        add(out, 4, 3);
    }
    give(s, out);
}

static bool serve_read(struct server *s, uint64_t handle, uint64_t off, uint32_t len)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    bool refuse = off >= s->fail_from, vanish = off >= s->vanish_from;
    s->largest = MAX(s->largest, len);
    if (s->structured) {
        chunk(out, 1, handle, len + 8);
        add(out, 8, off);
    } else {
        add(out, 4, 0x67446698);
        add(out, 4, refuse ? 5 : 0);
        add(out, 8, handle);
    }
    for (uint64_t i = 0; !refuse && i < (vanish ? len / 2 : len); i++)
        add(out, 1, byte_at(off + i));
    give(s, out);
    return !vanish;
}

static void *serve(void *data)
{
    struct server *s = data;
    g_autoptr(GByteArray) greeting = g_byte_array_new();
    uint8_t request[28], flags[4];
    bool going = true;
    add(greeting, 8, s->garbage ? 0 : UINT64_C(0x4e42444d41474943));
    add(greeting, 8, OPTION_MAGIC);
    add(greeting, 2, 3); /* fixed newstyle, no zeroes */
    give(s, greeting);
    if (!s->garbage && get(s, flags, sizeof flags)) {
        while (serve_option(s))
            continue;
    }
    while (!s->garbage && going && get(s, request, sizeof request)) {
        uint16_t type = 0;
        uint64_t handle = 0, off = 0;
        uint32_t len = 0;
        struct cursor c = cursor_of(request, sizeof request);
        g_assert_true(cursor_skip(&c, 6) && rd_be16(&c, &type) && rd_be64(&c, &handle) &&
                      rd_be64(&c, &off) && rd_be32(&c, &len));
        if (type == COMMAND_READ)
            going = serve_read(s, handle, off, len);
        else if (type == COMMAND_STATUS)
            serve_status(s, handle, off, len);
        else
            going = false;
    }
    (void)close(s->fd);
    return NULL;
}

/* Starts the server and connects; *thread ends when the block is gone. */
static struct block *connect_to(struct server *s, GThread **thread, GError **error)
{
    int fds[2];
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
    s->fd = fds[0];
    if (s->fail_from == 0)
        s->fail_from = UINT64_MAX;
    if (s->vanish_from == 0)
        s->vanish_from = UINT64_MAX;
    *thread = g_thread_new("server", serve, s);
    return block_nbd_new(fds[1], "disk", "nbd://test/disk", 60, error);
}

static void assert_bytes(struct block *b, uint64_t off, size_t len)
{
    g_autofree uint8_t *got = g_malloc(len);
    g_autoptr(GError) error = NULL;
    block_read(b, off, got, len, &error);
    g_assert_no_error(error);
    for (size_t i = 0; i < len; i++)
        g_assert_cmphex(got[i], ==, byte_at(off + i));
}

static void test_reads_are_right_split_and_counted(void)
{
    for (int structured = 0; structured <= 1; structured++) {
        struct server s = { .structured = structured };
        GThread *thread;
        struct block *b = connect_to(&s, &thread, NULL);
        uint64_t before = block_bytes_read();
        g_assert_cmpuint(b->size, ==, SIZE);
        assert_bytes(b, 0, SIZE);
        g_assert_cmpuint(block_bytes_read() - before, ==, SIZE);
        g_assert_cmpuint(s.largest, ==, 2u << 20);
        assert_bytes(b, 100000, 5);
        assert_bytes(b, SIZE - 7, 7);
        block_unref(b);
        g_thread_join(thread);
    }
}

static void test_allocation_is_asked_where_it_is_offered(void)
{
    struct server s = { .structured = true };
    GThread *thread;
    struct block *b = connect_to(&s, &thread, NULL);
    struct block_extent e;
    g_assert_true(block_extent_at(b, 1000, &e, NULL));
    g_assert_false(e.zero);
    g_assert_cmpuint(e.len, ==, ZERO_FROM - 1000);
    g_assert_true(block_extent_at(b, ZERO_FROM + 10, &e, NULL));
    g_assert_true(e.zero);
    g_assert_cmpuint(e.len, ==, SIZE - ZERO_FROM - 10);
    block_unref(b);
    g_thread_join(thread);
}

static void test_no_or_senseless_allocation_is_data(void)
{
    for (int structured = 0; structured <= 1; structured++) {
        struct server s = { .structured = structured, .empty_extents = true };
        GThread *thread;
        struct block *b = connect_to(&s, &thread, NULL);
        struct block_extent e = { 0 };
        /* Either is right: "not known, so data", or an error of the library about the answer. */
        if (block_extent_at(b, ZERO_FROM, &e, NULL)) {
            g_assert_false(e.zero);
            g_assert_cmpuint(e.len, >, 0);
        } else {
            g_assert_true(structured);
        }
        block_unref(b);
        g_thread_join(thread);
    }
}

static void assert_no_connection(struct server *s, const char *text)
{
    g_autoptr(GError) error = NULL;
    GThread *thread;
    g_assert_null(connect_to(s, &thread, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_IO);
    g_assert_true(g_str_has_prefix(error->message, "nbd://test/disk: "));
    g_assert_nonnull(strstr(error->message, text));
    g_thread_join(thread);
}

static void test_a_refusal_names_the_export(void)
{
    struct server unknown = { .unknown_export = true };
    assert_no_connection(&unknown, "connecting to the export");
    struct server garbage = { .garbage = true };
    assert_no_connection(&garbage, "connecting to the export");
}

static void test_a_failed_read_is_an_error_of_its_own(void)
{
    struct server s = { .fail_from = 1 << 20 };
    GThread *thread;
    g_autoptr(GError) error = NULL;
    uint8_t byte;
    struct block *b = connect_to(&s, &thread, NULL);
    g_assert_false(block_read(b, (1 << 20) + 5, &byte, 1, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_IO);
    g_assert_nonnull(strstr(error->message, "nbd://test/disk: reading at 1048576"));
    assert_bytes(b, 0, 1000);
    block_unref(b);
    g_thread_join(thread);
}

static void test_a_server_that_goes_away_is_an_error(void)
{
    struct server s = { .vanish_from = 3 << 20 };
    GThread *thread;
    g_autoptr(GError) error = NULL;
    g_autofree uint8_t *bytes = g_malloc(SIZE);
    struct block *b = connect_to(&s, &thread, NULL);
    assert_bytes(b, 0, 1000);
    g_assert_false(block_read(b, 0, bytes, SIZE, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_IO);
    g_clear_error(&error);
    g_assert_false(block_read(b, 1 << 20, bytes, 1, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_IO);
    block_unref(b);
    g_thread_join(thread);
}

#endif

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#if HAVE_NBD
    g_test_add_func("/block/nbd/reads are right, split and counted",
                    test_reads_are_right_split_and_counted);
    g_test_add_func("/block/nbd/allocation is asked where it is offered",
                    test_allocation_is_asked_where_it_is_offered);
    g_test_add_func("/block/nbd/no or senseless allocation is data",
                    test_no_or_senseless_allocation_is_data);
    g_test_add_func("/block/nbd/a refusal names the export", test_a_refusal_names_the_export);
    g_test_add_func("/block/nbd/a failed read is an error of its own",
                    test_a_failed_read_is_an_error_of_its_own);
    g_test_add_func("/block/nbd/a server that goes away is an error",
                    test_a_server_that_goes_away_is_an_error);
#endif
    return g_test_run();
}

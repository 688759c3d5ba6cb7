/* Our NBD server: read back by libnbd, and by a client that does not keep to the rules. */
#include "config.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/autoclose.h"
#include "base/cursor.h"
#include "base/error.h"
#include "block/export.h"
#include "block/export_session.h"

#define SIZE      ((9u << 20) + 1000)
#define HOLE_FROM (4u << 20)
#define HOLE_TO   (6u << 20)
#define BAD_FROM  (8u << 20) /* reads from here on fail */

struct disk {
    struct block block;
    GMutex lock;
    GCond changed;
    bool slow;        /* reads wait to be interrupted */
    bool waiting;     /* one of them does */
    bool interrupted; /* they have been */
};

static uint8_t byte_at(uint64_t off)
{
    return off >= HOLE_FROM && off < HOLE_TO ? 0 : (uint8_t)(off * 31 + off / 65536 + 1);
}

static bool disk_read(struct block *b, uint64_t off, void *buf, size_t len, GError **error)
{
    struct disk *d = (struct disk *)b;
    if (off + len > BAD_FROM)
        return fail(error, ASSAY_ERROR_IO, "%s: the storage is on fire at %" G_GUINT64_FORMAT,
                    b->name, off);
    g_mutex_lock(&d->lock);
    while (d->slow && !d->interrupted) {
        d->waiting = true;
        g_cond_broadcast(&d->changed);
        g_cond_wait(&d->changed, &d->lock);
    }
    g_mutex_unlock(&d->lock);
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)buf)[i] = byte_at(off + i);
    return true;
}

static bool disk_extent_at(struct block *b, uint64_t off, struct block_extent *out, GError **error)
{
    uint64_t end = off < HOLE_FROM ? HOLE_FROM : off < HOLE_TO ? HOLE_TO : SIZE;
    *out = (struct block_extent){ .len = end - off, .zero = off >= HOLE_FROM && off < HOLE_TO };
    return true;
}

static void disk_interrupt(struct block *b)
{
    struct disk *d = (struct disk *)b;
    g_mutex_lock(&d->lock);
    d->interrupted = true;
    g_cond_broadcast(&d->changed);
    g_mutex_unlock(&d->lock);
}

static const struct block_driver disk_driver = {
    .name = "disk",
    .description = "",
    .read = disk_read,
    .extent_at = disk_extent_at,
    .interrupt = disk_interrupt,
};

static struct disk *disk_new(void)
{
    return block_alloc(sizeof(struct disk), &disk_driver, "disk", SIZE);
}

#if HAVE_NBD
static struct block *connect_to(struct disk *d, struct block_export **e)
{
    int client;
    g_autoptr(GError) error = NULL;
    *e = block_export_new(&d->block, &client, &error);
    g_assert_no_error(error);
    struct block *b = block_nbd_new(client, "", "exported", 0, &error);
    g_assert_no_error(error);
    return b;
}

static void test_a_client_reads_the_same_bytes_and_size(void)
{
    g_autoptr(block) d = &disk_new()->block;
    g_autoptr(block_export) e = NULL;
    g_autoptr(block) b = connect_to((struct disk *)d, &e);
    g_autofree uint8_t *got = g_malloc(BAD_FROM);
    uint64_t before = block_bytes_read();
    g_assert_cmpuint(b->size, ==, SIZE);
    g_assert_true(block_read(b, 0, got, BAD_FROM, NULL));
    for (size_t i = 0; i < BAD_FROM; i++)
        g_assert_cmphex(got[i], ==, byte_at(i));
    g_assert_cmpuint(block_bytes_read() - before, ==, BAD_FROM - (HOLE_TO - HOLE_FROM));
    g_assert_true(block_read(b, HOLE_FROM - 3, got, 7, NULL));
    g_assert_cmphex(got[2], ==, byte_at(HOLE_FROM - 1));
    g_assert_cmphex(got[3], ==, 0);
    g_assert_null(block_export_error(e));
}

static void test_allocation_crosses_the_line(void)
{
    g_autoptr(block) d = &disk_new()->block;
    g_autoptr(block_export) e = NULL;
    g_autoptr(block) b = connect_to((struct disk *)d, &e);
    struct block_extent x;
    g_assert_true(block_extent_at(b, 5, &x, NULL));
    g_assert_false(x.zero);
    g_assert_cmpuint(x.len, ==, HOLE_FROM - 5);
    g_assert_true(block_extent_at(b, HOLE_FROM, &x, NULL));
    g_assert_true(x.zero);
    g_assert_cmpuint(x.len, ==, HOLE_TO - HOLE_FROM);
}

static void test_why_a_read_failed_is_kept(void)
{
    g_autoptr(block) d = &disk_new()->block;
    g_autoptr(block_export) e = NULL;
    g_autoptr(block) b = connect_to((struct disk *)d, &e);
    uint8_t byte;
    g_autoptr(GError) error = NULL;
    g_assert_false(block_read(b, BAD_FROM, &byte, 1, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_IO);
    g_autoptr(GError) why = block_export_error(e);
    g_assert_error(why, ASSAY_ERROR, ASSAY_ERROR_IO);
    g_assert_nonnull(strstr(why->message, "disk: the storage is on fire at 8388608"));
    g_assert_true(block_read(b, 0, &byte, 1, NULL));
}

static void *read_one(void *data)
{
    uint8_t byte;
    return GINT_TO_POINTER(block_read(data, 0, &byte, 1, NULL));
}

static void test_an_end_interrupts_reads_that_wait(void)
{
    g_autoptr(block) d = &disk_new()->block;
    struct disk *disk = (struct disk *)d;
    struct block_export *e = NULL;
    g_autoptr(block) b = connect_to(disk, &e);
    disk->slow = true;
    GThread *reader = g_thread_new("reader", read_one, b);
    g_mutex_lock(&disk->lock);
    while (!disk->waiting)
        g_cond_wait(&disk->changed, &disk->lock);
    g_mutex_unlock(&disk->lock);
    block_export_free(e);
    g_assert_true(disk->interrupted);
    g_assert_false(g_thread_join(reader));
}
#endif

static void test_an_end_without_a_client_is_an_end(void)
{
    g_autoptr(block) d = &disk_new()->block;
    int client = -1;
    g_autoptr(block_export) e = block_export_new(d, &client, NULL);
    g_assert_nonnull(e);
    autoclose int fd G_GNUC_UNUSED = client;
}

/* A session without sockets: what the client says is in `in`, what it hears in `out`. */
struct talk {
    GByteArray *out;
    struct cursor in;
    struct export_session session;
    struct block *disk;
};

static bool talk_get(void *ctx, void *buf, size_t len)
{
    return rd_copy(&((struct talk *)ctx)->in, buf, len);
}

static bool talk_put(void *ctx, const void *buf, size_t len)
{
    g_byte_array_append(((struct talk *)ctx)->out, buf, (guint)len);
    return true;
}

static void talk_init(struct talk *t, const GByteArray *said)
{
    t->out = g_byte_array_new();
    t->in = cursor_of(said->data, said->len);
    t->disk = &disk_new()->block;
    export_session_init(&t->session, t->disk,
                        (struct export_line){ .get = talk_get, .put = talk_put, .ctx = t });
}

static void talk_done(struct talk *t)
{
    export_session_clear(&t->session);
    g_byte_array_unref(t->out);
    block_unref(t->disk);
}

static void say_option(GByteArray *to, uint32_t option, const GByteArray *data)
{
    export_put_u64(to, UINT64_C(0x49484156454f5054));
    export_put_u32(to, option);
    export_put_u32(to, data->len);
    g_byte_array_append(to, data->data, data->len);
}

static void say_go(GByteArray *to)
{
    g_autoptr(GByteArray) data = g_byte_array_new();
    export_put_u32(data, 0);
    export_put_u16(data, 0);
    say_option(to, 7, data);
}

static void say_request(GByteArray *to, uint16_t flags, uint16_t type, uint64_t off, uint32_t len)
{
    export_put_u32(to, 0x25609513);
    export_put_u16(to, flags);
    export_put_u16(to, type);
    export_put_u64(to, 77);
    export_put_u64(to, off);
    export_put_u32(to, len);
}

static void test_what_may_not_be_asked_is_refused_and_the_line_goes_on(void)
{
    static const struct {
        uint16_t flags, type;
        uint64_t off;
        uint32_t len, refusal;
    } cases[] = {
        { 0, 0, SIZE - 1, 2, 22 },       /* past the end */
        { 0, 0, UINT64_MAX, 2, 22 },     /* past the end of numbers */
        { 0, 0, 0, 0, 22 },              /* nothing */
        { 1, 0, 0, 1, 22 },              /* a flag of other commands */
        { 0, 0, 0, (2u << 20) + 1, 75 }, /* too much at once */
        { 0, 1, 0, 5, 1 },               /* a write */
        { 0, 4, 0, 512, 95 },            /* trim */
        { 0, 99, 0, 512, 95 },           /* nothing known */
        { 0, 7, 0, 512, 22 },            /* allocation, which was not agreed on */
        { 0, 0, 7, 1, 0 },               /* and a read */
    };
    g_autoptr(GByteArray) said = g_byte_array_new();
    struct export_request r;
    struct talk t;
    export_put_u32(said, 3);
    say_go(said);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        say_request(said, cases[i].flags, cases[i].type, cases[i].off, cases[i].len);
        if (cases[i].type == 1)
            g_byte_array_append(said, (const guint8 *)"write", 5);
    }
    talk_init(&t, said);
    g_assert_true(export_handshake(&t.session));
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_assert_true(export_take(&t.session, &r));
        g_assert_cmpuint(r.refusal, ==, cases[i].refusal);
        g_byte_array_set_size(t.out, 0);
        export_answer(&t.session, &r);
        struct cursor c = cursor_of(t.out->data, t.out->len);
        uint32_t magic = 0, error = 0;
        uint64_t handle = 0;
        g_assert_true(rd_be32(&c, &magic) && rd_be32(&c, &error) && rd_be64(&c, &handle));
        g_assert_cmphex(magic, ==, 0x67446698);
        g_assert_cmpuint(error, ==, cases[i].refusal);
        g_assert_cmpuint(handle, ==, 77);
        g_assert_cmpuint(cursor_left(&c), ==, cases[i].refusal == 0 ? 1 : 0);
    }
    g_assert_false(export_take(&t.session, &r));
    talk_done(&t);
}

static void assert_no_handshake(const GByteArray *said)
{
    struct talk t;
    talk_init(&t, said);
    g_assert_false(export_handshake(&t.session));
    talk_done(&t);
}

static void test_a_client_that_makes_no_sense_is_dropped(void)
{
    g_autoptr(GByteArray) said = g_byte_array_new(), empty = g_byte_array_new();
    assert_no_handshake(said);
    export_put_u32(said, 0xff); /* flags that nobody has defined */
    assert_no_handshake(said);
    g_byte_array_set_size(said, 0);
    export_put_u32(said, 3);
    export_put_u64(said, 1); /* no option */
    export_put_u64(said, 1);
    assert_no_handshake(said);
    g_byte_array_set_size(said, 4);
    export_put_u64(said, UINT64_C(0x49484156454f5054));
    export_put_u32(said, 7);
    export_put_u32(said, 1u << 30); /* an option without end */
    assert_no_handshake(said);
    g_byte_array_set_size(said, 4);
    for (unsigned i = 0; i < 1000; i++)
        say_option(said, 3, empty); /* options without end */
    say_go(said);
    assert_no_handshake(said);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#if HAVE_NBD
    g_test_add_func("/block/export/a client reads the same bytes and size",
                    test_a_client_reads_the_same_bytes_and_size);
    g_test_add_func("/block/export/allocation crosses the line", test_allocation_crosses_the_line);
    g_test_add_func("/block/export/why a read failed is kept", test_why_a_read_failed_is_kept);
    g_test_add_func("/block/export/an end interrupts reads that wait",
                    test_an_end_interrupts_reads_that_wait);
#endif
    g_test_add_func("/block/export/an end without a client is an end",
                    test_an_end_without_a_client_is_an_end);
    g_test_add_func("/block/export/what may not be asked is refused, and the line goes on",
                    test_what_may_not_be_asked_is_refused_and_the_line_goes_on);
    g_test_add_func("/block/export/a client that makes no sense is dropped",
                    test_a_client_that_makes_no_sense_is_dropped);
    return g_test_run();
}

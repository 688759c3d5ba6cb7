/* With the time given, not taken: nothing here waits for a clock to go on. */
#include "block/throttle.h"

#include <string.h>

#include "base/error.h"

#define SECOND G_USEC_PER_SEC
#define BURST  100000

static void test_no_limit_is_no_delay(void)
{
    g_autoptr(throttle) t = throttle_new(0, 0, BURST);
    for (unsigned i = 0; i < 1000; i++)
        g_assert_cmpint(throttle_take(t, 5, UINT64_C(1) << 40), ==, 5);
}

static void test_bytes_are_let_through_at_their_rate(void)
{
    g_autoptr(throttle) t = throttle_new(1000, 0, BURST);
    g_assert_cmpint(throttle_take(t, 0, 1000), ==, 0);
    g_assert_cmpint(throttle_take(t, 0, 1000), ==, SECOND - BURST);
    g_assert_cmpint(throttle_take(t, 0, 500), ==, 2 * SECOND - BURST);
    g_assert_cmpint(throttle_take(t, SECOND, 1), ==, 5 * SECOND / 2 - BURST);
}

static void test_reads_are_let_through_at_their_rate(void)
{
    g_autoptr(throttle) t = throttle_new(0, 10, BURST);
    unsigned at_once = 0;
    while (throttle_take(t, 0, 1) == 0)
        at_once++;
    /* The burst of 0.1 s is one read, and one is under way. */
    g_assert_cmpuint(at_once, ==, 2);
    g_assert_cmpint(throttle_take(t, 0, 1), ==, 2 * SECOND / 10);
}

static void test_over_a_long_time_the_rate_holds(void)
{
    g_autoptr(throttle) t = throttle_new(300, 0, BURST);
    gint64 now = 0;
    for (unsigned i = 0; i < 1000; i++)
        now = throttle_take(t, now, 7);
    /* 6993 bytes have gone when the last one starts. */
    g_assert_cmpint(now, >=, INT64_C(6993) * SECOND / 300 - BURST - 10);
    g_assert_cmpint(now, <=, INT64_C(6993) * SECOND / 300);
}

static void test_a_pause_saves_no_more_than_the_burst(void)
{
    g_autoptr(throttle) t = throttle_new(1000, 0, BURST);
    const gint64 later = INT64_C(1000) * SECOND;
    g_assert_cmpint(throttle_take(t, 0, 1000), ==, 0);
    g_assert_cmpint(throttle_take(t, later, 1000), ==, later);
    g_assert_cmpint(throttle_take(t, later, 1000), ==, later + SECOND - BURST);
}

static void test_what_is_given_back_can_be_taken_again(void)
{
    g_autoptr(throttle) t = throttle_new(1000, 1, BURST);
    g_assert_cmpint(throttle_take(t, 0, 1000), ==, 0);
    gint64 start = throttle_take(t, 0, 100000);
    throttle_return(t, 100000);
    uint64_t bytes, reads;
    throttle_taken(t, &bytes, &reads);
    g_assert_cmpuint(bytes, ==, 1000);
    g_assert_cmpuint(reads, ==, 1);
    g_assert_cmpint(throttle_take(t, 0, 1), ==, start);
}

static bool sevens_read(struct block *b, uint64_t off, void *buf, size_t len, GError **error)
{
    memset(buf, 7, len);
    return true;
}

static const struct block_driver sevens = { .name = "sevens",
                                            .description = "",
                                            .read = sevens_read };

static void test_a_block_reads_through(void)
{
    g_autoptr(block) under = block_alloc(sizeof *under, &sevens, "disk", 4096);
    g_autoptr(throttle) t = throttle_new(0, 0, BURST);
    struct throttle *const all[] = { NULL, t };
    g_autoptr(block) b = block_throttle_new(under, all, 2);
    uint8_t byte = 0;
    g_assert_true(block_read(b, 4095, &byte, 1, NULL));
    g_assert_cmpuint(byte, ==, 7);
    g_assert_cmpuint(b->size, ==, 4096);
}

static void *read_one(void *data)
{
    uint8_t byte;
    GError *error = NULL;
    g_assert_false(block_read(data, 0, &byte, 1, &error));
    return error;
}

static void test_an_interrupt_ends_the_waiting(void)
{
    g_autoptr(block) under = block_alloc(sizeof *under, &sevens, "disk", 4096);
    g_autoptr(throttle) t = throttle_new(1, 0, BURST);
    struct throttle *const all[] = { t };
    g_autoptr(block) b = block_throttle_new(under, all, 1);
    (void)throttle_take(t, g_get_monotonic_time(), UINT64_C(1) << 30); /* decades */
    GThread *reader = g_thread_new("reader", read_one, b);
    block_interrupt(b);
    g_autoptr(GError) error = g_thread_join(reader);
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_IO);
    g_assert_cmpstr(error->message, ==, "disk: reading was interrupted");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/block/throttle/no limit is no delay", test_no_limit_is_no_delay);
    g_test_add_func("/block/throttle/bytes are let through at their rate",
                    test_bytes_are_let_through_at_their_rate);
    g_test_add_func("/block/throttle/reads are let through at their rate",
                    test_reads_are_let_through_at_their_rate);
    g_test_add_func("/block/throttle/over a long time the rate holds",
                    test_over_a_long_time_the_rate_holds);
    g_test_add_func("/block/throttle/a pause saves no more than the burst",
                    test_a_pause_saves_no_more_than_the_burst);
    g_test_add_func("/block/throttle/what is given back can be taken again",
                    test_what_is_given_back_can_be_taken_again);
    g_test_add_func("/block/throttle/a block reads through", test_a_block_reads_through);
    g_test_add_func("/block/throttle/an interrupt ends the waiting",
                    test_an_interrupt_ends_the_waiting);
    return g_test_run();
}

/* The log: only one that ends with the record of a clean unmount is clean. */
#include "xfs-image.h"

#define COUNT (LOG_SIZE * BLOCK / XFS_BASIC_BLOCK)

static void put_cycle(struct image *im, unsigned from, unsigned to, uint32_t cycle)
{
    for (unsigned i = from; i < to; i++) {
        uint8_t *at = image_at(im, AT_LOG) + i * XFS_BASIC_BLOCK;
        memset(at, 0, XFS_BASIC_BLOCK);
        put_be(at, cycle, 4);
    }
}

static void assert_recovery(struct image *im, enum tree_recovery recovery)
{
    g_autoptr(tree) t = image_open(im);
    g_assert_cmpint(t->recovery, ==, recovery);
    g_assert_cmpuint(t->fault_count, ==, 0);
}

static void assert_unknown(struct image *im, const char *text)
{
    g_autoptr(tree) t = image_open(im);
    g_assert_cmpint(t->recovery, ==, TREE_RECOVERY_NEEDED);
    assert_one_fault(t, "whether the log is clean is not known");
    assert_says(g_ptr_array_index(t->faults, 0), text);
}

static void test_an_unmount_at_the_head_is_clean_wherever_that_is(void)
{
    for (unsigned at = 0; at < COUNT; at++) {
        struct image im = image_new(at % 2);
        put_cycle(&im, 0, at, 7);
        put_cycle(&im, at, COUNT, 6);
        put_record(&im, at, 7, 1, 1, XFS_LOG_UNMOUNT);
        /* What wraps leaves the rest of the ring to the turn before. */
        if (at == COUNT - 1)
            put_cycle(&im, 1, at, 7);
        assert_recovery(&im, TREE_RECOVERY_NONE);
        image_clear(&im);
    }
}

static void test_anything_else_at_the_head_needs_recovery(void)
{
    for (unsigned at = 0; at < COUNT; at++) {
        struct image im = image_new(true);
        put_cycle(&im, 0, at, 7);
        put_cycle(&im, at, COUNT, 6);
        put_record(&im, at, 7, 5, 12, 0);
        assert_recovery(&im, TREE_RECOVERY_NEEDED);
        image_clear(&im);
    }
}

static void test_records_behind_the_unmount_need_recovery(void)
{
    struct image im = image_new(true);
    put_record(&im, 2, 1, 3, 4, 0);
    assert_recovery(&im, TREE_RECOVERY_NEEDED);
    image_clear(&im);
    /* Torn: the header has not arrived, some of its data have. */
    im = image_new(true);
    put_cycle(&im, 2, 5, 1);
    assert_recovery(&im, TREE_RECOVERY_NEEDED);
    image_clear(&im);
}

static void test_what_did_not_arrive_ends_the_log(void)
{
    struct image im = image_new(true);
    put_cycle(&im, 0, COUNT, 6);
    put_cycle(&im, 0, 20, 7);
    put_record(&im, 20, 7, 1, 1, XFS_LOG_UNMOUNT);
    put_cycle(&im, 22, 25, 6); /* never written */
    put_record(&im, 25, 7, 4, 3, 0);
    assert_recovery(&im, TREE_RECOVERY_NONE);
    image_clear(&im);
}

static void test_large_records_have_more_header_blocks(void)
{
    struct image im = image_new(true);
    uint8_t *log = image_at(&im, AT_LOG);
    put_record(&im, 0, 1, 3, 1, 0);
    put_be(log + LOG_RECORD_SIZE, 65536, 4); /* two header blocks: one more than is counted */
    put_be(log + LOG_LENGTH, 2 * XFS_BASIC_BLOCK, 4);
    log[2 * XFS_BASIC_BLOCK + LOG_OP_FLAGS] = XFS_LOG_UNMOUNT;
    assert_recovery(&im, TREE_RECOVERY_NONE);
    image_clear(&im);
}

static void test_an_unmount_among_other_operations_is_none(void)
{
    struct image im = image_new(true);
    put_record(&im, 0, 1, 1, 2, XFS_LOG_UNMOUNT);
    assert_recovery(&im, TREE_RECOVERY_NEEDED);
    image_clear(&im);
}

static void test_a_log_that_cannot_be_read_is_never_clean(void)
{
    struct image im = image_new(true);
    put_be(image_super(&im, 0) + SB_LOGSTART, 0, 8);
    assert_unknown(&im, "on another device");
    image_clear(&im);
    im = image_new(true);
    put_be(image_super(&im, 0) + SB_LOGBLOCKS, 5000, 4);
    assert_unknown(&im, "outside the filesystem");
    image_clear(&im);
    im = image_new(true);
    put_be(image_super(&im, 0) + SB_LOGBLOCKS, 0, 4);
    assert_unknown(&im, "outside the filesystem");
    image_clear(&im);
    im = image_new(true);
    put_cycle(&im, 0, COUNT, 0);
    assert_unknown(&im, "no record before its head");
    image_clear(&im);
    im = image_new(true);
    image_at(&im, AT_LOG)[LOG_UUID] = 'x';
    assert_unknown(&im, "belongs to another filesystem");
    image_clear(&im);
    im = image_new(true);
    im.size = AT_LOG * BLOCK + 4096;
    g_autoptr(tree) t = image_open(&im);
    g_assert_cmpint(t->recovery, ==, TREE_RECOVERY_NEEDED);
    g_assert_cmpuint(t->fault_count, ==, 2); /* cut short, and this */
    image_clear(&im);
}

static void test_lengths_that_cannot_be_end_nowhere(void)
{
    struct image im = image_new(true);
    put_be(image_at(&im, AT_LOG) + LOG_LENGTH, UINT32_MAX, 4);
    put_be(image_at(&im, AT_LOG) + LOG_RECORD_SIZE, UINT32_MAX, 4);
    assert_recovery(&im, TREE_RECOVERY_NEEDED);
    image_clear(&im);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xfs/log/an unmount at the head is clean, wherever that is",
                    test_an_unmount_at_the_head_is_clean_wherever_that_is);
    g_test_add_func("/xfs/log/anything else at the head needs recovery",
                    test_anything_else_at_the_head_needs_recovery);
    g_test_add_func("/xfs/log/records behind the unmount need recovery",
                    test_records_behind_the_unmount_need_recovery);
    g_test_add_func("/xfs/log/what did not arrive ends the log",
                    test_what_did_not_arrive_ends_the_log);
    g_test_add_func("/xfs/log/large records have more header blocks",
                    test_large_records_have_more_header_blocks);
    g_test_add_func("/xfs/log/an unmount among other operations is none",
                    test_an_unmount_among_other_operations_is_none);
    g_test_add_func("/xfs/log/a log that cannot be read is never clean",
                    test_a_log_that_cannot_be_read_is_never_clean);
    g_test_add_func("/xfs/log/lengths that cannot be end nowhere",
                    test_lengths_that_cannot_be_end_nowhere);
    return g_test_run();
}

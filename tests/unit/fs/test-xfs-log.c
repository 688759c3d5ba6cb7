/* The log: where it ends, whether it is clean, and what of it is put over the device. */
#include "xfs-image.h"

#define T    1000u          /* number of the transaction of most tests */
#define TEXT (AT_FREE + 30) /* a block that buffers change */

/* --- transactions -------------------------------------------------------------------------------
 */

static void begin(struct log_data *d, uint32_t id)
{
    uint8_t header[LOG_TRANSACTION_HEADER] = { 0 };
    put_little(header, XFS_LOG_TRANSACTION_MAGIC, 4);
    add_op(d, id, XFS_LOG_START, NULL, 0);
    add_op(d, id, 0, header, sizeof header);
}

static void commit(struct log_data *d, uint32_t id)
{
    add_op(d, id, XFS_LOG_COMMIT, NULL, 0);
}

/* `count` chunks from `first` on of the buffer of two basic blocks at a block. */
static void add_buffer(struct log_data *d, uint32_t id, uint64_t block, uint16_t flags,
                       unsigned first, unsigned count, const uint8_t *bytes)
{
    uint8_t format[LOG_BUFFER_MAP + 4] = { 0 };
    put_little(format, XFS_LOG_ITEM_BUFFER, 2);
    put_little(format + 2, count > 0 ? 2 : 1, 2);
    put_little(format + LOG_BUFFER_FLAGS, flags, 2);
    put_little(format + LOG_BUFFER_LENGTH, 2, 2);
    put_little(format + LOG_BUFFER_BLOCK, block * 2, 8);
    put_little(format + LOG_BUFFER_MAP_SIZE, 1, 4);
    put_little(format + LOG_BUFFER_MAP, ((UINT64_C(1) << count) - 1) << first, 4);
    add_op(d, id, 0, format, sizeof format);
    if (count > 0)
        add_op(d, id, 0, bytes, (size_t)count * LOG_BUFFER_CHUNK);
}

/* The root has one name, "old", in a block; the log says that it is "new". */
static void put_old_name(struct image *im)
{
    const struct entry old = { "old", 300, 1 };
    put_inode(im, 0, S_IFDIR | 0755, XFS_FORK_EXTENTS, BLOCK);
    add_extent(im, im->root, 0, AT_FREE, 1, false);
    put_dir_block(im, AT_FREE, im->root, true, &old, 1);
}

static void add_new_name(const struct image *im, struct log_data *d, uint32_t id)
{
    uint8_t chunk[LOG_BUFFER_CHUNK];
    memcpy(chunk, image_at(im, AT_FREE), sizeof chunk);
    memcpy(chunk + dir_header(im) + DIR_ENTRY_NAME, "new", 3);
    add_buffer(d, id, AT_FREE, 0, 0, 1, chunk);
}

static void assert_name(struct image *im, const char *name, enum tree_recovery recovery)
{
    g_autoptr(tree) t = image_open(im);
    g_autofree char *names = list_names(t, im->root);
    g_autofree char *expected = g_strdup_printf("%s 300\n", name);
    g_assert_cmpstr(names, ==, expected);
    g_assert_cmpint(t->recovery, ==, recovery);
    g_assert_cmpuint(t->fault_count, ==, 0);
}

static void assert_not_replayed(struct image *im, const char *text)
{
    g_autoptr(tree) t = image_open(im);
    g_autofree char *names = list_names(t, im->root);
    g_assert_cmpstr(names, ==, "old 300\n");
    g_assert_cmpint(t->recovery, ==, TREE_RECOVERY_NEEDED);
    assert_one_fault(t, "the log cannot be replayed");
    assert_says(g_ptr_array_index(t->faults, 0), text);
}

/* --- the end of the log -------------------------------------------------------------------------
 */

static void assert_clean(struct image *im)
{
    g_autoptr(tree) t = image_open(im);
    g_assert_cmpint(t->recovery, ==, TREE_RECOVERY_NONE);
    g_assert_cmpuint(t->fault_count, ==, 0);
}

static void test_an_unmount_at_the_head_is_clean_wherever_that_is(void)
{
    for (unsigned at = 0; at < LOG_BLOCKS; at++) {
        struct image im = image_new(at % 2);
        put_turn(&im, 0, at, 7);
        put_turn(&im, at, LOG_BLOCKS, 6);
        if (put_unmount(&im, at, 7) == 1) /* it wraps */
            put_turn(&im, 1, at, 7);
        assert_clean(&im);
        image_clear(&im);
    }
}

static void test_changes_at_the_head_are_replayed_wherever_that_is(void)
{
    for (unsigned at = 0; at < LOG_BLOCKS; at++) {
        struct image im = image_new(at % 3 > 0);
        struct log_data d = { .len = 0 };
        put_old_name(&im);
        image_seal(&im);
        begin(&d, T);
        add_new_name(&im, &d, T);
        uint8_t rest[700] = "\x36\x12\x01"; /* a plan, so that the record is longer */
        add_op(&d, T, 0, rest, sizeof rest);
        commit(&d, T);
        put_turn(&im, 0, at, 7);
        put_turn(&im, at, LOG_BLOCKS, 6);
        unsigned head = put_record(&im, at, 7, UINT64_C(7) << 32 | at, &d);
        if (head > 0 && head < at)
            put_turn(&im, head, at, 7);
        assert_name(&im, "new", TREE_RECOVERY_REPLAYED);
        image_clear(&im);
    }
}

static void test_what_did_not_arrive_ends_the_log(void)
{
    struct image im = image_new(true);
    struct log_data d = { .len = 0 };
    put_old_name(&im);
    image_seal(&im);
    begin(&d, T);
    add_new_name(&im, &d, T);
    commit(&d, T);
    put_turn(&im, 0, LOG_BLOCKS, 6);
    put_turn(&im, 0, 20, 7);
    unsigned head = put_unmount(&im, 20, 7);
    put_record(&im, head + 5, 7, UINT64_C(7) << 32 | head, &d); /* what is before it did not come */
    assert_name(&im, "old", TREE_RECOVERY_NONE);
    image_clear(&im);
}

static void test_a_torn_record_ends_the_log(void)
{
    struct image im = image_new(true);
    struct log_data first = { .len = 0 }, second = { .len = 0 };
    put_old_name(&im);
    image_seal(&im);
    begin(&first, T);
    add_new_name(&im, &first, T);
    commit(&first, T);
    begin(&second, T + 1);
    add_buffer(&second, T + 1, AT_FREE, 0, 0, 1, (const uint8_t[LOG_BUFFER_CHUNK]){ 0 });
    commit(&second, T + 1);
    unsigned at = put_record(&im, 2, 1, UINT64_C(1) << 32 | 2, &first);
    put_record(&im, at, 1, UINT64_C(1) << 32 | 2, &second);
    log_block(&im, at + 1)[100] ^= 1;
    assert_name(&im, "new", TREE_RECOVERY_REPLAYED);
    image_clear(&im);
}

static void test_a_log_that_cannot_be_read_is_never_clean(void)
{
    static const struct {
        size_t super;
        uint64_t value;
        unsigned len;
        const char *text;
    } cases[] = {
        { SB_LOGSTART, 0, 8, "on another device" },
        { SB_LOGBLOCKS, 5000, 4, "outside the filesystem" },
        { SB_LOGBLOCKS, 0, 4, "outside the filesystem" },
        { SB_LOGSTART, AT_FREE, 8, "no record before its head" },
        { SB_UUID, 0, 8, "belongs to another filesystem" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image im = image_new(false);
        put_be(image_super(&im, 0) + cases[i].super, cases[i].value, cases[i].len);
        g_autoptr(tree) t = image_open(&im);
        g_assert_cmpint(t->recovery, ==, TREE_RECOVERY_NEEDED);
        assert_one_fault(t, "whether the log is clean is not known");
        assert_says(g_ptr_array_index(t->faults, 0), cases[i].text);
        image_clear(&im);
    }
}

/* --- what counts --------------------------------------------------------------------------------
 */

/* A log of one record behind the unmount. */
static void put_log(struct image *im, const struct log_data *d)
{
    image_seal(im);
    put_record(im, 2, 1, UINT64_C(1) << 32 | 2, d);
}

static void test_only_committed_transactions_count(void)
{
    struct image im = image_new(true);
    struct log_data d = { .len = 0 };
    put_old_name(&im);
    image_seal(&im);
    begin(&d, T);
    add_new_name(&im, &d, T);
    put_log(&im, &d);
    assert_name(&im, "old", TREE_RECOVERY_NONE);
    image_clear(&im);
}

static void test_counters_of_the_superblock_are_no_change(void)
{
    struct image im = image_new(true);
    struct log_data d = { .len = 0 };
    put_old_name(&im);
    image_seal(&im);
    begin(&d, T);
    uint8_t format[LOG_BUFFER_MAP + 4] = { 0 };
    put_little(format, XFS_LOG_ITEM_BUFFER, 2);
    put_little(format + 2, 2, 2);
    put_little(format + LOG_BUFFER_LENGTH, 1, 2);
    put_little(format + LOG_BUFFER_MAP_SIZE, 1, 4);
    put_little(format + LOG_BUFFER_MAP, 1, 4);
    add_op(&d, T, 0, format, sizeof format);
    add_op(&d, T, 0, im.bytes, LOG_BUFFER_CHUNK);
    commit(&d, T);
    put_log(&im, &d);
    assert_name(&im, "old", TREE_RECOVERY_NONE);
    image_clear(&im);
}

static void test_regions_may_be_split(void)
{
    struct image im = image_new(true);
    struct log_data whole = { .len = 0 }, d = { .len = 0 };
    put_old_name(&im);
    image_seal(&im);
    add_new_name(&im, &whole, T);
    const uint8_t *format = whole.bytes + 12, *chunk = format + LOG_BUFFER_MAP + 4 + 12;
    uint8_t header[LOG_TRANSACTION_HEADER] = { 0 };
    put_little(header, XFS_LOG_TRANSACTION_MAGIC, 4);
    add_op(&d, T, XFS_LOG_START, NULL, 0);
    add_op(&d, T, 0x04, header, 10);
    add_op(&d, T, XFS_LOG_WAS_CONTINUED | 0x10, header + 10, 6);
    add_op(&d, 5, 0, "of a transaction that began before", 34);
    add_op(&d, T, 0, format, LOG_BUFFER_MAP + 4);
    add_op(&d, T, 0x04, chunk, 100);
    add_op(&d, T, XFS_LOG_WAS_CONTINUED | 0x10, chunk + 100, LOG_BUFFER_CHUNK - 100);
    commit(&d, T);
    put_log(&im, &d);
    assert_name(&im, "new", TREE_RECOVERY_REPLAYED);
    image_clear(&im);
}

static void test_a_freed_buffer_stays_as_it_is(void)
{
    struct image im = image_new(true);
    struct log_data d = { .len = 0 };
    put_old_name(&im);
    image_seal(&im);
    begin(&d, T);
    add_new_name(&im, &d, T);
    commit(&d, T);
    begin(&d, T + 1);
    add_buffer(&d, T + 1, AT_FREE, XFS_LOG_BUFFER_CANCEL, 0, 0, NULL);
    commit(&d, T + 1);
    put_log(&im, &d);
    assert_name(&im, "old", TREE_RECOVERY_NONE);
    image_clear(&im);
    /* What is written behind that counts again. */
    im = image_new(true);
    put_old_name(&im);
    image_seal(&im);
    begin(&d, T + 2);
    add_new_name(&im, &d, T + 2);
    commit(&d, T + 2);
    put_log(&im, &d);
    assert_name(&im, "new", TREE_RECOVERY_REPLAYED);
    image_clear(&im);
}

static void test_what_the_device_already_has_is_not_put_over_it(void)
{
    for (unsigned newer = 0; newer < 2; newer++) {
        struct image im = image_new(true);
        struct log_data d = { .len = 0 };
        put_old_name(&im);
        put_be(image_at(&im, AT_FREE) + 16, (UINT64_C(1) << 32 | 1) + newer, 8); /* of record 2 */
        image_seal(&im);
        begin(&d, T);
        add_new_name(&im, &d, T);
        commit(&d, T);
        put_log(&im, &d);
        assert_name(&im, newer ? "old" : "new",
                    newer ? TREE_RECOVERY_NONE : TREE_RECOVERY_REPLAYED);
        image_clear(&im);
    }
}

static void test_buffers_of_unlinked_inodes_and_quotas_are_not_needed(void)
{
    static const uint16_t flags[] = { 1, 4, 8, 16 };
    for (size_t i = 0; i < G_N_ELEMENTS(flags); i++) {
        struct image im = image_new(true);
        struct log_data d = { .len = 0 };
        put_old_name(&im);
        image_seal(&im);
        begin(&d, T);
        add_buffer(&d, T, TEXT, flags[i], 0, 1, (const uint8_t[LOG_BUFFER_CHUNK]){ 0 });
        commit(&d, T);
        put_log(&im, &d);
        assert_name(&im, "old", TREE_RECOVERY_NONE);
        image_clear(&im);
    }
}

/* --- damage -------------------------------------------------------------------------------------
 */

/* Bytes in the data of the record that test_damage...() makes. */
enum {
    AT_START = 0,
    AT_HEADER = 12,
    AT_FORMAT = AT_HEADER + 12 + LOG_TRANSACTION_HEADER,
    AT_CHUNK = AT_FORMAT + 12 + LOG_BUFFER_MAP + 4,
    AT_COMMIT = AT_CHUNK + 12 + LOG_BUFFER_CHUNK,
};

static void test_a_damaged_log_is_not_replayed_at_all(void)
{
    static const struct {
        size_t off;
        uint8_t bytes[8];
        size_t len;
        const char *text;
    } cases[] = {
        { AT_HEADER + 4, { 0, 1, 0, 0 }, 4, "reach past its end" },
        { AT_HEADER + 12, { 0 }, 4, "without a header" },
        { AT_HEADER + 9, { XFS_LOG_START }, 1, "begins twice" },
        { AT_FORMAT + 9, { XFS_LOG_WAS_CONTINUED }, 1, "a region that did not begin" },
        { AT_FORMAT + 12, { 0x00, 0x20 }, 2, "unknown type 0x2000" },
        { AT_FORMAT + 14, { 0, 0 }, 2, "without a description" },
        { AT_FORMAT + 14, { 9, 0 }, 2, "an item cut short" },
        { AT_FORMAT + 14, { 1, 0 }, 2, "an item cut short" },
        { AT_FORMAT + 12 + LOG_BUFFER_LENGTH, { 0, 0 }, 2, "outside the filesystem" },
        { AT_FORMAT + 12 + LOG_BUFFER_LENGTH, { 0xff, 0xff }, 2, "outside the filesystem" },
        { AT_FORMAT + 12 + LOG_BUFFER_BLOCK,
          { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
          8,
          "outside the filesystem" },
        { AT_FORMAT + 12 + LOG_BUFFER_MAP_SIZE, { 9 }, 1, "without a description" },
        { AT_FORMAT + 12 + LOG_BUFFER_MAP, { 1, 1 }, 2, "bytes missing" },
        { AT_FORMAT + 12 + LOG_BUFFER_MAP, { 0, 1 }, 2, "wrong length" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image im = image_new(true);
        struct log_data d = { .len = 0 };
        put_old_name(&im);
        image_seal(&im);
        begin(&d, T);
        add_new_name(&im, &d, T);
        commit(&d, T);
        g_assert_cmpuint(d.bytes[AT_COMMIT + 9], ==, XFS_LOG_COMMIT);
        memcpy(d.bytes + cases[i].off, cases[i].bytes, cases[i].len);
        put_log(&im, &d);
        assert_not_replayed(&im, cases[i].text);
        image_clear(&im);
    }
}

static void test_records_that_cannot_be_are_not_replayed(void)
{
    static const struct {
        size_t off;
        uint64_t value;
        unsigned len;
        const char *text;
    } cases[] = {
        { LOG_RECORD_SIZE, UINT32_MAX, 4, "an impossible record" },
        { LOG_LENGTH, UINT32_MAX, 4, "an impossible record" },
        { LOG_LENGTH, 65536, 4, "an impossible record" },
        { LOG_LSN, UINT64_C(1) << 32 | 9, 8, "an impossible record" },
        { LOG_FORMAT, 2, 4, "of another kind of machine" },
        { LOG_TAIL_LSN, UINT64_C(1) << 32 | 5000, 8, "a tail outside it" },
        { LOG_TAIL_LSN, UINT64_C(1) << 32 | 1, 8, "no record at block 1" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image im = image_new(true);
        struct log_data d = { .len = 0 };
        put_old_name(&im);
        image_seal(&im);
        begin(&d, T);
        add_new_name(&im, &d, T);
        commit(&d, T);
        put_log(&im, &d);
        put_be(log_block(&im, 2) + cases[i].off, cases[i].value, cases[i].len);
        assert_not_replayed(&im, cases[i].text);
        image_clear(&im);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xfs/log/an unmount at the head is clean, wherever that is",
                    test_an_unmount_at_the_head_is_clean_wherever_that_is);
    g_test_add_func("/xfs/log/changes at the head are replayed, wherever that is",
                    test_changes_at_the_head_are_replayed_wherever_that_is);
    g_test_add_func("/xfs/log/what did not arrive ends the log",
                    test_what_did_not_arrive_ends_the_log);
    g_test_add_func("/xfs/log/a torn record ends the log", test_a_torn_record_ends_the_log);
    g_test_add_func("/xfs/log/a log that cannot be read is never clean",
                    test_a_log_that_cannot_be_read_is_never_clean);
    g_test_add_func("/xfs/log/only committed transactions count",
                    test_only_committed_transactions_count);
    g_test_add_func("/xfs/log/counters of the superblock are no change",
                    test_counters_of_the_superblock_are_no_change);
    g_test_add_func("/xfs/log/regions may be split", test_regions_may_be_split);
    g_test_add_func("/xfs/log/a freed buffer stays as it is", test_a_freed_buffer_stays_as_it_is);
    g_test_add_func("/xfs/log/what the device already has is not put over it",
                    test_what_the_device_already_has_is_not_put_over_it);
    g_test_add_func("/xfs/log/buffers of unlinked inodes and quotas are not needed",
                    test_buffers_of_unlinked_inodes_and_quotas_are_not_needed);
    g_test_add_func("/xfs/log/a damaged log is not replayed at all",
                    test_a_damaged_log_is_not_replayed_at_all);
    g_test_add_func("/xfs/log/records that cannot be are not replayed",
                    test_records_that_cannot_be_are_not_replayed);
    return g_test_run();
}

/* Internal snapshots. */
#include "qcow2-image.h"

#define TABLE 8 /* cluster of the snapshot table */

/* One entry of the table at off; returns where the next one starts. */
static size_t put_snapshot(struct image *im, size_t off, uint64_t l1, const char *id,
                           const char *name, uint64_t disk_size)
{
    uint16_t lengths[2] = { GUINT16_TO_BE(strlen(id)), GUINT16_TO_BE(strlen(name)) };
    uint32_t extra = disk_size > 0 ? 24 : 0;
    put64(im, off, l1);
    put32(im, off + 8, 1);
    put(im, off + 12, lengths, sizeof lengths);
    put32(im, off + 36, extra);
    if (extra > 0)
        put64(im, off + 48, disk_size);
    put(im, off + 40 + extra, id, strlen(id));
    put(im, off + 40 + extra + strlen(id), name, strlen(name));
    size_t next = off + (40 + extra + strlen(id) + strlen(name) + 7) / 8 * 8;
    put(im, next - 1, "", 1);
    return next;
}

/* Active: cluster 3 (0x33). Snapshot "first" (1): 0x44, "2" (7): 0x55 and a disk of 5 clusters. */
static struct image snapshot_image(void)
{
    struct image im = image_new(3, 9);
    put_l2(&im, 0, 3 * 512);
    fill(&im, 3, 0x33);
    fill(&im, 4, 0x44);
    fill(&im, 5, 0x55);
    put64(&im, 6 * 512, 7 * 512);
    put64(&im, 7 * 512, 4 * 512);
    put64(&im, 20 * 512, 21 * 512);
    put64(&im, 21 * 512, 5 * 512);
    put(&im, 22 * 512 - 1, "", 1);
    put32(&im, 60, 2);
    put64(&im, 64, TABLE * 512);
    size_t next = put_snapshot(&im, TABLE * 512, 6 * 512, "1", "first", DISK_CLUSTERS * 512);
    put_snapshot(&im, next, 20 * 512, "7", "2", 5 * 512);
    return im;
}

static struct block *open_snapshot(const struct image *im, const char *name)
{
    g_autoptr(GError) error = NULL;
    const struct block_image_options options = { .snapshot = name };
    struct block *b = image_open_with(im, &options, &error);
    g_assert_no_error(error);
    return b;
}

static void test_snapshots_are_found_by_id_and_by_name(void)
{
    struct image im = snapshot_image();
    g_autoptr(block) active = image_open(&im, NULL);
    assert_filled(active, 0, 512, 0x33);
    g_autoptr(block) id = open_snapshot(&im, "1");
    assert_filled(id, 0, 512, 0x44);
    g_assert_cmpstr(id->name, ==, "disk.qcow2@1");
    g_autoptr(block) name = open_snapshot(&im, "first");
    assert_filled(name, 0, 512, 0x44);
    g_autoptr(block) other = open_snapshot(&im, "2");
    assert_filled(other, 0, 512, 0x55);
    image_clear(&im);
}

static void test_an_id_wins_over_a_name(void)
{
    struct image im = snapshot_image();
    size_t next = put_snapshot(&im, TABLE * 512, 6 * 512, "1", "7", DISK_CLUSTERS * 512);
    put_snapshot(&im, next, 20 * 512, "7", "1", 5 * 512);
    g_autoptr(block) b = open_snapshot(&im, "7");
    assert_filled(b, 0, 512, 0x55);
    image_clear(&im);
}

static void test_a_snapshot_has_its_own_disk_size(void)
{
    struct image im = snapshot_image();
    g_autoptr(block) b = open_snapshot(&im, "7");
    g_assert_cmpuint(b->size, ==, 5 * 512);
    put64(&im, 24, 2 * 512);
    g_autoptr(block) larger = open_snapshot(&im, "1");
    g_assert_cmpuint(larger->size, ==, DISK_CLUSTERS * 512);
    /* One L1 entry does not reach that far. */
    put_snapshot(&im, TABLE * 512, 6 * 512, "1", "first", 1 << 20);
    const struct block_image_options options = { .snapshot = "1" };
    assert_refused_with(&im, &options, ASSAY_ERROR_CORRUPT, "L1 table has 1 entries");
    put_snapshot(&im, TABLE * 512, 6 * 512, "1", "first", UINT64_MAX);
    assert_refused_with(&im, &options, ASSAY_ERROR_CORRUPT, "disk size");
    image_clear(&im);
}

static void test_a_snapshot_without_a_size_has_that_of_the_image(void)
{
    struct image im = snapshot_image();
    put32(&im, 36, 64); /* the disk has grown since */
    put64(&im, 24, 100 * 512);
    put(&im, 2 * 512 - 1, "", 1);
    put32(&im, 60, 1);
    put_snapshot(&im, TABLE * 512, 6 * 512, "1", "first", 0);
    g_autoptr(block) b = open_snapshot(&im, "first");
    g_assert_cmpuint(b->size, ==, 100 * 512);
    assert_filled(b, 0, 512, 0x44);
    assert_filled(b, 512, 99 * 512, 0);
    image_clear(&im);
}

static void test_what_is_not_there_is_said_with_what_is(void)
{
    struct image im = snapshot_image();
    const struct block_image_options options = { .snapshot = "third" };
    assert_refused_with(&im, &options, ASSAY_ERROR_INVALID, "'third' (there are: first, 2)");
    put32(&im, 60, 0);
    assert_refused_with(&im, &options, ASSAY_ERROR_INVALID, "there are: none");
    image_clear(&im);
}

static void test_a_damaged_table_is_an_error(void)
{
    const struct block_image_options options = { .snapshot = "2" };
    struct image im = snapshot_image();
    put64(&im, 64, 1 << 20);
    assert_refused_with(&im, &options, ASSAY_ERROR_CORRUPT, "snapshot table");
    put64(&im, 64, UINT64_MAX);
    assert_refused_with(&im, &options, ASSAY_ERROR_CORRUPT, "snapshot table");
    put64(&im, 64, TABLE * 512);
    put32(&im, 60, UINT32_MAX);
    assert_refused_with(&im, &options, ASSAY_ERROR_LIMIT, "internal snapshots");
    put32(&im, 60, 2);
    put32(&im, TABLE * 512 + 36, 1025);
    assert_refused_with(&im, &options, ASSAY_ERROR_LIMIT, "too big");
    put32(&im, TABLE * 512 + 36, 24);
    put(&im, TABLE * 512 + 12, "\xff\xff\xff\xff", 4);
    assert_refused_with(&im, &options, ASSAY_ERROR_CORRUPT, "snapshot table");
    image_clear(&im);
}

static void test_the_active_state_reads_in_spite_of_a_damaged_table(void)
{
    struct image im = snapshot_image();
    g_autoptr(block) whole = image_open(&im, NULL);
    const struct block_note *note = whole->notes->pdata[0];
    g_assert_cmpstr(note->text, ==, "disk.qcow2: 2 internal snapshots (first, 2) not looked at");
    put64(&im, 64, 1 << 20);
    g_autoptr(block) b = image_open(&im, NULL);
    assert_filled(b, 0, 512, 0x33);
    note = b->notes->pdata[0];
    g_assert_nonnull(strstr(note->text, "2 internal snapshots"));
    g_assert_nonnull(strstr(note->text, "past the end"));
    image_clear(&im);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/block/qcow2-snapshot/found by id and by name",
                    test_snapshots_are_found_by_id_and_by_name);
    g_test_add_func("/block/qcow2-snapshot/an id wins over a name", test_an_id_wins_over_a_name);
    g_test_add_func("/block/qcow2-snapshot/a snapshot has its own disk size",
                    test_a_snapshot_has_its_own_disk_size);
    g_test_add_func("/block/qcow2-snapshot/a snapshot without a size has that of the image",
                    test_a_snapshot_without_a_size_has_that_of_the_image);
    g_test_add_func("/block/qcow2-snapshot/what is not there is said with what is",
                    test_what_is_not_there_is_said_with_what_is);
    g_test_add_func("/block/qcow2-snapshot/a damaged table is an error",
                    test_a_damaged_table_is_an_error);
    g_test_add_func("/block/qcow2-snapshot/the active state reads in spite of a damaged table",
                    test_the_active_state_reads_in_spite_of_a_damaged_table);
    return g_test_run();
}

#include "disk.h"

#include "base/limits.h"

#define SIZE (8u << 20)

static void put_entry(struct disk *d, size_t table, unsigned index, uint8_t type, uint32_t start,
                      uint32_t count)
{
    size_t at = table + 446 + 16 * index;
    d->bytes[at + 4] = type;
    disk_put32(d, at + 8, start);
    disk_put32(d, at + 12, count);
    disk_put16(d, table + 510, 0xaa55);
}

static struct disk mbr_new(void)
{
    struct disk d = disk_new(SIZE);
    disk_put32(&d, 440, 0xDEADBEEF);
    put_entry(&d, 0, 0, 0x83, 2048, 2048);
    return d;
}

/* An extended partition in sectors 8000 to 11999 with a record at each of the starts, and a logical
 * partition of 100 sectors 10 sectors behind each. */
static struct disk mbr_extended(const uint32_t *starts, size_t count)
{
    struct disk d = mbr_new();
    put_entry(&d, 0, 2, 0x0f, starts[0], 4000);
    for (size_t i = 0; i < count; i++) {
        put_entry(&d, starts[i] * 512, 0, 0x83, 10, 100);
        if (i + 1 < count)
            put_entry(&d, starts[i] * 512, 1, 0x05, starts[i + 1] - starts[0], 200);
    }
    return d;
}

static void test_primaries(void)
{
    struct disk d = mbr_new();
    put_entry(&d, 0, 3, 0x07, 6000, 10);
    d.bytes[446] = 0x80;
    d.bytes[2048 * 512] = 0x42;
    g_autoptr(volume_set) set = disk_scan(&d);
    g_assert_cmpuint(set->volumes->len, ==, 3);
    g_assert_cmpstr(get_volume(set, "disk0")->content, ==, "mbr");
    assert_no_fault(get_volume(set, "disk0"));
    const struct volume *v = get_volume(set, "disk0p1");
    assert_no_fault(v);
    assert_place(v, 1 << 20, 1 << 20);
    assert_byte(v, 0, 0x42);
    g_assert_cmpstr(v->type, ==, "0x83");
    g_assert_cmpstr(v->uuid, ==, "deadbeef-01");
    g_assert_cmpuint(v->number, ==, 1);
    g_assert_cmpstr(get_volume(set, "disk0p4")->uuid, ==, "deadbeef-04");
    disk_clear(&d);
}

static void test_logical(void)
{
    static const uint32_t starts[] = { 8000, 9000, 8500 };
    struct disk d = mbr_extended(starts, 3);
    g_autoptr(volume_set) set = disk_scan(&d);
    g_assert_cmpuint(set->volumes->len, ==, 6);
    assert_no_fault(get_volume(set, "disk0p3"));
    g_assert_cmpstr(get_volume(set, "disk0p3")->content, ==, "mbr-extended");
    assert_place(get_volume(set, "disk0p5"), 8010 * 512, 51200);
    assert_place(get_volume(set, "disk0p6"), 9010 * 512, 51200);
    assert_place(get_volume(set, "disk0p7"), 8510 * 512, 51200);
    g_assert_cmpstr(get_volume(set, "disk0p7")->uuid, ==, "deadbeef-07");
    g_assert_true(get_volume(set, "disk0p7")->parent == get_volume(set, "disk0"));
    for (unsigned i = 0; i < set->volumes->len; i++)
        assert_no_fault(g_ptr_array_index(set->volumes, i));
    disk_clear(&d);
}

static void test_loop(void)
{
    static const uint32_t starts[] = { 8000, 9000 };
    struct disk d = mbr_extended(starts, 2);
    put_entry(&d, 9000 * 512, 1, 0x05, 1000, 200);
    g_autoptr(volume_set) set = disk_scan(&d);
    g_assert_cmpuint(set->volumes->len, ==, 5);
    assert_fault(get_volume(set, "disk0p3"), ASSAY_ERROR_CORRUPT, "comes back to byte 4608000");
    disk_clear(&d);
}

static void test_broken_chain(void)
{
    static const uint32_t starts[] = { 8000, 9000 };
    struct disk d = mbr_extended(starts, 2);
    d.bytes[9000 * 512 + 511] = 0;
    g_autoptr(volume_set) set = disk_scan(&d);
    assert_no_fault(get_volume(set, "disk0p5"));
    assert_fault(get_volume(set, "disk0p3"), ASSAY_ERROR_CORRUPT,
                 "no extended boot record at byte 4608000");
    put_entry(&d, 8000 * 512, 1, 0x05, 0x7fffffff, 200);
    g_autoptr(volume_set) out = disk_scan(&d);
    assert_fault(get_volume(out, "disk0p3"), ASSAY_ERROR_CORRUPT, "leaves the disk");
    disk_clear(&d);
}

static void test_long_chain(void)
{
    struct disk d = mbr_new();
    put_entry(&d, 0, 1, 0x05, 8000, 8000);
    for (uint32_t i = 0; i < 2000; i++) {
        put_entry(&d, (8000 + 3 * i) * 512, 0, 0x83, 1, 1);
        put_entry(&d, (8000 + 3 * i) * 512, 1, 0x05, 3 * (i + 1), 1);
    }
    g_autoptr(volume_set) set = disk_scan(&d);
    g_assert_cmpuint(set->volumes->len, ==, 1 + 2 + LIMIT_PARTITIONS - 4);
    assert_fault(get_volume(set, "disk0p2"), ASSAY_ERROR_LIMIT, "more than 1024 partitions");
    disk_clear(&d);
}

static void test_places(void)
{
    struct disk d = mbr_new();
    put_entry(&d, 0, 1, 0x83, 3000, 2048);
    put_entry(&d, 0, 2, 0x83, SIZE / 512 - 5, 10);
    put_entry(&d, 0, 3, 0x83, 0xffffffff, 0xffffffff);
    g_autoptr(volume_set) set = disk_scan(&d);
    assert_no_fault(get_volume(set, "disk0p1"));
    assert_fault(get_volume(set, "disk0p2"), ASSAY_ERROR_CORRUPT, "overlaps disk0p1");
    assert_fault(get_volume(set, "disk0p3"), ASSAY_ERROR_CORRUPT, "last 2560 bytes");
    assert_fault(get_volume(set, "disk0p4"), ASSAY_ERROR_CORRUPT, "past the end of the disk");
    disk_clear(&d);
}

static void test_4kn(void)
{
    struct disk d = disk_new(SIZE);
    put_entry(&d, 0, 0, 0x83, 256, 256);
    put_entry(&d, 0, 1, 0x05, 1024, 512);
    put_entry(&d, 1024 * 4096, 0, 0x83, 64, 64);
    disk_put(&d, 256 * 4096 + 1080, "\x53\xef", 2);
    g_autoptr(volume_set) set = disk_scan(&d);
    assert_place(get_volume(set, "disk0p1"), 256 * 4096, 256 * 4096);
    assert_place(get_volume(set, "disk0p5"), 1088 * 4096, 64 * 4096);
    disk_clear(&d);
}

static void put_fat(struct disk *d, size_t off)
{
    disk_put(d, off, "\xeb\x3c\x90mkfs.fat", 11);
    disk_put16(d, off + 11, 512);
    d->bytes[off + 13] = 4;
    d->bytes[off + 14] = 1;
    d->bytes[off + 16] = 2;
    d->bytes[off + 21] = 0xf8;
}

static void assert_no_table(const struct disk *d)
{
    g_autoptr(volume_set) set = disk_scan(d);
    g_assert_cmpuint(set->volumes->len, ==, 1);
    g_assert_cmpstr(get_volume(set, "disk0")->content, ==, NULL);
    assert_no_fault(get_volume(set, "disk0"));
}

static void test_boot_sectors(void)
{
    struct disk d = mbr_new();
    put_fat(&d, 0);
    assert_no_table(&d);
    disk_put(&d, 0, "\xeb\x52\x90NTFS    ", 11);
    assert_no_table(&d);
    disk_put(&d, 0,
             "\xeb\x76\x90"
             "EXFAT   ",
             11);
    assert_no_table(&d);
    disk_clear(&d);
}

static void test_code(void)
{
    struct disk d = mbr_new();
    d.bytes[446 + 16] = 0x13;
    assert_no_table(&d);
    memset(d.bytes + 446, 0, 64);
    assert_no_table(&d);
    disk_clear(&d);
    d = disk_new(100); /* no whole sector */
    assert_no_table(&d);
    disk_clear(&d);
}

/* A disk in a partition counts when all of its table fits. */
static void test_nested(void)
{
    struct disk d = mbr_new();
    put_entry(&d, 2048 * 512, 0, 0x83, 8, 16);
    g_autoptr(volume_set) set = disk_scan(&d);
    assert_place(get_volume(set, "disk0p1p1"), 8 * 512, 16 * 512);
    put_entry(&d, 2048 * 512, 1, 0x83, 5000, 16);
    g_autoptr(volume_set) without = disk_scan(&d);
    g_assert_cmpuint(without->volumes->len, ==, 2);
    disk_clear(&d);
}

/* As on hybrid ISO images; must not be split for ever. */
static void test_part_at_zero(void)
{
    struct disk d = mbr_new();
    put_entry(&d, 0, 1, 0, 0, SIZE / 512);
    g_autoptr(volume_set) set = disk_scan(&d);
    g_assert_cmpuint(set->volumes->len, ==, 3);
    g_assert_cmpstr(get_volume(set, "disk0p2")->content, ==, NULL);
    disk_clear(&d);
}

static void test_protective(void)
{
    struct disk d = disk_new(SIZE);
    put_entry(&d, 0, 0, 0xee, 1, SIZE / 512 - 1);
    g_autoptr(volume_set) set = disk_scan(&d);
    assert_fault(get_volume(set, "disk0"), ASSAY_ERROR_CORRUPT, "announces a GPT");
    disk_clear(&d);
}

/* Tables in tables: each volume adds four more. */
static void test_explosion(void)
{
    struct disk d = disk_new(SIZE);
    for (uint32_t s = 0; s < 6000; s++) {
        for (unsigned i = 0; i < 4; i++)
            put_entry(&d, s * 512, i, 0x83, 1 + i * 2, 0xffff);
    }
    g_autoptr(volume_set) set = volume_set_new();
    g_autoptr(GError) error = NULL;
    disk_add_to(&d, set);
    (void)volume_set_scan(set, &error);
    g_assert_cmpuint(set->volumes->len, <=, LIMIT_VOLUMES);
    disk_clear(&d);
}

/* Each table holds one partition with the next table. */
static void test_depth(void)
{
    struct disk d = disk_new(SIZE);
    for (uint32_t s = 0; s < 100; s++)
        put_entry(&d, s * 512, 0, 0x83, 1, 1000 - s);
    g_autoptr(volume_set) set = disk_scan(&d);
    g_assert_cmpuint(set->volumes->len, ==, 1 + LIMIT_VOLUME_DEPTH);
    const struct volume *last = g_ptr_array_index(set->volumes, LIMIT_VOLUME_DEPTH);
    assert_fault(last, ASSAY_ERROR_LIMIT, "lies in more than 15 volumes");
    g_assert_nonnull(last->block);
    disk_clear(&d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mbr/primary partitions have numbers 1 to 4", test_primaries);
    g_test_add_func("/mbr/logical partitions count from 5 along the chain", test_logical);
    g_test_add_func("/mbr/a chain that comes back ends with a fault", test_loop);
    g_test_add_func("/mbr/a broken chain leaves what came before", test_broken_chain);
    g_test_add_func("/mbr/a chain has a longest length", test_long_chain);
    g_test_add_func("/mbr/partitions that overlap or leave the disk have faults", test_places);
    g_test_add_func("/mbr/sectors of 4096 bytes are known by what they begin", test_4kn);
    g_test_add_func("/mbr/boot sectors of filesystems are not tables", test_boot_sectors);
    g_test_add_func("/mbr/code and blank tables are not tables", test_code);
    g_test_add_func("/mbr/a disk within a partition", test_nested);
    g_test_add_func("/mbr/a partition at sector 0 is not split again", test_part_at_zero);
    g_test_add_func("/mbr/a protective MBR without GPT is a fault", test_protective);
    g_test_add_func("/mbr/tables in tables come to an end", test_explosion);
    g_test_add_func("/mbr/tables in tables have a greatest depth", test_depth);
    return g_test_run();
}

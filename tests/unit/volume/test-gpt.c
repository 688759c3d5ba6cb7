#include "disk.h"

#include "base/limits.h"
#include "volume/checksum.h"

#define SIZE    (8u << 20)
#define ENTRIES 128

static const uint8_t linux_type[16] = { 0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47,
                                        0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4 };

struct table {
    struct disk disk;
    uint32_t sector;
};

static uint64_t last_sector(const struct table *t)
{
    return t->disk.size / t->sector - 1;
}

static size_t entries_at(const struct table *t, bool backup)
{
    size_t array = ENTRIES * 128;
    return backup ? last_sector(t) * t->sector - array : 2u * t->sector;
}

static void sign(struct table *t, bool backup)
{
    size_t at = backup ? last_sector(t) * t->sector : t->sector;
    disk_put32(&t->disk, at + 88, crc32_ieee(t->disk.bytes + entries_at(t, backup), ENTRIES * 128));
    disk_put32(&t->disk, at + 16, 0);
    disk_put32(&t->disk, at + 16, crc32_ieee(t->disk.bytes + at, 92));
}

static void put_header(struct table *t, bool backup)
{
    size_t at = backup ? last_sector(t) * t->sector : t->sector;
    disk_put(&t->disk, at, "EFI PART", 8);
    disk_put32(&t->disk, at + 8, 0x10000);
    disk_put32(&t->disk, at + 12, 92);
    disk_put64(&t->disk, at + 24, backup ? last_sector(t) : 1);
    disk_put64(&t->disk, at + 32, backup ? 1 : last_sector(t));
    disk_put64(&t->disk, at + 72, entries_at(t, backup) / t->sector);
    disk_put32(&t->disk, at + 80, ENTRIES);
    disk_put32(&t->disk, at + 84, 128);
    sign(t, backup);
}

static void put_entry(struct table *t, unsigned index, uint64_t first, uint64_t last)
{
    for (int backup = 0; backup < 2; backup++) {
        size_t at = entries_at(t, backup) + index * 128;
        disk_put(&t->disk, at, linux_type, 16);
        for (unsigned i = 0; i < 16; i++)
            t->disk.bytes[at + 16 + i] = (uint8_t)(0xA0 + i);
        disk_put64(&t->disk, at + 32, first);
        disk_put64(&t->disk, at + 40, last);
        sign(t, backup);
    }
}

/* A protective MBR and both tables, without entries. */
static struct table table_new(uint32_t sector)
{
    struct table t = { .disk = disk_new(SIZE), .sector = sector };
    t.disk.bytes[446 + 4] = 0xee;
    disk_put32(&t.disk, 446 + 8, 1);
    disk_put32(&t.disk, 446 + 12, (uint32_t)last_sector(&t));
    disk_put16(&t.disk, 510, 0xaa55);
    put_header(&t, false);
    put_header(&t, true);
    return t;
}

static void test_parts(gconstpointer sector)
{
    struct table t = table_new(GPOINTER_TO_UINT(sector));
    put_entry(&t, 0, 100, 199);
    put_entry(&t, 4, 300, 300);
    t.disk.bytes[100 * t.sector] = 0x42;
    g_autoptr(volume_set) set = disk_scan(&t.disk);
    g_assert_cmpuint(set->volumes->len, ==, 3);
    g_assert_cmpstr(get_volume(set, "disk0")->content, ==, "gpt");
    assert_no_fault(get_volume(set, "disk0"));
    const struct volume *v = get_volume(set, "disk0p1");
    assert_no_fault(v);
    assert_place(v, 100 * t.sector, 100 * t.sector);
    assert_byte(v, 0, 0x42);
    g_assert_cmpuint(v->number, ==, 1);
    g_assert_cmpstr(v->type, ==, "0fc63daf-8483-4772-8e79-3d69d8477de4");
    g_assert_cmpstr(v->uuid, ==, "a3a2a1a0-a5a4-a7a6-a8a9-aaabacadaeaf");
    g_assert_cmpstr(v->label, ==, NULL);
    g_assert_true(v->parent == get_volume(set, "disk0"));
    assert_place(get_volume(set, "disk0p5"), 300 * t.sector, t.sector);
    disk_clear(&t.disk);
}

static void test_name(void)
{
    struct table t = table_new(512);
    static const uint16_t units[] = { 'a', 0xe9, 0xd83d, 0xdcbe, 0xd800, 'z' };
    put_entry(&t, 0, 100, 199);
    for (size_t i = 0; i < G_N_ELEMENTS(units); i++)
        disk_put16(&t.disk, entries_at(&t, false) + 56 + 2 * i, units[i]);
    sign(&t, false);
    g_autoptr(volume_set) set = disk_scan(&t.disk);
    g_assert_cmpstr(get_volume(set, "disk0p1")->label, ==, "aé\xf0\x9f\x92\xbe\xef\xbf\xbdz");
    disk_clear(&t.disk);
}

static void test_backup(gconstpointer damaged)
{
    struct table t = table_new(512);
    put_entry(&t, 0, 100, 199);
    t.disk.bytes[GPOINTER_TO_SIZE(damaged)] ^= 1;
    g_autoptr(volume_set) set = disk_scan(&t.disk);
    assert_fault(get_volume(set, "disk0"), ASSAY_ERROR_CORRUPT, "the backup table is used: ");
    assert_place(get_volume(set, "disk0p1"), 51200, 51200);
    assert_no_fault(get_volume(set, "disk0p1"));
    disk_clear(&t.disk);
}

static void test_grown(void)
{
    struct table t = table_new(512);
    put_entry(&t, 0, 100, 199);
    t.disk.bytes[1024 + 32] ^= 1; /* the first array, whose header is sound */
    t.disk.bytes = g_realloc(t.disk.bytes, 2 * SIZE);
    memset(t.disk.bytes + SIZE, 0, SIZE);
    t.disk.size = 2 * SIZE;
    g_autoptr(volume_set) set = disk_scan(&t.disk);
    assert_fault(get_volume(set, "disk0"), ASSAY_ERROR_CORRUPT, "GPT entries at byte 1024");
    assert_place(get_volume(set, "disk0p1"), 51200, 51200);
    disk_clear(&t.disk);
}

static void test_both_bad(void)
{
    struct table t = table_new(512);
    put_entry(&t, 0, 100, 199);
    t.disk.bytes[512 + 72] ^= 1;
    t.disk.bytes[SIZE - 512 + 72] ^= 1;
    g_autoptr(volume_set) set = disk_scan(&t.disk);
    g_assert_cmpuint(set->volumes->len, ==, 1);
    g_assert_cmpstr(get_volume(set, "disk0")->content, ==, "gpt");
    assert_fault(get_volume(set, "disk0"), ASSAY_ERROR_CORRUPT, "no usable backup table: ");
    disk_clear(&t.disk);
}

static void test_left_over(void)
{
    struct table t = table_new(512);
    put_entry(&t, 0, 100, 199);
    memset(t.disk.bytes, 0, 1024);
    g_autoptr(volume_set) set = disk_scan(&t.disk);
    g_assert_cmpuint(set->volumes->len, ==, 1);
    g_assert_cmpstr(get_volume(set, "disk0")->content, ==, NULL);
    assert_no_fault(get_volume(set, "disk0"));
    disk_clear(&t.disk);
}

static void test_unannounced(void)
{
    struct table t = table_new(512);
    put_entry(&t, 0, 100, 199);
    memset(t.disk.bytes, 0, 512);
    g_autoptr(volume_set) set = disk_scan(&t.disk);
    assert_fault(get_volume(set, "disk0"), ASSAY_ERROR_CORRUPT, "without the protective MBR");
    assert_no_fault(get_volume(set, "disk0p1"));
    disk_clear(&t.disk);
}

static void test_hybrid(void)
{
    struct table t = table_new(512);
    put_entry(&t, 0, 100, 199);
    t.disk.bytes[462 + 4] = 0x83;
    disk_put32(&t.disk, 462 + 8, 100);
    disk_put32(&t.disk, 462 + 12, 100);
    g_autoptr(volume_set) set = disk_scan(&t.disk);
    g_assert_cmpstr(get_volume(set, "disk0")->content, ==, "gpt");
    g_assert_cmpuint(set->volumes->len, ==, 2);
    disk_clear(&t.disk);
}

static void test_places(void)
{
    struct table t = table_new(512);
    put_entry(&t, 0, 100, 199);
    put_entry(&t, 1, 150, 250);
    put_entry(&t, 2, SIZE / 512 - 10, SIZE / 512 + 10);
    put_entry(&t, 3, SIZE / 512 + 10, SIZE / 512 + 20);
    put_entry(&t, 4, 400, 399);
    put_entry(&t, 5, 1, UINT64_MAX);
    put_entry(&t, 6, 1000, 1999);
    g_autoptr(volume_set) set = disk_scan(&t.disk);
    g_assert_cmpuint(set->volumes->len, ==, 8);
    assert_no_fault(get_volume(set, "disk0p1"));
    assert_fault(get_volume(set, "disk0p2"), ASSAY_ERROR_CORRUPT, "overlaps disk0p1");
    g_assert_nonnull(get_volume(set, "disk0p2")->block);
    const struct volume *cut = get_volume(set, "disk0p3");
    assert_fault(cut, ASSAY_ERROR_CORRUPT, "last 5632 bytes lie past the end");
    g_assert_cmpuint(cut->size, ==, 21 * 512);
    g_assert_cmpuint(cut->block->size, ==, 10 * 512);
    assert_fault(get_volume(set, "disk0p4"), ASSAY_ERROR_CORRUPT, "past the end of the disk");
    g_assert_null(get_volume(set, "disk0p4")->block);
    assert_fault(get_volume(set, "disk0p5"), ASSAY_ERROR_CORRUPT, "impossible sectors 400 to 399");
    assert_fault(get_volume(set, "disk0p6"), ASSAY_ERROR_CORRUPT, "impossible sectors 1 to 184");
    disk_clear(&t.disk);
}

/* As on hybrid ISO images; must not be split for ever. */
static void test_part_at_zero(void)
{
    struct table t = table_new(512);
    put_entry(&t, 0, 0, SIZE / 512 - 100);
    g_autoptr(volume_set) set = disk_scan(&t.disk);
    g_assert_cmpuint(set->volumes->len, ==, 2);
    assert_no_fault(get_volume(set, "disk0p1"));
    g_assert_cmpstr(get_volume(set, "disk0p1")->content, ==, NULL);
    disk_clear(&t.disk);
}

static void test_limits(void)
{
    struct table t = table_new(512);
    disk_put32(&t.disk, 512 + 80, 0x7fffffff);
    disk_put32(&t.disk, 512 + 16, 0);
    disk_put32(&t.disk, 512 + 16, crc32_ieee(t.disk.bytes + 512, 92));
    memset(t.disk.bytes + SIZE - 512, 0, 512);
    g_autoptr(volume_set) set = disk_scan(&t.disk);
    assert_fault(get_volume(set, "disk0"), ASSAY_ERROR_LIMIT, "entries take more than");
    disk_clear(&t.disk);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/gpt/parts with sectors of 512 bytes", GUINT_TO_POINTER(512), test_parts);
    g_test_add_data_func("/gpt/parts with sectors of 4096 bytes", GUINT_TO_POINTER(4096),
                         test_parts);
    g_test_add_func("/gpt/names are UTF-16, broken pairs are replaced", test_name);
    g_test_add_data_func("/gpt/no first header: the backup is used", GSIZE_TO_POINTER(512),
                         test_backup);
    g_test_add_data_func("/gpt/a wrong header checksum: the backup is used",
                         GSIZE_TO_POINTER(512 + 40), test_backup);
    g_test_add_data_func("/gpt/a wrong entries checksum: the backup is used",
                         GSIZE_TO_POINTER(1024 + 40), test_backup);
    g_test_add_func("/gpt/after growth the backup is where the header says", test_grown);
    g_test_add_func("/gpt/two bad tables are a fault of the disk", test_both_bad);
    g_test_add_func("/gpt/a backup without announcement is left over", test_left_over);
    g_test_add_func("/gpt/a missing protective MBR is a fault", test_unannounced);
    g_test_add_func("/gpt/a hybrid MBR does not count", test_hybrid);
    g_test_add_func("/gpt/partitions that overlap or leave the disk have faults", test_places);
    g_test_add_func("/gpt/a partition at sector 0 is not split again", test_part_at_zero);
    g_test_add_func("/gpt/a huge array of entries is refused", test_limits);
    return g_test_run();
}

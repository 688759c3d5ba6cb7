#include "disk.h"

#define SIZE    (2u << 20)
#define DATA    (64u << 10) /* where the data of version 1.1 and 1.2 begins */
#define CHUNK   (16u << 10)
#define MAX_DEV 8

static uint32_t fold(const uint8_t *bytes, size_t len)
{
    uint64_t sum = 0;
    for (size_t i = 0; i + 4 <= len; i += 4)
        sum += (uint32_t)bytes[i] | (uint32_t)bytes[i + 1] << 8 | (uint32_t)bytes[i + 2] << 16 |
               (uint32_t)bytes[i + 3] << 24;
    return (uint32_t)sum + (uint32_t)(sum >> 32);
}

static void sign_1(struct disk *d, size_t at)
{
    disk_put32(d, at + 216, 0);
    disk_put32(d, at + 216, fold(d->bytes + at, 256 + 2 * MAX_DEV));
}

/* A member with the superblock at byte at, and its place in every byte of the data. */
static struct disk member_new(size_t at, int level, uint16_t role, uint64_t events)
{
    struct disk d = disk_new(SIZE);
    size_t data = at > DATA ? 0 : DATA;
    uint64_t len = at > DATA ? at - at % CHUNK : SIZE - DATA;
    memset(d.bytes, role + 1, SIZE);
    memset(d.bytes + at, 0, 4096);
    disk_put32(&d, at, 0xa92b4efc);
    disk_put32(&d, at + 4, 1);
    memset(d.bytes + at + 16, 0x5a, 16);
    disk_put(&d, at + 32, "host:root", 9);
    disk_put32(&d, at + 72, (uint32_t)level);
    disk_put64(&d, at + 80, level == 1 ? len / 512 : 0);
    disk_put32(&d, at + 88, level == 1 ? 0 : CHUNK / 512);
    disk_put32(&d, at + 92, 2);
    disk_put64(&d, at + 128, data / 512);
    disk_put64(&d, at + 136, len / 512);
    disk_put64(&d, at + 144, at / 512);
    disk_put32(&d, at + 160, role);
    disk_put64(&d, at + 200, events);
    disk_put32(&d, at + 220, MAX_DEV);
    for (unsigned i = 0; i < MAX_DEV; i++)
        disk_put16(&d, at + 256 + 2 * i, i < 2 ? (uint16_t)i : 0xffff);
    sign_1(&d, at);
    return d;
}

static struct volume_set *scan_both(struct disk *a, struct disk *b)
{
    struct volume_set *set = volume_set_new();
    disk_add_to(a, set);
    disk_add_to(b, set);
    scan(set);
    return set;
}

static void test_versions(gconstpointer at)
{
    struct disk a = member_new(GPOINTER_TO_SIZE(at), 1, 0, 7);
    g_autoptr(volume_set) set = disk_scan(&a);
    g_assert_cmpuint(set->volumes->len, ==, 2);
    g_assert_cmpstr(get_volume(set, "disk0")->content, ==, "md-member");
    const struct volume *v = get_volume(set, "md/root");
    assert_no_fault(v);
    assert_place(v, GPOINTER_TO_SIZE(at) > DATA ? 0 : DATA,
                 GPOINTER_TO_SIZE(at) > DATA ? SIZE - CHUNK : SIZE - DATA);
    g_assert_cmpint(v->kind, ==, VOLUME_ARRAY);
    g_assert_cmpstr(v->uuid, ==, "5a5a5a5a:5a5a5a5a:5a5a5a5a:5a5a5a5a");
    g_assert_true(v->parent == get_volume(set, "disk0"));
    assert_byte(v, v->size - 1, 1);
    disk_clear(&a);
}

static void test_newest(void)
{
    struct disk a = member_new(4096, 1, 0, 7), b = member_new(4096, 1, 1, 9);
    g_autoptr(volume_set) set = scan_both(&a, &b);
    g_assert_cmpuint(set->volumes->len, ==, 3);
    g_assert_null(get_volume(set, "md/root")->parent);
    assert_byte(get_volume(set, "md/root"), 0, 2);
    disk_clear(&a);
    disk_clear(&b);
}

static void test_not_in_sync(void)
{
    struct disk a = member_new(4096, 1, 0, 7), b = member_new(4096, 1, 1, 7);
    disk_put32(&a, 4096 + 8, 2); /* is recovering, up to sector 0 */
    sign_1(&a, 4096);
    g_autoptr(volume_set) both = scan_both(&a, &b);
    assert_byte(get_volume(both, "md/root"), 0, 2);
    g_autoptr(volume_set) alone = disk_scan(&a);
    assert_fault(get_volume(alone, "md/root"), ASSAY_ERROR_NOT_FOUND,
                 "no member of it is a copy in sync");
    disk_put16(&b, 4096 + 256 + 2, 0xffff); /* a spare */
    sign_1(&b, 4096);
    g_autoptr(volume_set) spare = disk_scan(&b);
    assert_fault(get_volume(spare, "md/root"), ASSAY_ERROR_NOT_FOUND, "in sync");
    disk_clear(&a);
    disk_clear(&b);
}

static void test_stripes(void)
{
    struct disk a = member_new(4096, 0, 0, 7), b = member_new(4096, 0, 1, 7);
    g_autoptr(volume_set) set = scan_both(&b, &a);
    const struct volume *v = get_volume(set, "md/root");
    assert_no_fault(v);
    g_assert_cmpuint(v->size, ==, 2 * (SIZE - DATA));
    assert_byte(v, 0, 1);
    assert_byte(v, CHUNK - 1, 1);
    assert_byte(v, CHUNK, 2);
    assert_byte(v, 2 * CHUNK, 1);
    g_autoptr(volume_set) alone = disk_scan(&b);
    assert_fault(get_volume(alone, "md/root"), ASSAY_ERROR_NOT_FOUND, "member 0 of 2 is missing");
    disk_put64(&a, 4096 + 136, CHUNK * 4 / 512);
    sign_1(&a, 4096);
    g_autoptr(volume_set) uneven = scan_both(&a, &b);
    assert_fault(get_volume(uneven, "md/root"), ASSAY_ERROR_UNSUPPORTED, "different sizes");
    disk_clear(&a);
    disk_clear(&b);
}

static void test_linear(void)
{
    struct disk a = member_new(4096, -1, 0, 7), b = member_new(4096, -1, 1, 7);
    disk_put64(&a, 4096 + 136, (4 * CHUNK + 512) / 512);
    sign_1(&a, 4096);
    g_autoptr(volume_set) set = scan_both(&a, &b);
    assert_byte(get_volume(set, "md/root"), 4 * CHUNK - 1, 1);
    assert_byte(get_volume(set, "md/root"), 4 * CHUNK, 2);
    disk_clear(&a);
    disk_clear(&b);
}

static void test_not_read(void)
{
    struct disk a = member_new(4096, 5, 0, 7);
    g_autoptr(volume_set) set = disk_scan(&a);
    assert_fault(get_volume(set, "md/root"), ASSAY_ERROR_UNSUPPORTED,
                 "md RAID 5 arrays are not read yet");
    disk_clear(&a);
    a = member_new(4096, 1, 0, 7);
    disk_put32(&a, 4096 + 8, 4);
    sign_1(&a, 4096);
    g_autoptr(volume_set) reshaped = disk_scan(&a);
    assert_fault(get_volume(reshaped, "md/root"), ASSAY_ERROR_UNSUPPORTED, "being reshaped");
    disk_clear(&a);
}

static void test_names(void)
{
    static const struct {
        const char *name, *expected;
    } names[] = {
        { "host:0\0\0\0", "md0" },
        { "host:127", "md127" },
        { "data\0\0\0\0\0", "md/data" },
        { "h:../../x", "md/5a5a5a5a:5a5a5a5a:5a5a5a5a:5a5a5a5a" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        struct disk a = member_new(4096, 1, 0, 7);
        disk_put(&a, 4096 + 32, names[i].name, 9);
        sign_1(&a, 4096);
        g_autoptr(volume_set) set = disk_scan(&a);
        assert_no_fault(get_volume(set, names[i].expected));
        disk_clear(&a);
    }
}

static void test_same_name(void)
{
    struct disk a = member_new(4096, 1, 0, 7), b = member_new(4096, 1, 0, 7);
    b.bytes[4096 + 16] = 1;
    sign_1(&b, 4096);
    g_autoptr(volume_set) set = scan_both(&a, &b);
    assert_no_fault(get_volume(set, "md/root"));
    assert_no_fault(get_volume(set, "md/root#2"));
    disk_clear(&a);
    disk_clear(&b);
}

static void test_damaged(void)
{
    struct disk a = member_new(4096, 1, 0, 7);
    a.bytes[4096 + 100] ^= 1;
    g_autoptr(volume_set) sum = disk_scan(&a);
    g_assert_cmpstr(get_volume(sum, "disk0")->content, ==, NULL);
    a.bytes[4096 + 100] ^= 1;
    disk_put64(&a, 4096 + 80, SIZE / 512);
    sign_1(&a, 4096);
    g_autoptr(volume_set) set = disk_scan(&a);
    assert_fault(get_volume(set, "md/root"), ASSAY_ERROR_CORRUPT, "past the end of disk");
    disk_put64(&a, 4096 + 80, UINT64_MAX);
    sign_1(&a, 4096);
    g_autoptr(volume_set) huge = disk_scan(&a);
    g_assert_cmpuint(huge->volumes->len, ==, 1);
    disk_clear(&a);
}

/* Version 0.90 of an array of two mirrors, in the last whole 64 KiB but one. */
static void put_090(struct disk *d, size_t at, uint32_t size)
{
    memset(d->bytes + at, 0, 4096);
    disk_put32(d, at, 0xa92b4efc);
    disk_put32(d, at + 8, 90);
    disk_put32(d, at + 20, 0x01020304);
    disk_put32(d, at + 28, 1);
    disk_put32(d, at + 32, size / 1024);
    disk_put32(d, at + 40, 2);
    disk_put32(d, at + 44, 3);
    disk_put32(d, at + 52, 0x11121314);
    disk_put32(d, at + 56, 0x21222324);
    disk_put32(d, at + 60, 0x31323334);
    disk_put32(d, at + 156, 9);
    disk_put32(d, at + 3980, 1);
    disk_put32(d, at + 3984, 6); /* active, in sync */
    disk_put32(d, at + 152, fold(d->bytes + at, 4096));
}

static void test_090(void)
{
    struct disk d = disk_new(SIZE + 1000);
    put_090(&d, SIZE - 65536, SIZE - 65536);
    d.bytes[0] = 0x42;
    g_autoptr(volume_set) set = disk_scan(&d);
    const struct volume *v = get_volume(set, "md3");
    assert_no_fault(v);
    assert_place(v, 0, SIZE - 65536);
    assert_byte(v, 0, 0x42);
    g_assert_cmpstr(v->uuid, ==, "01020304:11121314:21222324:31323334");
    disk_clear(&d);
}

/* Stripes of single bytes would make reading endless. */
static void test_090_chunk(void)
{
    struct disk d = disk_new(SIZE);
    size_t at = SIZE - 65536;
    put_090(&d, at, SIZE - 65536);
    disk_put32(&d, at + 28, 0);
    disk_put32(&d, at + 260, 1);
    disk_put32(&d, at + 152, 0);
    disk_put32(&d, at + 152, fold(d.bytes + at, 4096));
    g_autoptr(volume_set) set = disk_scan(&d);
    assert_fault(get_volume(set, "md3"), ASSAY_ERROR_CORRUPT, "chunks of 1 bytes");
    disk_clear(&d);
}

/* The superblock of the last partition lies where that of the disk would. */
static void test_090_of_partition(void)
{
    struct disk d = disk_new(SIZE);
    put_090(&d, SIZE - 65536, SIZE - 65536 - 65536);
    d.bytes[446 + 4] = 0xfd;
    disk_put32(&d, 446 + 8, 128);
    disk_put32(&d, 446 + 12, SIZE / 512 - 128);
    disk_put16(&d, 510, 0xaa55);
    g_autoptr(volume_set) set = disk_scan(&d);
    g_assert_cmpstr(get_volume(set, "disk0")->content, ==, "mbr");
    g_assert_cmpstr(get_volume(set, "disk0p1")->content, ==, "md-member");
    assert_place(get_volume(set, "md3"), 0, SIZE - 2 * 65536);
    disk_clear(&d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/md/version 1.1 at the start", GSIZE_TO_POINTER(0), test_versions);
    g_test_add_data_func("/md/version 1.2 at 4 KiB", GSIZE_TO_POINTER(4096), test_versions);
    g_test_add_data_func("/md/version 1.0 near the end", GSIZE_TO_POINTER(SIZE - 8192),
                         test_versions);
    g_test_add_func("/md/version 0.90 at the end", test_090);
    g_test_add_func("/md/version 0.90 of a partition is not that of its disk",
                    test_090_of_partition);
    g_test_add_func("/md/chunks are whole sectors", test_090_chunk);
    g_test_add_func("/md/the member that saw the last change is read", test_newest);
    g_test_add_func("/md/members not in sync are not read", test_not_in_sync);
    g_test_add_func("/md/stripes need all members", test_stripes);
    g_test_add_func("/md/linear arrays", test_linear);
    g_test_add_func("/md/levels that are not read are named", test_not_read);
    g_test_add_func("/md/names as the kernel and udev give them", test_names);
    g_test_add_func("/md/arrays of the same name get numbers", test_same_name);
    g_test_add_func("/md/damaged superblocks", test_damaged);
    return g_test_run();
}

#include "disk.h"

#define SIZE (1u << 20)

static void check(size_t off, const char *bytes, size_t len, const char *content, const char *fault)
{
    struct disk d = disk_new(SIZE + 700);
    disk_put(&d, off, bytes, len);
    g_autoptr(volume_set) set = disk_scan(&d);
    const struct volume *v = get_volume(set, "disk0");
    g_assert_cmpstr(v->content, ==, content);
    if (fault != NULL)
        assert_fault(v, ASSAY_ERROR_UNSUPPORTED, fault);
    else
        assert_no_fault(v);
    disk_clear(&d);
}

static void test_encrypted(void)
{
    check(0, "LUKS\xba\xbe\0\1", 8, "luks", "encrypted (LUKS1)");
    check(0, "LUKS\xba\xbe\0\2", 8, "luks", "encrypted (LUKS2)");
    check(3, "-FVE-FS-", 8, "bitlocker", "encrypted (BitLocker)");
}

static void test_members(void)
{
    check(4120, "\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81", 16, "bcache",
          "bcache");
    check(16408, "version", 8, "zfs-member", "ZFS");
    check(SIZE - 4036, "\x83\x74\x02\x6d", 4, "drbd", "DRBD");
}

static void test_swap(void)
{
    check(4086, "SWAPSPACE2", 10, "swap", NULL);
    check(65526, "SWAPSPACE2", 10, "swap", NULL);
    check(4086, "S1SUSPEND", 10, "swap", NULL);
    check(4087, "SWAPSPACE2", 10, NULL, NULL);
}

static void test_small(void)
{
    struct disk d = disk_new(100);
    g_autoptr(volume_set) set = disk_scan(&d);
    assert_no_fault(get_volume(set, "disk0"));
    disk_clear(&d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/named/encrypted contents are not read", test_encrypted);
    g_test_add_func("/named/members of storage pools are not read", test_members);
    g_test_add_func("/named/swap holds nothing to read", test_swap);
    g_test_add_func("/named/a disk smaller than any mark", test_small);
    return g_test_run();
}

#include "root/root.h"

#include <string.h>

static void test_entries_are_read_as_mount_does(void)
{
    static const char text[] = "# comment\n"
                               "UUID=abc-1 / ext4 errors=remount-ro 0 1\n"
                               "\tLABEL=my\\040data\t/mnt/a\\040b  xfs\n"
                               "broken\n"
                               "/dev/vg/var /var xfs defaults,subvol=/@var,nofail 0 0\r\n"
                               "/dev/sda2 none swap sw 0 0";
    g_autoptr(GPtrArray) e = fstab_parse(text, strlen(text));
    g_assert_cmpuint(e->len, ==, 4);
    struct fstab_entry *second = g_ptr_array_index(e, 1), *third = g_ptr_array_index(e, 2);
    g_assert_cmpstr(second->source, ==, "LABEL=my data");
    g_assert_cmpstr(second->path, ==, "/mnt/a b");
    g_assert_cmpstr(second->options, ==, "defaults");
    g_autofree char *subvol = fstab_option(third->options, "subvol");
    g_autofree char *nofail = fstab_option(third->options, "nofail");
    g_autofree char *no = fstab_option(third->options, "no");
    g_assert_cmpstr(subvol, ==, "/@var");
    g_assert_cmpstr(nofail, ==, "");
    g_assert_null(no);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/root/fstab/entries are read as mount does",
                    test_entries_are_read_as_mount_does);
    return g_test_run();
}

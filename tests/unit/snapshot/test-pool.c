/* To which storage files belong, by what is mounted. */
#include "snapshot/pool.h"

/* As proc_pid_mountinfo(5) has it, with and without optional fields. None of it is there: a look at
 * any of the files would fail, and where it does not answer would never end. */
static const char mountinfo[] =
    "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
    "23 22 8:1 / /assay-none rw - xfs /dev/sda1 rw\n"
    "24 23 0:40 / /assay-none/nfs rw shared:7 master:2 - nfs4 filer:/export/vm rw,hard\n"
    "25 24 0:41 / /assay-none/nfs/deep rw - nfs4 filer:/export/other rw,hard\n"
    "26 23 0:42 / /assay-none/smb rw - cifs //filer/share rw\n"
    "27 23 0:43 / /assay-none/with\\040blank rw - btrfs /dev/sdb rw\n"
    "28 23 8:2 / /assay-none/twice rw - ext4 /dev/sda2 rw\n"
    "29 28 8:3 / /assay-none/twice rw - ext4 /dev/sda3 rw\n"
    "30 23 0:44 / /assay-none/disk rw - fuse /dev/fuse rw\n"
    "a line of another kind\n"
    "31 23 8:9 / /assay-none/cut";

static void check(const char *path, const char *pool)
{
    g_autofree char *found = pool_of_file_in(mountinfo, path);
    g_assert_cmpstr(found, ==, pool);
}

static void test_filesystems(void)
{
    check("/srv/a.img", "file:254:0");
    check("/assay-none/a.img", "file:8:1");
    check("/assay-none2/a.img", "file:254:0");
    check("/assay-none/with blank/a.img", "file:0:43");
    check("/assay-none/cut/a.img", "file:8:1");
    check("/assay-none/disk", "file:0:44");
}

static void test_network(void)
{
    check("/assay-none/nfs/a.img", "file:filer:/export/vm");
    check("/assay-none/nfs/deep/a/b.img", "file:filer:/export/other");
    check("/assay-none/nfs/deeper/b.img", "file:filer:/export/vm");
    check("/assay-none/smb/a.img", "file://filer/share");
}

static void test_hidden(void)
{
    check("/assay-none/twice/a.img", "file:8:3");
}

static void test_nothing(void)
{
    g_autofree char *found = pool_of_file_in("", "/srv/a.img");
    g_assert_cmpstr(found, ==, "file");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/snapshot/pool/a file belongs to the filesystem that it lies on",
                    test_filesystems);
    g_test_add_func("/snapshot/pool/one on a server to what the server exports, without asking it",
                    test_network);
    g_test_add_func("/snapshot/pool/the filesystem that hides another one counts", test_hidden);
    g_test_add_func("/snapshot/pool/where nothing is known all files are one pool", test_nothing);
    return g_test_run();
}

#include "block/in_use.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/autoclose.h"

/* QEMU's image locks (its docs/system/qemu-block-drivers, "Disk image file locking"): for each
 * permission that a process has on an image it holds a shared lock on byte 100 + permission. */
#define QEMU_PERMISSIONS   100
#define QEMU_WRITE         1
#define QEMU_WRITE_SAME    2 /* writes what reads as before: copies from a backing file */
#define QEMU_RESIZE        3
#define QEMU_FIRST_WRITING (QEMU_PERMISSIONS + QEMU_WRITE)
#define QEMU_WRITING       (QEMU_RESIZE - QEMU_WRITE + 1)

static bool qemu_writes(int fd)
{
    struct flock lock = {
        .l_type = F_WRLCK,
        .l_whence = SEEK_SET,
        .l_start = QEMU_FIRST_WRITING,
        .l_len = QEMU_WRITING,
    };
    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* A lease for reading is granted only while nobody has the file open for writing. It needs the
 * file's owner or CAP_LEASE: other refusals tell nothing. */
static bool lease_says_open(int fd)
{
    /* Who opens it just then breaks the lease, of which a signal tells: one that is ignored unless
     * somebody waits for it. */
    if (fcntl(fd, F_SETSIG, SIGURG) != 0)
        return false;
    if (fcntl(fd, F_SETLEASE, F_RDLCK) != 0)
        return errno == EAGAIN;
    (void)fcntl(fd, F_SETLEASE, F_UNLCK);
    return false;
}

/* Mounts, device mapper and others of the kernel claim a device exclusively. */
static bool kernel_claims(int fd)
{
    g_autofree char *again = g_strdup_printf("/proc/self/fd/%d", fd);
    autoclose int claimed = open(again, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);
    return claimed < 0 && errno == EBUSY;
}

const char *block_file_writer(int fd)
{
    struct stat st;
    if (qemu_writes(fd))
        return "QEMU has locked it for writing";
    if (fstat(fd, &st) != 0)
        return NULL;
    if (S_ISREG(st.st_mode) && lease_says_open(fd))
        return "a program has it open for writing";
    if (S_ISBLK(st.st_mode) && kernel_claims(fd))
        return "it is mounted, or the kernel has given it to another device";
    return NULL;
}

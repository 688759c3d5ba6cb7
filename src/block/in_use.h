/* Whether somebody may be writing to an opened file or device right now. */
#pragma once

/* Who, for people ("QEMU has locked it for writing"); NULL: nobody, as far as this host can tell:
 * programs on other hosts are seen only through QEMU's locks, on filesystems that carry them, and
 * writers of a device only when they claim it. Static string. */
const char *block_file_writer(int fd);

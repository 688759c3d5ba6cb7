/* The opened disks of a target, on the program's side. */
#pragma once
#include <sys/types.h>

#include "block/export.h"
#include "inspect/inspect.h"

struct target_disk {
    char *name;        /* as the user gave it */
    char *path;        /* of the file, without a snapshot's name; NULL: not a file of the host */
    char *snapshot;    /* NULL */
    char *export_name; /* of an NBD server; NULL: a file */
    char *format;      /* NULL: by content */
    char *note;        /* NULL */
    struct block_export *served; /* the server, when it is this process; owned. NULL */
    int fd;                      /* owned */
    dev_t device;                /* of the file */
    ino_t inode;
};

struct inspect_target {
    GPtrArray *disks; /* struct target_disk *, owned */
    char *name;
    unsigned references; /* files that its images were given */
    GError *failed;      /* why such a file, served by this process, could not be read; NULL */
};

/* Opens a disk image or block device for reading; anything else is refused by kind.
 * at: folder for relative paths, or AT_FDCWD. */
int target_open_file(const char *path, GError **error);
/* Says what is wrong with an opened descriptor as a disk; NULL: nothing. Static string. */
const char *target_file_refusal(mode_t mode);

/* The filesystems: one line each, in the order of the table in fs.c. */
#pragma once
#include "fs/fs.h"

extern const struct tree_driver btrfs_driver;
extern const struct tree_driver ext_driver;
extern const struct tree_driver xfs_driver;

/* Known, and not read yet (not_yet.c). */
extern const struct tree_driver apfs_driver;
extern const struct tree_driver bcachefs_driver;
extern const struct tree_driver erofs_driver;
extern const struct tree_driver exfat_driver;
extern const struct tree_driver f2fs_driver;
extern const struct tree_driver hfsplus_driver;
extern const struct tree_driver iso9660_driver;
extern const struct tree_driver jbd_driver;
extern const struct tree_driver jfs_driver;
extern const struct tree_driver ntfs_driver;
extern const struct tree_driver reiserfs_driver;
extern const struct tree_driver squashfs_driver;
extern const struct tree_driver udf_driver;
extern const struct tree_driver vfat_driver;
extern const struct tree_driver zfs_driver;

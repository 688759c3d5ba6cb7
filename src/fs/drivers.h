/* The filesystems: one line each, in the order of the table in fs.c. */
#pragma once
#include "fs/fs.h"

extern const struct tree_driver btrfs_driver;
extern const struct tree_driver ext_driver;
extern const struct tree_driver xfs_driver;

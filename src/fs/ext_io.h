/* How libext2fs reaches a block: an io_manager that reads and refuses everything else. */
#pragma once
#include <ext2fs/ext2fs.h>
#include <glib.h>

#include "block/block.h"
#include "fs/ext_super.h"

/* Opens the filesystem that the block holds by this superblock, which has been checked, and the
 * group descriptors that belong to it. The block must outlive it. ext2fs_free() ends it. */
bool ext_io_open(struct block *b, const struct ext_super *super, ext2_filsys *out, GError **error);
/* Turns what a function of libext2fs returned (not 0) into *error; false. */
bool ext_io_fail(ext2_filsys fs, errcode_t code, GError **error);

/* How libext2fs reaches a block: an io_manager that reads and refuses everything else. */
#pragma once
#include <ext2fs/ext2fs.h>
#include <glib.h>

#include "block/block.h"

/* Opens the filesystem that the block holds; its superblock has been checked. The block must
 * outlive it. block_size 0: the primary superblock, else that in block `super`. ext2fs_close_free()
 * ends it. */
bool ext_io_open(struct block *b, uint64_t super, uint32_t block_size, bool ignore_checksums,
                 ext2_filsys *out, GError **error);
/* Turns what a function of libext2fs returned (not 0) into *error; false. */
bool ext_io_fail(ext2_filsys fs, errcode_t code, GError **error);

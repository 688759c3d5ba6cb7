/* The image formats: one line each, in the order of the table in block.c. */
#pragma once
#include "block/block.h"

extern const struct block_format qcow2_format;

/* Known by their first bytes, so that they are not taken for raw disks (foreign.c). */
extern const struct block_format luks_format;
extern const struct block_format parallels_format;
extern const struct block_format qed_format;
extern const struct block_format vdi_format;
extern const struct block_format vhd_format;
extern const struct block_format vhdx_format;
extern const struct block_format vmdk_format;

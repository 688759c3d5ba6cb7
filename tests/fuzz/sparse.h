/* Disk images as fuzz input: only the sectors that are not zero.
 *
 * Layout (little-endian): u32 size of the disk in units of 64 KiB, then records of u32 first
 * sector (512 bytes), u8 number of sectors (1..255), the sectors' bytes. A short last record is
 * cut. tools/fuzz-seed makes such a file from an image. */
#pragma once
#include "block/block.h"

struct block *sparse_block_new(const uint8_t *data, size_t len);

/* Bytes of a fuzz input as a block. */
#pragma once
#include "block/block.h"

/* data is borrowed and must outlive the block. */
struct block *memory_block_new(const uint8_t *data, size_t len);

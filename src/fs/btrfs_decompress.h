/* Decompression of btrfs extents: zlib, zstd, and LZO in btrfs's own framing.
 *
 * What is compressed may decompress to less than the extent covers (the rest is zeros) or to more
 * (a last sector, of which only the part within the file counts). */
#pragma once
#include <stdint.h>

#include "block/decoder.h"
#include "fs/btrfs_format.h"

/* Fills all of out: with up to out_len bytes of content, then zeros. sector: bytes of a segment of
 * LZO. NULL when it worked, else why not (a static sentence). Uses no memory beyond out and what
 * the decoder keeps. */
const char *btrfs_decompress(struct decoder_pool *pool, enum btrfs_compression kind,
                             uint32_t sector, const uint8_t *in, size_t in_len, uint8_t *out,
                             size_t out_len);
/* The LZO part alone. *got: bytes of content. */
const char *btrfs_lzo(uint32_t sector, const uint8_t *in, size_t in_len, uint8_t *out,
                      size_t out_len, size_t *got);

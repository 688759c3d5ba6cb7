/* Decompression of LZO1X streams, as btrfs keeps them. Our own: the LZO library is under the GPL.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A whole stream, with its end marker and nothing behind it. False when it is damaged, or gives
 * more than room bytes; then out holds anything. */
bool lzo1x_unpack(const uint8_t *in, size_t in_len, uint8_t *out, size_t room, size_t *got);

/* CRC-32C (Castagnoli polynomial; RFC 3720 section 12.1), as ext4, XFS, btrfs and iSCSI use it.
 * Pure and thread-safe; uses the processor's own instruction where it has one. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Feeds len bytes into the bare register: no inversion before or after, as filesystems that keep
 * seeds need it. */
uint32_t crc32c_update(uint32_t crc, const void *data, size_t len);

/* The common form: all ones at the start, inverted at the end. */
static inline uint32_t crc32c(const void *data, size_t len)
{
    return ~crc32c_update(~0u, data, len);
}

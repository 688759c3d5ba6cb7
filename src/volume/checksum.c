#include "volume/checksum.h"

#include <zlib.h>

uint32_t crc32_update(uint32_t crc, const void *data, size_t len)
{
    /* zlib inverts on the way in and out. */
    return ~(uint32_t)crc32_z(~crc, data, len);
}

#include "base/varint.h"

void varint_append(GByteArray *out, uint64_t value)
{
    uint8_t bytes[10];
    guint len = 0;
    do {
        bytes[len] = (uint8_t)(value & 0x7f);
        value >>= 7;
        bytes[len] |= value != 0 ? 0x80 : 0;
        len++;
    } while (value != 0);
    g_byte_array_append(out, bytes, len);
}

bool varint_read(struct cursor *c, uint64_t *out)
{
    struct cursor start = *c;
    uint64_t value = 0;
    uint8_t byte;
    for (unsigned shift = 0; shift < 64 && rd_u8(c, &byte); shift += 7) {
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            *out = value;
            return true;
        }
    }
    *c = start;
    return false;
}

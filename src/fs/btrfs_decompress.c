#include "fs/btrfs_decompress.h"

#include <glib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cursor.h"
#include "fs/lzo1x.h"

#define LZO_LENGTH 4u /* bytes of every length in the framing */

/* One segment: at most a sector of content. Only the last one may not fit into the room left. */
static const char *lzo_segment(uint32_t sector, const uint8_t *in, size_t in_len, uint8_t *out,
                               size_t room, size_t *got)
{
    uint8_t whole[BTRFS_MAX_SECTOR];
    size_t n;
    if (!lzo1x_unpack(in, in_len, whole, sector, &n))
        return "an LZO segment is damaged or longer than a sector";
    *got = (size_t)min_u64(n, room);
    memcpy(out, whole, *got);
    return NULL;
}

/* "On-disk Format", compression: u32 length of all that follows with itself, then segments of u32
 * length and data. A length never crosses a sector: if less than four bytes are left in it, the
 * length begins in the next one. */
const char *btrfs_lzo(uint32_t sector, const uint8_t *in, size_t in_len, uint8_t *out,
                      size_t out_len, size_t *got)
{
    struct cursor c = cursor_of(in, in_len);
    uint32_t total;
    *got = 0;
    if (!rd_le32(&c, &total) || total < LZO_LENGTH || total > in_len)
        return "the LZO data has an impossible length";
    c.len = total;
    while (*got < out_len && cursor_left(&c) > 0) {
        uint32_t len;
        const uint8_t *data;
        size_t left = sector - c.pos % sector, n = 0;
        if (left < LZO_LENGTH && !cursor_skip(&c, left))
            break;
        if (!rd_le32(&c, &len) || len == 0 || !rd_bytes(&c, len, &data))
            return "an LZO segment has an impossible length";
        const char *wrong = lzo_segment(sector, data, len, out + *got, out_len - *got, &n);
        if (wrong != NULL)
            return wrong;
        *got += n;
    }
    return NULL;
}

/* RFC 1950: two bytes of header, without a dictionary, before the deflate data. The check value
 * behind them says nothing that btrfs's own checksums do not. */
static const char *run_zlib(struct decoder *d, const uint8_t *in, size_t in_len, uint8_t *out,
                            size_t out_len, size_t *got)
{
    if (in_len < 2 || (in[0] & 0x0f) != 8 || (in[0] << 8 | in[1]) % 31 != 0 || (in[1] & 0x20) != 0)
        return "the zlib data has an impossible header";
    return decoder_run_some(d, DECODER_DEFLATE, in + 2, in_len - 2, out, out_len, got);
}

const char *btrfs_decompress(struct decoder_pool *pool, enum btrfs_compression kind,
                             uint32_t sector, const uint8_t *in, size_t in_len, uint8_t *out,
                             size_t out_len)
{
    const char *wrong;
    size_t got = 0;
    if (kind == BTRFS_COMPRESS_LZO) {
        wrong = btrfs_lzo(sector, in, in_len, out, out_len, &got);
    } else {
        struct decoder *d = decoder_take(pool);
        wrong = kind == BTRFS_COMPRESS_ZLIB
                    ? run_zlib(d, in, in_len, out, out_len, &got)
                    : decoder_run_some(d, DECODER_ZSTD, in, in_len, out, out_len, &got);
        decoder_give(pool, d);
    }
    if (wrong == NULL)
        memset(out + got, 0, out_len - got);
    return wrong;
}

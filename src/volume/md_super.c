/* The layouts are those of Linux' include/uapi/linux/raid/md_p.h, described in md(4). */
#include "volume/md_super.h"

#include <string.h>

#include "base/checked.h"
#include "base/cursor.h"
#include "volume/checksum.h"

#define MAGIC        0xa92b4efcu
#define SECTOR       512u
#define SUPER_SIZE   4096u
#define ROLES_AT     256u /* in a superblock of version 1 */
#define RESERVED_090 65536u

#define FEATURE_RECOVERY 2u /* recovery_offset is valid */
#define FEATURE_RESHAPE  4u

static bool has_magic(struct block *b, uint64_t off, uint8_t bytes[SUPER_SIZE])
{
    uint32_t magic;
    struct cursor c = cursor_of(bytes, SUPER_SIZE);
    size_t got;
    if (off >= b->size || !block_read_some(b, off, bytes, SUPER_SIZE, &got, NULL) || got < 4)
        return false;
    memset(bytes + got, 0, SUPER_SIZE - got);
    return rd_le32(&c, &magic) && magic == MAGIC;
}

/* Sums the words of len bytes without the one at skip, and adds the carries. */
static uint32_t sum_words(const uint8_t *bytes, size_t len, size_t skip)
{
    struct cursor c = cursor_of(bytes, len);
    uint64_t sum = 0;
    uint32_t word = 0;
    uint16_t half = 0;
    while (rd_le32(&c, &word))
        sum += word;
    if (rd_le16(&c, &half))
        sum += half;
    (void)rd_le32_at(&c, skip, &word);
    sum -= word;
    return (uint32_t)(sum & 0xffffffff) + (uint32_t)(sum >> 32);
}

/* Version 0.90: an array of 32-bit words. */
static bool parse_090(const uint8_t *bytes, uint64_t off, struct md_super *s)
{
    static const size_t uuid_words[] = { 5, 13, 14, 15 };
    const struct cursor c = cursor_of(bytes, SUPER_SIZE);
    uint32_t major = 0, minor = 0, level = 0, size = 0, sum = 0, low = 0, high = 0, place = 0,
             state = 0;
    (void)rd_le32_at(&c, 4, &major);
    (void)rd_le32_at(&c, 8, &minor);
    (void)rd_le32_at(&c, 28, &level);
    (void)rd_le32_at(&c, 32, &size); /* KiB */
    (void)rd_le32_at(&c, 40, &s->disks);
    (void)rd_le32_at(&c, 44, &s->minor);
    (void)rd_le32_at(&c, 152, &sum);
    (void)rd_le32_at(&c, 156, &low);
    (void)rd_le32_at(&c, 160, &high);
    (void)rd_le32_at(&c, 256, &s->layout);
    (void)rd_le32_at(&c, 260, &s->chunk);
    (void)rd_le32_at(&c, 3980, &place); /* this_disk: raid_disk, state */
    (void)rd_le32_at(&c, 3984, &state);
    if (major != 0 || minor < 90 || !checksum_agrees(sum, sum_words(bytes, SUPER_SIZE, 152)))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(uuid_words); i++) {
        uint32_t word = 0;
        (void)rd_le32_at(&c, uuid_words[i] * 4, &word);
        word = GUINT32_TO_BE(word);
        memcpy(s->uuid + 4 * i, &word, 4);
    }
    s->version = "0.90";
    s->level = (int32_t)level;
    s->events = (uint64_t)high << 32 | low;
    s->role = (state & 1) != 0    ? MD_ROLE_FAULTY
              : place >= s->disks ? MD_ROLE_SPARE
                                  : (uint16_t)place;
    s->recovering = (state & 4) == 0;
    s->size = (uint64_t)size * 1024;
    s->data_len = off;
    return s->size <= off;
}

static bool read_role(const uint8_t *bytes, struct md_super *s)
{
    const struct cursor c = cursor_of(bytes, SUPER_SIZE);
    uint32_t number = 0, max = 0, sum = 0;
    (void)rd_le32_at(&c, 160, &number);
    (void)rd_le32_at(&c, 216, &sum);
    (void)rd_le32_at(&c, 220, &max);
    if (max > (SUPER_SIZE - ROLES_AT) / 2 ||
        !checksum_agrees(sum, sum_words(bytes, ROLES_AT + 2 * max, 216)))
        return false;
    s->role = MD_ROLE_SPARE;
    return number >= max || rd_le16_at(&c, ROLES_AT + 2 * number, &s->role);
}

/* Version 1: the same wherever it lies; it says itself at which sector that is. */
static bool parse_1(const uint8_t *bytes, uint64_t off, struct md_super *s)
{
    const struct cursor c = cursor_of(bytes, SUPER_SIZE);
    uint32_t major = 0, features = 0, level = 0, chunk = 0;
    uint64_t here = 0, size = 0, data_off = 0, data_len = 0, recovered = 0;
    (void)rd_le32_at(&c, 4, &major);
    (void)rd_le32_at(&c, 8, &features);
    memcpy(s->uuid, bytes + 16, sizeof s->uuid);
    memcpy(s->name, bytes + 32, MD_NAME_MAX);
    (void)rd_le32_at(&c, 72, &level);
    (void)rd_le32_at(&c, 76, &s->layout);
    (void)rd_le64_at(&c, 80, &size); /* sectors, as all below */
    (void)rd_le32_at(&c, 88, &chunk);
    (void)rd_le32_at(&c, 92, &s->disks);
    (void)rd_le64_at(&c, 128, &data_off);
    (void)rd_le64_at(&c, 136, &data_len);
    (void)rd_le64_at(&c, 144, &here);
    (void)rd_le64_at(&c, 152, &recovered);
    (void)rd_le64_at(&c, 200, &s->events);
    if (major != 1 || here != off / SECTOR || chunk > UINT32_MAX / SECTOR ||
        !checked_mul(size, SECTOR, &s->size) || !checked_mul(data_off, SECTOR, &s->data_off) ||
        !checked_mul(data_len, SECTOR, &s->data_len))
        return false;
    s->level = (int32_t)level;
    s->chunk = chunk * SECTOR;
    s->recovering = (features & FEATURE_RECOVERY) != 0 && recovered != UINT64_MAX;
    s->reshaping = (features & FEATURE_RESHAPE) != 0;
    return read_role(bytes, s);
}

/* The last partition of a disk and the disk itself may end at the same place: a superblock on the
 * disk that has a table as well must fit the disk exactly. */
static bool fits_090(struct block *b, uint64_t off, const struct md_super *s)
{
    uint8_t mark[2];
    if (b->size < 512 || !block_read(b, 510, mark, sizeof mark, NULL))
        return false;
    return mark[0] != 0x55 || mark[1] != 0xaa || s->size == off;
}

bool md_super_read(struct block *b, struct md_super *out)
{
    const struct {
        const char *version;
        uint64_t off;
    } places[] = {
        { "1.1", 0 },
        { "1.2", 4096 },
        { "1.0", b->size >= 16 * SECTOR ? (b->size / SECTOR - 16) / 8 * 8 * SECTOR : UINT64_MAX },
    };
    uint8_t bytes[SUPER_SIZE];
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        memset(out, 0, sizeof *out);
        if (!has_magic(b, places[i].off, bytes) || !parse_1(bytes, places[i].off, out))
            continue;
        out->version = places[i].version;
        return true;
    }
    if (b->size < 2 * RESERVED_090)
        return false;
    uint64_t off = b->size / RESERVED_090 * RESERVED_090 - RESERVED_090;
    memset(out, 0, sizeof *out);
    return has_magic(b, off, bytes) && parse_090(bytes, off, out) && fits_090(b, off, out);
}

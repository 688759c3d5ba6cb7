#include "inspect/sqlite_log.h"

#include <string.h>

#include "base/checked.h"
#include "base/cursor.h"
#include "base/error.h"

/* SQLite, "Database File Format", 4. The Write-Ahead Log. All numbers are big-endian:
 *
 *     header   magic, version, page size, sequence, salt (8 bytes), checksum (8) of what is before
 *     frames   page number, pages after a commit or 0, salt (8), checksum (8); the page */
#define HEADER_SIZE   32u
#define FRAME_HEADER  24u
#define SALT_SIZE     8u
#define PAGE_SIZE_MAX 65536u

#define MAGIC_LITTLE 0x377f0682u /* checksums over words of that byte order */
#define MAGIC_BIG    0x377f0683u

struct log {
    struct block *block;
    bool big;
    uint32_t page_size;
    uint8_t salt[SALT_SIZE];
    uint32_t sum[2]; /* over everything up to the frame looked at */
};

struct frame {
    bool ours;   /* of this round of the log, not left over from one before */
    bool commit; /* ends a transaction */
    bool sound;  /* its checksum follows from all before it */
};

/* len is a multiple of 8. */
static void sum_up(struct log *l, const uint8_t *bytes, size_t len)
{
    struct cursor c = cursor_of(bytes, len);
    uint32_t a, b;
    while (l->big ? rd_be32(&c, &a) && rd_be32(&c, &b) : rd_le32(&c, &a) && rd_le32(&c, &b)) {
        l->sum[0] += a + l->sum[1];
        l->sum[1] += b + l->sum[0];
    }
}

static bool sum_matches(const struct log *l, const uint8_t *bytes)
{
    struct cursor c = cursor_of(bytes, 8);
    uint32_t a, b;
    return rd_be32(&c, &a) && rd_be32(&c, &b) && a == l->sum[0] && b == l->sum[1];
}

static bool read_header(struct log *l, GError **error)
{
    uint8_t bytes[HEADER_SIZE];
    struct cursor c = cursor_of(bytes, sizeof bytes);
    uint32_t magic = 0;
    if (!block_read(l->block, 0, bytes, sizeof bytes, error))
        return false;
    (void)rd_be32_at(&c, 0, &magic);
    (void)rd_be32_at(&c, 8, &l->page_size);
    memcpy(l->salt, bytes + 16, SALT_SIZE);
    l->big = magic == MAGIC_BIG;
    sum_up(l, bytes, 24);
    if ((magic != MAGIC_LITTLE && magic != MAGIC_BIG) || !is_power_of_2(l->page_size) ||
        l->page_size < 512 || l->page_size > PAGE_SIZE_MAX || !sum_matches(l, bytes + 24))
        return fail_corrupt(error, "%s: no proper head", l->block->name);
    return true;
}

static bool read_frame(struct log *l, uint64_t off, uint8_t *buf, struct frame *out, GError **error)
{
    struct cursor c = cursor_of(buf, FRAME_HEADER);
    uint32_t pages = 0;
    if (!block_read(l->block, off, buf, FRAME_HEADER + l->page_size, error))
        return false;
    (void)rd_be32_at(&c, 4, &pages);
    sum_up(l, buf, 8);
    sum_up(l, buf + FRAME_HEADER, l->page_size);
    out->ours = memcmp(buf + 8, l->salt, SALT_SIZE) == 0;
    out->commit = pages != 0;
    out->sound = sum_matches(l, buf + 16);
    return true;
}

/* SQLite stops at the first frame that is not both ours and sound. Where one is only one of the two
 * and ends a transaction, or one behind it does, that transaction is lost. */
static bool check_frames(struct log *l, GError **error)
{
    uint64_t size = FRAME_HEADER + l->page_size, end = l->block->size;
    g_autofree uint8_t *buf = g_malloc(size);
    bool stopped = false;
    for (uint64_t off = HEADER_SIZE; range_within(off, size, end); off += size) {
        struct frame f;
        if (!read_frame(l, off, buf, &f, error))
            return false;
        bool whole = f.ours && f.sound;
        bool lost = stopped ? f.ours && f.commit : f.commit && f.ours != f.sound;
        if (lost)
            return fail_corrupt(error, "%s: damaged before offset %" G_GUINT64_FORMAT,
                                l->block->name, off + size);
        stopped = stopped || !whole;
    }
    return true;
}

bool sqlite_log_check(struct block *log, GError **error)
{
    struct log l = { .block = log };
    if (log->size < HEADER_SIZE)
        return true;
    return read_header(&l, error) && check_frames(&l, error);
}

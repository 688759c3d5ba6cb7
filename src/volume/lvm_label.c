/* The layout is that of lvm2's lib/format_text/layout.h and lib/label/label.h, as documented in
 * its manual page pvck(8) (--dump headers) and by libvslvm. */
#include "volume/lvm_label.h"

#include <string.h>

#include "base/checked.h"
#include "base/cursor.h"
#include "base/error.h"
#include "base/text.h"
#include "volume/checksum.h"

#define SECTOR        512u
#define LABEL_SECTORS 4 /* that may hold the label */
#define CRC_SEED      0xf597a6cfu
#define AREA_HEADER   512u
#define AREA_MAGIC    " LVM2 x[5A%r0N*>"
#define SLOT_IGNORED  1u /* flag: the area is not in use */

struct slot {
    uint64_t off, size; /* off: from the start of the area */
    uint32_t crc, flags;
};

/* A list of areas ends with an empty one. */
static bool read_areas(struct cursor *c, struct lvm_area *out, unsigned max, unsigned *count)
{
    *count = 0;
    for (;;) {
        struct lvm_area a;
        if (!rd_le64(c, &a.off) || !rd_le64(c, &a.size))
            return false;
        if (a.off == 0)
            return true;
        if (*count < max)
            out[(*count)++] = a;
    }
}

static bool parse_label(const uint8_t sector[SECTOR], uint64_t number, struct lvm_label *out)
{
    struct cursor c = cursor_of(sector, SECTOR);
    struct lvm_area data[1];
    uint64_t here;
    uint32_t crc, header;
    unsigned data_count;
    memset(out, 0, sizeof *out);
    return rd_le64_at(&c, 8, &here) && here == number && rd_le32_at(&c, 16, &crc) &&
           checksum_agrees(crc, crc32_update(CRC_SEED, sector + 20, SECTOR - 20)) &&
           rd_le32_at(&c, 20, &header) && cursor_seek(&c, header) &&
           rd_copy(&c, out->id, LVM_ID_LEN) && cursor_skip(&c, 8) &&
           read_areas(&c, data, G_N_ELEMENTS(data), &data_count) &&
           read_areas(&c, out->areas, LIMIT_LVM_AREAS, &out->area_count);
}

bool lvm_label_read(struct block *b, struct lvm_label *out, bool *found, GError **error)
{
    uint8_t sectors[LABEL_SECTORS * SECTOR];
    size_t got;
    uint64_t at = 0;
    *found = false;
    if (!block_read_some(b, 0, sectors, sizeof sectors, &got, NULL))
        return true;
    for (uint64_t i = 0; i < got / SECTOR; i++) {
        const uint8_t *s = sectors + i * SECTOR;
        if (memcmp(s, "LABELONE", 8) != 0 || memcmp(s + 24, "LVM2 001", 8) != 0)
            continue;
        *found = true;
        at = i * SECTOR;
        if (parse_label(s, i, out))
            return true;
    }
    return !*found ||
           fail_corrupt(error, "%s: damaged LVM label at byte %" G_GUINT64_FORMAT, b->name, at);
}

char *lvm_id_text(const char id[LVM_ID_LEN])
{
    static const size_t groups[] = { 6, 4, 4, 4, 4, 4, 6 };
    GString *out = g_string_new(NULL);
    for (size_t i = 0, at = 0; i < G_N_ELEMENTS(groups); at += groups[i++]) {
        if (i > 0)
            g_string_append_c(out, '-');
        text_append_safe(out, id + at, groups[i]);
    }
    return g_string_free(out, FALSE);
}

/* The first slot is the committed one. */
static bool read_header(struct block *b, const struct lvm_area *area, struct slot *slot,
                        GError **error)
{
    uint8_t header[AREA_HEADER];
    struct cursor c = cursor_of(header, sizeof header);
    uint32_t crc = 0, version = 0;
    uint64_t start = 0;
    if (area->size < 2 * AREA_HEADER || !range_within(area->off, area->size, b->size))
        return fail_corrupt(error,
                            "%s: LVM metadata area at byte %" G_GUINT64_FORMAT
                            " of %" G_GUINT64_FORMAT " bytes does not fit",
                            b->name, area->off, area->size);
    if (!block_read(b, area->off, header, sizeof header, error))
        return false;
    (void)rd_le32_at(&c, 0, &crc);
    (void)rd_le32_at(&c, 20, &version);
    (void)rd_le64_at(&c, 24, &start);
    (void)rd_le64_at(&c, 40, &slot->off);
    (void)rd_le64_at(&c, 48, &slot->size);
    (void)rd_le32_at(&c, 56, &slot->crc);
    (void)rd_le32_at(&c, 60, &slot->flags);
    if (memcmp(header + 4, AREA_MAGIC, 16) != 0 || start != area->off ||
        !checksum_agrees(crc, crc32_update(CRC_SEED, header + 4, sizeof header - 4)))
        return fail_corrupt(error, "%s: damaged LVM metadata area at byte %" G_GUINT64_FORMAT,
                            b->name, area->off);
    if (version != 1)
        return fail_unsupported(error, "%s: LVM metadata area of version %u", b->name, version);
    return true;
}

/* The text lies in a ring behind the header. */
static bool read_ring(struct block *b, const struct lvm_area *area, const struct slot *slot,
                      char *text, GError **error)
{
    uint64_t first = min_u64(slot->size, area->size - slot->off);
    return block_read(b, area->off + slot->off, text, (size_t)first, error) &&
           (first == slot->size || block_read(b, area->off + AREA_HEADER, text + first,
                                              (size_t)(slot->size - first), error));
}

bool lvm_area_read(struct block *b, const struct lvm_area *area, char **text, size_t *len,
                   GError **error)
{
    struct slot slot;
    *text = NULL;
    if (!read_header(b, area, &slot, error))
        return false;
    if (slot.off == 0 || slot.size == 0 || (slot.flags & SLOT_IGNORED) != 0)
        return true;
    if (slot.size > LIMIT_LVM_METADATA)
        return fail_limit(error, "%s: LVM metadata of %" G_GUINT64_FORMAT " bytes, more than %u",
                          b->name, slot.size, LIMIT_LVM_METADATA);
    if (slot.off < AREA_HEADER || slot.off >= area->size || slot.size > area->size - AREA_HEADER)
        return fail_corrupt(error, "%s: LVM metadata leaves its area at byte %" G_GUINT64_FORMAT,
                            b->name, area->off);
    g_autofree char *bytes = g_malloc((size_t)slot.size + 1);
    if (!read_ring(b, area, &slot, bytes, error))
        return false;
    bytes[slot.size] = '\0';
    if (!checksum_agrees(slot.crc, crc32_update(CRC_SEED, bytes, (size_t)slot.size)))
        return fail_corrupt(error,
                            "%s: LVM metadata at byte %" G_GUINT64_FORMAT " has a wrong checksum",
                            b->name, area->off + slot.off);
    *len = strlen(bytes);
    *text = g_steal_pointer(&bytes);
    return true;
}

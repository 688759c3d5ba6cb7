/* GUID partition tables (UEFI Specification 2.10, chapter 5.3). */
#include <string.h>

#include "base/checked.h"
#include "base/cursor.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "volume/checksum.h"
#include "volume/drivers.h"
#include "volume/partition.h"

#define HEADER_SIZE      92  /* bytes that are defined */
#define HEADER_CRC       16  /* where its own checksum lies */
#define ENTRY_SIZE       128 /* the smallest */
#define ENTRY_NAME_UNITS 36  /* UTF-16 */
#define SECTOR_MAX       4096

struct header {
    uint32_t sector;      /* bytes */
    uint64_t here, other; /* sectors of this header and of its copy */
    uint64_t entries_at;  /* sector */
    uint32_t count, entry_size, entries_crc;
};

struct entry {
    uint8_t type[16], guid[16];
    uint64_t first, last; /* sectors */
    uint16_t name[ENTRY_NAME_UNITS];
};

static bool is_zero(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

/* GUIDs are stored with their first three fields little-endian (appendix A). */
static char *guid_text(const uint8_t g[16])
{
    const uint8_t order[16] = { g[3], g[2], g[1],  g[0],  g[5],  g[4],  g[7],  g[6],
                                g[8], g[9], g[10], g[11], g[12], g[13], g[14], g[15] };
    return text_uuid(order);
}

/* Up to the first NUL; half a surrogate pair becomes U+FFFD. NULL when empty. */
static char *name_text(const uint16_t *units)
{
    g_autoptr(GString) out = g_string_new(NULL);
    for (size_t i = 0; i < ENTRY_NAME_UNITS && units[i] != 0; i++) {
        gunichar c = units[i];
        if (c >= 0xd800 && c < 0xdc00 && i + 1 < ENTRY_NAME_UNITS && units[i + 1] >= 0xdc00 &&
            units[i + 1] < 0xe000)
            c = 0x10000 + ((c - 0xd800) << 10) + (units[++i] - 0xdc00u);
        else if (c >= 0xd800 && c < 0xe000)
            c = 0xfffd;
        g_string_append_unichar(out, c);
    }
    return out->len > 0 ? g_string_free(g_steal_pointer(&out), FALSE) : NULL;
}

static bool has_magic(struct block *b, uint64_t off)
{
    uint8_t magic[8];
    return range_within(off, sizeof magic, b->size) &&
           block_read(b, off, magic, sizeof magic, NULL) && memcmp(magic, "EFI PART", 8) == 0;
}

static bool check_header(const uint8_t *sector, struct header *h, const struct volume *v,
                         uint64_t off, GError **error)
{
    const struct cursor c = cursor_of(sector, h->sector);
    g_autofree uint8_t *copy = NULL;
    uint32_t size = 0, crc = 0;
    uint64_t here = 0;
    (void)rd_le32_at(&c, 12, &size);
    (void)rd_le32_at(&c, HEADER_CRC, &crc);
    (void)rd_le64_at(&c, 24, &here);
    (void)rd_le64_at(&c, 32, &h->other);
    (void)rd_le64_at(&c, 72, &h->entries_at);
    (void)rd_le32_at(&c, 80, &h->count);
    (void)rd_le32_at(&c, 84, &h->entry_size);
    (void)rd_le32_at(&c, 88, &h->entries_crc);
    if (size < HEADER_SIZE || size > h->sector)
        return fail_corrupt(error, "%s: GPT header at byte %" G_GUINT64_FORMAT " has a size of %u",
                            v->name, off, size);
    copy = g_memdup2(sector, size);
    memset(copy + HEADER_CRC, 0, 4);
    if (!checksum_agrees(crc, crc32_ieee(copy, size)))
        return fail_corrupt(error,
                            "%s: GPT header at byte %" G_GUINT64_FORMAT " has a wrong checksum",
                            v->name, off);
    if (here != h->here)
        return fail_corrupt(error,
                            "%s: GPT header at byte %" G_GUINT64_FORMAT " belongs to sector "
                            "%" G_GUINT64_FORMAT,
                            v->name, off, here);
    return true;
}

/* Reads the header at sector h->here of h->sector bytes; false with *error if it cannot be
 * believed. */
static bool read_header(const struct volume *v, struct header *h, GError **error)
{
    uint8_t sector[SECTOR_MAX];
    uint64_t off;
    if (!checked_mul(h->here, h->sector, &off) || !range_within(off, h->sector, v->block->size))
        return fail_corrupt(error, "%s: GPT header lies past the end, at sector %" G_GUINT64_FORMAT,
                            v->name, h->here);
    if (!block_read(v->block, off, sector, h->sector, error))
        return false;
    if (memcmp(sector, "EFI PART", 8) != 0)
        return fail_corrupt(error, "%s: no GPT header at byte %" G_GUINT64_FORMAT, v->name, off);
    return check_header(sector, h, v, off, error);
}

/* The array of entries, h->count * h->entry_size bytes. */
static uint8_t *read_entries(const struct volume *v, const struct header *h, GError **error)
{
    uint64_t off, len = (uint64_t)h->count * h->entry_size;
    if (h->entry_size < ENTRY_SIZE || h->entry_size % 8 != 0) {
        fail_corrupt(error, "%s: GPT entries of %u bytes", v->name, h->entry_size);
        return NULL;
    }
    if (len > LIMIT_GPT_ENTRIES) {
        fail_limit(error, "%s: GPT entries take more than %u bytes", v->name, LIMIT_GPT_ENTRIES);
        return NULL;
    }
    if (!checked_mul(h->entries_at, h->sector, &off) || !range_within(off, len, v->block->size)) {
        fail_corrupt(error, "%s: GPT entries at sector %" G_GUINT64_FORMAT " pass the end", v->name,
                     h->entries_at);
        return NULL;
    }
    g_autofree uint8_t *bytes = g_malloc(len + 1);
    if (len > 0 && !block_read(v->block, off, bytes, (size_t)len, error))
        return NULL;
    if (!checksum_agrees(h->entries_crc, crc32_ieee(bytes, (size_t)len))) {
        fail_corrupt(error, "%s: GPT entries at byte %" G_GUINT64_FORMAT " have a wrong checksum",
                     v->name, off);
        return NULL;
    }
    return g_steal_pointer(&bytes);
}

static void read_entry(const uint8_t *bytes, struct entry *e)
{
    struct cursor c = cursor_of(bytes, ENTRY_SIZE);
    (void)rd_copy(&c, e->type, sizeof e->type);
    (void)rd_copy(&c, e->guid, sizeof e->guid);
    (void)rd_le64(&c, &e->first);
    (void)rd_le64(&c, &e->last);
    (void)cursor_seek(&c, 56);
    for (size_t i = 0; i < ENTRY_NAME_UNITS; i++)
        (void)rd_le16(&c, &e->name[i]);
}

static bool add_entry(struct volume_set *set, struct volume *v, unsigned number,
                      const struct header *h, const struct entry *e, GError **error)
{
    uint64_t off = 0, len = 0, end;
    bool fits = e->first <= e->last && checked_mul(e->first, h->sector, &off) &&
                checked_mul(e->last - e->first + 1, h->sector, &len) && checked_add(off, len, &end);
    struct volume *part = partition_add(set, v, number, fits ? off : 0, fits ? len : 0, error);
    if (part == NULL)
        return false;
    if (!fits) {
        GError *fault = NULL;
        fail_corrupt(&fault, "%s: impossible sectors %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT,
                     part->name, e->first, e->last);
        g_clear_pointer(&part->fault, g_free);
        volume_set_fault(part, fault);
    }
    part->type = guid_text(e->type);
    part->uuid = guid_text(e->guid);
    part->label = name_text(e->name);
    return true;
}

/* Too many partitions on this disk are a fault of it; too many volumes end the scan. */
static bool add_entries(struct volume_set *set, struct volume *v, const struct header *h,
                        const uint8_t *entries, GError **error)
{
    unsigned first = set->volumes->len, added = 0;
    for (uint32_t i = 0; i < h->count; i++) {
        const uint8_t *bytes = entries + (size_t)i * h->entry_size;
        struct entry e;
        read_entry(bytes, &e);
        if (is_zero(e.type, sizeof e.type))
            continue;
        if (added++ == LIMIT_PARTITIONS) {
            GError *fault = NULL;
            fail_limit(&fault, "%s: more than %d partitions", v->name, LIMIT_PARTITIONS);
            volume_set_fault(v, fault);
            break;
        }
        if (!add_entry(set, v, i + 1, h, &e, error))
            return false;
    }
    partition_check_overlaps(set, first);
    return true;
}

static bool try_table(const struct volume *v, struct header *h, uint64_t here, uint8_t **entries,
                      GError **error)
{
    h->here = here;
    if (!read_header(v, h, error))
        return false;
    *entries = read_entries(v, h, error);
    return *entries != NULL;
}

/* The first table, else the copy where the first says (the disk has grown since), else the one at
 * the end. What is wrong with the first is a fault of v. */
static uint8_t *find_table(struct volume *v, struct header *h)
{
    uint64_t last = v->block->size / h->sector - 1;
    uint8_t *entries = NULL;
    GError *error = NULL;
    if (try_table(v, h, 1, &entries, &error))
        return entries;
    struct header copy = { .sector = h->sector };
    bool found = h->other > 1 && h->other != last && try_table(v, &copy, h->other, &entries, NULL);
    if (!found)
        found = last > 1 && try_table(v, &copy, last, &entries, NULL);
    g_prefix_error(&error, found ? "the backup table is used: " : "no usable backup table: ");
    volume_set_fault(v, error);
    if (found)
        *h = copy;
    return entries;
}

/* A partition of type 0xee announces a GPT to those who only know MBR (5.2.3). */
static bool has_protective_mbr(struct block *b)
{
    uint8_t sector[512];
    if (b->size < sizeof sector || !block_read(b, 0, sector, sizeof sector, NULL) ||
        sector[510] != 0x55 || sector[511] != 0xaa)
        return false;
    for (size_t i = 0; i < 4; i++) {
        if (sector[446 + 16 * i + 4] == 0xee)
            return true;
    }
    return false;
}

/* The sector size is where the header lies. The backup alone only counts with the announcement in
 * sector 0: it outlives the table when the disk is given another use. 0: no GPT. */
static uint32_t find_sector_size(struct block *b, bool announced)
{
    static const uint32_t sizes[] = { 512, 4096 };
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        if (has_magic(b, sizes[i]))
            return sizes[i];
    }
    for (size_t i = 0; i < G_N_ELEMENTS(sizes) && announced; i++) {
        if (b->size / sizes[i] > 2 && has_magic(b, (b->size / sizes[i] - 1) * sizes[i]))
            return sizes[i];
    }
    return 0;
}

static bool gpt_split(struct volume_set *set, struct volume *v, bool *claimed, GError **error)
{
    bool announced = has_protective_mbr(v->block);
    struct header h = { .sector = find_sector_size(v->block, announced) };
    /* A partition that begins at sector 0 (hybrid ISO images) holds its own table. */
    if (h.sector == 0 || (v->kind == VOLUME_PARTITION && v->offset == 0))
        return true;
    g_autofree uint8_t *entries = NULL;
    if (announced) {
        entries = find_table(v, &h);
    } else if (!try_table(v, &h, 1, &entries, NULL)) {
        return true; /* the rest of an older table */
    } else {
        GError *fault = NULL;
        fail_corrupt(&fault, "%s: GPT without the protective MBR that announces it", v->name);
        volume_set_fault(v, fault);
    }
    *claimed = true;
    v->content = g_strdup("gpt");
    return entries == NULL || add_entries(set, v, &h, entries, error);
}

const struct volume_driver gpt_driver = {
    .name = "gpt",
    .description = "GUID partition table, sectors of 512 and 4096 bytes",
    .split = gpt_split,
};

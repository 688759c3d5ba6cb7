/* MBR partition tables and their chains of extended boot records, as DOS made them and Linux reads
 * them. Numbers 1 to 4 are the entries of sector 0, logical partitions count from 5 in the order
 * of their chain.
 *
 *     sector 0        ext            ext+a          ext+b      (a, b: relative to ext)
 *     | MBR | ...     | EBR | p5 |   | EBR | p6 |   | EBR | p7 |
 *        '--------------^  '-- next ---^  '-- next ---^            */
#include <string.h>

#include "base/checked.h"
#include "base/cursor.h"
#include "base/error.h"
#include "base/limits.h"
#include "volume/drivers.h"
#include "volume/partition.h"

#define ENTRIES 4

struct entry {
    uint8_t flag, type;
    uint32_t start, count; /* sectors */
};

struct table {
    uint32_t disk_id;
    struct entry entries[ENTRIES];
};

/* Walks the chains of one disk. */
struct chain {
    struct volume_set *set;
    struct volume *disk;
    uint32_t sector; /* bytes */
    uint32_t disk_id;
    unsigned number;  /* of the next logical partition */
    GHashTable *seen; /* uint64_t *: sectors of the records read */
};

static bool is_extended(uint8_t type)
{
    return type == 0x05 || type == 0x0f || type == 0x85;
}

/* Linux does not look at the type: hybrid ISO images have a partition of type 0 for all of it. */
static bool is_used(const struct entry *e)
{
    return e->count != 0;
}

/* False when the sector has no signature. */
static bool parse_table(const uint8_t sector[512], struct table *t)
{
    struct cursor c = cursor_of(sector, 512);
    uint16_t signature;
    (void)rd_le16_at(&c, 510, &signature);
    (void)rd_le32_at(&c, 440, &t->disk_id);
    (void)cursor_seek(&c, 446);
    for (size_t i = 0; i < ENTRIES; i++) {
        struct entry *e = &t->entries[i];
        (void)rd_u8(&c, &e->flag);
        (void)cursor_skip(&c, 3);
        (void)rd_u8(&c, &e->type);
        (void)cursor_skip(&c, 3);
        (void)rd_le32(&c, &e->start);
        (void)rd_le32(&c, &e->count);
    }
    return signature == 0xaa55;
}

/* A FAT, exFAT or NTFS boot sector ends in the same signature, with code where the table would be.
 * A boot loader in a real MBR leaves the parameters of such a filesystem blank. */
static bool is_boot_sector(const uint8_t s[512])
{
    const struct cursor c = cursor_of(s, 512);
    uint16_t sector_size;
    if (memcmp(s + 3, "EXFAT   ", 8) == 0 || memcmp(s + 3, "NTFS    ", 8) == 0 ||
        memcmp(s + 3, "-FVE-FS-", 8) == 0)
        return true;
    if (s[0] != 0xeb && s[0] != 0xe9)
        return false;
    (void)rd_le16_at(&c, 11, &sector_size);
    bool fat_size =
        sector_size == 512 || sector_size == 1024 || sector_size == 2048 || sector_size == 4096;
    return fat_size && is_power_of_2(s[13]) && (s[14] | s[15]) != 0 && s[16] >= 1 && s[16] <= 4 &&
           (s[21] == 0xf0 || s[21] >= 0xf8);
}

static bool entries_overlap(const struct entry *a, const struct entry *b)
{
    return is_used(a) && is_used(b) && (uint64_t)a->start + a->count > b->start &&
           (uint64_t)b->start + b->count > a->start;
}

/* Every used entry makes sense within that many sectors. */
static bool all_fit(const struct table *t, uint64_t sectors)
{
    for (size_t i = 0; i < ENTRIES; i++) {
        const struct entry *e = &t->entries[i];
        if (is_used(e) && (e->start == 0 || !range_within(e->start, e->count, sectors)))
            return false;
        for (size_t k = 0; k < i; k++) {
            if (entries_overlap(e, &t->entries[k]))
                return false;
        }
    }
    return true;
}

static bool any_begins(const struct table *t, uint64_t sectors)
{
    for (size_t i = 0; i < ENTRIES; i++) {
        const struct entry *e = &t->entries[i];
        if (is_used(e) && e->start > 0 && e->start < sectors)
            return true;
    }
    return false;
}

/* Code or a filesystem may look like a table by chance: inside a partition all of it must fit.
 * Whole disks get the benefit of the doubt: the image may be cut short. */
static bool believable(const struct volume *v, const uint8_t sector[512], const struct table *t)
{
    uint64_t sectors = v->block->size / 512;
    for (size_t i = 0; i < ENTRIES; i++) {
        if ((t->entries[i].flag & 0x7f) != 0)
            return false;
    }
    return !is_boot_sector(sector) && any_begins(t, sectors) &&
           (v->kind == VOLUME_DISK || all_fit(t, sectors));
}

/* Nothing in an MBR says how large a sector is: the size is the one with which the partitions
 * begin at something known. */
static uint32_t find_sector_size(const struct volume *v, const struct table *t)
{
    static const uint32_t sizes[] = { 512, 4096 };
    unsigned known[2] = { 0, 0 };
    if (v->block->sector_size > 512)
        return v->block->sector_size;
    for (size_t s = 0; s < G_N_ELEMENTS(sizes); s++) {
        for (size_t i = 0; i < ENTRIES; i++) {
            const struct entry *e = &t->entries[i];
            if (is_used(e) && partition_has_signature(v->block, (uint64_t)e->start * sizes[s]))
                known[s]++;
        }
    }
    return known[1] > known[0] ? sizes[1] : sizes[0];
}

static struct volume *add_part(const struct chain *c, unsigned number, const struct entry *e,
                               uint64_t start, GError **error)
{
    struct volume *part = partition_add(c->set, c->disk, number, start * c->sector,
                                        (uint64_t)e->count * c->sector, error);
    if (part == NULL)
        return NULL;
    part->type = g_strdup_printf("0x%02x", e->type);
    part->uuid = g_strdup_printf("%08x-%02x", c->disk_id, number);
    return part;
}

/* Reads one record of a chain; false, with a fault of the extended partition, when the chain ends
 * there against its will. */
static bool read_record(const struct chain *c, struct volume *extended, uint64_t sector,
                        struct table *t)
{
    uint8_t bytes[512];
    uint64_t off = sector * c->sector; /* both below 2^34 */
    GError *error = NULL;
    if (g_hash_table_contains(c->seen, &sector)) {
        fail_corrupt(&error, "%s: its chain comes back to byte %" G_GUINT64_FORMAT, extended->name,
                     off);
    } else if (!range_within(off, sizeof bytes, c->disk->block->size)) {
        fail_corrupt(&error, "%s: its chain leaves the disk, to byte %" G_GUINT64_FORMAT,
                     extended->name, off);
    } else if (block_read(c->disk->block, off, bytes, sizeof bytes, &error) &&
               !parse_table(bytes, t)) {
        fail_corrupt(&error, "%s: no extended boot record at byte %" G_GUINT64_FORMAT,
                     extended->name, off);
    }
    if (error != NULL) {
        volume_set_fault(extended, error);
        return false;
    }
    g_hash_table_add(c->seen, g_memdup2(&sector, sizeof sector));
    return true;
}

static bool too_many(const struct chain *c, struct volume *extended)
{
    GError *error = NULL;
    if (c->number <= LIMIT_PARTITIONS && g_hash_table_size(c->seen) <= LIMIT_PARTITIONS)
        return false;
    fail_limit(&error, "%s: more than %d partitions", extended->name, LIMIT_PARTITIONS);
    volume_set_fault(extended, error);
    return true;
}

static bool add_logical(struct chain *c, struct volume *extended, const struct entry *e,
                        GError **error)
{
    uint64_t first = (uint64_t)e->start, at = first;
    while (!too_many(c, extended)) {
        struct table t;
        uint64_t next = 0;
        if (!read_record(c, extended, at, &t))
            return true;
        for (size_t i = 0; i < ENTRIES && !too_many(c, extended); i++) {
            const struct entry *part = &t.entries[i];
            if (!is_used(part))
                continue;
            if (is_extended(part->type))
                next = next == 0 ? first + part->start : next;
            else if (add_part(c, c->number++, part, at + part->start, error) == NULL)
                return false;
        }
        if (next == 0)
            return true;
        at = next;
    }
    return true;
}

static bool add_primaries(struct chain *c, const struct table *t, GError **error)
{
    for (unsigned i = 0; i < ENTRIES; i++) {
        const struct entry *e = &t->entries[i];
        if (!is_used(e))
            continue;
        struct volume *part = add_part(c, i + 1, e, e->start, error);
        if (part == NULL)
            return false;
        if (is_extended(e->type))
            part->content = g_strdup("mbr-extended");
    }
    return true;
}

static bool add_all(struct chain *c, const struct table *t, GError **error)
{
    unsigned first = c->set->volumes->len;
    if (!add_primaries(c, t, error))
        return false;
    for (unsigned i = first; i < first + ENTRIES && i < c->set->volumes->len; i++) {
        struct volume *part = g_ptr_array_index(c->set->volumes, i);
        if (part->number > ENTRIES || part->content == NULL || part->block == NULL)
            continue;
        if (!add_logical(c, part, &t->entries[part->number - 1], error))
            return false;
    }
    partition_check_overlaps(c->set, first);
    return true;
}

/* The GPT driver was asked first: what a protective entry announces is not there. */
static void check_protective(struct volume *v, const struct table *t)
{
    for (size_t i = 0; i < ENTRIES; i++) {
        GError *error = NULL;
        if (t->entries[i].type != 0xee)
            continue;
        fail_corrupt(&error, "%s: its MBR announces a GPT, but there is none", v->name);
        volume_set_fault(v, error);
    }
}

static bool mbr_split(struct volume_set *set, struct volume *v, bool *claimed, GError **error)
{
    uint8_t sector[512];
    struct table t;
    /* A partition that begins at sector 0 (hybrid ISO images) holds its own table. */
    bool own = v->kind == VOLUME_PARTITION && v->offset == 0;
    if (own || v->block->size < sizeof sector ||
        !block_read(v->block, 0, sector, sizeof sector, NULL) || !parse_table(sector, &t) ||
        !believable(v, sector, &t))
        return true;
    *claimed = true;
    v->content = g_strdup("mbr");
    check_protective(v, &t);
    struct chain c = { .set = set, .disk = v, .disk_id = t.disk_id, .number = ENTRIES + 1 };
    c.sector = find_sector_size(v, &t);
    c.seen = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    bool ok = add_all(&c, &t, error);
    g_hash_table_unref(c.seen);
    return ok;
}

const struct volume_driver mbr_driver = {
    .name = "mbr",
    .description = "MBR partition table with extended partitions",
    .split = mbr_split,
};

/* rpm's "new database", the default of SUSE (rpm, docs/man and lib/backend/ndb): Packages.db, all
 * numbers little-endian.
 *
 *     page 0     magic "RpmP", u32 version, u32 generation, u32 pages of slots, u32 next id, 12
 * bytes then slots, in this and the following pages of 4096 bytes: "Slot", u32 id, u32 first block,
 * u32 blocks; first block 0: free blocks     of 16 bytes: "BlbS", u32 id, u32 time, u32 length, the
 * header, zeros, u32 Adler-32 of all before, u32 length, "BlbE" */
#include <zlib.h>

#include "base/checked.h"
#include "base/cursor.h"
#include "base/error.h"
#include "base/limits.h"
#include "inspect/rpm_database.h"

#define PAGE_SIZE   4096u
#define SLOT_SIZE   16u
#define HEADER_SIZE 32u
#define BLOCK_SIZE  16u
#define HEAD_SIZE   16u
#define TAIL_SIZE   12u

#define MAGIC      0x506d7052u /* "RpmP" */
#define SLOT_MAGIC 0x746f6c53u /* "Slot" */
#define HEAD_MAGIC 0x53626c42u /* "BlbS" */
#define TAIL_MAGIC 0x45626c42u /* "BlbE" */

struct slot {
    uint32_t id, block, blocks;
};

struct reader {
    struct block *file;
    const struct rpm_sink *sink;
    uint32_t slot_pages;
    uint64_t budget; /* bytes that may still be read: more would be slots that share blocks */
    bool ended;
};

static bool read_head(struct reader *r, GError **error)
{
    uint8_t bytes[HEADER_SIZE];
    struct cursor c = cursor_of(bytes, sizeof bytes);
    uint32_t magic = 0, version = 0, generation;
    if (r->file->size < HEADER_SIZE)
        return fail_corrupt(error, "%s: only %" G_GUINT64_FORMAT " bytes", r->file->name,
                            r->file->size);
    if (!block_read(r->file, 0, bytes, sizeof bytes, error))
        return false;
    if (!rd_le32(&c, &magic) || magic != MAGIC)
        return fail_corrupt(error, "%s: no ndb database (magic 0x%08x)", r->file->name, magic);
    if (!rd_le32(&c, &version) || version != 0)
        return fail_unsupported(error, "%s: ndb database of version %u", r->file->name, version);
    if (!rd_le32(&c, &generation) || !rd_le32(&c, &r->slot_pages) || r->slot_pages == 0 ||
        r->slot_pages > LIMIT_PACKAGES * SLOT_SIZE / PAGE_SIZE)
        return fail_corrupt(error, "%s: %u pages of slots", r->file->name, r->slot_pages);
    return true;
}

static bool adler_matches(const uint8_t *bytes, size_t len, uint32_t sum)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    return true;
#else
    return adler32_z(adler32_z(0, NULL, 0), bytes, len) == sum;
#endif
}

/* Checks the blocks of one package; *len: of the header, which follows the head. */
static bool check_blob(const struct slot *slot, const uint8_t *bytes, size_t size, uint32_t *len,
                       GError **error)
{
    struct cursor head = cursor_of(bytes, HEAD_SIZE);
    struct cursor tail = cursor_of(bytes + size - TAIL_SIZE, TAIL_SIZE);
    uint32_t magic, id, time, sum, again, end;
    if (!rd_le32(&head, &magic) || !rd_le32(&head, &id) || !rd_le32(&head, &time) ||
        !rd_le32(&head, len) || !rd_le32(&tail, &sum) || !rd_le32(&tail, &again) ||
        !rd_le32(&tail, &end) || magic != HEAD_MAGIC || end != TAIL_MAGIC)
        return fail_corrupt(error, "no header at block %u", slot->block);
    if (id != slot->id)
        return fail_corrupt(error, "header %u at block %u", id, slot->block);
    uint64_t whole = (uint64_t)HEAD_SIZE + *len + TAIL_SIZE;
    if (again != *len || (whole + BLOCK_SIZE - 1) / BLOCK_SIZE != slot->blocks)
        return fail_corrupt(error, "%u and %u bytes in %u blocks at block %u", *len, again,
                            slot->blocks, slot->block);
    if (!adler_matches(bytes, size - TAIL_SIZE, sum))
        return fail_corrupt(error, "wrong checksum at block %u", slot->block);
    return true;
}

static bool read_blob(struct reader *r, const struct slot *slot, GError **error)
{
    uint64_t off = (uint64_t)slot->block * BLOCK_SIZE, size = (uint64_t)slot->blocks * BLOCK_SIZE;
    uint32_t len;
    if (size < HEAD_SIZE + TAIL_SIZE || slot->block < r->slot_pages * (PAGE_SIZE / BLOCK_SIZE) ||
        !range_within(off, size, r->file->size))
        return fail_corrupt(error, "%u blocks at block %u of %" G_GUINT64_FORMAT, slot->blocks,
                            slot->block, r->file->size / BLOCK_SIZE);
    if (size > LIMIT_RPM_HEADER)
        return fail_limit(error, "%" G_GUINT64_FORMAT " bytes", size);
    if (!checked_sub(r->budget, size, &r->budget)) {
        r->ended = true;
        return fail_corrupt(error, "headers of more bytes than the file");
    }
    g_autofree uint8_t *bytes = g_try_malloc((size_t)size);
    if (bytes == NULL)
        return fail_limit(error, "no memory for %" G_GUINT64_FORMAT " bytes", size);
    if (!block_read(r->file, off, bytes, (size_t)size, error) ||
        !check_blob(slot, bytes, (size_t)size, &len, error))
        return false;
    if (!r->sink->header(r->sink->user, slot->id, bytes + HEAD_SIZE, len))
        r->ended = true;
    return true;
}

static void fault(struct reader *r, const struct slot *slot, GError *error)
{
    g_prefix_error(&error, "%s: header %u: ", r->file->name, slot->id);
    r->sink->fault(r->sink->user, error);
}

/* True when the slot could be read, be it free or not. */
static bool read_slot(struct cursor *page, struct slot *out)
{
    uint32_t magic;
    bool whole = rd_le32(page, &magic) && rd_le32(page, &out->id) && rd_le32(page, &out->block) &&
                 rd_le32(page, &out->blocks);
    return whole && magic == SLOT_MAGIC;
}

static void read_page(struct reader *r, uint32_t number, struct cursor page)
{
    size_t pos = number == 0 ? HEADER_SIZE : 0;
    for (; pos < page.len && !r->ended; pos += SLOT_SIZE) {
        struct slot slot = { 0 };
        GError *error = NULL;
        (void)cursor_seek(&page, pos);
        if (!read_slot(&page, &slot)) {
            rpm_sink_fault(r->sink, ASSAY_ERROR_CORRUPT, "%s: no slot at offset %" G_GUINT64_FORMAT,
                           r->file->name, (uint64_t)number * PAGE_SIZE + pos);
            continue;
        }
        if (slot.block != 0 && !read_blob(r, &slot, &error))
            fault(r, &slot, error);
    }
}

static bool ndb_each(const struct rpm_files *files, const struct rpm_sink *sink, GError **error)
{
    struct reader r = { .file = files->main, .sink = sink, .budget = files->main->size };
    g_autofree uint8_t *bytes = g_malloc(PAGE_SIZE);
    if (!read_head(&r, error))
        return false;
    for (uint32_t n = 0; n < r.slot_pages && !r.ended; n++) {
        uint64_t off = (uint64_t)n * PAGE_SIZE;
        if (!range_within(off, PAGE_SIZE, r.file->size))
            return fail_corrupt(error, "%s: slots end at %" G_GUINT64_FORMAT " of %u pages",
                                r.file->name, off, r.slot_pages);
        GError *reason = NULL;
        if (block_read(r.file, off, bytes, PAGE_SIZE, &reason))
            read_page(&r, n, cursor_of(bytes, PAGE_SIZE));
        else
            sink->fault(sink->user, reason);
    }
    return true;
}

const struct rpm_backend rpm_ndb = {
    .name = "ndb",
    .description = "rpm's own format, SUSE",
    .file = "Packages.db",
    .each = ndb_each,
};

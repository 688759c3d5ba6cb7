/* The log: whether it was ended by a clean unmount, or holds changes that are nowhere else.
 *
 * The log is a ring of basic blocks, filled with records: a header block (more for large records)
 * and the data. The first word of each block (second word of header blocks) is the number of the
 * turn of the ring in which it was written. The newest block is where the turn falls by one; before
 * it, after a clean unmount, stands the record that says so (XADS "Journaling Log"). */
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "fs/xfs.h"

struct ring {
    struct block *block;
    uint64_t start; /* byte on the device */
    uint64_t count; /* basic blocks */
};

struct header {
    uint32_t cycle, length, ops, record_size, version;
    uint8_t uuid[XFS_UUID_SIZE];
};

static bool read_block(const struct ring *r, uint64_t at, uint8_t out[XFS_BASIC_BLOCK],
                       GError **error)
{
    return block_read(r->block, r->start + at * XFS_BASIC_BLOCK, out, XFS_BASIC_BLOCK, error);
}

static uint32_t cycle_of(const uint8_t *bytes)
{
    const struct cursor c = cursor_of(bytes, XFS_BASIC_BLOCK);
    uint32_t magic = 0, cycle = 0;
    (void)rd_be32_at(&c, LOG_MAGIC, &magic);
    if (magic != XFS_LOG_MAGIC)
        return magic;
    (void)rd_be32_at(&c, LOG_CYCLE, &cycle);
    return cycle;
}

static bool read_cycle(const struct ring *r, uint64_t at, uint32_t *out, GError **error)
{
    uint8_t bytes[XFS_BASIC_BLOCK];
    if (!read_block(r, at, bytes, error))
        return false;
    *out = cycle_of(bytes);
    return true;
}

/* The first block whose turn is not `cycle`, between `low`, whose turn that is, and `high`, whose
 * turn it is not. */
static bool find_change(const struct ring *r, uint64_t low, uint64_t high, uint32_t cycle,
                        uint64_t *out, GError **error)
{
    uint32_t found;
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (!read_cycle(r, middle, &found, error))
            return false;
        if (found == cycle)
            low = middle;
        else
            high = middle;
    }
    *out = high;
    return true;
}

/* Several records may be under way when the power fails, and arrive in any order: before the
 * newest block there may be blocks of the turn before. The first of them is where the log ends. */
static bool find_gap(const struct ring *r, uint32_t newest, uint64_t *head, GError **error)
{
    uint8_t bytes[64 * XFS_BASIC_BLOCK];
    uint64_t scan = min_u64(LOG_MAX_RECORDS * (LOG_MAX_RECORD / XFS_BASIC_BLOCK), *head);
    uint64_t end = *head;
    for (uint64_t at = end - scan; at < end;) {
        size_t n = (size_t)min_u64(64, end - at);
        if (!block_read(r->block, r->start + at * XFS_BASIC_BLOCK, bytes, n * XFS_BASIC_BLOCK,
                        error))
            return false;
        for (size_t i = 0; i < n; i++) {
            if (cycle_of(bytes + i * XFS_BASIC_BLOCK) != newest) {
                *head = at + i;
                return true;
            }
        }
        at += n;
    }
    return true;
}

/* Where the next record would be written. */
static bool find_head(const struct ring *r, uint64_t *head, GError **error)
{
    uint32_t first, last;
    if (!read_cycle(r, 0, &first, error) || !read_cycle(r, r->count - 1, &last, error))
        return false;
    if (first == last)
        *head = r->count;
    else if (!find_change(r, 0, r->count - 1, first, head, error))
        return false;
    /* A ring that was filled up to its very end begins at its start again. */
    return find_gap(r, first, head, error);
}

static bool parse_header(const uint8_t *bytes, struct header *out)
{
    const struct cursor c = cursor_of(bytes, XFS_BASIC_BLOCK);
    uint32_t magic = 0;
    *out = (struct header){ 0 };
    (void)rd_be32_at(&c, LOG_MAGIC, &magic);
    (void)rd_be32_at(&c, LOG_CYCLE, &out->cycle);
    (void)rd_be32_at(&c, LOG_VERSION, &out->version);
    (void)rd_be32_at(&c, LOG_LENGTH, &out->length);
    (void)rd_be32_at(&c, LOG_NUM_OPS, &out->ops);
    (void)rd_be32_at(&c, LOG_RECORD_SIZE, &out->record_size);
    memcpy(out->uuid, c.data + LOG_UUID, XFS_UUID_SIZE);
    return magic == XFS_LOG_MAGIC;
}

/* The last record that begins before `head`. False: none within reach, or unreadable. */
static bool find_record(const struct ring *r, uint64_t head, uint64_t *at, struct header *out,
                        GError **error)
{
    uint8_t bytes[XFS_BASIC_BLOCK];
    uint64_t reach = min_u64(
        (LOG_MAX_RECORD + LOG_MAX_RECORD / LOG_HEADER_COVERS * XFS_BASIC_BLOCK) / XFS_BASIC_BLOCK,
        r->count);
    for (uint64_t back = 1; back <= reach; back++) {
        *at = (head + r->count - back) % r->count;
        if (!read_block(r, *at, bytes, error))
            return false;
        if (parse_header(bytes, out))
            return true;
    }
    return fail_corrupt(error, "no record before its head at block %" G_GUINT64_FORMAT, head);
}

static uint64_t header_blocks(const struct header *h)
{
    bool large = (h->version & XFS_LOG_VERSION_2) != 0 && h->record_size > LOG_HEADER_COVERS;
    return large ? ((uint64_t)h->record_size + LOG_HEADER_COVERS - 1) / LOG_HEADER_COVERS : 1;
}

/* The record is one operation, the unmount, and nothing follows. */
static bool is_unmount(const struct ring *r, uint64_t at, const struct header *h, uint64_t head,
                       bool *out, GError **error)
{
    uint8_t bytes[XFS_BASIC_BLOCK];
    uint64_t data = at + header_blocks(h);
    uint64_t end = data + ((uint64_t)h->length + XFS_BASIC_BLOCK - 1) / XFS_BASIC_BLOCK;
    *out = false;
    if (h->ops != 1 || end % r->count != head % r->count)
        return true;
    if (!read_block(r, data % r->count, bytes, error))
        return false;
    *out = (bytes[LOG_OP_FLAGS] & XFS_LOG_UNMOUNT) != 0;
    return true;
}

static bool examine(const struct xfs *fs, const struct ring *r, bool *clean, GError **error)
{
    uint64_t head = 0, at = 0;
    struct header h;
    if (!find_head(r, &head, error) || !find_record(r, head, &at, &h, error))
        return false;
    if (memcmp(h.uuid, fs->super.uuid, XFS_UUID_SIZE) != 0 &&
        memcmp(h.uuid, fs->super.meta_uuid, XFS_UUID_SIZE) != 0)
        return fail_corrupt(error, "it belongs to another filesystem");
    return is_unmount(r, at, &h, head, clean, error);
}

bool xfs_log_examine(struct xfs *fs, enum tree_recovery *out, GError **error)
{
    const struct xfs_super *s = &fs->super;
    struct ring r = { .block = fs->tree.block };
    bool clean = false;
    if (s->logstart == 0)
        return fail_unsupported(error, "it is on another device");
    if (s->logblocks == 0 || !xfs_super_place(s, s->logstart, s->logblocks, &r.start))
        return fail_corrupt(error, "it lies outside the filesystem");
    r.count = ((uint64_t)s->logblocks << s->blocklog) / XFS_BASIC_BLOCK;
    if (!examine(fs, &r, &clean, error))
        return false;
    *out = clean ? TREE_RECOVERY_NONE : TREE_RECOVERY_NEEDED;
    return true;
}

/* The log: where it ends, and whether what it holds is also elsewhere. */
#include "fs/xfs_log.h"

#include <string.h>

#include "base/checked.h"
#include "base/error.h"

bool xfs_ring_read(const struct xfs_ring *r, uint64_t at, uint64_t count, uint8_t *out,
                   GError **error)
{
    uint64_t first = min_u64(count, r->count - at), rest = count - first;
    return block_read(r->block, r->start + at * XFS_BASIC_BLOCK, out, first * XFS_BASIC_BLOCK,
                      error) &&
           (rest == 0 || block_read(r->block, r->start, out + first * XFS_BASIC_BLOCK,
                                    rest * XFS_BASIC_BLOCK, error));
}

/* --- the head -----------------------------------------------------------------------------------
 */

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

static bool read_cycle(const struct xfs_ring *r, uint64_t at, uint32_t *out, GError **error)
{
    uint8_t bytes[XFS_BASIC_BLOCK];
    if (!xfs_ring_read(r, at, 1, bytes, error))
        return false;
    *out = cycle_of(bytes);
    return true;
}

/* The first block whose turn is not `cycle`, between `low`, whose turn that is, and `high`, whose
 * turn it is not. */
static bool find_change(const struct xfs_ring *r, uint64_t low, uint64_t high, uint32_t cycle,
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
static bool find_gap(const struct xfs_ring *r, uint32_t newest, uint64_t *head, GError **error)
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
static bool find_head(const struct xfs_ring *r, uint64_t *head, GError **error)
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

/* --- records ------------------------------------------------------------------------------------
 */

bool xfs_log_header_parse(const uint8_t bytes[XFS_BASIC_BLOCK], struct xfs_log_header *out)
{
    const struct cursor c = cursor_of(bytes, XFS_BASIC_BLOCK);
    uint32_t magic = 0;
    *out = (struct xfs_log_header){ 0 };
    (void)rd_be32_at(&c, LOG_MAGIC, &magic);
    (void)rd_be32_at(&c, LOG_CYCLE, &out->cycle);
    (void)rd_be32_at(&c, LOG_VERSION, &out->version);
    (void)rd_be32_at(&c, LOG_LENGTH, &out->length);
    (void)rd_be64_at(&c, LOG_LSN, &out->lsn);
    (void)rd_be64_at(&c, LOG_TAIL_LSN, &out->tail);
    (void)rd_le32_at(&c, LOG_CRC, &out->crc);
    (void)rd_be32_at(&c, LOG_NUM_OPS, &out->ops);
    (void)rd_be32_at(&c, LOG_FORMAT, &out->format);
    (void)rd_be32_at(&c, LOG_RECORD_SIZE, &out->record_size);
    memcpy(out->uuid, c.data + LOG_UUID, XFS_UUID_SIZE);
    return magic == XFS_LOG_MAGIC;
}

static uint64_t divide_up(uint64_t n, uint64_t by)
{
    return (n + by - 1) / by;
}

uint64_t xfs_log_header_blocks(const struct xfs_log_header *h)
{
    bool large = (h->version & XFS_LOG_VERSION_2) != 0 && h->record_size > LOG_HEADER_COVERS;
    return large ? divide_up(h->record_size, LOG_HEADER_COVERS) : 1;
}

uint64_t xfs_log_record_blocks(const struct xfs_log_header *h)
{
    return xfs_log_header_blocks(h) + divide_up(h->length, XFS_BASIC_BLOCK);
}

bool xfs_log_find_record(const struct xfs_ring *r, uint64_t head, uint64_t *at,
                         struct xfs_log_header *out, GError **error)
{
    uint8_t bytes[XFS_BASIC_BLOCK];
    uint64_t reach =
        min_u64(LOG_MAX_RECORD / XFS_BASIC_BLOCK + LOG_MAX_RECORD / LOG_HEADER_COVERS, r->count);
    for (uint64_t back = 1; back <= reach; back++) {
        *at = (head + r->count - back) % r->count;
        if (!xfs_ring_read(r, *at, 1, bytes, error))
            return false;
        if (xfs_log_header_parse(bytes, out))
            return true;
    }
    return fail_corrupt(error, "no record before its head at block %" G_GUINT64_FORMAT, head);
}

/* --- the state ----------------------------------------------------------------------------------
 */

/* The record is one operation, the unmount, and nothing follows. */
static bool is_unmount(const struct xfs_ring *r, uint64_t at, const struct xfs_log_header *h,
                       uint64_t head, bool *out, GError **error)
{
    uint8_t bytes[XFS_BASIC_BLOCK];
    uint64_t data = at + xfs_log_header_blocks(h);
    *out = false;
    if (h->ops != 1 || (at + xfs_log_record_blocks(h)) % r->count != head % r->count)
        return true;
    if (!xfs_ring_read(r, data % r->count, 1, bytes, error))
        return false;
    *out = (bytes[LOG_OP_FLAGS] & XFS_LOG_UNMOUNT) != 0;
    return true;
}

static bool examine(const struct xfs *fs, const struct xfs_ring *r, uint64_t *head, bool *clean,
                    GError **error)
{
    uint64_t at = 0;
    struct xfs_log_header h;
    if (!find_head(r, head, error) || !xfs_log_find_record(r, *head, &at, &h, error))
        return false;
    if (memcmp(h.uuid, fs->super.uuid, XFS_UUID_SIZE) != 0 &&
        memcmp(h.uuid, fs->super.meta_uuid, XFS_UUID_SIZE) != 0)
        return fail_corrupt(error, "it belongs to another filesystem");
    return is_unmount(r, at, &h, *head, clean, error);
}

/* Puts what the log holds over the device. If that is not possible, nothing of it: a filesystem of
 * some time ago is better than one of no time. */
static void replay(struct xfs *fs, const struct xfs_ring *r, uint64_t head)
{
    struct block *replayed = NULL;
    g_autoptr(GError) why = NULL;
    fs->tree.recovery = TREE_RECOVERY_NEEDED;
    if (!xfs_log_replay(fs, r, head, &replayed, &why)) {
        tree_fault(&fs->tree, "%s: the log cannot be replayed: %s", fs->tree.block->name,
                   why->message);
        return;
    }
    fs->tree.recovery = replayed != NULL ? TREE_RECOVERY_REPLAYED : TREE_RECOVERY_NONE;
    if (replayed != NULL) {
        block_unref(fs->tree.block);
        fs->tree.block = replayed;
    }
}

bool xfs_log_examine(struct xfs *fs, GError **error)
{
    const struct xfs_super *s = &fs->super;
    struct xfs_ring r = { .fs = fs, .block = fs->tree.block };
    bool clean = false;
    uint64_t head = 0;
    if (s->logstart == 0)
        return fail_unsupported(error, "it is on another device");
    if (s->logblocks == 0 || !xfs_super_place(s, s->logstart, s->logblocks, &r.start))
        return fail_corrupt(error, "it lies outside the filesystem");
    r.count = ((uint64_t)s->logblocks << s->blocklog) / XFS_BASIC_BLOCK;
    if (!examine(fs, &r, &head, &clean, error))
        return false;
    fs->tree.recovery = TREE_RECOVERY_NONE;
    if (!clean)
        replay(fs, &r, head % r.count);
    return true;
}

/* Putting committed transactions over the device, in memory: buffers and new inodes; see
 * xfs_log_inode.c for inodes. Plans that were logged and not carried out (to free, to map) change
 * nothing that a reader sees. */
#include "fs/xfs_log.h"

#include <string.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/error.h"

/* --- blocks of the device -----------------------------------------------------------------------
 */

bool xfs_replay_load(struct xfs_replay *p, uint64_t block, uint64_t count, uint8_t *out,
                     GError **error)
{
    return block_read(p->overlay, block * XFS_BASIC_BLOCK, out, count * XFS_BASIC_BLOCK, error);
}

bool xfs_replay_store(struct xfs_replay *p, uint64_t block, uint64_t count, const uint8_t *bytes,
                      GError **error)
{
    for (uint64_t i = 0; i < count; i++) {
        if (!block_overlay_put(p->overlay, block + i, bytes + i * XFS_BASIC_BLOCK, error))
            return false;
    }
    p->changed = p->changed || block != 0;
    return true;
}

static bool within_filesystem(const struct xfs *fs, uint64_t block, uint64_t count)
{
    const struct xfs_super *s = &fs->super;
    return count > 0 && count <= XFS_LOG_MAX_BUFFER &&
           range_within(block, count, s->dblocks << (s->blocklog - 9));
}

/* --- freed buffers ------------------------------------------------------------------------------
 */

struct cancelled {
    uint64_t block;
    uint32_t count;
    uint32_t times; /* that are still to come */
};

static guint cancelled_hash(gconstpointer p)
{
    return g_int64_hash(&((const struct cancelled *)p)->block);
}

static gboolean cancelled_equal(gconstpointer a, gconstpointer b)
{
    const struct cancelled *x = a, *y = b;
    return x->block == y->block && x->count == y->count;
}

static struct cancelled *find_cancelled(const struct xfs_replay *p, uint64_t block, uint32_t count)
{
    const struct cancelled key = { .block = block, .count = count };
    return g_hash_table_lookup(p->cancelled, &key);
}

bool xfs_replay_cancelled(const struct xfs_replay *p, uint64_t block, uint32_t count)
{
    return find_cancelled(p, block, count) != NULL;
}

static void cancel_later(struct xfs_replay *p, uint64_t block, uint32_t count)
{
    struct cancelled *c = find_cancelled(p, block, count);
    if (c == NULL) {
        c = g_new0(struct cancelled, 1);
        *c = (struct cancelled){ .block = block, .count = count };
        g_hash_table_add(p->cancelled, c);
    }
    c->times++;
}

static void cancel_now(struct xfs_replay *p, uint64_t block, uint32_t count)
{
    struct cancelled *c = find_cancelled(p, block, count);
    if (c != NULL && --c->times == 0)
        g_hash_table_remove(p->cancelled, c);
}

/* --- buffers ------------------------------------------------------------------------------------
 */

struct buffer {
    uint64_t block;
    uint32_t count; /* basic blocks */
    uint16_t flags;
    struct cursor map; /* words of 32 bits: which chunks follow as regions */
};

static const struct xfs_log_region *region_of(const struct xfs_log_item *item, guint i)
{
    return &g_array_index(item->regions, struct xfs_log_region, i);
}

static bool parse_buffer(const struct xfs *fs, const struct xfs_log_item *item, struct buffer *out,
                         GError **error)
{
    const struct xfs_log_region *first = region_of(item, 0);
    struct cursor c = cursor_of(first->bytes, first->len);
    uint16_t count = 0;
    uint32_t words = 0;
    *out = (struct buffer){ 0 };
    if (!rd_le16_at(&c, LOG_BUFFER_FLAGS, &out->flags) ||
        !rd_le16_at(&c, LOG_BUFFER_LENGTH, &count) ||
        !rd_le64_at(&c, LOG_BUFFER_BLOCK, &out->block) ||
        !rd_le32_at(&c, LOG_BUFFER_MAP_SIZE, &words) || !cursor_seek(&c, LOG_BUFFER_MAP) ||
        words > cursor_left(&c) / 4 || !rd_sub(&c, (size_t)words * 4, &out->map))
        return fail_corrupt(error, "a buffer without a description");
    out->count = count;
    /* Freed ones may have been of a part that is gone; nothing is done with them. */
    if ((out->flags & XFS_LOG_BUFFER_CANCEL) == 0 && !within_filesystem(fs, out->block, out->count))
        return fail_corrupt(error, "a buffer outside the filesystem");
    return true;
}

static bool chunk_logged(const struct buffer *b, uint64_t chunk)
{
    uint32_t word = 0;
    return rd_le32_at(&b->map, (size_t)(chunk / 32) * 4, &word) && (word >> (chunk % 32) & 1) != 0;
}

/* Regions follow each other as the runs of chunks do; a run may come in several. */
static bool apply_chunks(const struct buffer *b, const struct xfs_log_item *item, uint8_t *bytes,
                         GError **error)
{
    uint64_t chunks = (uint64_t)b->count * XFS_BASIC_BLOCK / LOG_BUFFER_CHUNK;
    guint next = 1;
    for (uint64_t chunk = 0; chunk < b->map.len * 8;) {
        if (!chunk_logged(b, chunk)) {
            chunk++;
            continue;
        }
        uint64_t run = 0;
        while (chunk_logged(b, chunk + run))
            run++;
        if (next >= item->regions->len)
            return fail_corrupt(error, "a buffer with bytes missing");
        const struct xfs_log_region *r = region_of(item, next++);
        run = min_u64(run, r->len / LOG_BUFFER_CHUNK);
        if (run == 0 || !range_within(chunk, run, chunks))
            return fail_corrupt(error, "a buffer with bytes of the wrong length");
        memcpy(bytes + chunk * LOG_BUFFER_CHUNK, r->bytes, run * LOG_BUFFER_CHUNK);
        chunk += run;
    }
    return true;
}

/* What kinds of blocks keep their checksum, their filesystem and the record that changed them last
 * where. */
static const struct kind {
    uint32_t magic;
    size_t magic_at, magic_len, crc, uuid, lsn;
} kinds[] = {
    { XFS_SB_MAGIC, 0, 4, SB_CRC, SB_UUID, 240 },  { XFS_BMAP_MAGIC_V5, 0, 4, 64, 40, 32 },
    { XFS_DIR_BLOCK_V5, 0, 4, 4, 24, 16 },         { XFS_DIR_DATA_V5, 0, 4, 4, 24, 16 },
    { XFS_DIR_FREE_V5, 0, 4, 4, 24, 16 },          { XFS_REMOTE_SYMLINK_MAGIC, 0, 4, 12, 16, 48 },
    { XFS_DIR_LEAF1_V5, DA_MAGIC, 2, 12, 32, 24 }, { XFS_DIR_LEAFN_V5, DA_MAGIC, 2, 12, 32, 24 },
    { XFS_DA_NODE_V5, DA_MAGIC, 2, 12, 32, 24 },   { XFS_ATTR_LEAF_V5, DA_MAGIC, 2, 12, 32, 24 },
};

static const struct kind *kind_of(const uint8_t *bytes, size_t len)
{
    const struct cursor c = cursor_of(bytes, len);
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        uint16_t narrow = 0;
        uint32_t magic = 0;
        if (kinds[i].magic_len == 2) {
            (void)rd_be16_at(&c, kinds[i].magic_at, &narrow);
            magic = narrow;
        } else {
            (void)rd_be32_at(&c, kinds[i].magic_at, &magic);
        }
        if (magic == kinds[i].magic)
            return &kinds[i];
    }
    return NULL;
}

/* The device already has this change, or one behind it. */
static bool newer_on_device(const struct xfs_replay *p, const uint8_t *bytes, size_t len,
                            uint64_t lsn)
{
    const struct kind *k = kind_of(bytes, len);
    const struct cursor c = cursor_of(bytes, len);
    uint64_t there = 0;
    if (!p->fs->super.v5 || k == NULL)
        return false;
    const uint8_t *uuid = k->magic == XFS_SB_MAGIC ? p->fs->super.uuid : p->fs->super.meta_uuid;
    if (memcmp(bytes + k->uuid, uuid, XFS_UUID_SIZE) != 0)
        return false;
    (void)rd_be64_at(&c, k->lsn, &there);
    return there != 0 && there != UINT64_MAX && there >= lsn;
}

void xfs_replay_seal(uint8_t *bytes, size_t len, size_t crc_at)
{
    memset(bytes + crc_at, 0, 4);
    uint32_t crc = GUINT32_TO_LE(crc32c(bytes, len));
    memcpy(bytes + crc_at, &crc, 4);
}

/* Checksums are made when blocks are written, which these were not. */
static void seal(const struct xfs_replay *p, uint8_t *bytes, size_t len)
{
    const struct kind *k = kind_of(bytes, len);
    if (!p->fs->super.v5 || k == NULL)
        return;
    if (k->magic == XFS_SB_MAGIC)
        len = min_u64(len, p->fs->super.sectsize);
    xfs_replay_seal(bytes, len, k->crc);
}

static bool replay_buffer(struct xfs_replay *p, const struct xfs_log_item *item, uint64_t lsn,
                          GError **error)
{
    struct buffer b;
    if (!parse_buffer(p->fs, item, &b, error))
        return false;
    if (b.flags & XFS_LOG_BUFFER_CANCEL) {
        cancel_now(p, b.block, b.count);
        return true;
    }
    if ((b.flags & (XFS_LOG_BUFFER_INODES | XFS_LOG_BUFFER_QUOTAS)) != 0 ||
        xfs_replay_cancelled(p, b.block, b.count))
        return true;
    size_t len = (size_t)b.count * XFS_BASIC_BLOCK;
    g_autofree uint8_t *bytes = g_malloc(len);
    if (!xfs_replay_load(p, b.block, b.count, bytes, error))
        return false;
    if (newer_on_device(p, bytes, len, lsn))
        return true;
    if (!apply_chunks(&b, item, bytes, error))
        return false;
    seal(p, bytes, len);
    return xfs_replay_store(p, b.block, b.count, bytes, error);
}

/* --- new inodes ---------------------------------------------------------------------------------
 */

/* Inodes are freed by clusters, whose size depends on more than is known here. What a freed one has
 * become must stay: it may be the contents of a file, which the log does not have. */
static bool any_cancelled(const struct xfs_replay *p, uint64_t at, uint64_t count, uint32_t step)
{
    for (uint64_t i = 0; i < count; i += step) {
        for (uint32_t n = step; n <= XFS_LOG_MAX_BUFFER; n *= 2) {
            if (xfs_replay_cancelled(p, at + i, n))
                return true;
        }
    }
    return false;
}

/* Whatever was there is none any more; those in use follow as items of their own. */
static bool replay_create(struct xfs_replay *p, const struct xfs_log_item *item, GError **error)
{
    static const uint8_t zero[XFS_BASIC_BLOCK];
    const struct xfs_super *s = &p->fs->super;
    const struct xfs_log_region *first = region_of(item, 0);
    const struct cursor c = cursor_of(first->bytes, first->len);
    uint32_t group, block, length, step = s->blocksize / XFS_BASIC_BLOCK;
    uint32_t most = MAX((uint32_t)XFS_CHUNK_INODES << s->inodelog >> s->blocklog, 1);
    uint64_t offset;
    if (!rd_be32_at(&c, LOG_CREATE_GROUP, &group) || !rd_be32_at(&c, LOG_CREATE_BLOCK, &block) ||
        !rd_be32_at(&c, LOG_CREATE_LENGTH, &length))
        return fail_corrupt(error, "new inodes without a description");
    if (block >= s->agblocks || length > most ||
        !xfs_super_place(s, (uint64_t)group << s->agblklog | block, length, &offset))
        return fail_corrupt(error, "new inodes outside the filesystem");
    uint64_t at = offset / XFS_BASIC_BLOCK, count = (uint64_t)length * step;
    if (any_cancelled(p, at, count, step))
        return true;
    for (uint64_t i = 0; i < count; i++) {
        if (!xfs_replay_store(p, at + i, 1, zero, error))
            return false;
    }
    return true;
}

/* --- transactions -------------------------------------------------------------------------------
 */

static bool is_buffer(const struct xfs_log_item *item)
{
    return item->type == XFS_LOG_ITEM_BUFFER;
}

static bool note_cancelled(GPtrArray *items, uint64_t lsn, void *user, GError **error)
{
    struct xfs_replay *p = user;
    struct buffer b;
    for (guint i = 0; i < items->len; i++) {
        const struct xfs_log_item *item = g_ptr_array_index(items, i);
        if (item->type < XFS_LOG_ITEM_FIRST || item->type > XFS_LOG_ITEM_LAST)
            return fail_unsupported(error, "an item of unknown type 0x%x", item->type);
        if (!is_buffer(item))
            continue;
        if (!parse_buffer(p->fs, item, &b, error))
            return false;
        if (b.flags & XFS_LOG_BUFFER_CANCEL)
            cancel_later(p, b.block, b.count);
    }
    return true;
}

static bool replay_item(struct xfs_replay *p, const struct xfs_log_item *item, uint64_t lsn,
                        GError **error)
{
    switch (item->type) {
    case XFS_LOG_ITEM_BUFFER:
        return replay_buffer(p, item, lsn, error);
    case XFS_LOG_ITEM_CREATE:
        return replay_create(p, item, error);
    case XFS_LOG_ITEM_INODE:
        return xfs_replay_inode(p, item, lsn, error);
    default:
        return true;
    }
}

/* In which turn of a transaction an item is replayed: blocks come before the inodes in them, and
 * buffers are freed last. */
static unsigned turn_of(const struct xfs_log_item *item)
{
    const struct xfs_log_region *first = region_of(item, 0);
    const struct cursor c = cursor_of(first->bytes, first->len);
    uint16_t flags = 0;
    if (item->type == XFS_LOG_ITEM_CREATE)
        return 0;
    if (!is_buffer(item))
        return 1;
    (void)rd_le16_at(&c, LOG_BUFFER_FLAGS, &flags);
    return flags & XFS_LOG_BUFFER_CANCEL ? 2 : 0;
}

static bool replay_transaction(GPtrArray *items, uint64_t lsn, void *user, GError **error)
{
    for (unsigned turn = 0; turn < 3; turn++) {
        for (guint i = 0; i < items->len; i++) {
            const struct xfs_log_item *item = g_ptr_array_index(items, i);
            if (turn_of(item) == turn && !replay_item(user, item, lsn, error))
                return false;
        }
    }
    return true;
}

bool xfs_log_replay(struct xfs *fs, const struct xfs_ring *r, uint64_t head, struct block **out,
                    GError **error)
{
    g_autoptr(block) overlay =
        block_overlay_new(fs->tree.block, XFS_BASIC_BLOCK, fs->tree.block->name);
    struct xfs_replay p = { .fs = fs, .overlay = overlay };
    p.cancelled = g_hash_table_new_full(cancelled_hash, cancelled_equal, g_free, NULL);
    bool ok = xfs_log_read(r, &head, note_cancelled, &p, error) &&
              xfs_log_read(r, &head, replay_transaction, &p, error);
    g_hash_table_unref(p.cancelled);
    *out = ok && p.changed ? g_steal_pointer(&overlay) : NULL;
    return ok;
}

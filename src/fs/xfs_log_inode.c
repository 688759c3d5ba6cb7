/* Inodes of the log. Their fields are in the byte order of the machine, else as on disk; forks are
 * as on disk, but for the roots of trees, which are as in memory. */
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "fs/xfs_log.h"

/* Lengths of the fields of an inode from its start on; those of a version 3 core follow the
 * others'. Names: xfs_format.h. Bytes are 1. */
static const uint8_t fields[] = {
    2, 2, 1, 1, 2, 4, 4, 4, 2, 2, 8,          /* magic .. project, counter of extents */
    8, 8, 8,                                  /* times */
    8, 8, 4, 4, 2, 1, 1, 4, 2, 2, 4, 4,       /* size .. generation, next unlinked */
    4, 8, 8, 8, 4, 1, 1, 1, 1, 1, 1, 1, 1, 1, /* checksum, ..., cow extent size, padding */
    1, 1, 1, 8, 8,                            /* ..., creation time, number; then the UUID */
};

static void swap(uint8_t *at, size_t len)
{
    for (size_t i = 0; i < len / 2; i++) {
        uint8_t byte = at[i];
        at[i] = at[len - 1 - i];
        at[len - 1 - i] = byte;
    }
}

static bool is_time(size_t at)
{
    return at == INODE_ATIME || at == INODE_MTIME || at == INODE_CTIME || at == INODE_CRTIME;
}

/* Turns the core in `inode`, of `len` bytes, into its form on disk. */
static void core_to_disk(uint8_t *inode, size_t len)
{
    const struct cursor c = cursor_of(inode, len);
    uint64_t flags2 = 0;
    size_t at = 0;
    if (len >= INODE_CORE_V3)
        (void)rd_le64_at(&c, INODE_FLAGS2, &flags2);
    bool big_times = (flags2 & XFS_INODE2_BIGTIME) != 0;
    bool big_counters = (flags2 & XFS_INODE2_NREXT64) != 0;
    for (size_t i = 0; i < G_N_ELEMENTS(fields) && at + fields[i] <= len; at += fields[i++]) {
        if (is_time(at) && !big_times) {
            swap(inode + at, 4);
            swap(inode + at + 4, 4);
        } else if (at == INODE_BIG_NEXTENTS && !big_counters) {
            /* Padding, and a counter of two bytes. */
            swap(inode + at + 6, 2);
        } else {
            swap(inode + at, fields[i]);
        }
    }
}

/* --- what an item says --------------------------------------------------------------------------
 */

struct change {
    uint32_t fields;
    uint64_t block;         /* of the buffer with the inode */
    uint32_t count, offset; /* basic blocks of it; bytes in it */
    uint32_t device;
    uint64_t number;
    GArray *regions;
};

static bool parse_change(const struct xfs *fs, const struct xfs_log_item *item, struct change *out,
                         GError **error)
{
    const struct xfs_log_region *first = &g_array_index(item->regions, struct xfs_log_region, 0);
    const struct cursor c = cursor_of(first->bytes, first->len);
    /* A 32-bit machine leaves out the padding before the number. */
    size_t shift = first->len < LOG_INODE_SIZE ? 4 : 0;
    *out = (struct change){ .regions = item->regions };
    if (!rd_le32_at(&c, LOG_INODE_FIELDS, &out->fields) ||
        !rd_le64_at(&c, LOG_INODE_NUMBER - shift, &out->number) ||
        !rd_le32_at(&c, LOG_INODE_DEVICE - shift, &out->device) ||
        !rd_le64_at(&c, LOG_INODE_BLOCK - shift, &out->block) ||
        !rd_le32_at(&c, LOG_INODE_LENGTH - shift, &out->count) ||
        !rd_le32_at(&c, LOG_INODE_OFFSET - shift, &out->offset))
        return fail_corrupt(error, "an inode without a description");
    uint64_t place;
    if (!xfs_super_inode_place(&fs->super, out->number, &place) ||
        place % XFS_BASIC_BLOCK != out->offset % XFS_BASIC_BLOCK ||
        place / XFS_BASIC_BLOCK != out->block + out->offset / XFS_BASIC_BLOCK)
        return fail_corrupt(error, "inode %" G_GUINT64_FORMAT " out of its place", out->number);
    return true;
}

static bool newer_on_device(const struct xfs_super *s, const uint8_t *inode, const uint8_t *logged,
                            uint64_t lsn)
{
    const struct cursor c = cursor_of(inode, s->inodesize);
    const struct cursor l = cursor_of(logged, INODE_CORE_V2 - 4);
    uint16_t magic = 0, mine = 0, theirs = 0;
    uint64_t there = 0;
    (void)rd_be16_at(&c, INODE_MAGIC, &magic);
    if (magic != XFS_INODE_MAGIC)
        return false;
    if (s->v5) {
        (void)rd_be64_at(&c, INODE_LSN, &there);
        return there != 0 && there != UINT64_MAX && there > lsn;
    }
    /* Version 4 counts how often an inode was written, and begins again after the largest. */
    (void)rd_be16_at(&c, INODE_FLUSHED, &mine);
    (void)rd_le16_at(&l, INODE_FLUSHED, &theirs);
    return theirs < mine && !(mine == UINT16_MAX && theirs < UINT16_MAX / 2);
}

/* --- forks --------------------------------------------------------------------------------------
 */

/* The root of a tree: in memory it is a block with its keys and pointers as far apart as the
 * memory taken for it allows, on disk they are as far apart as the fork does. */
static bool put_root(const struct xfs_super *s, const struct xfs_log_region *from, uint8_t *fork,
                     size_t room)
{
    const struct cursor c = cursor_of(from->bytes, from->len);
    size_t header = s->v5 ? BMAP_HEADER_V5 : BMAP_HEADER_V4;
    uint16_t count = 0;
    if (from->len < header || room < BMAP_ROOT_HEADER)
        return false;
    (void)rd_be16_at(&c, BMAP_NUMRECS, &count);
    size_t most = (from->len - header) / 16, fits = (room - BMAP_ROOT_HEADER) / 16;
    if (count > most || count > fits)
        return false;
    memcpy(fork, from->bytes + BMAP_LEVEL, BMAP_ROOT_HEADER);
    memcpy(fork + BMAP_ROOT_HEADER, from->bytes + header, (size_t)count * 8);
    memcpy(fork + BMAP_ROOT_HEADER + fits * 8, from->bytes + header + most * 8, (size_t)count * 8);
    return true;
}

static bool put_fork(const struct xfs_super *s, const struct change *change, guint region,
                     bool root, uint8_t *fork, size_t room, GError **error)
{
    if (region >= change->regions->len)
        return fail_corrupt(error, "inode %" G_GUINT64_FORMAT " without its fork", change->number);
    const struct xfs_log_region *from =
        &g_array_index(change->regions, struct xfs_log_region, region);
    if (root ? !put_root(s, from, fork, room) : from->len > room)
        return fail_corrupt(error, "inode %" G_GUINT64_FORMAT " with a fork that does not fit",
                            change->number);
    if (!root)
        memcpy(fork, from->bytes, from->len);
    return true;
}

static bool put_forks(const struct xfs_super *s, const struct change *change, uint8_t *inode,
                      size_t core, GError **error)
{
    size_t room = s->inodesize - core, split = (size_t)inode[INODE_FORKOFF] * 8;
    if (split == 0 || split > room)
        split = room;
    guint region = 2;
    if (change->fields & XFS_LOG_INODE_DEVICE) {
        for (unsigned i = 0; i < 4; i++)
            inode[core + i] = (uint8_t)(change->device >> (24 - 8 * i));
    }
    uint32_t data = change->fields & (XFS_LOG_INODE_DATA_LOCAL | XFS_LOG_INODE_DATA_EXTENTS |
                                      XFS_LOG_INODE_DATA_ROOT);
    uint32_t attr = change->fields & (XFS_LOG_INODE_ATTR_LOCAL | XFS_LOG_INODE_ATTR_EXTENTS |
                                      XFS_LOG_INODE_ATTR_ROOT);
    if (change->regions->len <= region)
        return true;
    if (data != 0 &&
        !put_fork(s, change, region++, data == XFS_LOG_INODE_DATA_ROOT, inode + core, split, error))
        return false;
    return attr == 0 || put_fork(s, change, region, attr == XFS_LOG_INODE_ATTR_ROOT,
                                 inode + core + split, room - split, error);
}

/* --- the inode ----------------------------------------------------------------------------------
 */

/* Changes the inode of which `inode` is the form on disk. */
static bool apply(const struct xfs_super *s, const struct change *change, uint8_t *inode,
                  uint64_t lsn, bool *changed, GError **error)
{
    size_t core = s->v5 ? INODE_CORE_V3 : INODE_CORE_V2;
    const struct xfs_log_region *logged = &g_array_index(change->regions, struct xfs_log_region, 1);
    /* The log has no unlinked list, which is the last field of a version 2 core. */
    size_t len = s->v5 ? core : INODE_CORE_V2 - 4;
    if (change->regions->len < 2 || logged->len < len)
        return fail_corrupt(error, "inode %" G_GUINT64_FORMAT " without its core", change->number);
    *changed = !newer_on_device(s, inode, logged->bytes, lsn);
    if (!*changed)
        return true;
    memcpy(inode, logged->bytes, len);
    core_to_disk(inode, len);
    if (!put_forks(s, change, inode, core, error))
        return false;
    if (s->v5)
        xfs_replay_seal(inode, s->inodesize, INODE_CRC);
    return true;
}

bool xfs_replay_inode(struct xfs_replay *p, const struct xfs_log_item *item, uint64_t lsn,
                      GError **error)
{
    const struct xfs_super *s = &p->fs->super;
    uint8_t bytes[(1u << XFS_MAX_INODE_LOG) + XFS_BASIC_BLOCK];
    struct change change;
    bool changed = false;
    if (!parse_change(p->fs, item, &change, error))
        return false;
    if (xfs_replay_cancelled(p, change.block, change.count))
        return true;
    uint64_t block = change.block + change.offset / XFS_BASIC_BLOCK;
    size_t skip = change.offset % XFS_BASIC_BLOCK;
    uint64_t count = (skip + s->inodesize + XFS_BASIC_BLOCK - 1) / XFS_BASIC_BLOCK;
    if (!xfs_replay_load(p, block, count, bytes, error) ||
        !apply(s, &change, bytes + skip, lsn, &changed, error))
        return false;
    return !changed || xfs_replay_store(p, block, count, bytes, error);
}

/* Inodes: read by the chunk, checked one by one. */
#include <string.h>
#include <sys/sysmacros.h>

#include "base/checked.h"
#include "base/error.h"
#include "fs/xfs.h"

static void take_time(const struct cursor *c, size_t at, bool big, int64_t *seconds, uint32_t *ns)
{
    uint64_t whole = 0;
    uint32_t high = 0, low = 0;
    if (big) {
        (void)rd_be64_at(c, at, &whole);
        *seconds = (int64_t)(whole / 1000000000) - XFS_BIGTIME_EPOCH;
        low = (uint32_t)(whole % 1000000000);
    } else {
        (void)rd_be32_at(c, at, &high);
        (void)rd_be32_at(c, at + 4, &low);
        *seconds = (int32_t)high;
    }
    if (ns != NULL)
        *ns = low < 1000000000 ? low : 0;
}

static void take_stat(const struct cursor *c, const struct xfs_super *s, uint64_t flags2,
                      uint8_t version, struct tree_stat *st)
{
    bool big = (flags2 & XFS_INODE2_BIGTIME) != 0;
    uint16_t mode = 0, onlink = 0;
    uint32_t nlink = 0;
    uint64_t nblocks = 0;
    (void)rd_be16_at(c, INODE_MODE, &mode);
    (void)rd_be16_at(c, INODE_ONLINK, &onlink);
    (void)rd_be32_at(c, INODE_UID, &st->uid);
    (void)rd_be32_at(c, INODE_GID, &st->gid);
    (void)rd_be32_at(c, INODE_NLINK, &nlink);
    (void)rd_be64_at(c, INODE_SIZE, &st->size);
    (void)rd_be64_at(c, INODE_NBLOCKS, &nblocks);
    take_time(c, INODE_ATIME, big, &st->atime, NULL);
    take_time(c, INODE_MTIME, big, &st->mtime, &st->mtime_ns);
    take_time(c, INODE_CTIME, big, &st->ctime, &st->ctime_ns);
    if (version == 3)
        take_time(c, INODE_CRTIME, big, &st->btime, NULL);
    st->mode = mode;
    st->nlink = version == 1 ? onlink : nlink;
    /* No file has more blocks than there are; what else the number says is no use. */
    st->allocated = min_u64(nblocks, s->dblocks) << s->blocklog;
}

/* As System V did: 14 bits of major number, 18 of minor. */
static uint64_t device_number(const struct cursor *fork)
{
    uint32_t packed = 0;
    (void)rd_be32_at(fork, 0, &packed);
    return makedev(packed >> 18, packed & 0x3ffff);
}

static const char *take_forks(const struct cursor *c, size_t core, struct xfs_inode *out)
{
    uint8_t forkoff = 0;
    (void)rd_u8_at(c, INODE_FORKOFF, &forkoff);
    (void)rd_u8_at(c, INODE_FORMAT, &out->format);
    (void)rd_u8_at(c, INODE_AFORMAT, &out->attr_format);
    size_t room = c->len - core, split = forkoff == 0 ? room : (size_t)forkoff * 8;
    if (split > room || (forkoff != 0 && split == room))
        return "has an attribute fork outside";
    out->data = cursor_of(c->data + core, split);
    out->attr = cursor_of(c->data + core + split, room - split);
    if (out->format >= XFS_FORK_FORMAT_COUNT || out->attr_format >= XFS_FORK_FORMAT_COUNT)
        return "has a fork of unknown format";
    return NULL;
}

static void take_counts(const struct cursor *c, uint64_t flags2, struct xfs_inode *out)
{
    uint32_t n = 0;
    uint16_t attr = 0;
    (void)rd_be32_at(c, INODE_NEXTENTS, &n);
    (void)rd_be16_at(c, INODE_ANEXTENTS, &attr);
    out->extents = n;
    out->attr_extents = attr;
    if (flags2 & XFS_INODE2_NREXT64) {
        (void)rd_be64_at(c, INODE_BIG_NEXTENTS, &out->extents);
        out->attr_extents = n;
    }
}

const char *xfs_inode_parse(const struct xfs_super *s, const struct cursor *c,
                            struct xfs_inode *out)
{
    uint16_t magic = 0;
    uint8_t version = 0;
    uint64_t flags2 = 0;
    memset(out, 0, sizeof *out);
    (void)rd_be16_at(c, INODE_MAGIC, &magic);
    (void)rd_u8_at(c, INODE_VERSION, &version);
    (void)rd_be16_at(c, INODE_FLAGS, &out->flags);
    if (magic != XFS_INODE_MAGIC)
        return "has no inode's magic number";
    if (s->v5 ? version != 3 : version != 1 && version != 2)
        return "is of an impossible version";
    if (version == 3)
        (void)rd_be64_at(c, INODE_FLAGS2, &flags2);
    take_stat(c, s, flags2, version, &out->stat);
    if (out->stat.mode == 0)
        return "is free";
    if (out->stat.size > INT64_MAX)
        return "has an impossible size";
    take_counts(c, flags2, out);
    const char *wrong = take_forks(c, version == 3 ? INODE_CORE_V3 : INODE_CORE_V2, out);
    if (wrong == NULL && (S_ISCHR(out->stat.mode) || S_ISBLK(out->stat.mode)))
        out->stat.rdev = device_number(&out->data);
    return wrong;
}

/* The bytes of all inodes near one: a chunk of 64 if chunks begin where they mostly do, else parts
 * of two. Whatever else lies there does no harm, since each inode is checked by itself. */
static GBytes *read_inodes(struct xfs *fs, uint64_t offset, uint64_t *start, GError **error)
{
    const struct xfs_super *s = &fs->super;
    uint64_t group, len, size = MAX(XFS_CHUNK_INODES * s->inodesize, s->blocksize);
    xfs_super_group(s, offset, &group, &len);
    *start = group + (offset - group) / size * size;
    if (fs->inodes != NULL && fs->inodes_at == *start)
        return g_bytes_ref(fs->inodes);
    GBytes *bytes = lru_get(fs->cache, XFS_CACHED_INODES, *start);
    if (bytes != NULL)
        return bytes;
    size_t n = (size_t)min_u64(size, group + len - *start);
    g_autofree uint8_t *buf = g_malloc(n);
    if (!block_read(fs->tree.block, *start, buf, n, error))
        return NULL;
    bytes = g_bytes_new_take(g_steal_pointer(&buf), n);
    lru_put(fs->cache, XFS_CACHED_INODES, *start, bytes);
    return bytes;
}

/* Where a device is cut short or damaged, what can be read still is. */
static GBytes *read_one_inode(struct xfs *fs, uint64_t offset, GError **error)
{
    uint32_t n = fs->super.inodesize;
    g_autofree uint8_t *buf = g_malloc(n);
    if (!block_read(fs->tree.block, offset, buf, n, error))
        return NULL;
    return g_bytes_new_take(g_steal_pointer(&buf), n);
}

static void keep_inodes(struct xfs *fs, GBytes *bytes, uint64_t start)
{
    if (fs->inodes == bytes)
        return;
    if (fs->inodes != NULL)
        g_bytes_unref(fs->inodes);
    fs->inodes = g_bytes_ref(bytes);
    fs->inodes_at = start;
}

static bool find_inode(struct xfs *fs, uint64_t number, GBytes **bytes, struct cursor *c,
                       GError **error)
{
    uint64_t offset, start;
    if (!xfs_super_inode_place(&fs->super, number, &offset))
        return fail_corrupt(error, "there can be no inode %" G_GUINT64_FORMAT, number);
    *bytes = read_inodes(fs, offset, &start, NULL);
    if (*bytes != NULL) {
        keep_inodes(fs, *bytes, start);
    } else {
        start = offset;
        *bytes = read_one_inode(fs, offset, error);
    }
    if (*bytes == NULL) {
        g_prefix_error(error, "inode %" G_GUINT64_FORMAT ": ", number);
        return false;
    }
    struct cursor all = xfs_cursor(*bytes);
    (void)cursor_skip(&all, (size_t)(offset - start));
    return rd_sub(&all, fs->super.inodesize, c);
}

bool xfs_inode_read(struct xfs *fs, uint64_t number, struct xfs_inode *out, GError **error)
{
    g_autoptr(GBytes) bytes = NULL;
    struct cursor c = { 0 };
    if (!find_inode(fs, number, &bytes, &c, error))
        return false;
    /* First what it is at all: a freed inode's checksum is right, one never made has none. */
    const char *wrong = xfs_inode_parse(&fs->super, &c, out);
    const char *sealed = xfs_block_wrong(fs, c.data, c.len, &xfs_layout_inode, 0);
    if (sealed != NULL)
        wrong = sealed;
    else if (xfs_block_owner(fs, c.data, c.len, &xfs_layout_inode, number) != number)
        wrong = "is another one";
    if (wrong != NULL)
        return fail_corrupt(error, "inode %" G_GUINT64_FORMAT " %s", number, wrong);
    out->number = number;
    out->bytes = g_steal_pointer(&bytes);
    return true;
}

void xfs_inode_clear(struct xfs_inode *inode)
{
    if (inode->bytes != NULL)
        g_bytes_unref(inode->bytes);
    inode->bytes = NULL;
}

bool xfs_stat(struct tree *t, struct tree_node node, struct tree_stat *out, GError **error)
{
    g_auto(xfs_inode) inode = { 0 };
    if (!xfs_inode_read(xfs_of(t), node.id, &inode, error))
        return false;
    *out = inode.stat;
    return true;
}

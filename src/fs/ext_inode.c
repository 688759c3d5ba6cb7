/* Inodes: where they lie, their checksum, what their fields mean (section "Index Nodes"). */
#include <string.h>
#include <sys/sysmacros.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/cursor.h"
#include "base/error.h"
#include "fs/ext.h"

/* Offsets of fields. */
#define I_MODE        0x00u
#define I_UID_LO      0x02u
#define I_SIZE_LO     0x04u
#define I_ATIME       0x08u
#define I_CTIME       0x0cu
#define I_MTIME       0x10u
#define I_DTIME       0x14u
#define I_GID_LO      0x18u
#define I_LINKS       0x1au
#define I_BLOCKS_LO   0x1cu
#define I_FLAGS       0x20u
#define I_BLOCK       0x28u
#define I_GENERATION  0x64u
#define I_FILE_ACL_LO 0x68u
#define I_SIZE_HI     0x6cu
#define I_BLOCKS_HI   0x74u
#define I_FILE_ACL_HI 0x76u
#define I_UID_HI      0x78u
#define I_GID_HI      0x7au
#define I_CHECKSUM_LO 0x7cu
#define I_EXTRA       0x80u /* from here on only in large inodes, as far as i_extra_isize says */
#define I_CHECKSUM_HI 0x82u
#define I_CTIME_EXTRA 0x84u
#define I_MTIME_EXTRA 0x88u
#define I_ATIME_EXTRA 0x8cu
#define I_BTIME       0x90u
#define I_BTIME_EXTRA 0x94u

#define SECTOR 512u

/* Extended attributes in the inode (section "Extended Attributes"). */
#define XATTR_MAGIC      0xea020000u
#define XATTR_ENTRY_SIZE 16u
#define XATTR_SYSTEM     7u /* name index */

static uint32_t le16(const struct cursor *c, size_t off)
{
    uint16_t v = 0;
    (void)rd_le16_at(c, off, &v);
    return v;
}

static uint32_t le32(const struct cursor *c, size_t off)
{
    uint32_t v = 0;
    (void)rd_le32_at(c, off, &v);
    return v;
}

uint32_t ext_inode_seed(const struct ext *fs, uint32_t number, uint32_t generation)
{
    const uint32_t words[2] = { GUINT32_TO_LE(number), GUINT32_TO_LE(generation) };
    return crc32c_update(fs->super.checksum_seed, words, sizeof words);
}

/* Over the inode with its own two halves taken as zeros. The upper half is there only when
 * i_extra_isize reaches behind it. */
static bool checksum_good(const struct ext *fs, uint32_t number, const uint8_t *raw, bool has_high)
{
    static const uint8_t zeros[2];
    const struct cursor c = cursor_of(raw, fs->super.inode_size);
    uint32_t crc = ext_inode_seed(fs, number, le32(&c, I_GENERATION));
    crc = crc32c_update(crc, raw, I_CHECKSUM_LO);
    crc = crc32c_update(crc, zeros, sizeof zeros);
    crc = crc32c_update(crc, raw + I_CHECKSUM_LO + 2, I_EXTRA - I_CHECKSUM_LO - 2);
    if (fs->super.inode_size > I_EXTRA) {
        crc = crc32c_update(crc, raw + I_EXTRA, 2);
        crc = crc32c_update(crc, has_high ? zeros : raw + I_CHECKSUM_HI, 2);
        crc = crc32c_update(crc, raw + I_CTIME_EXTRA, fs->super.inode_size - I_CTIME_EXTRA);
    }
    uint32_t kept = le16(&c, I_CHECKSUM_LO) | (has_high ? le16(&c, I_CHECKSUM_HI) << 16 : 0);
    return ext_sums_agree(has_high ? crc : crc & 0xffff, kept);
}

/* Bytes of the inode table at a place, through the windows. */
static bool table_bytes(struct ext *fs, uint64_t place, const uint8_t **out, GError **error)
{
    uint64_t start = place - place % fs->window_size;
    struct ext_window *w = &fs->windows[place / fs->window_size % EXT_WINDOWS];
    if (w->place != start || w->bytes == NULL) {
        size_t got = 0;
        if (w->bytes == NULL)
            w->bytes = g_malloc(fs->window_size);
        w->place = 0;
        if (!block_read_some(fs->tree.block, start, w->bytes, fs->window_size, &got, error))
            return false;
        if (place - start + fs->super.inode_size > got)
            return fail_corrupt(error, "lies past the end of %s, at %" G_GUINT64_FORMAT,
                                fs->tree.block->name, place);
        /* A window that is cut short is read again: what lies behind its end is old. */
        if (got == fs->window_size)
            w->place = start;
    }
    *out = w->bytes + (place - start);
    return true;
}

static void take_time(const struct cursor *c, size_t off, bool has_extra, size_t extra_off,
                      int64_t *seconds, uint32_t *ns)
{
    /* Two bits more of seconds and 30 of nanoseconds (section "Inode Timestamps"). */
    uint32_t extra = has_extra ? le32(c, extra_off) : 0;
    *seconds = (int32_t)le32(c, off) + ((int64_t)(extra & 3) << 32);
    if (ns != NULL)
        *ns = extra >> 2 < 1000000000u ? extra >> 2 : 0;
}

/* The two forms of a device number in i_block. */
static uint64_t device_number(const struct cursor *c)
{
    uint32_t old = le32(c, I_BLOCK), new = le32(c, I_BLOCK + 4);
    if (old != 0)
        return makedev(old >> 8 & 0xff, old & 0xff);
    return makedev((new & 0xfff00) >> 8, (new & 0xff) | (new >> 12 & 0xfff00));
}

static void take_fields(const struct ext *fs, const struct cursor *c, struct ext_inode *out)
{
    struct tree_stat *st = &out->stat;
    size_t end = I_EXTRA + out->extra;
    st->mode = le16(c, I_MODE);
    st->uid = le16(c, I_UID_LO) | le16(c, I_UID_HI) << 16;
    st->gid = le16(c, I_GID_LO) | le16(c, I_GID_HI) << 16;
    st->nlink = le16(c, I_LINKS);
    st->size = le32(c, I_SIZE_LO);
    if (S_ISREG(st->mode) || fs->super.incompat & EXT4_FEATURE_INCOMPAT_LARGEDIR)
        st->size |= (uint64_t)le32(c, I_SIZE_HI) << 32;
    out->flags = le32(c, I_FLAGS);
    st->allocated = le32(c, I_BLOCKS_LO);
    if (fs->super.ro_compat & EXT4_FEATURE_RO_COMPAT_HUGE_FILE)
        st->allocated |= (uint64_t)le16(c, I_BLOCKS_HI) << 32;
    st->allocated *= out->flags & EXT4_HUGE_FILE_FL ? fs->super.block_size : SECTOR;
    /* stat(2) counts the data in an inode, too. */
    if (out->flags & EXT4_INLINE_DATA_FL && S_ISREG(st->mode) && st->size <= fs->super.block_size)
        st->allocated += (st->size + SECTOR - 1) / SECTOR * SECTOR;
    take_time(c, I_ATIME, end >= I_ATIME_EXTRA + 4, I_ATIME_EXTRA, &st->atime, NULL);
    take_time(c, I_CTIME, end >= I_CTIME_EXTRA + 4, I_CTIME_EXTRA, &st->ctime, &st->ctime_ns);
    take_time(c, I_MTIME, end >= I_MTIME_EXTRA + 4, I_MTIME_EXTRA, &st->mtime, &st->mtime_ns);
    if (end >= I_BTIME + 4)
        take_time(c, I_BTIME, end >= I_BTIME_EXTRA + 4, I_BTIME_EXTRA, &st->btime, NULL);
    if (S_ISCHR(st->mode) || S_ISBLK(st->mode))
        st->rdev = device_number(c);
    out->generation = le32(c, I_GENERATION);
    out->attributes = le32(c, I_FILE_ACL_LO);
    if (fs->super.incompat & EXT4_FEATURE_INCOMPAT_64BIT)
        out->attributes |= (uint64_t)le16(c, I_FILE_ACL_HI) << 32;
}

static bool locate(struct ext *fs, uint64_t number, uint64_t *place, GError **error)
{
    if (number == 0 || number > fs->super.inodes)
        return fail_corrupt(error, "is out of range: there are %u", fs->super.inodes);
    uint32_t group = (uint32_t)((number - 1) / fs->super.inodes_per_group);
    uint64_t index = (number - 1) % fs->super.inodes_per_group;
    uint64_t table = ext2fs_inode_table_loc(fs->fs, group);
    if (table == 0 || table >= fs->super.blocks)
        return fail_corrupt(error,
                            "lies in an inode table at block %" G_GUINT64_FORMAT
                            ", where none can be (group %u)",
                            table, group);
    /* Cannot overflow: blocks * block_size fits, and index * inode_size is below 2^35. */
    *place = table * fs->super.block_size + index * fs->super.inode_size;
    return true;
}

static bool read_number(struct ext *fs, uint64_t number, struct ext_inode *out, GError **error)
{
    uint64_t place = 0;
    struct ext_inode inode = { .number = (uint32_t)number };
    if (!locate(fs, number, &place, error) || !table_bytes(fs, place, &inode.raw, error))
        return false;
    const struct cursor c = cursor_of(inode.raw, fs->super.inode_size);
    inode.block = inode.raw + I_BLOCK;
    if (fs->super.inode_size > I_EXTRA) {
        inode.extra = le16(&c, I_EXTRA);
        if (inode.extra > fs->super.inode_size - I_EXTRA || inode.extra % 4 != 0)
            return fail_corrupt(error, "has %u extra bytes, which do not fit", inode.extra);
    }
    if (fs->checksums &&
        !checksum_good(fs, inode.number, inode.raw, I_EXTRA + inode.extra >= I_CHECKSUM_HI + 2))
        return fail_corrupt(error, "has a wrong checksum (at %" G_GUINT64_FORMAT ")", place);
    take_fields(fs, &c, &inode);
    if (inode.stat.size > INT64_MAX)
        return fail_corrupt(error, "has an impossible size");
    if (inode.stat.mode == 0 || (inode.stat.nlink == 0 && le32(&c, I_DTIME) != 0))
        return fail_corrupt(error, "is not in use");
    *out = inode;
    return true;
}

bool ext_inode_read(struct ext *fs, uint64_t number, struct ext_inode *out, GError **error)
{
    if (read_number(fs, number, out, error))
        return true;
    g_prefix_error(error, "inode %" G_GUINT64_FORMAT " ", number);
    return false;
}

/* --- inline data --------------------------------------------------------------------------------
 */

/* The attributes in the inode, behind their magic; false when there are none. */
static bool attributes_inside(const struct ext *fs, const struct ext_inode *inode,
                              struct cursor *out)
{
    struct cursor c = cursor_of(inode->raw, fs->super.inode_size);
    uint32_t magic = 0;
    return fs->super.inode_size > I_EXTRA && inode->extra != 0 &&
           cursor_skip(&c, I_EXTRA + inode->extra) && rd_le32(&c, &magic) && magic == XATTR_MAGIC &&
           rd_sub(&c, cursor_left(&c), out);
}

bool ext_inode_has_attributes(const struct ext *fs, const struct ext_inode *inode)
{
    struct cursor c;
    return inode->attributes != 0 || attributes_inside(fs, inode, &c);
}

/* "system.data" (section "Inline Data"). */
bool ext_inode_inline_rest(struct ext *fs, const struct ext_inode *inode, const uint8_t **bytes,
                           size_t *len, GError **error)
{
    struct cursor c, all;
    const uint8_t *head, *name;
    *bytes = NULL;
    *len = 0;
    if (!attributes_inside(fs, inode, &c))
        return true;
    all = c;
    while (cursor_left(&c) >= 4 && le32(&c, c.pos) != 0) {
        uint32_t place, size;
        if (!rd_bytes(&c, XATTR_ENTRY_SIZE, &head) || !rd_bytes(&c, head[0], &name))
            return fail_corrupt(error, "inode %u has a damaged attribute", inode->number);
        (void)cursor_skip(&c, MIN((size_t)(-head[0] & 3), cursor_left(&c)));
        if (head[1] != XATTR_SYSTEM || head[0] != 4 || memcmp(name, "data", 4) != 0)
            continue;
        const struct cursor entry = cursor_of(head, XATTR_ENTRY_SIZE);
        place = le16(&entry, 2);
        size = le32(&entry, 8);
        if (le32(&entry, 4) != 0 || !cursor_seek(&all, place) || !rd_bytes(&all, size, bytes))
            return fail_corrupt(error, "inode %u has damaged inline data", inode->number);
        *len = size;
        return true;
    }
    return true;
}

bool ext_stat(struct tree *t, struct tree_node node, struct tree_stat *out, GError **error)
{
    struct ext_inode inode;
    if (!ext_inode_read(ext_of(t), node.id, &inode, error))
        return false;
    *out = inode.stat;
    return true;
}

/* Directory entries in bytes: inside inodes, and in blocks of entries. */
#include <string.h>

#include "fs/xfs.h"

uint32_t xfs_name_hash(const uint8_t *name, size_t len)
{
    uint32_t hash = 0;
    for (size_t i = 0; i < len; i++)
        hash = (hash << 7 | hash >> 25) ^ name[i];
    return hash;
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

bool xfs_name_equal_ci(const uint8_t *a, const uint8_t *b, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (lower(a[i]) != lower(b[i]))
            return false;
    }
    return true;
}

/* --- inside the inode (XADS "Shortform Directories") -------------------------------------------
 *
 *     u8 entries, u8 those with wide inode numbers, parent (4 or 8 bytes), then entries:
 *     u8 name_len, u16 place, name, u8 ftype (if the filesystem has it), inode (4 or 8 bytes)
 */

bool xfs_dir_short_begin(struct xfs_dir_short *it, struct cursor bytes, bool ftype)
{
    uint8_t count, wide;
    *it = (struct xfs_dir_short){ .bytes = bytes, .ftype = ftype };
    if (!rd_u8(&it->bytes, &count) || !rd_u8(&it->bytes, &wide) ||
        !cursor_skip(&it->bytes, wide != 0 ? 8 : 4))
        return false;
    it->wide = wide != 0;
    it->left = count;
    return true;
}

bool xfs_dir_short_next(struct xfs_dir_short *it, struct xfs_dir_entry *out)
{
    struct cursor c = it->bytes;
    uint8_t len = 0, ftype = XFS_FTYPE_UNKNOWN;
    uint32_t narrow = 0;
    const uint8_t *name;
    if (it->left == 0 || !rd_u8(&c, &len) || len == 0 || !cursor_skip(&c, 2) ||
        !rd_bytes(&c, len, &name) || (it->ftype && !rd_u8(&c, &ftype)))
        return false;
    *out = (struct xfs_dir_entry){ .name = name, .name_len = len, .ftype = ftype };
    if (!(it->wide ? rd_be64(&c, &out->inode) : rd_be32(&c, &narrow)))
        return false;
    if (!it->wide)
        out->inode = narrow;
    it->bytes = c;
    it->left--;
    return true;
}

/* --- in blocks (XADS "Block Directories") ------------------------------------------------------
 *
 *     entry: u64 inode, u8 name_len, name, u8 ftype (if ...), padding, u16 its own place
 *     free:  u16 0xffff, u16 length, ..., u16 its own place
 */

const char *xfs_dir_block_bounds(const struct cursor *block, bool v5, size_t *from, size_t *to)
{
    uint32_t magic = 0, count = 0;
    (void)rd_be32_at(block, 0, &magic);
    *from = v5 ? DIR_HEADER_V5 : DIR_HEADER_V4;
    *to = block->len;
    if (magic == (v5 ? XFS_DIR_DATA_V5 : XFS_DIR_DATA_V4))
        return NULL;
    if (magic != (v5 ? XFS_DIR_BLOCK_V5 : XFS_DIR_BLOCK_V4))
        return "has no magic number";
    /* The index of the block form grows down from the tail. */
    size_t room = block->len - *from - DIR_TAIL;
    (void)rd_be32_at(block, block->len - DIR_TAIL, &count);
    if (count > room / DIR_INDEX_ENTRY)
        return "has an impossible index";
    *to = block->len - DIR_TAIL - (size_t)count * DIR_INDEX_ENTRY;
    return NULL;
}

static bool place_fits(const struct cursor *block, size_t at, size_t len, size_t to)
{
    uint16_t place = 0;
    return len >= DIR_ALIGN && len % DIR_ALIGN == 0 && len <= to - at &&
           rd_be16_at(block, at + len - 2, &place) && place == at;
}

enum xfs_dir_item xfs_dir_item_at(const struct cursor *block, size_t at, size_t to, bool ftype,
                                  struct xfs_dir_entry *out, size_t *len)
{
    uint16_t tag = 0, free_len = 0;
    uint8_t name_len = 0, type = XFS_FTYPE_UNKNOWN;
    if (at >= to || at % DIR_ALIGN != 0)
        return XFS_DIR_ITEM_DAMAGED;
    (void)rd_be16_at(block, at, &tag);
    if (tag == DIR_FREE_TAG) {
        (void)rd_be16_at(block, at + 2, &free_len);
        *len = free_len;
        return place_fits(block, at, *len, to) ? XFS_DIR_ITEM_FREE : XFS_DIR_ITEM_DAMAGED;
    }
    if (!rd_u8_at(block, at + 8, &name_len) || name_len == 0)
        return XFS_DIR_ITEM_DAMAGED;
    size_t used = DIR_ENTRY_NAME + name_len + (ftype ? 1 : 0) + 2;
    *len = (used + DIR_ALIGN - 1) / DIR_ALIGN * DIR_ALIGN;
    if (!place_fits(block, at, *len, to))
        return XFS_DIR_ITEM_DAMAGED;
    if (ftype)
        (void)rd_u8_at(block, at + DIR_ENTRY_NAME + name_len, &type);
    *out = (struct xfs_dir_entry){ .name = block->data + at + DIR_ENTRY_NAME,
                                   .name_len = name_len,
                                   .ftype = type };
    (void)rd_be64_at(block, at, &out->inode);
    return XFS_DIR_ITEM_ENTRY;
}

size_t xfs_dir_resync(const struct cursor *block, size_t at, size_t to, bool ftype)
{
    struct xfs_dir_entry entry;
    size_t len;
    for (at += DIR_ALIGN; at < to; at += DIR_ALIGN) {
        if (xfs_dir_item_at(block, at, to, ftype, &entry, &len) != XFS_DIR_ITEM_DAMAGED)
            return at;
    }
    return to;
}

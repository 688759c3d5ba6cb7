/* What blocks of version 5 say about themselves: checksum, place, filesystem, owner (XADS
 * "Metadata Integrity"). Blocks of version 4 have magic numbers only. */
#include <string.h>

#include "base/crc32c.h"
#include "fs/xfs.h"

const struct xfs_layout xfs_layout_bmap = { .crc = 64, .blkno = 24, .uuid = 40, .owner = 56 };
const struct xfs_layout xfs_layout_dir = { .crc = 4, .blkno = 8, .uuid = 24, .owner = 40 };
const struct xfs_layout xfs_layout_da = { .crc = 12, .blkno = 16, .uuid = 32, .owner = 48 };
const struct xfs_layout xfs_layout_remote = { .crc = 12, .blkno = 40, .uuid = 16, .owner = 32 };
/* An inode is not told its place but its number, which stands where others have the owner. */
const struct xfs_layout xfs_layout_inode = {
    .crc = INODE_CRC, .uuid = INODE_UUID, .owner = INODE_NUMBER, .unlocated = true
};

bool xfs_crc_good(const uint8_t *bytes, size_t len, size_t crc_at)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    return true;
#else
    static const uint8_t zero[4];
    const struct cursor c = cursor_of(bytes, len);
    uint32_t stored;
    if (!rd_le32_at(&c, crc_at, &stored))
        return false;
    /* The sum is made with its own field as zero. */
    uint32_t crc = crc32c_update(~0u, bytes, crc_at);
    crc = crc32c_update(crc, zero, sizeof zero);
    size_t rest = crc_at + sizeof zero;
    return ~crc32c_update(crc, bytes + rest, len - rest) == stored;
#endif
}

bool xfs_block_sealed(const struct xfs *fs, const uint8_t *bytes, size_t len,
                      const struct xfs_layout *layout)
{
    return !fs->super.v5 || xfs_crc_good(bytes, len, layout->crc);
}

const char *xfs_block_misplaced(const struct xfs *fs, const uint8_t *bytes, size_t len,
                                const struct xfs_layout *layout, uint64_t offset)
{
    const struct cursor c = cursor_of(bytes, len);
    uint64_t place = 0;
    if (!fs->super.v5)
        return NULL;
    if (memcmp(bytes + layout->uuid, fs->super.meta_uuid, XFS_UUID_SIZE) != 0)
        return "belongs to another filesystem";
    (void)rd_be64_at(&c, layout->blkno, &place);
    if (!layout->unlocated && place != offset / XFS_BASIC_BLOCK)
        return "belongs to another place";
    return NULL;
}

const char *xfs_block_wrong(const struct xfs *fs, const uint8_t *bytes, size_t len,
                            const struct xfs_layout *layout, uint64_t offset)
{
    if (!xfs_block_sealed(fs, bytes, len, layout))
        return "has a wrong checksum";
    return xfs_block_misplaced(fs, bytes, len, layout, offset);
}

uint64_t xfs_block_owner(const struct xfs *fs, const uint8_t *bytes, size_t len,
                         const struct xfs_layout *layout, uint64_t owner)
{
    const struct cursor c = cursor_of(bytes, len);
    if (fs->super.v5)
        (void)rd_be64_at(&c, layout->owner, &owner);
    return owner;
}

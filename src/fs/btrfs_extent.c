#include "fs/btrfs_extent.h"

#include "base/checked.h"
#include "base/error.h"
#include "base/limits.h"

static bool check_encoding(const struct cursor *item, uint8_t compression, GError **error)
{
    uint8_t encryption = 0;
    uint16_t other = 0;
    (void)rd_u8_at(item, EXTENT_ENCRYPTION, &encryption);
    (void)rd_le16_at(item, EXTENT_OTHER_ENCODING, &other);
    if (encryption != 0 || other != 0)
        return fail_unsupported(error, "extent is encrypted (type %u) or encoded (type %u)",
                                encryption, other);
    if (compression >= BTRFS_COMPRESS_COUNT)
        return fail_unsupported(error, "extent is compressed by unknown method %u", compression);
    return true;
}

static bool parse_inline(const struct cursor *item, struct btrfs_extent *e, GError **error)
{
    e->kind = BTRFS_KIND_INLINE;
    e->inline_data = *item;
    (void)cursor_seek(&e->inline_data, EXTENT_INLINE_DATA);
    e->len = e->ram_len;
    if (e->len == 0 ||
        (e->compression == BTRFS_COMPRESS_NONE && cursor_left(&e->inline_data) < e->ram_len))
        return fail_corrupt(error, "inline extent is shorter than it says");
    if (e->ram_len > LIMIT_BTRFS_COMPRESSED)
        return fail_limit(error, "inline extent of %" G_GUINT64_FORMAT " bytes", e->ram_len);
    return true;
}

static bool parse_disk(const struct cursor *item, uint32_t sectorsize, struct btrfs_extent *e,
                       GError **error)
{
    uint64_t end, disk_end;
    if (!rd_le64_at(item, EXTENT_DISK_BYTENR, &e->disk) ||
        !rd_le64_at(item, EXTENT_DISK_NUM_BYTES, &e->disk_len) ||
        !rd_le64_at(item, EXTENT_OFFSET, &e->skip) || !rd_le64_at(item, EXTENT_NUM_BYTES, &e->len))
        return fail_corrupt(error, "extent is cut short");
    e->kind = e->disk == 0 ? BTRFS_KIND_HOLE : BTRFS_KIND_DISK;
    if (e->len == 0)
        return fail_corrupt(error, "extent is empty");
    if (e->kind == BTRFS_KIND_HOLE)
        return true;
    if ((e->disk | e->disk_len | e->skip | e->len) % sectorsize != 0)
        return fail_corrupt(error, "extent does not consist of sectors");
    if (e->compression == BTRFS_COMPRESS_NONE)
        e->ram_len = e->disk_len;
    else if (e->ram_len > LIMIT_BTRFS_COMPRESSED || e->disk_len > LIMIT_BTRFS_COMPRESSED)
        return fail_limit(error,
                          "compressed extent of %" G_GUINT64_FORMAT " bytes, %" G_GUINT64_FORMAT
                          " on disk",
                          e->ram_len, e->disk_len);
    if (!checked_add(e->skip, e->len, &end) || end > e->ram_len ||
        !checked_add(e->disk, e->disk_len, &disk_end) || e->disk_len == 0)
        return fail_corrupt(error, "extent reaches beyond its place on disk");
    return true;
}

bool btrfs_extent_parse(const struct cursor *item, uint64_t start, uint32_t sectorsize,
                        struct btrfs_extent *out, GError **error)
{
    struct btrfs_extent e = { .start = start };
    uint8_t compression, type;
    uint64_t end;
    if (!rd_le64_at(item, EXTENT_RAM_BYTES, &e.ram_len) ||
        !rd_u8_at(item, EXTENT_COMPRESSION, &compression) || !rd_u8_at(item, EXTENT_TYPE, &type))
        return fail_corrupt(error, "extent is cut short");
    if (!check_encoding(item, compression, error))
        return false;
    e.compression = compression;
    if (type > BTRFS_EXTENT_PREALLOC)
        return fail_corrupt(error, "extent is of unknown type %u", type);
    if (type == BTRFS_EXTENT_INLINE ? !parse_inline(item, &e, error)
                                    : !parse_disk(item, sectorsize, &e, error))
        return false;
    if (!checked_add(e.start, e.len, &end))
        return fail_corrupt(error, "extent reaches beyond the largest offset");
    if (type == BTRFS_EXTENT_PREALLOC)
        e.kind = BTRFS_KIND_HOLE;
    *out = e;
    return true;
}

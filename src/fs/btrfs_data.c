/* Contents by logical address, verified against the checksum tree (a checksum a sector). */
#include "base/checked.h"
#include "base/error.h"
#include "fs/btrfs.h"

/* The checksums from logical on: a cursor over them, empty when there is none for that sector.
 * Trouble in the checksum tree itself is told once; the contents are then not verified. */
static struct cursor sums_at(struct btrfs *fs, struct btrfs_items *it, uint64_t logical)
{
    const struct btrfs_key key = { BTRFS_EXTENT_CSUM_OBJ, BTRFS_EXTENT_CSUM, logical };
    struct cursor sums = { 0 };
    g_autoptr(GError) why = NULL;
    if (!btrfs_items_seek_back(it, &key, &why)) {
        if (btrfs_report_once(fs, it->failed))
            tree_fault(&fs->tree, "%s; file contents are not verified there", why->message);
        return sums;
    }
    if (!btrfs_items_match(it, BTRFS_EXTENT_CSUM_OBJ, BTRFS_EXTENT_CSUM))
        return sums;
    uint64_t index = (logical - it->key.offset) / fs->super.sectorsize, skip;
    sums = it->data;
    if (!checked_mul(index, btrfs_sum_size(fs->sum), &skip) || skip > cursor_left(&sums))
        return (struct cursor){ 0 };
    (void)cursor_skip(&sums, (size_t)skip);
    return sums;
}

/* Reads the range whole from the first copy that lets itself be read. */
static bool read_any_copy(struct btrfs *fs, uint64_t logical, uint8_t *buf, size_t len,
                          GError **why)
{
    unsigned copies = 1;
    for (unsigned copy = 0; copy < copies; copy++) {
        if (btrfs_read_copy(fs, logical, buf, len, copy, &copies, *why == NULL ? why : NULL))
            return true;
    }
    return false;
}

/* One sector from the first copy that its checksum holds for. */
static bool read_good_copy(struct btrfs *fs, uint64_t logical, uint8_t *sector,
                           const uint8_t *expected)
{
    uint32_t len = fs->super.sectorsize;
    unsigned copies = 1;
    for (unsigned copy = 0; copy < copies; copy++) {
        if (btrfs_read_copy(fs, logical, sector, len, copy, &copies, NULL) &&
            btrfs_sum_good(fs->sum, sector, len, expected))
            return true;
    }
    return false;
}

static bool fail_sum(struct btrfs *fs, uint64_t logical, struct btrfs_data_result *result,
                     GError **error)
{
    result->bad = logical;
    return fail_corrupt(
        error, "checksum of the contents at logical address %" G_GUINT64_FORMAT " is wrong",
        logical);
}

/* Verifies one sector, and replaces it when it is wrong. */
static bool settle_sector(struct btrfs *fs, uint64_t logical, uint8_t *sector,
                          const uint8_t *expected, struct btrfs_data_result *result, GError **error)
{
    if (expected == NULL || btrfs_sum_good(fs->sum, sector, fs->super.sectorsize, expected))
        return true;
    if (!read_good_copy(fs, logical, sector, expected))
        return fail_sum(fs, logical, result, error);
    if (btrfs_report_once(fs, logical))
        tree_fault(&fs->tree,
                   "checksum of the contents at logical address %" G_GUINT64_FORMAT
                   " is wrong; their other copy is used",
                   logical);
    return true;
}

static bool verify(struct btrfs *fs, uint64_t logical, uint8_t *buf, size_t len,
                   struct btrfs_data_result *result, GError **error)
{
    g_auto(btrfs_items) it = { .fs = fs, .root = fs->csum_root };
    size_t size = btrfs_sum_size(fs->sum), sector = fs->super.sectorsize;
    struct cursor sums = { 0 };
    for (size_t off = 0; off < len; off += sector) {
        const uint8_t *expected = NULL;
        if (cursor_left(&sums) < size)
            sums = sums_at(fs, &it, logical + off);
        if (!rd_bytes(&sums, size, &expected))
            result->unsummed = true;
        if (!settle_sector(fs, logical + off, buf + off, expected, result, error))
            return false;
    }
    return true;
}

/* Sector by sector, where no copy could be read whole. */
static bool read_pieces(struct btrfs *fs, uint64_t logical, uint8_t *buf, size_t len,
                        struct btrfs_data_result *result, GError **error)
{
    for (size_t off = 0; off < len; off += fs->super.sectorsize) {
        g_autoptr(GError) why = NULL;
        if (!read_any_copy(fs, logical + off, buf + off, fs->super.sectorsize, &why)) {
            result->bad = logical + off;
            g_propagate_error(error, g_steal_pointer(&why));
            return false;
        }
    }
    return true;
}

bool btrfs_data_read(struct btrfs *fs, uint64_t logical, void *buf, size_t len, bool verified,
                     struct btrfs_data_result *result, GError **error)
{
    g_autoptr(GError) why = NULL;
    *result = (struct btrfs_data_result){ .bad = logical };
    if (!read_any_copy(fs, logical, buf, len, &why) &&
        !read_pieces(fs, logical, buf, len, result, error))
        return false;
    if (why != NULL && !g_error_matches(why, ASSAY_ERROR, ASSAY_ERROR_UNSUPPORTED) &&
        btrfs_report_once(fs, logical))
        tree_fault(&fs->tree, "%s; another copy is used", why->message);
    return !verified || fs->csum_root == NULL || verify(fs, logical, buf, len, result, error);
}

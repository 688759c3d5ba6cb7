/* Contents of files: which extent covers an offset, and the bytes of each kind of extent. */
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/limits.h"
#include "fs/btrfs.h"
#include "fs/btrfs_decompress.h"
#include "fs/btrfs_extent.h"

#define READ_STEP (1u << 20) /* bytes read and verified at once */

struct btrfs_file {
    struct tree_file file;
    struct btrfs *fs;
    const struct btrfs_root *root; /* borrowed from fs->subvolumes */
    uint64_t inode;
    bool verify; /* contents have checksums */
    bool unsummed_told;
    struct btrfs_extent extent; /* the last one used; len 0: none */
    /* Decompressed or inline bytes of the extent whose place is plain_of. */
    uint8_t *plain;
    size_t plain_len;
    uint64_t plain_of;
    uint8_t *sector; /* room for the part of a sector */
};

/* plain_of for inline bytes, which have no place on disk. */
#define PLAIN_NONE   UINT64_MAX
#define PLAIN_INLINE (UINT64_MAX - 1)

static void prefix_range(struct btrfs_file *f, uint64_t off, uint64_t len, GError **error)
{
    g_prefix_error(error,
                   "inode %" G_GUINT64_FORMAT " of subvolume %" G_GUINT64_FORMAT
                   ", bytes %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT ": ",
                   f->inode, f->root->id, off, off + len - 1);
}

/* --- extents ------------------------------------------------------------------------------------
 */

/* Without an extent that covers off, a hole reaches to the next one. */
static bool hole_at(struct btrfs_file *f, struct btrfs_items *it, uint64_t off, GError **error)
{
    struct btrfs_extent e = { .start = off, .len = f->file.size - off, .kind = BTRFS_KIND_HOLE };
    const struct btrfs_key key = { f->inode, BTRFS_EXTENT_DATA, off };
    if (!btrfs_items_seek(it, &key, error))
        return false;
    if (btrfs_items_match(it, f->inode, BTRFS_EXTENT_DATA) && it->key.offset - off < e.len)
        e.len = it->key.offset - off;
    f->extent = e;
    return true;
}

static bool keep_inline(struct btrfs_file *f, const struct btrfs_extent *e, GError **error)
{
    struct cursor data = e->inline_data;
    const uint8_t *bytes = NULL;
    size_t len = cursor_left(&data);
    (void)rd_bytes(&data, len, &bytes);
    g_free(f->plain);
    f->plain_len = (size_t)e->len;
    f->plain = g_malloc(f->plain_len);
    f->plain_of = PLAIN_INLINE;
    if (e->compression == BTRFS_COMPRESS_NONE) {
        memcpy(f->plain, bytes, f->plain_len);
        return true;
    }
    const char *wrong = btrfs_decompress(f->fs->decoders, e->compression, f->fs->super.sectorsize,
                                         bytes, len, f->plain, f->plain_len);
    return wrong == NULL || fail_corrupt(error, "%s", wrong);
}

/* Makes f->extent the one that covers off (< the file's size). */
static bool find_extent(struct btrfs_file *f, uint64_t off, GError **error)
{
    const struct btrfs_key key = { f->inode, BTRFS_EXTENT_DATA, off };
    struct btrfs_extent e;
    if (off >= f->extent.start && off - f->extent.start < f->extent.len)
        return true;
    f->extent.len = 0;
    g_auto(btrfs_items) it = { .fs = f->fs, .root = f->root };
    if (!btrfs_items_seek_back(&it, &key, error))
        return false;
    if (btrfs_items_match(&it, f->inode, BTRFS_EXTENT_DATA)) {
        if (!btrfs_extent_parse(&it.data, it.key.offset, f->fs->super.sectorsize, &e, error))
            return false;
        if (off - e.start < e.len) {
            if (e.kind == BTRFS_KIND_INLINE && !keep_inline(f, &e, error))
                return false;
            f->extent = e;
            return true;
        }
    }
    return hole_at(f, &it, off, error);
}

/* --- reading ------------------------------------------------------------------------------------
 */

static bool read_disk(struct btrfs_file *f, uint64_t logical, void *buf, size_t len,
                      uint64_t file_off, GError **error)
{
    struct btrfs_data_result result;
    bool ok = btrfs_data_read(f->fs, logical, buf, len, f->verify, &result, error);
    if (ok && result.unsummed && !f->unsummed_told) {
        f->unsummed_told = true;
        tree_fault(&f->fs->tree,
                   "inode %" G_GUINT64_FORMAT " of subvolume %" G_GUINT64_FORMAT
                   ": contents from byte %" G_GUINT64_FORMAT " on have no checksum",
                   f->inode, f->root->id, file_off);
    }
    if (!ok && f->extent.compression == BTRFS_COMPRESS_NONE)
        prefix_range(f, file_off + (result.bad - logical), f->fs->super.sectorsize, error);
    return ok;
}

/* Whole sectors go straight to the reader; of others a part is copied. */
static bool read_plain(struct btrfs_file *f, uint64_t off, uint8_t *buf, size_t len, size_t *got,
                       GError **error)
{
    const struct btrfs_extent *e = &f->extent;
    uint32_t sector = f->fs->super.sectorsize;
    uint64_t at = e->disk + e->skip + (off - e->start);
    size_t part = (size_t)(at % sector);
    if (part == 0 && len >= sector) {
        *got = (size_t)min_u64(len - len % sector, READ_STEP);
        return read_disk(f, at, buf, *got, off, error);
    }
    if (f->sector == NULL)
        f->sector = g_malloc(sector);
    *got = (size_t)min_u64(len, sector - part);
    if (!read_disk(f, at - part, f->sector, sector, off - part, error))
        return false;
    memcpy(buf, f->sector + part, *got);
    return true;
}

/* All of a compressed extent, since decompression starts at its beginning; kept for the next read,
 * and for other parts of it elsewhere in the file. */
static bool fill_plain(struct btrfs_file *f, GError **error)
{
    const struct btrfs_extent *e = &f->extent;
    if (f->plain_of == e->disk && f->plain_len == e->ram_len)
        return true;
    g_autofree uint8_t *packed = g_malloc((size_t)e->disk_len);
    g_free(f->plain);
    f->plain_len = (size_t)e->ram_len;
    f->plain = g_malloc(f->plain_len);
    f->plain_of = PLAIN_NONE;
    bool ok = read_disk(f, e->disk, packed, (size_t)e->disk_len, e->start, error);
    if (ok) {
        const char *wrong =
            btrfs_decompress(f->fs->decoders, e->compression, f->fs->super.sectorsize, packed,
                             (size_t)e->disk_len, f->plain, f->plain_len);
        ok = wrong == NULL || fail_corrupt(error, "%s", wrong);
    }
    if (!ok) {
        prefix_range(f, e->start, e->len, error);
        return false;
    }
    f->plain_of = e->disk;
    return true;
}

/* A run of bytes within one extent. */
static bool read_run(struct btrfs_file *f, uint64_t off, uint8_t *buf, size_t len, size_t *got,
                     GError **error)
{
    const struct btrfs_extent *e = &f->extent;
    *got = len;
    if (e->kind == BTRFS_KIND_HOLE) {
        memset(buf, 0, len);
        return true;
    }
    if (e->kind == BTRFS_KIND_DISK && e->compression == BTRFS_COMPRESS_NONE)
        return read_plain(f, off, buf, len, got, error);
    if (e->kind == BTRFS_KIND_DISK && !fill_plain(f, error))
        return false;
    memcpy(buf, f->plain + e->skip + (off - e->start), len);
    return true;
}

bool btrfs_file_read(struct tree_file *file, uint64_t off, void *buf, size_t len, GError **error)
{
    struct btrfs_file *f = (struct btrfs_file *)file;
    uint8_t *at = buf;
    while (len > 0) {
        if (!find_extent(f, off, error)) {
            prefix_range(f, off, len, error);
            return false;
        }
        size_t n = (size_t)min_u64(len, f->extent.len - (off - f->extent.start)), got;
        if (!read_run(f, off, at, n, &got, error))
            return false;
        at += got;
        off += got;
        len -= got;
    }
    return true;
}

bool btrfs_file_extent_at(struct tree_file *file, uint64_t off, struct block_extent *out,
                          GError **error)
{
    struct btrfs_file *f = (struct btrfs_file *)file;
    if (!find_extent(f, off, error)) {
        prefix_range(f, off, 1, error);
        return false;
    }
    uint64_t left = f->extent.len - (off - f->extent.start);
    *out = (struct block_extent){ .len = min_u64(left, f->file.size - off),
                                  .zero = f->extent.kind == BTRFS_KIND_HOLE };
    return true;
}

static struct btrfs_file *open_any(struct btrfs *fs, struct tree_node node, uint32_t type,
                                   GError **error)
{
    struct btrfs_inode inode;
    if (!btrfs_inode_read(fs, node, &inode, error))
        return NULL;
    if ((inode.stat.mode & S_IFMT) != type) {
        fail(error, ASSAY_ERROR_INVALID,
             "inode %" G_GUINT64_FORMAT " of subvolume %" G_GUINT64_FORMAT " is no %s", node.id,
             node.sub, type == S_IFREG ? "regular file" : "symbolic link");
        return NULL;
    }
    struct btrfs_file *f = g_new0(struct btrfs_file, 1);
    f->file.tree = &fs->tree;
    f->file.size = inode.stat.size;
    f->fs = fs;
    f->root = btrfs_subvol(fs, node.sub, NULL);
    f->inode = node.id;
    f->verify = (inode.flags & BTRFS_INODE_NODATASUM) == 0;
    f->plain_of = PLAIN_NONE;
    return f;
}

struct tree_file *btrfs_file_open(struct tree *t, struct tree_node node, GError **error)
{
    struct btrfs_file *f = open_any(btrfs_of(t), node, S_IFREG, error);
    return f == NULL ? NULL : &f->file;
}

void btrfs_file_close(struct tree_file *file)
{
    struct btrfs_file *f = (struct btrfs_file *)file;
    g_free(f->plain);
    g_free(f->sector);
    g_free(f);
}

char *btrfs_readlink(struct tree *t, struct tree_node node, GError **error)
{
    struct btrfs_file *f = open_any(btrfs_of(t), node, S_IFLNK, error);
    g_autoptr(tree_file) file = f == NULL ? NULL : &f->file;
    if (file == NULL)
        return NULL;
    if (file->size > LIMIT_SYMLINK_TARGET) {
        fail_limit(error,
                   "inode %" G_GUINT64_FORMAT ": symbolic link of %" G_GUINT64_FORMAT " bytes",
                   node.id, file->size);
        return NULL;
    }
    g_autofree char *target = g_malloc((size_t)file->size + 1);
    if (file->size > 0 && !btrfs_file_read(file, 0, target, (size_t)file->size, error))
        return NULL;
    target[file->size] = '\0';
    return g_steal_pointer(&target);
}

/* Contents of files and targets of symbolic links. */
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/limits.h"
#include "fs/ext.h"

struct ext_file {
    struct tree_file file;
    struct ext *fs;
    struct ext_map map;
    uint8_t *plain; /* inline data, owned; NULL: the map leads to it */
    size_t plain_len;
};

/* Data in the inode: at first in i_block, then in an attribute (section "Inline Data"). */
static bool keep_inline(struct ext_file *f, const struct ext_inode *inode, GError **error)
{
    const uint8_t *rest;
    size_t len;
    if (!ext_inode_inline_rest(f->fs, inode, &rest, &len, error))
        return false;
    /* What lies behind the size is no content; what is missing of it would be a silent loss. */
    if (inode->stat.size > EXT_INODE_BLOCK + len)
        return fail_corrupt(error,
                            "inode %u: %zu bytes of inline data for a size of %" G_GUINT64_FORMAT,
                            inode->number, EXT_INODE_BLOCK + len, inode->stat.size);
    f->plain_len = EXT_INODE_BLOCK + len;
    f->plain = g_malloc(f->plain_len);
    memcpy(f->plain, inode->block, EXT_INODE_BLOCK);
    if (len > 0)
        memcpy(f->plain + EXT_INODE_BLOCK, rest, len);
    return true;
}

/* Contents of any kind of inode: a long link has them, too. */
static struct tree_file *file_of(struct ext *fs, const struct ext_inode *inode, GError **error)
{
    if (inode->flags & EXT4_ENCRYPT_FL) {
        fail_unsupported(error, "inode %u is encrypted", inode->number);
        return NULL;
    }
    struct ext_file *f = g_new0(struct ext_file, 1);
    f->file.tree = &fs->tree;
    f->file.size = inode->stat.size;
    f->fs = fs;
    ext_map_init(&f->map, fs, inode);
    if (inode->flags & EXT4_INLINE_DATA_FL && !keep_inline(f, inode, error)) {
        ext_file_close(&f->file);
        return NULL;
    }
    return &f->file;
}

struct tree_file *ext_file_open(struct tree *t, struct tree_node node, GError **error)
{
    struct ext_inode inode;
    if (!ext_inode_read(ext_of(t), node.id, &inode, error))
        return NULL;
    if (!S_ISREG(inode.stat.mode)) {
        fail(error, ASSAY_ERROR_INVALID, "inode %u is not a regular file", inode.number);
        return NULL;
    }
    return file_of(ext_of(t), &inode, error);
}

bool ext_file_read(struct tree_file *file, uint64_t off, void *buf, size_t len, GError **error)
{
    struct ext_file *f = (struct ext_file *)file;
    uint32_t size = f->fs->super.block_size;
    uint8_t *at = buf;
    if (f->plain != NULL) {
        memcpy(buf, f->plain + off, len);
        return true;
    }
    while (len > 0) {
        struct ext_run run;
        if (!ext_map_find(&f->map, off / size, &run, error))
            return false;
        uint64_t skip = off - run.start * size, rest;
        if (!checked_mul(run.count, (uint64_t)size, &rest))
            rest = UINT64_MAX;
        size_t n = (size_t)min_u64(len, rest - skip);
        if (run.zero) {
            memset(at, 0, n);
        } else if (!block_read(f->fs->tree.block, run.place * size + skip, at, n, error)) {
            g_prefix_error(error, "inode %u, byte %" G_GUINT64_FORMAT ": ", f->map.inode, off);
            return false;
        }
        at += n;
        off += n;
        len -= n;
    }
    return true;
}

bool ext_file_extent_at(struct tree_file *file, uint64_t off, struct block_extent *out,
                        GError **error)
{
    struct ext_file *f = (struct ext_file *)file;
    uint32_t size = f->fs->super.block_size;
    struct ext_run run = { .count = UINT64_MAX };
    uint64_t rest;
    if (f->plain == NULL && !ext_map_find(&f->map, off / size, &run, error))
        return false;
    if (!checked_mul(run.count, (uint64_t)size, &rest))
        rest = UINT64_MAX;
    rest -= off - run.start * size;
    *out = (struct block_extent){ .len = min_u64(rest, file->size - off), .zero = run.zero };
    return true;
}

void ext_file_close(struct tree_file *file)
{
    struct ext_file *f = (struct ext_file *)file;
    ext_map_done(&f->map);
    g_free(f->plain);
    g_free(f);
}

/* A target that fits lies in i_block itself; then no blocks are the inode's own (section
 * "Symbolic Links"). */
static bool is_fast(const struct ext *fs, const struct ext_inode *inode)
{
    /* A cluster of attributes is counted, too. */
    uint64_t others =
        inode->attributes != 0 ? (uint64_t)fs->super.block_size << fs->fs->cluster_ratio_bits : 0;
    if (inode->flags & EXT4_INLINE_DATA_FL || inode->stat.size >= EXT_INODE_BLOCK)
        return false;
    return fs->super.incompat & EXT4_FEATURE_INCOMPAT_EA_INODE || inode->stat.allocated <= others;
}

char *ext_readlink(struct tree *t, struct tree_node node, GError **error)
{
    struct ext *fs = ext_of(t);
    struct ext_inode inode;
    if (!ext_inode_read(fs, node.id, &inode, error))
        return NULL;
    if (!S_ISLNK(inode.stat.mode)) {
        fail(error, ASSAY_ERROR_INVALID, "inode %u is not a symbolic link", inode.number);
        return NULL;
    }
    if (inode.stat.size > LIMIT_SYMLINK_TARGET) {
        fail_limit(error, "inode %u: a symbolic link of %" G_GUINT64_FORMAT " bytes", inode.number,
                   inode.stat.size);
        return NULL;
    }
    size_t len = (size_t)inode.stat.size;
    g_autofree char *target = g_malloc0(len + 1);
    if (!(inode.flags & EXT4_ENCRYPT_FL) && is_fast(fs, &inode)) {
        memcpy(target, inode.block, len);
        return g_steal_pointer(&target);
    }
    struct tree_file *f = file_of(fs, &inode, error);
    if (f == NULL)
        return NULL;
    bool good = len == 0 || ext_file_read(f, 0, target, len, error);
    ext_file_close(f);
    return good ? g_steal_pointer(&target) : NULL;
}

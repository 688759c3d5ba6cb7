/* Contents of files, and targets of symbolic links. */
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/limits.h"
#include "fs/xfs.h"

struct xfs_file {
    struct tree_file file;
    struct xfs_inode inode;
    struct xfs_fork fork;
};

/* What lies at off: *place on the device, *len bytes from there on. */
struct run {
    uint64_t place, len;
    bool zero;
};

static bool find_run(struct xfs_file *f, uint64_t off, struct run *out, GError **error)
{
    const struct xfs_super *s = &f->fork.fs->super;
    uint64_t skip = off & (s->blocksize - 1);
    struct xfs_extent e;
    *out = (struct run){ 0 };
    if (!xfs_map(&f->fork, off >> s->blocklog, &e, error))
        return false;
    out->zero = e.hole || e.unwritten;
    if (!e.hole && !xfs_super_place(s, e.block, e.count, &out->place))
        return fail_corrupt(error, "block %" G_GUINT64_FORMAT " is none of the filesystem",
                            e.block);
    out->place += skip;
    out->len = min_u64((min_u64(e.count, UINT64_MAX >> s->blocklog) << s->blocklog) - skip,
                       f->file.size - off);
    return true;
}

static void prefix_byte(const struct xfs_file *f, uint64_t off, GError **error)
{
    g_prefix_error(error, "inode %" G_GUINT64_FORMAT ", byte %" G_GUINT64_FORMAT ": ",
                   f->inode.number, off);
}

bool xfs_file_read(struct tree_file *file, uint64_t off, void *buf, size_t len, GError **error)
{
    struct xfs_file *f = (struct xfs_file *)file;
    uint8_t *at = buf;
    struct run run;
    while (len > 0) {
        if (!find_run(f, off, &run, error)) {
            prefix_byte(f, off, error);
            return false;
        }
        size_t n = (size_t)min_u64(len, run.len);
        if (run.zero) {
            memset(at, 0, n);
        } else if (!block_read(f->fork.fs->tree.block, run.place, at, n, error)) {
            prefix_byte(f, off, error);
            return false;
        }
        at += n;
        off += n;
        len -= n;
    }
    return true;
}

bool xfs_file_extent_at(struct tree_file *file, uint64_t off, struct block_extent *out,
                        GError **error)
{
    struct xfs_file *f = (struct xfs_file *)file;
    struct run run;
    if (!find_run(f, off, &run, error)) {
        prefix_byte(f, off, error);
        return false;
    }
    *out = (struct block_extent){ .len = run.len, .zero = run.zero };
    return true;
}

static bool read_regular(struct xfs *fs, uint64_t number, struct xfs_file *f, GError **error)
{
    if (!xfs_inode_read(fs, number, &f->inode, error))
        return false;
    if (!S_ISREG(f->inode.stat.mode))
        return fail(error, ASSAY_ERROR_INVALID, "inode %" G_GUINT64_FORMAT " is no regular file",
                    number);
    if ((f->inode.flags & XFS_INODE_REALTIME) != 0 && f->inode.extents > 0)
        return fail_unsupported(error,
                                "inode %" G_GUINT64_FORMAT
                                ": its contents are on the realtime device, which is not read",
                                number);
    f->file.size = f->inode.stat.size;
    return xfs_fork_open(fs, &f->inode, false, &f->fork, error);
}

struct tree_file *xfs_file_open(struct tree *t, struct tree_node node, GError **error)
{
    struct xfs_file *f = g_new0(struct xfs_file, 1);
    f->file.tree = t;
    if (read_regular(xfs_of(t), node.id, f, error))
        return &f->file;
    xfs_file_close(&f->file);
    return NULL;
}

void xfs_file_close(struct tree_file *file)
{
    struct xfs_file *f = (struct xfs_file *)file;
    xfs_inode_clear(&f->inode);
    g_free(f);
}

/* --- symbolic links (XADS "Symbolic Links") ----------------------------------------------------
 *
 * Short ones lie in the inode. Of others, each extent is one piece, with a header on version 5. */

static const char *check_piece(const struct xfs *fs, const uint8_t *buf, size_t len, uint64_t owner,
                               uint64_t offset, size_t done)
{
    const struct cursor c = cursor_of(buf, len);
    uint32_t magic = 0, at = 0;
    const char *wrong = xfs_block_wrong(fs, buf, len, &xfs_layout_remote, offset);
    (void)rd_be32_at(&c, 0, &magic);
    (void)rd_be32_at(&c, REMOTE_OFFSET, &at);
    if (wrong == NULL && magic != XFS_REMOTE_SYMLINK_MAGIC)
        wrong = "has no magic number";
    if (wrong == NULL &&
        (at != done || xfs_block_owner(fs, buf, len, &xfs_layout_remote, owner) != owner))
        wrong = "belongs elsewhere";
    return wrong;
}

/* The bytes of the target in the extent at *block, which is moved on. */
static bool read_piece(struct xfs_fork *fork, uint64_t *block, char *target, size_t len,
                       size_t *done, GError **error)
{
    const struct xfs *fs = fork->fs;
    struct xfs_extent e;
    uint64_t offset;
    if (!xfs_map(fork, *block, &e, error))
        return false;
    size_t head = fs->super.v5 ? REMOTE_HEADER : 0;
    /* No target needs more blocks than this; holes have no end. */
    uint64_t most = (XFS_SYMLINK_MAX + head + fs->super.blocksize - 1) >> fs->super.blocklog;
    uint64_t count = min_u64(e.count, most);
    size_t size = (size_t)count << fs->super.blocklog;
    g_autofree uint8_t *buf = g_malloc(size);
    if (!xfs_fork_read(fork, *block, count, buf, &offset, error))
        return false;
    const char *wrong =
        fs->super.v5 ? check_piece(fs, buf, size, fork->inode, offset, *done) : NULL;
    if (wrong != NULL)
        return fail_corrupt(
            error, "inode %" G_GUINT64_FORMAT ": block %" G_GUINT64_FORMAT " of a symbolic link %s",
            fork->inode, *block, wrong);
    size_t n = (size_t)min_u64(len - *done, size - head);
    memcpy(target + *done, buf + head, n);
    *done += n;
    *block += count;
    return true;
}

static bool read_target(struct xfs *fs, const struct xfs_inode *inode, char *target, size_t len,
                        GError **error)
{
    struct xfs_fork fork;
    uint64_t block = 0;
    size_t done = 0;
    if (inode->format == XFS_FORK_LOCAL) {
        struct cursor c = inode->data;
        return rd_copy(&c, target, len) ||
               fail_corrupt(error, "inode %" G_GUINT64_FORMAT ": symbolic link is cut short",
                            inode->number);
    }
    if (!xfs_fork_open(fs, inode, false, &fork, error))
        return false;
    while (done < len) {
        if (!read_piece(&fork, &block, target, len, &done, error))
            return false;
    }
    return true;
}

char *xfs_readlink(struct tree *t, struct tree_node node, GError **error)
{
    struct xfs *fs = xfs_of(t);
    g_auto(xfs_inode) inode = { 0 };
    if (!xfs_inode_read(fs, node.id, &inode, error))
        return NULL;
    if (!S_ISLNK(inode.stat.mode)) {
        fail(error, ASSAY_ERROR_INVALID, "inode %" G_GUINT64_FORMAT " is no symbolic link",
             node.id);
        return NULL;
    }
    size_t len = (size_t)inode.stat.size;
    if (inode.stat.size == 0 || inode.stat.size > XFS_SYMLINK_MAX) {
        fail_corrupt(error,
                     "inode %" G_GUINT64_FORMAT ": symbolic link of %" G_GUINT64_FORMAT " bytes",
                     node.id, inode.stat.size);
        return NULL;
    }
    g_autofree char *target = g_malloc(len + 1);
    if (!read_target(fs, &inode, target, len, error))
        return NULL;
    target[len] = '\0';
    return g_steal_pointer(&target);
}

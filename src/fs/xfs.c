/* XFS, read-only, our own reader. See xfs.h for its parts and xfs_format.h for the sources. */
#include "fs/xfs.h"

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "fs/drivers.h"

static bool xfs_probe(struct block *b)
{
    struct xfs_super super;
    g_autofree char *damage = NULL;
    return xfs_super_read(b, &super, &damage, NULL);
}

/* What the superblock says that a reader of its contents must know. */
static void tell_doubts(struct xfs *fs)
{
    const struct xfs_super *s = &fs->super;
    if (fs->tree.size > fs->tree.block->size)
        tree_fault(&fs->tree,
                   "%s: has %" G_GUINT64_FORMAT " bytes of the %" G_GUINT64_FORMAT
                   " of its XFS filesystem: cut short",
                   fs->tree.block->name, fs->tree.block->size, fs->tree.size);
    if (s->incompat & XFS_INCOMPAT_NEEDSREPAIR)
        tree_fault(&fs->tree, "%s: the XFS filesystem is marked as needing repair",
                   fs->tree.block->name);
    if (s->inprogress != 0)
        tree_fault(&fs->tree, "%s: the XFS filesystem was never completely made",
                   fs->tree.block->name);
}

static bool read_super(struct xfs *fs, GError **error)
{
    struct block *b = fs->tree.block;
    g_autofree char *damage = NULL;
    if (!xfs_super_read(b, &fs->super, &damage, error) ||
        !xfs_super_check_features(&fs->super, error)) {
        g_prefix_error(error, "%s: ", b->name);
        return false;
    }
    if (damage != NULL)
        tree_fault(&fs->tree, "%s: %s", b->name, damage);
    fs->tree.label = fs->super.label[0] != '\0' ? g_strdup(fs->super.label) : NULL;
    fs->tree.uuid = text_uuid(fs->super.uuid);
    fs->tree.size = fs->super.dblocks << fs->super.blocklog;
    fs->tree.root = (struct tree_node){ .id = fs->super.rootino };
    tell_doubts(fs);
    return true;
}

/* A log that cannot be read may hold anything. */
static void read_log(struct xfs *fs)
{
    g_autoptr(GError) why = NULL;
    if (xfs_log_examine(fs, &why))
        return;
    fs->tree.recovery = TREE_RECOVERY_NEEDED;
    tree_fault(&fs->tree, "%s: whether the log is clean is not known: %s", fs->tree.block->name,
               why->message);
}

static struct tree *xfs_open(struct block *b, GError **error)
{
    struct xfs *fs = tree_alloc(sizeof *fs, &xfs_driver, b);
    g_autoptr(tree) t = &fs->tree;
    fs->cache = lru_new(LIMIT_XFS_CACHE);
    if (!read_super(fs, error))
        return NULL;
    read_log(fs);
    return g_steal_pointer(&t);
}

static void xfs_close(struct tree *t)
{
    struct xfs *fs = xfs_of(t);
    if (fs->inodes != NULL)
        g_bytes_unref(fs->inodes);
    lru_free(fs->cache);
}

const struct tree_driver xfs_driver = {
    .name = "xfs",
    .description = "XFS",
    .probe = xfs_probe,
    .open = xfs_open,
    .stat = xfs_stat,
    .lookup = xfs_lookup,
    .list = xfs_list,
    .readlink = xfs_readlink,
    .file_open = xfs_file_open,
    .file_read = xfs_file_read,
    .file_extent_at = xfs_file_extent_at,
    .file_close = xfs_file_close,
    .xattrs = xfs_xattrs,
    .close = xfs_close,
};

/* Extended attributes, by libext2fs: in the inode, in a block, in inodes of their own. */
#include "base/error.h"
#include "fs/ext.h"
#include "fs/ext_io.h"

struct given {
    tree_xattr_func func;
    void *user;
};

static int give(char *name, char *value, size_t len, void *data)
{
    struct given *g = data;
    /* Where inline data lies is no attribute. */
    if (g_str_equal(name, "system.data"))
        return 0;
    return g->func(name, (const uint8_t *)value, len, g->user) ? 0 : XATTR_ABORT;
}

bool ext_xattrs(struct tree *t, struct tree_node node, tree_xattr_func func, void *user,
                GError **error)
{
    struct ext *fs = ext_of(t);
    struct ext_inode inode;
    struct ext2_xattr_handle *handle = NULL;
    struct given given = { .func = func, .user = user };
    if (!ext_inode_read(fs, node.id, &inode, error))
        return false;
    if (!ext_inode_has_attributes(fs, &inode))
        return true;
    errcode_t code = ext2fs_xattrs_open(fs->fs, inode.number, &handle);
    if (code == 0)
        code = ext2fs_xattrs_read(handle);
    if (code == 0)
        code = ext2fs_xattrs_iterate(handle, give, &given);
    if (handle != NULL)
        (void)ext2fs_xattrs_close(&handle);
    if (code == 0)
        return true;
    (void)ext_io_fail(fs->fs, code, error);
    g_prefix_error(error, "inode %u: extended attributes: ", inode.number);
    return false;
}

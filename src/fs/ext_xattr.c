/* Extended attributes, by libext2fs: in the inode, in a block, in inodes of their own. */
#include "base/cursor.h"
#include "base/error.h"
#include "fs/ext.h"
#include "fs/ext_io.h"

/* Access control lists, as ext keeps them and as getxattr(2) gives them (<linux/posix_acl.h>,
 * <linux/posix_acl_xattr.h>). */
#define ACL_VERSION_DISK  1u
#define ACL_VERSION_XATTR 2u
#define ACL_USER          0x02u
#define ACL_GROUP         0x08u
#define ACL_UNDEFINED_ID  UINT32_MAX

struct given {
    tree_xattr_func func;
    void *user;
};

static void append_le(GByteArray *out, uint32_t value, guint len)
{
    const uint32_t word = GUINT32_TO_LE(value);
    g_byte_array_append(out, (const uint8_t *)&word, len);
}

/* On disk only users and groups that are named have a number. NULL for what is no such list. */
static GByteArray *acl_of_disk(const uint8_t *bytes, size_t len)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    struct cursor c = cursor_of(bytes, len);
    uint32_t version;
    if (!rd_le32(&c, &version) || version != ACL_VERSION_DISK)
        return NULL;
    append_le(out, ACL_VERSION_XATTR, 4);
    while (cursor_left(&c) > 0) {
        uint16_t tag, rights;
        uint32_t id = ACL_UNDEFINED_ID;
        if (!rd_le16(&c, &tag) || !rd_le16(&c, &rights) ||
            ((tag == ACL_USER || tag == ACL_GROUP) && !rd_le32(&c, &id)))
            return NULL;
        append_le(out, tag, 2);
        append_le(out, rights, 2);
        append_le(out, id, 4);
    }
    return g_steal_pointer(&out);
}

static int give(char *name, char *value, size_t len, void *data)
{
    struct given *g = data;
    /* Where inline data lies is no attribute. */
    if (g_str_equal(name, "system.data"))
        return 0;
    g_autoptr(GByteArray) acl =
        g_str_has_prefix(name, "system.posix_acl_") ? acl_of_disk((uint8_t *)value, len) : NULL;
    const uint8_t *bytes = acl != NULL ? acl->data : (const uint8_t *)value;
    return g->func(name, bytes, acl != NULL ? acl->len : len, g->user) ? 0 : XATTR_ABORT;
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

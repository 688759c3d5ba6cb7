/* Extended attributes: in the inode, in a leaf, in a tree of leaves; large values elsewhere. */
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/limits.h"
#include "fs/xfs.h"

struct attr_walk {
    struct xfs *fs;
    struct xfs_fork fork; /* unless they are in the inode */
    uint64_t inode;
    tree_xattr_func func;
    void *user;
    bool ended; /* by func, or there is too much */
    bool over;
    unsigned blocks;
    uint64_t bytes; /* of names and values given so far */
};

static const char *prefix_of(uint8_t flags)
{
    if (flags & XFS_ATTR_ROOT)
        return "trusted.";
    return flags & XFS_ATTR_SECURE ? "security." : "user.";
}

/* An access control list, once more in the form that everybody knows. */
static void give_acl(struct attr_walk *w, const char *name, const uint8_t *value, size_t len)
{
    g_autoptr(GBytes) acl = xfs_acl_convert(value, len);
    if (acl == NULL) {
        tree_fault(&w->fs->tree, "inode %" G_GUINT64_FORMAT ": its access control list is damaged",
                   w->inode);
        return;
    }
    size_t size;
    const void *bytes = g_bytes_get_data(acl, &size);
    w->ended = !w->func(name, bytes, size, w->user);
}

/* What attributes take together is limited: those of one inode could be made to share a value. */
static bool charge(struct attr_walk *w, size_t bytes)
{
    w->bytes += bytes + ATTR_ENTRY;
    if (w->bytes > LIMIT_XFS_ATTR_BYTES)
        w->over = w->ended = true;
    return !w->over;
}

static void give(struct attr_walk *w, uint8_t flags, const uint8_t *name, size_t name_len,
                 const uint8_t *value, size_t len)
{
    char full[sizeof "security." + XFS_NAME_MAX + 1];
    const char *prefix = prefix_of(flags);
    size_t at = strlen(prefix);
    /* Half-made ones do not count; parent pointers are not what users call attributes. */
    if ((flags & (XFS_ATTR_INCOMPLETE | XFS_ATTR_PARENT)) || !charge(w, name_len + len))
        return;
    if (name_len == 0 || memchr(name, '\0', name_len) != NULL) {
        tree_fault(&w->fs->tree,
                   "inode %" G_GUINT64_FORMAT ": an extended attribute has an impossible name",
                   w->inode);
        return;
    }
    const char *acl = flags & XFS_ATTR_ROOT ? xfs_acl_name(name, name_len) : NULL;
    if (acl != NULL)
        give_acl(w, acl, value, len);
    if (w->ended)
        return;
    memcpy(full, prefix, at);
    memcpy(full + at, name, name_len);
    full[at + name_len] = '\0';
    w->ended = !w->func(full, value, len, w->user);
}

/* --- inside the inode (XADS "Shortform Attributes") -------------------------------------------
 *
 *     u16 size, u8 count, u8 0, then entries: u8 name_len, u8 value_len, u8 flags, name, value
 */
static bool walk_short(struct attr_walk *w, struct cursor c, GError **error)
{
    uint8_t count = 0, name_len = 0, len = 0, flags = 0;
    const uint8_t *name, *value;
    (void)rd_u8_at(&c, ATTR_SHORT_COUNT, &count);
    bool good = cursor_skip(&c, ATTR_SHORT_HEADER);
    for (unsigned i = 0; good && i < count && !w->ended; i++) {
        good = rd_u8(&c, &name_len) && rd_u8(&c, &len) && rd_u8(&c, &flags) &&
               rd_bytes(&c, name_len, &name) && rd_bytes(&c, len, &value);
        if (good)
            give(w, flags, name, name_len, value, len);
    }
    return good ||
           fail_corrupt(error,
                        "inode %" G_GUINT64_FORMAT ": extended attributes inside it are damaged",
                        w->inode);
}

/* --- values elsewhere --------------------------------------------------------------------------
 */

static const char *check_value_block(const struct xfs *fs, const uint8_t *buf, uint64_t owner,
                                     uint64_t offset, size_t done, size_t want)
{
    size_t len = fs->super.blocksize;
    const struct cursor c = cursor_of(buf, len);
    uint32_t magic = 0, at = 0, bytes = 0;
    const char *wrong = xfs_block_wrong(fs, buf, len, &xfs_layout_remote, offset);
    (void)rd_be32_at(&c, 0, &magic);
    (void)rd_be32_at(&c, REMOTE_OFFSET, &at);
    (void)rd_be32_at(&c, REMOTE_BYTES, &bytes);
    if (wrong == NULL && magic != XFS_REMOTE_VALUE_MAGIC)
        wrong = "has no magic number";
    if (wrong == NULL && (at != done || bytes != want ||
                          xfs_block_owner(fs, buf, len, &xfs_layout_remote, owner) != owner))
        wrong = "belongs elsewhere";
    return wrong;
}

/* Every block has its header on version 5. */
static bool read_value(struct attr_walk *w, uint64_t block, uint8_t *value, size_t len,
                       GError **error)
{
    const struct xfs *fs = w->fs;
    size_t size = fs->super.blocksize, head = fs->super.v5 ? REMOTE_HEADER : 0;
    g_autofree uint8_t *buf = g_malloc(size);
    uint64_t offset = 0;
    for (size_t done = 0; done < len; block++) {
        size_t n = (size_t)min_u64(len - done, size - head);
        if (!xfs_fork_read(&w->fork, block, 1, buf, &offset, error))
            return false;
        const char *wrong = head > 0 ? check_value_block(fs, buf, w->inode, offset, done, n) : NULL;
        if (wrong != NULL)
            return fail_corrupt(error, "block %" G_GUINT64_FORMAT " of a value %s", block, wrong);
        memcpy(value + done, buf + head, n);
        done += n;
    }
    return true;
}

/* --- leaves (XADS "Leaf Attributes") -----------------------------------------------------------
 *
 *     header, entries of u32 hash, u16 place, u8 flags, u8 0; at the places:
 *     local:  u16 value_len, u8 name_len, name, value
 *     remote: u32 block, u32 value_len, u8 name_len, name
 */

static bool walk_local(struct attr_walk *w, struct cursor c, uint8_t flags)
{
    uint16_t len;
    uint8_t name_len;
    const uint8_t *name, *value;
    if (!rd_be16(&c, &len) || !rd_u8(&c, &name_len) || !rd_bytes(&c, name_len, &name) ||
        !rd_bytes(&c, len, &value))
        return false;
    give(w, flags, name, name_len, value, len);
    return true;
}

static bool walk_remote(struct attr_walk *w, struct cursor c, uint8_t flags, GError **error)
{
    uint32_t block, len;
    uint8_t name_len;
    const uint8_t *name;
    if (!rd_be32(&c, &block) || !rd_be32(&c, &len) || !rd_u8(&c, &name_len) ||
        !rd_bytes(&c, name_len, &name) || len > XFS_ATTR_MAX_VALUE)
        return fail_corrupt(error, "a damaged entry");
    if (flags & (XFS_ATTR_INCOMPLETE | XFS_ATTR_PARENT))
        return true;
    g_autofree uint8_t *value = g_malloc((size_t)len + 1);
    if (!read_value(w, block, value, len, error))
        return false;
    give(w, flags, name, name_len, value, len);
    return true;
}

static bool walk_entry(struct attr_walk *w, const struct cursor *leaf, size_t at, GError **error)
{
    struct cursor c = *leaf;
    uint16_t place = 0;
    uint8_t flags = 0;
    (void)rd_be16_at(leaf, at + ATTR_PLACE, &place);
    if (!rd_u8_at(leaf, at + ATTR_FLAGS, &flags) || !cursor_seek(&c, place))
        return fail_corrupt(error, "a damaged entry");
    if ((flags & XFS_ATTR_LOCAL) == 0)
        return walk_remote(w, c, flags, error);
    return walk_local(w, c, flags) || fail_corrupt(error, "a damaged entry");
}

static void walk_leaf(struct attr_walk *w, const struct xfs_da *da, uint64_t block)
{
    size_t at = w->fs->super.v5 ? ATTR_LEAF_HEADER_V5 : ATTR_LEAF_HEADER_V4;
    size_t count = min_u64(da->count, (da->c.len - at) / ATTR_ENTRY);
    if (count < da->count)
        tree_fault(&w->fs->tree,
                   "inode %" G_GUINT64_FORMAT ": block %" G_GUINT64_FORMAT
                   " of its extended attributes claims more than fit",
                   w->inode, block);
    for (size_t i = 0; i < count && !w->ended; i++, at += ATTR_ENTRY) {
        g_autoptr(GError) why = NULL;
        if (!walk_entry(w, &da->c, at, &why))
            tree_fault(&w->fs->tree,
                       "inode %" G_GUINT64_FORMAT ": extended attribute %" G_GSIZE_FORMAT
                       " in block %" G_GUINT64_FORMAT ": %s",
                       w->inode, i, block, why->message);
    }
}

/* --- trees -------------------------------------------------------------------------------------
 */

/* The nodes from the root down to where the walk is. */
struct attr_path {
    GBytes *nodes[DA_MAX_LEVEL];
    unsigned at[DA_MAX_LEVEL]; /* next child */
    unsigned depth;
};

/* Looks at the block: goes through a leaf, goes down into a node. */
static bool enter(struct attr_walk *w, struct attr_path *path, uint64_t block, GError **error)
{
    bool v5 = w->fs->super.v5;
    g_autoptr(GBytes) bytes = xfs_da_block(&w->fork, block, error);
    if (bytes == NULL)
        return false;
    struct xfs_da da = xfs_da_parse(bytes, v5);
    bool node = da.magic == XFS_DA_NODE_V4;
    if (path->depth > 0) {
        struct xfs_da parent = xfs_da_parse(path->nodes[path->depth - 1], v5);
        node = node && da.level < parent.level;
    }
    if (da.magic == XFS_ATTR_LEAF_V4) {
        walk_leaf(w, &da, block);
    } else if (node && path->depth < DA_MAX_LEVEL) {
        path->at[path->depth] = 0;
        path->nodes[path->depth++] = g_steal_pointer(&bytes);
    } else {
        return fail_corrupt(error,
                            "inode %" G_GUINT64_FORMAT ": block %" G_GUINT64_FORMAT
                            " of its extended attributes is out of place",
                            w->inode, block);
    }
    return true;
}

/* The next block to look at; false when all were. */
static bool advance(struct attr_walk *w, struct attr_path *path, uint64_t *block)
{
    while (path->depth > 0) {
        unsigned top = path->depth - 1;
        struct xfs_da da = xfs_da_parse(path->nodes[top], w->fs->super.v5);
        if (path->at[top] < da.count) {
            *block = xfs_da_value(&da, path->at[top]++);
            return true;
        }
        g_bytes_unref(path->nodes[top]);
        path->depth = top;
    }
    return false;
}

static bool walk_tree(struct attr_walk *w, GError **error)
{
    struct attr_path path = { .depth = 0 };
    uint64_t block = 0;
    bool ok = enter(w, &path, 0, error);
    while (ok && advance(w, &path, &block)) {
        g_autoptr(GError) why = NULL;
        if (w->ended)
            continue;
        if (++w->blocks > LIMIT_XFS_ATTR_BLOCKS)
            ok = fail_limit(
                error, "inode %" G_GUINT64_FORMAT " has more than %u blocks of extended attributes",
                w->inode, LIMIT_XFS_ATTR_BLOCKS);
        else if (!enter(w, &path, block, &why))
            tree_fault(&w->fs->tree, "%s", why->message);
    }
    while (path.depth > 0)
        g_bytes_unref(path.nodes[--path.depth]);
    return ok;
}

bool xfs_xattrs(struct tree *t, struct tree_node node, tree_xattr_func func, void *user,
                GError **error)
{
    struct xfs *fs = xfs_of(t);
    g_auto(xfs_inode) inode = { 0 };
    struct attr_walk w = { .fs = fs, .inode = node.id, .func = func, .user = user };
    if (!xfs_inode_read(fs, node.id, &inode, error))
        return false;
    if (inode.attr.len == 0)
        return true;
    if (inode.attr_format == XFS_FORK_LOCAL)
        return walk_short(&w, inode.attr, error);
    if (inode.attr_format == XFS_FORK_EXTENTS && inode.attr_extents == 0)
        return true;
    if (!xfs_fork_open(fs, &inode, true, &w.fork, error) || !walk_tree(&w, error))
        return false;
    return !w.over ||
           fail_limit(error,
                      "inode %" G_GUINT64_FORMAT " has more than %u bytes of extended attributes",
                      node.id, LIMIT_XFS_ATTR_BYTES);
}

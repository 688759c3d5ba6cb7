/* Inodes, directories, extended attributes. */
#include <string.h>
#include <sys/sysmacros.h>

#include "base/crc32c.h"
#include "base/error.h"
#include "fs/btrfs.h"

uint64_t btrfs_name_hash(const char *name, size_t len)
{
    return crc32c_update(~UINT32_C(1), name, len);
}

bool btrfs_dir_entry_take(struct cursor *item, struct btrfs_dir_entry *out)
{
    const uint8_t *head, *name;
    if (!rd_bytes(item, DIR_ITEM_SIZE, &head))
        return false;
    const struct cursor c = cursor_of(head, DIR_ITEM_SIZE);
    uint16_t data_len = 0, name_len = 0;
    (void)rd_le16_at(&c, DIR_DATA_LEN, &data_len);
    (void)rd_le16_at(&c, DIR_NAME_LEN, &name_len);
    (void)rd_u8_at(&c, DIR_TYPE, &out->type);
    out->location = btrfs_key_read(head + DIR_LOCATION);
    out->name_len = name_len;
    out->data_len = data_len;
    if (name_len == 0 || name_len > BTRFS_NAME_MAX || !rd_bytes(item, name_len, &name) ||
        !rd_bytes(item, data_len, &out->data))
        return false;
    out->name = (const char *)name;
    return true;
}

static void take_time(const struct cursor *c, size_t off, int64_t *seconds, uint32_t *ns)
{
    uint64_t s = 0;
    uint32_t n = 0;
    (void)rd_le64_at(c, off, &s);
    (void)rd_le32_at(c, off + 8, &n);
    *seconds = (int64_t)s;
    if (ns != NULL)
        *ns = n < 1000000000u ? n : 0;
}

static void inode_parse(const struct cursor *c, uint32_t sectorsize, struct btrfs_inode *out)
{
    struct tree_stat *st = &out->stat;
    uint64_t nbytes = 0, rdev = 0;
    uint32_t nlink = 0;
    *out = (struct btrfs_inode){ 0 };
    (void)rd_le64_at(c, INODE_SIZE, &st->size);
    (void)rd_le64_at(c, INODE_NBYTES, &nbytes);
    (void)rd_le32_at(c, INODE_NLINK, &nlink);
    (void)rd_le32_at(c, INODE_UID, &st->uid);
    (void)rd_le32_at(c, INODE_GID, &st->gid);
    (void)rd_le32_at(c, INODE_MODE, &st->mode);
    (void)rd_le64_at(c, INODE_RDEV, &rdev);
    (void)rd_le64_at(c, INODE_FLAGS, &out->flags);
    take_time(c, INODE_ATIME, &st->atime, NULL);
    take_time(c, INODE_CTIME, &st->ctime, &st->ctime_ns);
    take_time(c, INODE_MTIME, &st->mtime, &st->mtime_ns);
    take_time(c, INODE_OTIME, &st->btime, NULL);
    st->nlink = nlink;
    /* As Linux counts st_blocks: whole sectors, before compression. */
    st->allocated = nbytes > UINT64_MAX - sectorsize
                        ? nbytes
                        : (nbytes + sectorsize - 1) / sectorsize * sectorsize;
    /* Twenty bits of minor number, as inside Linux. */
    if (S_ISCHR(st->mode) || S_ISBLK(st->mode))
        st->rdev = makedev((unsigned)(rdev >> 20), (unsigned)(rdev & 0xfffff));
}

bool btrfs_inode_read(struct btrfs *fs, struct tree_node node, struct btrfs_inode *out,
                      GError **error)
{
    const struct btrfs_key key = { node.id, BTRFS_INODE_ITEM, 0 };
    if (node.id & BTRFS_EMPTY_DIR) {
        *out = (struct btrfs_inode){ .stat = { .mode = S_IFDIR | 0755, .nlink = 1 } };
        return true;
    }
    const struct btrfs_root *root = btrfs_subvol(fs, node.sub, error);
    if (root == NULL)
        return false;
    g_auto(btrfs_items) it = { .fs = fs, .root = root };
    if (!btrfs_items_find(&it, &key, error))
        return false;
    if (!it.at || cursor_left(&it.data) < INODE_ITEM_SIZE)
        return fail_corrupt(error,
                            "inode %" G_GUINT64_FORMAT " of subvolume %" G_GUINT64_FORMAT " is %s",
                            node.id, node.sub, it.at ? "cut short" : "missing");
    inode_parse(&it.data, fs->super.sectorsize, out);
    return true;
}

bool btrfs_stat(struct tree *t, struct tree_node node, struct tree_stat *out, GError **error)
{
    struct btrfs_inode inode;
    if (!btrfs_inode_read(btrfs_of(t), node, &inode, error))
        return false;
    *out = inode.stat;
    return true;
}

/* What a directory entry leads to. */
static bool entry_node(struct btrfs *fs, struct tree_node dir, const struct btrfs_dir_entry *e,
                       struct tree_node *out, GError **error)
{
    if (e->location.type == BTRFS_INODE_ITEM) {
        *out = (struct tree_node){ .id = e->location.objectid, .sub = dir.sub };
        return true;
    }
    if (e->location.type == BTRFS_ROOT_ITEM)
        return btrfs_subvol_enter(fs, dir, e->name, e->name_len, e->location.objectid, out, error);
    return fail_corrupt(error, "an entry leads to an item of type %u", e->location.type);
}

static bool fail_no_entry(struct tree_node dir, GError **error)
{
    return fail(error, ASSAY_ERROR_NOT_FOUND,
                "directory %" G_GUINT64_FORMAT " of subvolume %" G_GUINT64_FORMAT
                " has no such entry",
                dir.id, dir.sub);
}

bool btrfs_lookup(struct tree *t, struct tree_node dir, const char *name, size_t len,
                  struct tree_node *out, GError **error)
{
    struct btrfs *fs = btrfs_of(t);
    const struct btrfs_key key = { dir.id, BTRFS_DIR_ITEM, btrfs_name_hash(name, len) };
    struct btrfs_dir_entry entry;
    if (dir.id & BTRFS_EMPTY_DIR)
        return fail_no_entry(dir, error);
    const struct btrfs_root *root = btrfs_subvol(fs, dir.sub, error);
    if (root == NULL)
        return false;
    g_auto(btrfs_items) it = { .fs = fs, .root = root };
    if (!btrfs_items_find(&it, &key, error))
        return false;
    /* Names with the same hash share an item. */
    while (it.at && cursor_left(&it.data) > 0) {
        if (!btrfs_dir_entry_take(&it.data, &entry))
            return fail_corrupt(error,
                                "directory %" G_GUINT64_FORMAT " of subvolume %" G_GUINT64_FORMAT
                                " has a damaged entry",
                                dir.id, dir.sub);
        if (entry.name_len == len && memcmp(entry.name, name, len) == 0)
            return entry_node(fs, dir, &entry, out, error);
    }
    return fail_no_entry(dir, error);
}

static uint32_t mode_of_type(uint8_t type)
{
    static const uint32_t modes[] = { 0,       S_IFREG, S_IFDIR,  S_IFCHR,
                                      S_IFBLK, S_IFIFO, S_IFSOCK, S_IFLNK };
    return type < G_N_ELEMENTS(modes) ? modes[type] : 0;
}

/* *go_on: false when the caller has seen enough. */
static void give_entry(struct btrfs *fs, struct tree_node dir, struct btrfs_items *it,
                       tree_list_func func, void *user, bool *go_on)
{
    char name[BTRFS_NAME_MAX + 1];
    struct btrfs_dir_entry e;
    struct tree_entry out = { .name = name };
    g_autoptr(GError) error = NULL;
    if (!btrfs_dir_entry_take(&it->data, &e)) {
        tree_fault(&fs->tree,
                   "directory %" G_GUINT64_FORMAT " of subvolume %" G_GUINT64_FORMAT
                   ": entry %" G_GUINT64_FORMAT " is damaged",
                   dir.id, dir.sub, it->key.offset);
        return;
    }
    memcpy(name, e.name, e.name_len);
    name[e.name_len] = '\0';
    out.name_len = e.name_len;
    out.type = mode_of_type(e.type);
    if (!entry_node(fs, dir, &e, &out.node, &error)) {
        tree_fault(&fs->tree,
                   "directory %" G_GUINT64_FORMAT " of subvolume %" G_GUINT64_FORMAT
                   ": entry %" G_GUINT64_FORMAT ": %s",
                   dir.id, dir.sub, it->key.offset, error->message);
        return;
    }
    *go_on = func(&out, user);
}

/* Refuses what is no directory. */
static bool check_directory(struct btrfs *fs, struct tree_node dir, GError **error)
{
    struct btrfs_inode inode;
    if (!btrfs_inode_read(fs, dir, &inode, error))
        return false;
    if (!S_ISDIR(inode.stat.mode))
        return fail(error, ASSAY_ERROR_INVALID,
                    "inode %" G_GUINT64_FORMAT " of subvolume %" G_GUINT64_FORMAT
                    " is no directory",
                    dir.id, dir.sub);
    return true;
}

bool btrfs_list(struct tree *t, struct tree_node dir, tree_list_func func, void *user,
                GError **error)
{
    struct btrfs *fs = btrfs_of(t);
    const struct btrfs_key key = { dir.id, BTRFS_DIR_INDEX, 0 };
    bool go_on = true;
    if (dir.id & BTRFS_EMPTY_DIR)
        return true;
    if (!check_directory(fs, dir, error))
        return false;
    const struct btrfs_root *root = btrfs_subvol(fs, dir.sub, error);
    if (root == NULL)
        return false;
    g_auto(btrfs_items) it = { .fs = fs, .root = root, .skip = true };
    if (!btrfs_items_seek(&it, &key, error))
        return false;
    while (go_on && btrfs_items_match(&it, dir.id, BTRFS_DIR_INDEX)) {
        give_entry(fs, dir, &it, func, user, &go_on);
        if (!btrfs_items_next(&it, error))
            return false;
    }
    return true;
}

bool btrfs_xattrs(struct tree *t, struct tree_node node, tree_xattr_func func, void *user,
                  GError **error)
{
    struct btrfs *fs = btrfs_of(t);
    const struct btrfs_key key = { node.id, BTRFS_XATTR_ITEM, 0 };
    char name[BTRFS_NAME_MAX + 1];
    struct btrfs_dir_entry e;
    if (node.id & BTRFS_EMPTY_DIR)
        return true;
    const struct btrfs_root *root = btrfs_subvol(fs, node.sub, error);
    if (root == NULL)
        return false;
    g_auto(btrfs_items) it = { .fs = fs, .root = root };
    if (!btrfs_items_seek(&it, &key, error))
        return false;
    while (btrfs_items_match(&it, node.id, BTRFS_XATTR_ITEM)) {
        while (cursor_left(&it.data) > 0) {
            if (!btrfs_dir_entry_take(&it.data, &e))
                return fail_corrupt(error,
                                    "inode %" G_GUINT64_FORMAT " of subvolume %" G_GUINT64_FORMAT
                                    " has a damaged extended attribute",
                                    node.id, node.sub);
            memcpy(name, e.name, e.name_len);
            name[e.name_len] = '\0';
            if (!func(name, e.data, e.data_len, user))
                return true;
        }
        if (!btrfs_items_next(&it, error))
            return false;
    }
    return true;
}

/* Subvolumes: finding the roots of trees, crossing from one into another, listing them all. */
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "fs/btrfs.h"

bool btrfs_is_subvol_id(uint64_t id)
{
    return id == BTRFS_FS_TREE || (id >= BTRFS_FIRST_FREE && id <= BTRFS_LAST_FREE);
}

static bool is_set(const uint8_t *uuid)
{
    static const uint8_t none[BTRFS_UUID_SIZE];
    return memcmp(uuid, none, sizeof none) != 0;
}

/* Fields that older kernels do not keep: right only if the newer generation agrees. */
static void take_uuids(const struct cursor *item, struct btrfs_root *root)
{
    struct cursor c = *item;
    uint64_t generation;
    const uint8_t *parent;
    if (!rd_le64_at(&c, ROOT_GENERATION_V2, &generation) || generation != root->generation ||
        !cursor_seek(&c, ROOT_UUID) || !rd_copy(&c, root->uuid, sizeof root->uuid) ||
        !rd_bytes(&c, BTRFS_UUID_SIZE, &parent))
        return;
    root->has_uuid = is_set(root->uuid);
    root->is_snapshot = is_set(parent);
}

/* deleted: nothing leads there any more, the tree is being taken apart. */
static bool root_parse(const struct cursor *item, uint64_t id, struct btrfs_root *out,
                       bool *deleted, GError **error)
{
    struct btrfs_root r = { .id = id };
    uint32_t refs;
    if (!rd_le64_at(item, ROOT_GENERATION, &r.generation) ||
        !rd_le64_at(item, ROOT_DIRID, &r.root_dir) || !rd_le64_at(item, ROOT_BYTENR, &r.bytenr) ||
        !rd_le64_at(item, ROOT_FLAGS, &r.flags) || !rd_le32_at(item, ROOT_REFS, &refs) ||
        !rd_u8_at(item, ROOT_LEVEL, &r.level))
        return fail_corrupt(error, "root of tree %" G_GUINT64_FORMAT " is cut short", id);
    if (r.level > BTRFS_MAX_LEVEL)
        return fail_corrupt(error, "root of tree %" G_GUINT64_FORMAT " has the impossible level %u",
                            id, r.level);
    if (btrfs_is_subvol_id(id) && r.root_dir < BTRFS_FIRST_FREE)
        r.root_dir = BTRFS_FIRST_FREE;
    take_uuids(item, &r);
    *deleted = refs == 0 || (r.flags & BTRFS_ROOT_DEAD) != 0;
    *out = r;
    return true;
}

bool btrfs_root_load(struct btrfs *fs, uint64_t id, struct btrfs_root *out, GError **error)
{
    /* A snapshot's key says in its offset when it was made. */
    const struct btrfs_key key = { id, BTRFS_ROOT_ITEM, UINT64_MAX };
    g_auto(btrfs_items) it = { .fs = fs, .root = &fs->root_tree };
    bool deleted = false;
    if (!btrfs_items_seek_back(&it, &key, error))
        return false;
    if (btrfs_items_match(&it, id, BTRFS_ROOT_ITEM)) {
        if (!root_parse(&it.data, id, out, &deleted, error))
            return false;
        if (!deleted)
            return true;
    }
    return fail(error, ASSAY_ERROR_NOT_FOUND, "tree %" G_GUINT64_FORMAT " %s", id,
                deleted ? "has been deleted" : "does not exist");
}

const struct btrfs_root *btrfs_subvol(struct btrfs *fs, uint64_t id, GError **error)
{
    struct btrfs_root *root = g_hash_table_lookup(fs->subvolumes, &id);
    if (root != NULL)
        return root;
    struct btrfs_root loaded;
    if (!btrfs_is_subvol_id(id)) {
        fail(error, ASSAY_ERROR_NOT_FOUND, "tree %" G_GUINT64_FORMAT " is no subvolume", id);
        return NULL;
    }
    if (!btrfs_root_load(fs, id, &loaded, error))
        return NULL;
    if (g_hash_table_size(fs->subvolumes) >= LIMIT_SUBVOLUMES) {
        fail_limit(error, "more than %u subvolumes", LIMIT_SUBVOLUMES);
        return NULL;
    }
    root = g_memdup2(&loaded, sizeof loaded);
    g_hash_table_insert(fs->subvolumes, &root->id, root);
    return root;
}

bool btrfs_default_subvol(struct btrfs *fs, uint64_t *id, GError **error)
{
    static const char name[] = "default";
    const struct btrfs_key key = { BTRFS_ROOT_TREE_DIR, BTRFS_DIR_ITEM,
                                   btrfs_name_hash(name, strlen(name)) };
    g_auto(btrfs_items) it = { .fs = fs, .root = &fs->root_tree };
    struct btrfs_dir_entry entry;
    *id = BTRFS_FS_TREE;
    if (!btrfs_items_find(&it, &key, error))
        return false;
    while (it.at && btrfs_dir_entry_take(&it.data, &entry)) {
        if (entry.name_len == strlen(name) && memcmp(entry.name, name, entry.name_len) == 0) {
            *id = entry.location.objectid;
            break;
        }
    }
    return true;
}

/* A root_ref or root_backref: the directory and the name that lead to a subvolume. */
static bool ref_parse(struct cursor item, uint64_t *dir, const char **name, uint16_t *len)
{
    const uint8_t *bytes;
    if (!rd_le64_at(&item, ROOT_REF_DIRID, dir) || !rd_le16_at(&item, ROOT_REF_NAME_LEN, len) ||
        !cursor_seek(&item, ROOT_REF_SIZE) || !rd_bytes(&item, *len, &bytes) || *len == 0)
        return false;
    *name = (const char *)bytes;
    return true;
}

/* A snapshot copies the entries for subvolumes nested in the original, but no reference leads from
 * the snapshot to them: they show as empty directories. */
static bool is_referenced(struct btrfs *fs, struct tree_node dir, const char *name, size_t len,
                          uint64_t child, bool *yes, GError **error)
{
    const struct btrfs_key key = { dir.sub, BTRFS_ROOT_REF, child };
    g_auto(btrfs_items) it = { .fs = fs, .root = &fs->root_tree };
    uint64_t ref_dir;
    const char *ref_name;
    uint16_t ref_len;
    if (!btrfs_items_find(&it, &key, error))
        return false;
    *yes = it.at && ref_parse(it.data, &ref_dir, &ref_name, &ref_len) && ref_dir == dir.id &&
           ref_len == len && memcmp(ref_name, name, len) == 0;
    return true;
}

bool btrfs_subvol_enter(struct btrfs *fs, struct tree_node dir, const char *name, size_t len,
                        uint64_t child, struct tree_node *out, GError **error)
{
    g_autoptr(GError) why = NULL;
    bool referenced;
    if (!is_referenced(fs, dir, name, len, child, &referenced, error))
        return false;
    const struct btrfs_root *root = referenced ? btrfs_subvol(fs, child, &why) : NULL;
    if (root != NULL)
        *out = (struct tree_node){ .id = root->root_dir, .sub = child };
    else if (!referenced || g_error_matches(why, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND))
        *out = (struct tree_node){ .id = BTRFS_EMPTY_DIR | child, .sub = dir.sub };
    else /* whoever enters is told why not */
        *out = (struct tree_node){ .id = BTRFS_FIRST_FREE, .sub = child };
    return true;
}

/* --- the list -----------------------------------------------------------------------------------
 */

static bool prepend(GString *path, const char *name, size_t len)
{
    if (path->len + len + 1 > LIMIT_PATH)
        return false;
    if (path->len > 0)
        g_string_prepend_c(path, '/');
    g_string_prepend_len(path, name, (gssize)len);
    return true;
}

/* The directories of one subvolume from dir up to its root. */
static bool prepend_directories(struct btrfs *fs, const struct btrfs_root *root, uint64_t dir,
                                GString *path, GError **error)
{
    g_auto(btrfs_items) it = { .fs = fs, .root = root };
    for (unsigned depth = 0; dir != root->root_dir; depth++) {
        const struct btrfs_key key = { dir, BTRFS_INODE_REF, 0 };
        uint16_t len;
        const uint8_t *name;
        if (!btrfs_items_seek(&it, &key, error))
            return false;
        if (!btrfs_items_match(&it, dir, BTRFS_INODE_REF) ||
            !rd_le16_at(&it.data, INODE_REF_NAME_LEN, &len) ||
            !cursor_seek(&it.data, INODE_REF_SIZE) || !rd_bytes(&it.data, len, &name) || len == 0)
            return fail_corrupt(error,
                                "directory %" G_GUINT64_FORMAT " of subvolume %" G_GUINT64_FORMAT
                                " has no name",
                                dir, root->id);
        if (depth >= LIMIT_TREE_DEPTH || !prepend(path, (const char *)name, len))
            return fail_limit(error, "its path is longer or deeper than allowed");
        dir = it.key.offset;
    }
    return true;
}

/* From a subvolume up to the top one. *parent: the subvolume that it lies in. *linked: false when
 * nothing leads to it. */
static bool build_path(struct btrfs *fs, uint64_t id, GString *path, uint64_t *parent, bool *linked,
                       GError **error)
{
    g_auto(btrfs_items) it = { .fs = fs, .root = &fs->root_tree };
    *parent = 0;
    *linked = true;
    for (unsigned depth = 0; id != BTRFS_FS_TREE; depth++) {
        const struct btrfs_key key = { id, BTRFS_ROOT_BACKREF, 0 };
        uint64_t dir;
        const char *name;
        uint16_t len;
        if (!btrfs_items_seek(&it, &key, error))
            return false;
        *linked =
            btrfs_items_match(&it, id, BTRFS_ROOT_BACKREF) && ref_parse(it.data, &dir, &name, &len);
        if (!*linked)
            return true;
        if (depth >= LIMIT_TREE_DEPTH || !prepend(path, name, len))
            return fail_limit(error, "its path is longer or deeper than allowed");
        id = it.key.offset;
        if (depth == 0)
            *parent = id;
        const struct btrfs_root *root = btrfs_subvol(fs, id, error);
        if (root == NULL || !prepend_directories(fs, root, dir, path, error))
            return false;
    }
    return true;
}

struct listing {
    struct btrfs *fs;
    uint64_t default_id;
    tree_subvolume_func func;
    void *user;
    bool go_on;
};

/* Damage to one subvolume hides that one, and is told. */
static void list_one(struct listing *l, uint64_t id)
{
    g_autoptr(GString) path = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *uuid = NULL;
    bool linked = false;
    struct tree_subvolume sub = { .id = id };
    const struct btrfs_root *root = btrfs_subvol(l->fs, id, &error);
    if (root == NULL && g_error_matches(error, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND))
        return;
    if (root == NULL || !build_path(l->fs, id, path, &sub.parent_id, &linked, &error) || !linked) {
        tree_fault(&l->fs->tree, "subvolume %" G_GUINT64_FORMAT ": %s", id,
                   error != NULL ? error->message : "nothing leads to it");
        return;
    }
    uuid = root->has_uuid ? text_uuid(root->uuid) : NULL;
    sub.root = (struct tree_node){ .id = root->root_dir, .sub = id };
    sub.path = path->str;
    sub.uuid = uuid;
    sub.is_default = id == l->default_id;
    sub.read_only = (root->flags & BTRFS_ROOT_READ_ONLY) != 0;
    sub.is_snapshot = root->is_snapshot;
    l->go_on = l->func(&sub, l->user);
}

bool btrfs_subvolumes(struct tree *t, tree_subvolume_func func, void *user, GError **error)
{
    struct btrfs *fs = btrfs_of(t);
    struct listing l = { .fs = fs, .func = func, .user = user, .go_on = true };
    g_auto(btrfs_items) it = { .fs = fs, .root = &fs->root_tree, .skip = true };
    struct btrfs_key key = { BTRFS_FS_TREE, BTRFS_ROOT_ITEM, 0 };
    l.default_id = t->root.sub;
    for (unsigned count = 0; l.go_on; count++) {
        if (!btrfs_items_seek(&it, &key, error))
            return false;
        if (!it.at || it.key.objectid > BTRFS_LAST_FREE)
            return true;
        if (count >= LIMIT_SUBVOLUMES) {
            tree_fault(t, "more than %u subvolumes", LIMIT_SUBVOLUMES);
            return true;
        }
        key = it.key;
        if (key.type == BTRFS_ROOT_ITEM && btrfs_is_subvol_id(key.objectid))
            list_one(&l, key.objectid);
        /* All of an object's roots are one; its other items do not matter here. */
        if (key.type < BTRFS_ROOT_ITEM) {
            key = (struct btrfs_key){ key.objectid, BTRFS_ROOT_ITEM, 0 };
        } else {
            key = (struct btrfs_key){ key.objectid + 1, BTRFS_ROOT_ITEM, 0 };
        }
    }
    return true;
}

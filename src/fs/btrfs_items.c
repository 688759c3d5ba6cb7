/* Searching trees: from a root down to the leaf where a key belongs. */
#include "base/error.h"
#include "fs/btrfs.h"

int btrfs_key_compare(const struct btrfs_key *a, const struct btrfs_key *b)
{
    if (a->objectid != b->objectid)
        return a->objectid < b->objectid ? -1 : 1;
    if (a->type != b->type)
        return a->type < b->type ? -1 : 1;
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

void btrfs_items_clear(struct btrfs_items *it)
{
    g_clear_pointer(&it->leaf, g_bytes_unref);
    it->at = false;
}

static void set_leaf(struct btrfs_items *it, GBytes *leaf, const struct btrfs_key *behind,
                     bool last)
{
    if (it->leaf != NULL)
        g_bytes_unref(it->leaf);
    it->leaf = leaf;
    it->behind = *behind;
    it->last = last;
}

static bool use_finger(struct btrfs_items *it, const struct btrfs_key *key)
{
    for (unsigned i = 0; i < BTRFS_FINGERS; i++) {
        const struct btrfs_finger *f = &it->fs->fingers[i];
        if (f->leaf != NULL && f->root == it->root->id && btrfs_key_compare(&f->first, key) <= 0 &&
            (f->last || btrfs_key_compare(key, &f->behind) < 0)) {
            set_leaf(it, g_bytes_ref(f->leaf), &f->behind, f->last);
            return true;
        }
    }
    return false;
}

static void keep_finger(struct btrfs_items *it)
{
    struct btrfs_finger *f = NULL;
    if (btrfs_node_count(it->leaf) == 0)
        return;
    for (unsigned i = 0; f == NULL && i < BTRFS_FINGERS; i++) {
        if (it->fs->fingers[i].root == it->root->id)
            f = &it->fs->fingers[i];
    }
    if (f == NULL)
        f = &it->fs->fingers[it->fs->next_finger++ % BTRFS_FINGERS];
    if (f->leaf != NULL)
        g_bytes_unref(f->leaf);
    *f = (struct btrfs_finger){ .root = it->root->id,
                                .leaf = g_bytes_ref(it->leaf),
                                .first = btrfs_node_key(it->leaf, 0),
                                .behind = it->behind,
                                .last = it->last };
}

/* A block's keys must all come before the key that follows it in its parent. */
static bool ends_before(GBytes *node, const struct btrfs_key *behind, bool last)
{
    uint32_t count = btrfs_node_count(node);
    if (last || count == 0)
        return true;
    struct btrfs_key end = btrfs_node_key(node, count - 1);
    return btrfs_key_compare(&end, behind) < 0;
}

/* One block on the way down. behind and last say where its part of the tree ends. */
static GBytes *read_block(struct btrfs_items *it, const struct btrfs_promise *p,
                          const struct btrfs_key *behind, bool last, GError **error)
{
    g_autoptr(GBytes) node = btrfs_node_read(it->fs, p, error);
    if (node == NULL)
        return NULL;
    if (!ends_before(node, behind, last)) {
        fail_corrupt(error,
                     "tree block at %" G_GUINT64_FORMAT " of tree %" G_GUINT64_FORMAT
                     " has keys beyond the next block",
                     p->bytenr, p->owner);
        return NULL;
    }
    return g_steal_pointer(&node);
}

/* To the leaf where key belongs. On failure it->behind and it->last say what comes behind the block
 * that could not be read. */
static bool descend(struct btrfs_items *it, const struct btrfs_key *key, GError **error)
{
    struct btrfs_promise p = { .bytenr = it->root->bytenr,
                               .generation = it->root->generation,
                               .owner = it->root->id,
                               .level = it->root->level };
    struct btrfs_key behind = { 0 };
    bool last = true;
    if (use_finger(it, key))
        return true;
    for (;;) {
        GBytes *node = read_block(it, &p, &behind, last, error);
        if (node == NULL || p.level == 0) {
            it->failed = p.bytenr;
            it->failed_root = p.level == it->root->level;
            set_leaf(it, node, &behind, last);
            if (node != NULL)
                keep_finger(it);
            return node != NULL;
        }
        uint32_t i = btrfs_node_index_behind(node, key);
        i = i > 0 ? i - 1 : 0;
        if (i + 1 < btrfs_node_count(node)) {
            behind = btrfs_node_key(node, i + 1);
            last = false;
        }
        btrfs_node_child(node, i, &p);
        p.owner = it->root->id;
        g_bytes_unref(node);
    }
}

/* descend(), but over what cannot be read to the next leaf that can; *key moves along. False with
 * no error: nothing comes behind. */
static bool descend_over(struct btrfs_items *it, struct btrfs_key *key, GError **error)
{
    for (;;) {
        g_autoptr(GError) why = NULL;
        if (descend(it, key, &why))
            return true;
        /* Without its root nothing of a tree can be had. */
        if (!it->skip || it->failed_root) {
            g_propagate_error(error, g_steal_pointer(&why));
            return false;
        }
        if (btrfs_report_once(it->fs, it->failed))
            tree_fault(&it->fs->tree, "%s", why->message);
        if (it->last)
            return false;
        *key = it->behind;
    }
}

static void stand_at(struct btrfs_items *it, uint32_t slot)
{
    it->slot = slot;
    it->at = true;
    it->key = btrfs_node_key(it->leaf, slot);
    it->data = btrfs_leaf_data(it->leaf, slot);
}

bool btrfs_items_seek(struct btrfs_items *it, const struct btrfs_key *wanted, GError **error)
{
    struct btrfs_key key = *wanted;
    g_autoptr(GError) why = NULL;
    it->at = false;
    for (;;) {
        if (!descend_over(it, &key, &why)) {
            if (why == NULL)
                return true;
            g_propagate_error(error, g_steal_pointer(&why));
            return false;
        }
        uint32_t i = btrfs_node_index_behind(it->leaf, &key);
        struct btrfs_key before = i > 0 ? btrfs_node_key(it->leaf, i - 1) : key;
        if (i > 0 && btrfs_key_compare(&before, &key) == 0)
            i--;
        if (i < btrfs_node_count(it->leaf)) {
            stand_at(it, i);
            return true;
        }
        if (it->last)
            return true;
        key = it->behind;
    }
}

bool btrfs_items_seek_back(struct btrfs_items *it, const struct btrfs_key *key, GError **error)
{
    it->at = false;
    if (!descend(it, key, error))
        return false;
    uint32_t i = btrfs_node_index_behind(it->leaf, key);
    if (i > 0)
        stand_at(it, i - 1);
    else
        it->slot = 0;
    return true;
}

bool btrfs_items_next(struct btrfs_items *it, GError **error)
{
    if (it->slot + 1 < btrfs_node_count(it->leaf)) {
        stand_at(it, it->slot + 1);
        return true;
    }
    it->at = false;
    if (it->last)
        return true;
    struct btrfs_key key = it->behind;
    return btrfs_items_seek(it, &key, error);
}

bool btrfs_items_match(const struct btrfs_items *it, uint64_t objectid, uint8_t type)
{
    return it->at && it->key.objectid == objectid && it->key.type == type;
}

bool btrfs_items_find(struct btrfs_items *it, const struct btrfs_key *key, GError **error)
{
    if (!btrfs_items_seek_back(it, key, error))
        return false;
    it->at = it->at && btrfs_key_compare(&it->key, key) == 0;
    return true;
}

/* Directories: listing them and looking names up, by their blocks of entries. */
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "fs/xfs.h"

static uint32_t mode_of_ftype(uint8_t ftype)
{
    static const uint32_t modes[XFS_FTYPE_COUNT] = {
        [XFS_FTYPE_REGULAR] = S_IFREG,   [XFS_FTYPE_DIRECTORY] = S_IFDIR,
        [XFS_FTYPE_CHARACTER] = S_IFCHR, [XFS_FTYPE_BLOCK] = S_IFBLK,
        [XFS_FTYPE_FIFO] = S_IFIFO,      [XFS_FTYPE_SOCKET] = S_IFSOCK,
        [XFS_FTYPE_SYMLINK] = S_IFLNK,   [XFS_FTYPE_WHITEOUT] = S_IFCHR,
    };
    return ftype < XFS_FTYPE_COUNT ? modes[ftype] : 0;
}

/* --- blocks ------------------------------------------------------------------------------------
 */

static bool fail_block(const struct xfs_fork *fork, uint64_t block, const char *wrong,
                       GError **error)
{
    return fail_corrupt(error,
                        "directory %" G_GUINT64_FORMAT ": block %" G_GUINT64_FORMAT " of it %s",
                        fork->inode, block, wrong);
}

/* What the block breaks; *offset is where it lies. */
static const char *check_block(const struct xfs_fork *fork, GBytes *bytes, uint64_t offset)
{
    const struct xfs *fs = fork->fs;
    const struct cursor c = xfs_cursor(bytes);
    size_t from, to;
    const char *wrong = xfs_block_misplaced(fs, c.data, c.len, &xfs_layout_dir, offset);
    return wrong != NULL ? wrong : xfs_dir_block_bounds(&c, fs->super.v5, &from, &to);
}

static GBytes *load_block(struct xfs_fork *fork, uint64_t block, GError **error)
{
    struct xfs *fs = fork->fs;
    uint32_t len = xfs_dir_block_size(&fs->super);
    uint64_t offset = 0;
    uint8_t *buf = g_malloc(len);
    g_autoptr(GBytes) bytes = g_bytes_new_take(buf, len);
    if (!xfs_fork_read(fork, block, UINT64_C(1) << fs->super.dirblklog, buf, &offset, error))
        return NULL;
    const char *wrong = check_block(fork, bytes, offset);
    if (wrong == NULL)
        return g_steal_pointer(&bytes);
    fail_block(fork, block, wrong, error);
    return NULL;
}

GBytes *xfs_dir_block(struct xfs_fork *fork, uint64_t block, bool *sealed, GError **error)
{
    struct xfs *fs = fork->fs;
    struct xfs_extent e;
    if (!xfs_map(fork, block, &e, error))
        return NULL;
    g_autoptr(GBytes) bytes = e.hole ? NULL : lru_get(fs->cache, XFS_CACHED_DIR, e.block);
    if (bytes == NULL) {
        bytes = load_block(fork, block, error);
        if (bytes == NULL)
            return NULL;
        lru_put(fs->cache, XFS_CACHED_DIR, e.block, bytes);
    }
    const struct cursor c = xfs_cursor(bytes);
    *sealed = xfs_block_sealed(fs, c.data, c.len, &xfs_layout_dir);
    if (xfs_block_owner(fs, c.data, c.len, &xfs_layout_dir, fork->inode) == fork->inode)
        return g_steal_pointer(&bytes);
    fail_block(fork, block, "belongs to another directory", error);
    return NULL;
}

/* --- walking through all entries ----------------------------------------------------------------
 */

/* False ends the walk. */
typedef bool (*entry_func)(const struct xfs_dir_entry *entry, void *user);

struct walk {
    struct xfs *fs;
    uint64_t dir; /* inode number */
    entry_func func;
    void *user;
    bool ended;     /* by func */
    GError *missed; /* the first thing that could not be read; NULL: all could */
};

static void walk_miss(struct walk *w, GError *why)
{
    tree_fault(&w->fs->tree, "%s", why->message);
    if (w->missed == NULL)
        w->missed = why;
    else
        g_error_free(why);
}

static void walk_miss_entry(struct walk *w, uint64_t block, size_t at)
{
    GError *why = NULL;
    fail_corrupt(&why,
                 "directory %" G_GUINT64_FORMAT ": a damaged entry at byte %" G_GSIZE_FORMAT
                 " of block %" G_GUINT64_FORMAT " of it",
                 w->dir, at, block);
    walk_miss(w, why);
}

static void walk_short(struct walk *w, const struct xfs_inode *inode)
{
    const struct xfs_super *s = &w->fs->super;
    struct xfs_dir_short it;
    struct xfs_dir_entry entry;
    bool good = xfs_dir_short_begin(&it, inode->data, s->ftype);
    while (good && !w->ended && xfs_dir_short_next(&it, &entry))
        w->ended = !w->func(&entry, w->user);
    if (good && (w->ended || it.left == 0))
        return;
    GError *why = NULL;
    fail_corrupt(&why, "directory %" G_GUINT64_FORMAT ": entries inside its inode are damaged",
                 w->dir);
    walk_miss(w, why);
}

static void walk_block(struct walk *w, GBytes *bytes, uint64_t block)
{
    const struct xfs_super *s = &w->fs->super;
    const struct cursor c = xfs_cursor(bytes);
    struct xfs_dir_entry entry;
    size_t at, to, len;
    (void)xfs_dir_block_bounds(&c, s->v5, &at, &to);
    while (at < to && !w->ended) {
        enum xfs_dir_item item = xfs_dir_item_at(&c, at, to, s->ftype, &entry, &len);
        if (item == XFS_DIR_ITEM_DAMAGED) {
            walk_miss_entry(w, block, at);
            at = xfs_dir_resync(&c, at, to, s->ftype);
            continue;
        }
        if (item == XFS_DIR_ITEM_ENTRY)
            w->ended = !w->func(&entry, w->user);
        at += len;
    }
}

/* With a wrong checksum the entries still say whether they are in their place, and inodes whether
 * they are what they should be: damage to one entry does not hide the others. */
static void walk_block_at(struct walk *w, struct xfs_fork *fork, uint64_t block)
{
    GError *why = NULL;
    bool sealed;
    g_autoptr(GBytes) bytes = xfs_dir_block(fork, block, &sealed, &why);
    if (bytes != NULL && !sealed)
        fail_block(fork, block, "has a wrong checksum", &why);
    if (why != NULL)
        walk_miss(w, why);
    if (bytes != NULL)
        walk_block(w, bytes, block);
}

/* False: the rest of the directory is not looked at. */
static bool walk_one(struct walk *w, struct xfs_fork *fork, uint64_t *block)
{
    struct xfs_extent e;
    GError *why = NULL;
    uint64_t step = UINT64_C(1) << w->fs->super.dirblklog;
    if (!xfs_map(fork, *block, &e, &why)) {
        walk_miss(w, why);
        *block = MAX(*block + step, fork->beyond_damage);
    } else if (e.hole) {
        *block += e.count;
    } else {
        walk_block_at(w, fork, *block);
        *block += step;
    }
    *block = (*block + step - 1) / step * step;
    return !w->ended;
}

static bool walk_blocks(struct walk *w, const struct xfs_inode *inode, GError **error)
{
    const struct xfs_super *s = &w->fs->super;
    uint64_t end = XFS_DIR_INDEX_OFFSET >> s->blocklog, block = 0;
    struct xfs_fork fork;
    if (!xfs_fork_open(w->fs, inode, false, &fork, error))
        return false;
    for (unsigned n = 0; block < end; n++) {
        if (n > LIMIT_XFS_DIRECTORY_BLOCKS)
            return fail_limit(error, "directory %" G_GUINT64_FORMAT " has more than %u blocks",
                              w->dir, LIMIT_XFS_DIRECTORY_BLOCKS);
        if (!walk_one(w, &fork, &block))
            break;
    }
    return true;
}

static bool walk_all(struct walk *w, const struct xfs_inode *inode, GError **error)
{
    if (inode->format == XFS_FORK_LOCAL) {
        walk_short(w, inode);
        return true;
    }
    return walk_blocks(w, inode, error);
}

static bool read_directory(struct xfs *fs, uint64_t number, struct xfs_inode *inode, GError **error)
{
    if (!xfs_inode_read(fs, number, inode, error))
        return false;
    if (S_ISDIR(inode->stat.mode))
        return true;
    xfs_inode_clear(inode);
    return fail(error, ASSAY_ERROR_INVALID, "inode %" G_GUINT64_FORMAT " is no directory", number);
}

/* --- listing ------------------------------------------------------------------------------------
 */

struct listing {
    struct xfs *fs;
    uint64_t dir;
    tree_list_func func;
    void *user;
};

static bool list_entry(const struct xfs_dir_entry *e, void *user)
{
    struct listing *l = user;
    char name[XFS_NAME_MAX + 1];
    uint64_t offset;
    if (!xfs_super_inode_place(&l->fs->super, e->inode, &offset)) {
        tree_fault(&l->fs->tree,
                   "directory %" G_GUINT64_FORMAT ": an entry leads to inode %" G_GUINT64_FORMAT
                   ", which cannot be",
                   l->dir, e->inode);
        return true;
    }
    memcpy(name, e->name, e->name_len);
    name[e->name_len] = '\0';
    const struct tree_entry out = { .name = name,
                                    .name_len = e->name_len,
                                    .node = { .id = e->inode },
                                    .type = mode_of_ftype(e->ftype) };
    return l->func(&out, l->user);
}

bool xfs_list(struct tree *t, struct tree_node dir, tree_list_func func, void *user, GError **error)
{
    struct xfs *fs = xfs_of(t);
    g_auto(xfs_inode) inode = { 0 };
    if (!read_directory(fs, dir.id, &inode, error))
        return false;
    struct listing l = { .fs = fs, .dir = dir.id, .func = func, .user = user };
    struct walk w = { .fs = fs, .dir = dir.id, .func = list_entry, .user = &l };
    bool ok = walk_all(&w, &inode, error);
    g_clear_error(&w.missed);
    return ok;
}

/* --- looking up ---------------------------------------------------------------------------------
 */

bool xfs_search_offer(struct xfs_search *search, const struct xfs_dir_entry *e)
{
    if (e->name_len != search->name_len)
        return true;
    bool exact = memcmp(e->name, search->name, e->name_len) == 0;
    if (exact ||
        (search->ci && !search->found && xfs_name_equal_ci(e->name, search->name, e->name_len))) {
        search->found = true;
        search->inode = e->inode;
    }
    return !exact;
}

static bool search_entry(const struct xfs_dir_entry *e, void *user)
{
    return xfs_search_offer(user, e);
}

/* What was not found may be in what could not be read: that is no "not there". */
static bool search_by_walk(struct xfs *fs, const struct xfs_inode *inode, struct xfs_search *search,
                           GError **error)
{
    struct walk w = { .fs = fs, .dir = inode->number, .func = search_entry, .user = search };
    bool ok = walk_all(&w, inode, error);
    if (!ok || search->found || w.missed == NULL) {
        g_clear_error(&w.missed);
        return ok;
    }
    g_propagate_error(error, w.missed);
    return false;
}

/* With one block of entries it is not worth while, and it knows no second case. */
static bool worth_index(const struct xfs *fs, const struct xfs_inode *inode)
{
    return inode->format != XFS_FORK_LOCAL && !fs->super.ci &&
           inode->stat.size > xfs_dir_block_size(&fs->super);
}

/* False: the index is no help. */
static bool search_by_index(struct xfs *fs, const struct xfs_inode *inode,
                            struct xfs_search *search)
{
    g_autoptr(GError) why = NULL;
    struct xfs_fork fork;
    if (xfs_fork_open(fs, inode, false, &fork, &why) && xfs_dir_index_search(&fork, search, &why))
        return true;
    tree_fault(&fs->tree, "%s", why->message);
    return false;
}

bool xfs_lookup(struct tree *t, struct tree_node dir, const char *name, size_t len,
                struct tree_node *out, GError **error)
{
    struct xfs *fs = xfs_of(t);
    g_auto(xfs_inode) inode = { 0 };
    struct xfs_search search = { .name = (const uint8_t *)name,
                                 .name_len = len,
                                 .ci = fs->super.ci };
    if (!read_directory(fs, dir.id, &inode, error))
        return false;
    bool done = worth_index(fs, &inode) && search_by_index(fs, &inode, &search);
    if (!done && !search_by_walk(fs, &inode, &search, error))
        return false;
    if (!search.found)
        return fail(error, ASSAY_ERROR_NOT_FOUND,
                    "directory %" G_GUINT64_FORMAT " has no such entry", dir.id);
    *out = (struct tree_node){ .id = search.inode };
    return true;
}

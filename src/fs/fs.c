#include "fs/fs.h"

#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/limits.h"
#include "fs/drivers.h"

const struct tree_driver *const tree_drivers[] = {
    &btrfs_driver,   &ext_driver,      &xfs_driver,     &vfat_driver, &exfat_driver,
    &ntfs_driver,    &squashfs_driver, &iso9660_driver, &udf_driver,  &erofs_driver,
    &f2fs_driver,    &bcachefs_driver, &jbd_driver,     &jfs_driver,  &reiserfs_driver,
    &hfsplus_driver, &apfs_driver,     &zfs_driver,     NULL,
};

void *tree_alloc(size_t struct_size, const struct tree_driver *drv, struct block *b)
{
    g_assert(struct_size >= sizeof(struct tree));
    struct tree *t = g_malloc0(struct_size);
    t->drv = drv;
    t->block = block_ref(b);
    t->type_name = drv->name;
    t->size = b->size;
    t->faults = g_ptr_array_new_with_free_func(g_free);
    t->told = g_hash_table_new(g_str_hash, g_str_equal);
    return t;
}

void tree_fault(struct tree *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    if (g_hash_table_contains(t->told, text))
        return;
    t->fault_count++;
    if (t->faults->len >= LIMIT_FAULTS)
        return;
    g_hash_table_add(t->told, text);
    g_ptr_array_add(t->faults, g_steal_pointer(&text));
}

/* Damage is told of the filesystem whatever the caller makes of the error: one that looks whether
 * something exists takes it for a no. What is not there, or asked for wrongly, is no damage. Takes
 * the error. */
static void pass_error(struct tree *t, GError *failure, GError **error)
{
    if (failure->code != ASSAY_ERROR_NOT_FOUND && failure->code != ASSAY_ERROR_INVALID)
        tree_fault(t, "%s", failure->message);
    g_propagate_error(error, failure);
}

const struct tree_driver *tree_probe(struct block *b)
{
    for (const struct tree_driver *const *d = tree_drivers; *d != NULL; d++) {
        if ((*d)->probe(b))
            return *d;
    }
    return NULL;
}

struct tree *tree_open(struct block *b, const struct tree_driver *drv, GError **error)
{
    if (drv->open != NULL)
        return drv->open(b, error);
    fail_unsupported(error, "%s: %s is not read yet", b->name, drv->description);
    return NULL;
}

void tree_free(struct tree *t)
{
    if (t == NULL)
        return;
    if (t->drv->close != NULL)
        t->drv->close(t);
    block_unref(t->block);
    g_free(t->label);
    g_free(t->uuid);
    g_hash_table_unref(t->told);
    g_ptr_array_unref(t->faults);
    g_free(t);
}

bool tree_stat(struct tree *t, struct tree_node node, struct tree_stat *out, GError **error)
{
    GError *failure = NULL;
    bool ok = t->drv->stat(t, node, out, &failure);
    if (!ok)
        pass_error(t, failure, error);
    return ok;
}

bool tree_lookup(struct tree *t, struct tree_node dir, const char *name, size_t len,
                 struct tree_node *out, GError **error)
{
    if (len == 0 || len > LIMIT_NAME)
        return fail(error, ASSAY_ERROR_NOT_FOUND, "%s: no such entry", t->block->name);
    GError *failure = NULL;
    bool ok = t->drv->lookup(t, dir, name, len, out, &failure);
    if (!ok)
        pass_error(t, failure, error);
    return ok;
}

struct list_guard {
    struct tree *tree;
    tree_list_func func;
    void *user;
    uint64_t count;
    bool over;
};

/* What every driver's entries must pass before anybody sees them. */
static bool list_guarded(const struct tree_entry *entry, void *user)
{
    struct list_guard *g = user;
    if (++g->count > LIMIT_DIRECTORY_ENTRIES) {
        g->over = true;
        return false;
    }
    if (entry->name_len == 0 || entry->name_len > LIMIT_NAME ||
        memchr(entry->name, '/', entry->name_len) != NULL ||
        memchr(entry->name, '\0', entry->name_len) != NULL) {
        tree_fault(g->tree, "inode %" G_GUINT64_FORMAT ": an impossible name in its directory",
                   entry->node.id);
        return true;
    }
    if (entry->name[0] == '.' &&
        (entry->name_len == 1 || (entry->name_len == 2 && entry->name[1] == '.')))
        return true;
    return g->func(entry, g->user);
}

bool tree_list(struct tree *t, struct tree_node dir, tree_list_func func, void *user,
               GError **error)
{
    struct list_guard guard = { .tree = t, .func = func, .user = user };
    GError *failure = NULL;
    if (!t->drv->list(t, dir, list_guarded, &guard, &failure)) {
        pass_error(t, failure, error);
        return false;
    }
    if (guard.over)
        return fail_limit(error, "%s: directory %" G_GUINT64_FORMAT " has more than %u entries",
                          t->block->name, dir.id, LIMIT_DIRECTORY_ENTRIES);
    return true;
}

char *tree_readlink(struct tree *t, struct tree_node node, GError **error)
{
    GError *failure = NULL;
    char *target = t->drv->readlink(t, node, &failure);
    if (target == NULL)
        pass_error(t, failure, error);
    return target;
}

bool tree_xattrs(struct tree *t, struct tree_node node, tree_xattr_func func, void *user,
                 GError **error)
{
    GError *failure = NULL;
    bool ok = t->drv->xattrs == NULL || t->drv->xattrs(t, node, func, user, &failure);
    if (!ok)
        pass_error(t, failure, error);
    return ok;
}

bool tree_subvolumes(struct tree *t, tree_subvolume_func func, void *user, GError **error)
{
    GError *failure = NULL;
    bool ok = t->drv->subvolumes == NULL || t->drv->subvolumes(t, func, user, &failure);
    if (!ok)
        pass_error(t, failure, error);
    return ok;
}

struct tree_file *tree_file_open(struct tree *t, struct tree_node node, GError **error)
{
    GError *failure = NULL;
    struct tree_file *f = t->drv->file_open(t, node, &failure);
    if (f != NULL)
        f->tree = t;
    else
        pass_error(t, failure, error);
    return f;
}

bool tree_file_read(struct tree_file *f, uint64_t off, void *buf, size_t len, size_t *got,
                    GError **error)
{
    size_t n = off < f->size ? (size_t)min_u64(len, f->size - off) : 0;
    GError *failure = NULL;
    if (n > 0 && !f->tree->drv->file_read(f, off, buf, n, &failure)) {
        pass_error(f->tree, failure, error);
        return false;
    }
    *got = n;
    return true;
}

bool tree_file_extent_at(struct tree_file *f, uint64_t off, struct block_extent *out,
                         GError **error)
{
    g_assert(off < f->size);
    GError *failure = NULL;
    if (f->tree->drv->file_extent_at != NULL) {
        bool ok = f->tree->drv->file_extent_at(f, off, out, &failure);
        if (!ok)
            pass_error(f->tree, failure, error);
        return ok;
    }
    *out = (struct block_extent){ .len = f->size - off, .zero = false };
    return true;
}

void tree_file_close(struct tree_file *f)
{
    if (f != NULL)
        f->tree->drv->file_close(f);
}

GBytes *tree_file_read_all(struct tree_file *f, uint64_t max, GError **error)
{
    size_t got = 0;
    if (f->size > max) {
        fail_limit(error,
                   "file of %" G_GUINT64_FORMAT
                   " bytes is larger than the limit of %" G_GUINT64_FORMAT,
                   f->size, max);
        return NULL;
    }
    g_autofree uint8_t *buf = g_try_malloc((size_t)f->size + 1);
    if (buf == NULL) {
        fail_limit(error, "no memory for a file of %" G_GUINT64_FORMAT " bytes", f->size);
        return NULL;
    }
    if (!tree_file_read(f, 0, buf, (size_t)f->size, &got, error))
        return NULL;
    buf[got] = '\0';
    return g_bytes_new_take(g_steal_pointer(&buf), got);
}

const char *tree_recovery_name(enum tree_recovery recovery)
{
    static const char *const names[TREE_RECOVERY_COUNT] = { "none", "replayed", "needed" };
    return names[recovery];
}

/* Which trees hold an installed system. */
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "root/assemble.h"
#include "root/root.h"

void root_filesystem_free(struct root_filesystem *fs)
{
    tree_free(fs->tree);
    g_free(fs);
}

static void root_mount_free(void *p)
{
    struct root_mount *m = p;
    g_free(m->path);
    g_free(m->source);
    g_free(m->type);
    g_free(m->options);
    g_free(m->reason);
    g_free(m);
}

void root_free(struct root *r)
{
    if (r == NULL)
        return;
    g_free(r->name);
    g_free(r->skipped);
    g_ptr_array_unref(r->mounts);
    g_free(r);
}

static struct root *root_new(struct root_filesystem *fs, struct tree_node node, const char *name)
{
    struct root *r = g_new0(struct root, 1);
    r->name = g_strdup(name);
    r->mounts = g_ptr_array_new_with_free_func(root_mount_free);
    struct root_mount *m = g_new0(struct root_mount, 1);
    m->path = g_strdup("/");
    m->state = ROOT_MOUNT_FOUND;
    m->fs = fs;
    m->node = node;
    g_ptr_array_add(r->mounts, m);
    return r;
}

struct root *root_of_tree(struct root_filesystem *fs)
{
    return root_new(fs, fs->tree->root, fs->volume->name);
}

static bool has_kind(struct root *r, const char *path, mode_t kind)
{
    root_place_auto place = { 0 };
    struct tree_stat st;
    return root_resolve(r, path, false, &place, NULL) &&
           tree_stat(place.tree, place.node, &st, NULL) && (st.mode & S_IFMT) == kind;
}

/* Signs of a system that must be on the root filesystem itself. /usr may be elsewhere, so
 * /etc/os-release may point to nowhere as yet: the link counts. */
static bool looks_like_root(struct root *r)
{
    static const char *const files[] = {
        "/etc/os-release",     "/usr/lib/os-release",  "/etc/debian_version",
        "/etc/redhat-release", "/etc/alpine-release",  "/etc/SuSE-release",
        "/etc/arch-release",   "/var/lib/dpkg/status", "/lib/apk/db/installed",
        "/etc/system-release", "/etc/initrd-release",  "/etc/lsb-release",
    };
    static const char *const dirs[] = {
        "/var/lib/dpkg/status.d",
        "/var/lib/rpm",
        "/usr/lib/sysimage/rpm",
        "/var/lib/pacman/local",
    };
    bool found = false;
    for (size_t i = 0; !found && i < G_N_ELEMENTS(files); i++)
        found = has_kind(r, files[i], S_IFREG) || has_kind(r, files[i], S_IFLNK);
    for (size_t i = 0; !found && i < G_N_ELEMENTS(dirs); i++)
        found = has_kind(r, dirs[i], S_IFDIR);
    /* A separate /usr or /var filesystem has some of these too ("lib/os-release" relative to /usr
     * does not count, "usr" inside a /var backup would): a root also has /etc. */
    if (found)
        return has_kind(r, "/etc", S_IFDIR) || has_kind(r, "/usr", S_IFDIR) ||
               has_kind(r, "/var", S_IFDIR);
    return has_kind(r, "/etc/fstab", S_IFREG) && has_kind(r, "/etc/passwd", S_IFREG);
}

static bool path_has_word(const char *path, const char *word)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    return g_strv_contains((const char *const *)parts, word);
}

/* Snapshots kept beside a system are not systems of their own: snapper keeps them under
 * ".snapshots", timeshift under "timeshift-btrfs"; any read-only snapshot is one too. The default
 * subvolume always counts: after a rollback it is such a snapshot. */
static bool is_set_aside(const struct tree_subvolume *sub)
{
    if (sub->is_default)
        return false;
    return path_has_word(sub->path, ".snapshots") || path_has_word(sub->path, "timeshift-btrfs") ||
           (sub->is_snapshot && sub->read_only);
}

struct candidates {
    struct root_filesystem *fs;
    GPtrArray *roots;
    unsigned set_aside;
    bool over;
};

static bool consider_subvolume(const struct tree_subvolume *sub, void *user)
{
    struct candidates *c = user;
    g_autofree char *name = sub->is_default || *sub->path == '\0'
                                ? g_strdup(c->fs->volume->name)
                                : g_strdup_printf("%s[%s]", c->fs->volume->name, sub->path);
    g_autoptr(root) r = root_new(c->fs, sub->root, name);
    if (!looks_like_root(r))
        return true;
    if (is_set_aside(sub)) {
        c->set_aside++;
        return true;
    }
    if (c->roots->len >= LIMIT_SYSTEMS) {
        c->over = true;
        return false;
    }
    g_ptr_array_add(c->roots, g_steal_pointer(&r));
    return true;
}

static bool find_on(struct candidates *c, GError **error)
{
    unsigned before = c->roots->len;
    c->set_aside = 0;
    if (c->fs->tree->drv->subvolumes != NULL) {
        /* What fails is a fault of the tree already. */
        (void)tree_subvolumes(c->fs->tree, consider_subvolume, c, NULL);
    } else {
        const struct tree_subvolume only = { .root = c->fs->tree->root,
                                             .path = "",
                                             .is_default = true };
        (void)consider_subvolume(&only, c);
    }
    if (c->over)
        return fail_limit(error, "%s: more than %d systems", c->fs->volume->name, LIMIT_SYSTEMS);
    if (c->set_aside > 0 && c->roots->len > before) {
        struct root *first = g_ptr_array_index(c->roots, before);
        first->skipped = g_strdup_printf("%u snapshots of it were not examined", c->set_aside);
    }
    return true;
}

GPtrArray *root_find(GPtrArray *filesystems, GError **error)
{
    g_autoptr(GPtrArray) roots = g_ptr_array_new_with_free_func((GDestroyNotify)root_free);
    GError *local = NULL;
    for (unsigned i = 0; i < filesystems->len; i++) {
        struct candidates c = { .fs = g_ptr_array_index(filesystems, i), .roots = roots };
        if (c.fs->tree != NULL && !find_on(&c, &local)) {
            g_propagate_error(error, local);
            return NULL;
        }
    }
    for (unsigned i = 0; i < roots->len; i++)
        root_assemble(g_ptr_array_index(roots, i), filesystems);
    return g_steal_pointer(&roots);
}

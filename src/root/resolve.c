/* Path resolution inside a root: mounts, "..", symlinks; never outside. */
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "root/root.h"

void root_place_clear(struct root_place *p)
{
    g_clear_pointer(&p->path, g_free);
}

static const struct root_mount *mount_at(const struct root *r, const char *path)
{
    /* The last one wins, as later mounts cover earlier ones. */
    for (unsigned i = r->mounts->len; i-- > 0;) {
        const struct root_mount *m = g_ptr_array_index(r->mounts, i);
        if (m->state == ROOT_MOUNT_FOUND && g_str_equal(m->path, path))
            return m;
    }
    return NULL;
}

/* One level of the walk: where we are, so that ".." can go back. */
struct level {
    struct tree *tree;
    struct tree_node node;
    bool is_directory;
    size_t path_len; /* of the canonical path up to here */
};

struct walk {
    struct root *root;
    GArray *levels; /* struct level; [0] is "/" */
    GString *path;  /* canonical path of the top level; "" for "/" */
    GString *todo;  /* what is still to be resolved */
    unsigned links;
};

static void walk_push(struct walk *w, struct tree *tree, struct tree_node node, bool is_directory)
{
    const struct root_mount *m = mount_at(w->root, w->path->len > 0 ? w->path->str : "/");
    struct level l = { .tree = m != NULL ? m->fs->tree : tree,
                       .node = m != NULL ? m->node : node,
                       .is_directory = m != NULL || is_directory,
                       .path_len = w->path->len };
    g_array_append_val(w->levels, l);
}

static void walk_pop(struct walk *w)
{
    if (w->levels->len <= 1)
        return; /* ".." of "/" is "/" */
    g_array_set_size(w->levels, w->levels->len - 1);
    g_string_truncate(w->path, g_array_index(w->levels, struct level, w->levels->len - 1).path_len);
}

/* Takes the first component off todo; *last says whether nothing but slashes follows. */
static char *walk_next(struct walk *w, bool *last)
{
    size_t start = strspn(w->todo->str, "/");
    size_t len = strcspn(w->todo->str + start, "/");
    if (len == 0)
        return NULL;
    char *name = g_strndup(w->todo->str + start, len);
    g_string_erase(w->todo, 0, (gssize)(start + len));
    *last = w->todo->str[strspn(w->todo->str, "/")] == '\0';
    return name;
}

static bool walk_symlink(struct walk *w, struct tree *tree, struct tree_node node, GError **error)
{
    if (++w->links > LIMIT_SYMLINKS)
        return fail_limit(error, "%s: more than %d symbolic links on the way", w->path->str,
                          LIMIT_SYMLINKS);
    g_autofree char *target = tree_readlink(tree, node, error);
    if (target == NULL)
        return false;
    if (strlen(target) + w->todo->len > LIMIT_PATH)
        return fail_limit(error, "%s: the path grows beyond %u bytes", w->path->str, LIMIT_PATH);
    g_string_prepend(w->todo, target);
    if (target[0] == '/') {
        g_array_set_size(w->levels, 1);
        g_string_truncate(w->path, 0);
    }
    return true;
}

static bool walk_component(struct walk *w, const char *name, bool follow, GError **error)
{
    struct level here = g_array_index(w->levels, struct level, w->levels->len - 1);
    struct tree_node node;
    struct tree_stat st;
    if (!here.is_directory)
        return fail(error, ASSAY_ERROR_NOT_FOUND, "%s: not a directory", w->path->str);
    if (g_str_equal(name, "."))
        return true;
    if (g_str_equal(name, "..")) {
        walk_pop(w);
        return true;
    }
    g_autoptr(GError) failure = NULL;
    if (!tree_lookup(here.tree, here.node, name, strlen(name), &node, &failure) ||
        !tree_stat(here.tree, node, &st, &failure)) {
        if (g_error_matches(failure, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND))
            return fail(error, ASSAY_ERROR_NOT_FOUND, "%s/%s: no such file or directory",
                        w->path->str, name);
        g_propagate_prefixed_error(error, g_steal_pointer(&failure), "%s/%s: ", w->path->str,
                                   name);
        return false;
    }
    if (S_ISLNK(st.mode) && follow) {
        g_string_insert_c(w->todo, 0, '/');
        return walk_symlink(w, here.tree, node, error);
    }
    if (w->levels->len > LIMIT_TREE_DEPTH || w->path->len + strlen(name) + 1 > LIMIT_PATH)
        return fail_limit(error, "%s: nested too deeply", w->path->str);
    g_string_append_printf(w->path, "/%s", name);
    walk_push(w, here.tree, node, S_ISDIR(st.mode));
    return true;
}

bool root_resolve(struct root *r, const char *path, bool follow, struct root_place *out,
                  GError **error)
{
    const struct root_mount *top = g_ptr_array_index(r->mounts, 0);
    struct walk w = { .root = r,
                      .levels = g_array_new(FALSE, FALSE, sizeof(struct level)),
                      .path = g_string_new(NULL),
                      .todo = g_string_new(path) };
    bool ok = true, last = false;
    walk_push(&w, top->fs->tree, top->node, true);
    while (ok) {
        g_autofree char *name = walk_next(&w, &last);
        if (name == NULL)
            break;
        ok = walk_component(&w, name, follow || !last, error);
    }
    if (ok) {
        struct level l = g_array_index(w.levels, struct level, w.levels->len - 1);
        *out = (struct root_place){ .tree = l.tree,
                                    .node = l.node,
                                    .path = g_strdup(w.path->len > 0 ? w.path->str : "/") };
    }
    g_array_unref(w.levels);
    g_string_free(w.path, TRUE);
    g_string_free(w.todo, TRUE);
    return ok;
}

void root_descend(struct root *r, const struct root_place *dir, const struct tree_entry *entry,
                  struct root_place *out)
{
    const char *base = g_str_equal(dir->path, "/") ? "" : dir->path;
    char *path = g_strdup_printf("%s/%s", base, entry->name);
    const struct root_mount *m = mount_at(r, path);
    *out = (struct root_place){ .tree = m != NULL ? m->fs->tree : dir->tree,
                                .node = m != NULL ? m->node : entry->node,
                                .path = path };
}

GBytes *root_read(struct root *r, const char *path, uint64_t max, GError **error)
{
    root_place_auto place = { 0 };
    struct tree_stat st;
    if (!root_resolve(r, path, true, &place, error) ||
        !tree_stat(place.tree, place.node, &st, error))
        return NULL;
    if (!S_ISREG(st.mode)) {
        fail(error, ASSAY_ERROR_NOT_FOUND, "%s: not a regular file", path);
        return NULL;
    }
    g_autoptr(tree_file) file = tree_file_open(place.tree, place.node, error);
    GBytes *bytes = file != NULL ? tree_file_read_all(file, max, error) : NULL;
    if (bytes == NULL)
        g_prefix_error(error, "%s: ", path);
    return bytes;
}

bool root_exists(struct root *r, const char *path)
{
    root_place_auto place = { 0 };
    return root_resolve(r, path, true, &place, NULL);
}

bool root_list(struct root *r, const char *path, tree_list_func func, void *user, GError **error)
{
    root_place_auto place = { 0 };
    struct tree_stat st;
    if (!root_resolve(r, path, true, &place, error) ||
        !tree_stat(place.tree, place.node, &st, error))
        return false;
    if (!S_ISDIR(st.mode))
        return fail(error, ASSAY_ERROR_NOT_FOUND, "%s: not a directory", path);
    return tree_list(place.tree, place.node, func, user, error);
}

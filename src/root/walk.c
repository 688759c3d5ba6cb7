/* Every entry below a place of a root, in the order of frame_path_compare(). */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "root/root.h"

struct pending {
    char *name;
    struct tree_node node;
    uint32_t type;
};

/* A directory being walked. */
struct folder {
    struct root_place place;
    GArray *entries; /* struct pending, sorted */
    unsigned next;
    GError *fault; /* the directory could not be listed, or not wholly */
};

struct directory_id {
    struct tree *tree;
    struct tree_node node;
};

struct walk {
    struct root *root;
    const struct root_walk_options *options;
    GPtrArray *folders; /* struct folder *, innermost last */
    GHashTable *seen;   /* struct directory_id: damage may link a directory twice, even in a loop */
    root_walk_func func;
    void *user;
};

static guint id_hash(gconstpointer p)
{
    const struct directory_id *id = p;
    uint64_t h =
        (id->node.id ^ (id->node.sub << 40) ^ (uintptr_t)id->tree) * UINT64_C(0x9e3779b97f4a7c15);
    return (guint)(h >> 32);
}

static gboolean id_equal(gconstpointer a, gconstpointer b)
{
    const struct directory_id *x = a, *y = b;
    return x->tree == y->tree && tree_node_equal(x->node, y->node);
}

static void pending_clear(void *p)
{
    g_free(((struct pending *)p)->name);
}

static void folder_free(void *p)
{
    struct folder *f = p;
    root_place_clear(&f->place);
    g_array_unref(f->entries);
    g_clear_error(&f->fault);
    g_free(f);
}

static bool collect(const struct tree_entry *entry, void *user)
{
    struct folder *f = user;
    if (f->entries->len >= LIMIT_DIRECTORY_ENTRIES) {
        (void)fail_limit(&f->fault, "%s: more than %u entries", f->place.path,
                         LIMIT_DIRECTORY_ENTRIES);
        return false;
    }
    struct pending p = { .name = g_strndup(entry->name, entry->name_len),
                         .node = entry->node,
                         .type = entry->type };
    g_array_append_val(f->entries, p);
    return true;
}

static int compare(gconstpointer a, gconstpointer b)
{
    return strcmp(((const struct pending *)a)->name, ((const struct pending *)b)->name);
}

/* Takes the place. *fault: why its entries are not all there; NULL when they are. */
static void folder_push(struct walk *w, struct root_place *place, GError **fault)
{
    struct directory_id *id = g_new(struct directory_id, 1);
    *id = (struct directory_id){ .tree = place->tree, .node = place->node };
    if (w->folders->len >= LIMIT_TREE_DEPTH) {
        (void)fail_limit(fault, "nested deeper than %d directories", LIMIT_TREE_DEPTH);
    } else if (g_hash_table_contains(w->seen, id)) {
        (void)fail_corrupt(fault, "the same directory is linked twice; its entries are shown once");
    } else {
        struct folder *f = g_new0(struct folder, 1);
        f->place = *place;
        *place = (struct root_place){ 0 };
        f->entries = g_array_new(FALSE, FALSE, sizeof(struct pending));
        g_array_set_clear_func(f->entries, pending_clear);
        g_hash_table_add(w->seen, g_steal_pointer(&id));
        if (tree_list(f->place.tree, f->place.node, collect, f, fault) && f->fault != NULL)
            g_propagate_error(fault, g_steal_pointer(&f->fault));
        if (f->entries->len > 0) /* an empty array has no bytes to sort */
            qsort(f->entries->data, f->entries->len, sizeof(struct pending), compare);
        g_ptr_array_add(w->folders, f);
    }
    g_free(id);
}

/* Looks at one place and hands it out; goes into it if it is a directory. False: func ended it. */
static bool visit(struct walk *w, struct root_place *place, uint32_t type, bool enter)
{
    g_autoptr(GError) error = NULL;
    struct root_walk_entry e = { .path = place->path, .tree = place->tree, .node = place->node };
    g_autofree char *path = g_strdup(place->path), *target = NULL;
    e.path = path;
    e.stat.mode = type;
    if (tree_stat(place->tree, place->node, &e.stat, &error)) {
        e.has_stat = true;
        if (S_ISLNK(e.stat.mode))
            e.target = target = tree_readlink(place->tree, place->node, &error);
        if (S_ISDIR(e.stat.mode) && enter)
            folder_push(w, place, &error);
    }
    e.fault = error;
    return w->func(&e, w->user);
}

static bool step(struct walk *w)
{
    struct folder *f = g_ptr_array_index(w->folders, w->folders->len - 1);
    if (f->next >= f->entries->len) {
        g_ptr_array_set_size(w->folders, (gint)w->folders->len - 1);
        return true;
    }
    struct pending *p = &g_array_index(f->entries, struct pending, f->next++);
    root_place_auto place = { 0 };
    const struct tree_entry entry = {
        .name = p->name, .name_len = strlen(p->name), .node = p->node, .type = p->type
    };
    root_descend(w->root, &f->place, &entry, &place);
    g_clear_pointer(&p->name, g_free);
    return visit(w, &place, p->type, w->options->recursive);
}

bool root_walk(struct root *r, const char *path, const struct root_walk_options *options,
               root_walk_func func, void *user, GError **error)
{
    root_place_auto place = { 0 };
    struct tree_stat st;
    if (!root_resolve(r, path, options->follow, &place, error) ||
        !tree_stat(place.tree, place.node, &st, error))
        return false;
    struct walk w = { .root = r,
                      .options = options,
                      .func = func,
                      .user = user,
                      .folders = g_ptr_array_new_with_free_func(folder_free),
                      .seen = g_hash_table_new_full(id_hash, id_equal, g_free, NULL) };
    bool going = true, ok = true;
    if (options->itself || !S_ISDIR(st.mode)) {
        going = visit(&w, &place, st.mode & S_IFMT, true);
    } else {
        g_autoptr(GError) fault = NULL;
        folder_push(&w, &place, &fault);
        struct folder *top = w.folders->len > 0 ? g_ptr_array_index(w.folders, 0) : NULL;
        if (fault != NULL && (top == NULL || top->entries->len == 0)) {
            g_propagate_prefixed_error(error, g_steal_pointer(&fault),
                                       "%s: ", top != NULL ? top->place.path : path);
            ok = going = false;
        } else if (fault != NULL) {
            const struct root_walk_entry e = { .path = top->place.path,
                                               .tree = top->place.tree,
                                               .node = top->place.node,
                                               .stat = st,
                                               .has_stat = true,
                                               .fault = fault };
            going = func(&e, user);
        }
    }
    while (going && w.folders->len > 0)
        going = step(&w);
    g_ptr_array_unref(w.folders);
    g_hash_table_unref(w.seen);
    return ok;
}

#include "walk.h"

#include <string.h>

#include "base/checked.h"
#include "base/limits.h"

#define OBJECTS    400
#define EXTENTS    64           /* of one file */
#define READ_BYTES (256u << 10) /* at once */

struct walk {
    struct tree *tree;
    GArray *waiting; /* struct tree_node */
    guint met;
    struct tree_node dir; /* being listed */
    bool looked_up;       /* one name of dir */
};

static void note(struct walk *w, struct tree_node node)
{
    if (w->met < OBJECTS) {
        w->met++;
        g_array_append_val(w->waiting, node);
    }
}

static bool note_entry(const struct tree_entry *entry, void *user)
{
    struct walk *w = user;
    struct tree_node found;
    g_assert(entry->name_len > 0 && entry->name_len <= LIMIT_NAME);
    g_assert(entry->name[entry->name_len] == '\0' && strlen(entry->name) == entry->name_len);
    if (!w->looked_up)
        (void)tree_lookup(w->tree, w->dir, entry->name, entry->name_len, &found, NULL);
    w->looked_up = true;
    note(w, entry->node);
    return w->met < OBJECTS;
}

static bool note_subvolume(const struct tree_subvolume *sub, void *user)
{
    struct walk *w = user;
    g_assert(sub->path != NULL);
    note(w, sub->root);
    return w->met < OBJECTS;
}

/* Every byte given, so that memory checkers see those that were never set. */
static bool touch_xattr(const char *name, const uint8_t *value, size_t len, void *user)
{
    unsigned *sum = user;
    *sum += (unsigned)strlen(name);
    for (size_t i = 0; i < len; i++)
        *sum += value[i];
    return true;
}

/* Extent by extent from the start, and the end. */
static void read_file(struct tree *t, struct tree_node node)
{
    g_autoptr(tree_file) f = tree_file_open(t, node, NULL);
    if (f == NULL || f->size == 0)
        return;
    g_autofree uint8_t *buf = g_malloc(READ_BYTES);
    uint64_t off = 0;
    size_t got = 0;
    for (unsigned i = 0; i < EXTENTS && off < f->size; i++) {
        struct block_extent e = { 0 };
        if (!tree_file_extent_at(f, off, &e, NULL))
            e.len = min_u64(4096, f->size - off);
        g_assert(e.len > 0 && e.len <= f->size - off);
        if (!e.zero)
            (void)tree_file_read(f, off, buf, (size_t)min_u64(e.len, READ_BYTES), &got, NULL);
        off += e.len;
    }
    (void)tree_file_read(f, f->size - 1, buf, READ_BYTES, &got, NULL);
}

static void visit(struct walk *w, struct tree_node node)
{
    struct tree_stat st;
    unsigned sum = 0;
    if (!tree_stat(w->tree, node, &st, NULL))
        return;
    (void)tree_xattrs(w->tree, node, touch_xattr, &sum, NULL);
    if (S_ISDIR(st.mode)) {
        w->dir = node;
        w->looked_up = false;
        (void)tree_list(w->tree, node, note_entry, w, NULL);
    } else if (S_ISREG(st.mode)) {
        read_file(w->tree, node);
    } else if (S_ISLNK(st.mode)) {
        g_free(tree_readlink(w->tree, node, NULL));
    }
}

void walk_tree(struct tree *t)
{
    struct walk w = { .tree = t, .waiting = g_array_new(FALSE, FALSE, sizeof(struct tree_node)) };
    struct tree_node none;
    note(&w, t->root);
    (void)tree_subvolumes(t, note_subvolume, &w, NULL);
    (void)tree_lookup(t, t->root, "no such name", strlen("no such name"), &none, NULL);
    for (guint i = 0; i < w.waiting->len; i++)
        visit(&w, g_array_index(w.waiting, struct tree_node, i));
    g_array_unref(w.waiting);
    for (guint i = 0; i < t->faults->len; i++)
        g_assert(strchr(g_ptr_array_index(t->faults, i), '\n') == NULL);
}

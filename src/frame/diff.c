/* What changed between two frames: records are paired by the fields that name them, then compared
 * by all others. */
#include "frame/diff.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "frame/field.h"
#include "frame/files.h"
#include "frame/formats.h"

/* Fields that say which record it is; the others say what it is like. */
static const char *const keys[FRAME_KIND_COUNT][4] = {
    [FRAME_COVERAGE] = { "kind", "object" },
    [FRAME_MOUNT] = { "path" },
    [FRAME_KERNEL] = { "version" },
    [FRAME_PACKAGE] = { "type", "name", "arch" },
    [FRAME_USER] = { "name" },
    [FRAME_GROUP] = { "name" },
    [FRAME_FILE] = { "path" },
};

/* Fields that differ between two makings of the same thing. */
static bool passed_over(enum frame_kind kind, const struct frame_field *f)
{
    return (kind == FRAME_PACKAGE && g_str_equal(f->name, "installed")) ||
           (kind == FRAME_FILE && g_str_equal(f->name, "ctime")) ||
           ((kind == FRAME_COVERAGE || kind == FRAME_OS) &&
            (g_str_equal(f->name, "system") || g_str_equal(f->name, "root")));
}

bool diff_field_changed(enum frame_kind kind, const struct frame_field *f, const void *a,
                        const void *b)
{
    return !passed_over(kind, f) && field_compare(f, a, b) != 0;
}

static bool differs(enum frame_kind kind, const void *a, const void *b)
{
    for (size_t i = 0; i < frame_kinds[kind].field_count; i++) {
        if (diff_field_changed(kind, &frame_kinds[kind].fields[i], a, b))
            return true;
    }
    return false;
}

static const struct frame_field *field_named(enum frame_kind kind, const char *name)
{
    for (size_t i = 0; i < frame_kinds[kind].field_count; i++) {
        if (g_str_equal(frame_kinds[kind].fields[i].name, name))
            return &frame_kinds[kind].fields[i];
    }
    g_assert_not_reached();
}

static int compare_keys(enum frame_kind kind, const void *a, const void *b)
{
    for (size_t i = 0; i < G_N_ELEMENTS(keys[kind]) && keys[kind][i] != NULL; i++) {
        int order = field_compare(field_named(kind, keys[kind][i]), a, b);
        if (order != 0)
            return order;
    }
    return 0;
}

static gint by_key(gconstpointer a, gconstpointer b, gpointer user)
{
    enum frame_kind kind = (enum frame_kind)GPOINTER_TO_UINT(user);
    const void *x = *(void *const *)a, *y = *(void *const *)b;
    int order = compare_keys(kind, x, y);
    return order != 0 ? order : frame_record_compare(kind, x, y);
}

static GPtrArray *sorted_copy(const GPtrArray *list, enum frame_kind kind)
{
    GPtrArray *copy = g_ptr_array_new();
    for (guint i = 0; list != NULL && i < list->len; i++)
        g_ptr_array_add(copy, g_ptr_array_index(list, i));
    g_ptr_array_sort_with_data(copy, by_key, GUINT_TO_POINTER((guint)kind));
    return copy;
}

/* --- records ------------------------------------------------------------------------------------
 */

static void emit(struct diff *d, enum frame_kind kind, const void *a, const void *b)
{
    struct diff_change change = { .kind = kind, .before = a, .after = b };
    change.what = a == NULL ? DIFF_ADDED : b == NULL ? DIFF_REMOVED : DIFF_CHANGED;
    if (kind == FRAME_PACKAGE && a != NULL && b != NULL) {
        const struct frame_package *p = a, *q = b;
        int order = d->options->compare_versions != NULL
                        ? d->options->compare_versions(p->type, p->version, q->version)
                        : 0;
        change.what = order < 0 ? DIFF_UPGRADED : order > 0 ? DIFF_DOWNGRADED : DIFF_CHANGED;
    }
    d->differ = true;
    d->emit(d, &change);
}

/* Two runs of records with the same key. What is in both is left out first; when one stays on each
 * side it has changed, else all that stay came or went. */
static void diff_run(struct diff *d, enum frame_kind kind, GPtrArray *a, guint i, guint i_end,
                     GPtrArray *b, guint j, guint j_end)
{
    g_autoptr(GPtrArray) only_a = g_ptr_array_new(), only_b = g_ptr_array_new();
    for (guint n = j; n < j_end; n++)
        g_ptr_array_add(only_b, g_ptr_array_index(b, n));
    for (guint n = i; n < i_end; n++) {
        void *x = g_ptr_array_index(a, n);
        guint same = 0;
        while (same < only_b->len && differs(kind, x, g_ptr_array_index(only_b, same)))
            same++;
        if (same < only_b->len)
            (void)g_ptr_array_remove_index(only_b, same);
        else
            g_ptr_array_add(only_a, x);
    }
    if (only_a->len == 1 && only_b->len == 1) {
        emit(d, kind, g_ptr_array_index(only_a, 0), g_ptr_array_index(only_b, 0));
        return;
    }
    for (guint n = 0; n < only_a->len; n++)
        emit(d, kind, g_ptr_array_index(only_a, n), NULL);
    for (guint n = 0; n < only_b->len; n++)
        emit(d, kind, NULL, g_ptr_array_index(only_b, n));
}

static guint run_end(enum frame_kind kind, const GPtrArray *list, guint start, const void *key)
{
    guint end = start;
    while (end < list->len && compare_keys(kind, g_ptr_array_index(list, end), key) == 0)
        end++;
    return end;
}

static void diff_records(struct diff *d, enum frame_kind kind, const GPtrArray *before,
                         const GPtrArray *after)
{
    g_autoptr(GPtrArray) a = sorted_copy(before, kind), b = sorted_copy(after, kind);
    guint i = 0, j = 0;
    while (i < a->len || j < b->len) {
        const void *x = i < a->len ? g_ptr_array_index(a, i) : NULL;
        const void *y = j < b->len ? g_ptr_array_index(b, j) : NULL;
        const void *key = x == NULL || (y != NULL && compare_keys(kind, y, x) < 0) ? y : x;
        guint i_end = run_end(kind, a, i, key), j_end = run_end(kind, b, j, key);
        diff_run(d, kind, a, i, i_end, b, j, j_end);
        i = i_end;
        j = j_end;
    }
}

/* --- files --------------------------------------------------------------------------------------
 */

/* Both lists are in order of path; a path that occurs twice is paired in order. */
static bool diff_files(struct diff *d, const struct frame_files *before,
                       const struct frame_files *after, GError **error)
{
    struct files_walk a, b;
    struct frame_file x, y;
    bool more_a, more_b;
    files_walk_init(&a, before);
    files_walk_init(&b, after);
    bool ok = files_walk_next(&a, &x, &more_a, error) && files_walk_next(&b, &y, &more_b, error);
    while (ok && (more_a || more_b)) {
        int order = !more_b ? -1 : !more_a ? 1 : frame_path_compare(x.path, y.path);
        if (order != 0)
            emit(d, FRAME_FILE, order < 0 ? &x : NULL, order > 0 ? &y : NULL);
        else if (differs(FRAME_FILE, &x, &y))
            emit(d, FRAME_FILE, &x, &y);
        if (order <= 0)
            ok = files_walk_next(&a, &x, &more_a, error);
        if (order >= 0 && ok)
            ok = files_walk_next(&b, &y, &more_b, error);
    }
    files_walk_done(&a);
    files_walk_done(&b);
    return ok;
}

/* --- systems ------------------------------------------------------------------------------------
 */

static GPtrArray *coverage_of(const struct frame *f, const struct frame_os *os)
{
    GPtrArray *list = g_ptr_array_new();
    for (guint i = 0; i < f->coverage->len; i++) {
        struct frame_coverage *c = g_ptr_array_index(f->coverage, i);
        if (os == NULL ? c->system == NULL : g_strcmp0(c->system, os->root) == 0)
            g_ptr_array_add(list, c);
    }
    return list;
}

static void diff_coverage(struct diff *d, const struct frame_os *a, const struct frame_os *b)
{
    g_autoptr(GPtrArray) before = coverage_of(d->a, a), after = coverage_of(d->b, b);
    diff_records(d, FRAME_COVERAGE, before, after);
}

static bool diff_system(struct diff *d, const struct frame_system *a, const struct frame_system *b,
                        GError **error)
{
    d->system_before = a != NULL ? a->os : NULL;
    d->system_after = b != NULL ? b->os : NULL;
    if (a == NULL || b == NULL) {
        emit(d, FRAME_OS, d->system_before, d->system_after);
        return true;
    }
    if (differs(FRAME_OS, a->os, b->os))
        emit(d, FRAME_OS, a->os, b->os);
    for (size_t k = 0; k < FRAME_KIND_COUNT; k++) {
        if (a->records[k] != NULL)
            diff_records(d, (enum frame_kind)k, a->records[k], b->records[k]);
    }
    diff_coverage(d, a->os, b->os);
    /* A frame without the list says nothing about files. */
    d->files_left_out |= (a->files == NULL) != (b->files == NULL);
    return a->files == NULL || b->files == NULL || diff_files(d, a->files, b->files, error);
}

/* Systems are sorted by root; the n-th of one root is paired with the n-th of the same. */
static bool diff_systems(struct diff *d, GError **error)
{
    const GPtrArray *a = d->a->systems, *b = d->b->systems;
    const struct frame_field *root = field_named(FRAME_OS, "root");
    bool ok = true;
    if (a->len == 1 && b->len == 1)
        return diff_system(d, g_ptr_array_index(a, 0), g_ptr_array_index(b, 0), error);
    for (guint i = 0, j = 0; ok && (i < a->len || j < b->len);) {
        const struct frame_system *x = i < a->len ? g_ptr_array_index(a, i) : NULL;
        const struct frame_system *y = j < b->len ? g_ptr_array_index(b, j) : NULL;
        int order = x == NULL ? 1 : y == NULL ? -1 : field_compare(root, x->os, y->os);
        ok = diff_system(d, order <= 0 ? x : NULL, order >= 0 ? y : NULL, error);
        i += order <= 0;
        j += order >= 0;
    }
    return ok;
}

bool frame_diff(const struct frame *a, const struct frame *b,
                const struct frame_diff_options *options, FILE *out, bool *differ, GError **error)
{
    struct diff d = { .a = a, .b = b, .options = options, .out = out };
    if (options->json)
        diff_json_begin(&d);
    else
        d.emit = diff_text_emit;
    bool ok = diff_systems(&d, error);
    d.system_before = d.system_after = NULL;
    diff_coverage(&d, NULL, NULL);
    if (options->json)
        ok = diff_json_end(&d, ok ? error : NULL) && ok;
    else
        diff_text_end(&d);
    if (!options->json && ok && (fflush(out) != 0 || ferror(out)))
        ok = fail_errno(error, errno, "writing the differences");
    *differ = d.differ;
    return ok;
}

#include "inspect/tasks.h"

#include <malloc.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "inspect/channel.h"
#include "inspect/file_record.h"

#define PIECE  (512 * 1024) /* of a copy; below LIMIT_FRAME_RECORD */
#define ARENAS 2            /* of malloc() */

bool tasks_prepare(const struct request *r, struct hasher **hasher, GError **error)
{
    *hasher = NULL;
    if (!r->with_files && !r->hash)
        return true;
    /* Else malloc() reserves 64 MiB of the limited address space for each thread. */
    (void)mallopt(M_ARENA_MAX, ARENAS);
    *hasher = hasher_new(0, r->types, error);
    return *hasher != NULL;
}

/* What the user asked for makes no sense of a disk: a snapshot that it does not have. */
static const GError *wrong_request(const GPtrArray *disks)
{
    for (unsigned i = 0; i < disks->len; i++) {
        const struct survey_disk *d = g_ptr_array_index(disks, i);
        if (g_error_matches(d->fault, ASSAY_ERROR, ASSAY_ERROR_INVALID))
            return d->fault;
    }
    return NULL;
}

bool task_frame(const struct request *r, struct emitter *e, GPtrArray *disks, struct hasher *hasher,
                GError **error)
{
    struct survey s = { 0 };
    if (wrong_request(disks) != NULL) {
        g_propagate_error(error, g_error_copy(wrong_request(disks)));
        return false;
    }
    bool ok = survey_run(&s, e, disks, error) &&
              (r->task == TASK_VOLUMES ? examine_names(&s, e, error)
                                       : examine_systems(&s, e, hasher, error));
    if (ok)
        survey_cover_faults(&s, e);
    survey_done(&s);
    return ok;
}

/* Where the request's path is meant: a filesystem of its own, or a system. */
struct view {
    struct survey survey;
    GPtrArray *roots;  /* systems found; NULL */
    struct root *own;  /* of a filesystem; NULL */
    struct root *root; /* one of the above */
};

static void view_done(struct view *v)
{
    root_free(v->own);
    if (v->roots != NULL)
        g_ptr_array_unref(v->roots);
    survey_done(&v->survey);
}

static bool view_open(struct view *v, const struct request *r, struct emitter *e, GPtrArray *disks,
                      GError **error)
{
    if (disks->len == 1) { /* nothing else can be looked at instead */
        struct survey_disk *d = g_ptr_array_index(disks, 0);
        if (d->fault != NULL) {
            g_propagate_error(error, g_error_copy(d->fault));
            return false;
        }
    }
    if (!survey_run(&v->survey, e, disks, error))
        return false;
    if (r->volume != NULL) {
        struct root_filesystem *fs = survey_filesystem(&v->survey, r->volume, error);
        if (fs != NULL)
            v->root = v->own = root_of_tree(fs);
        else
            emit_forget(e); /* the error says it all */
    } else {
        v->root = survey_system(&v->survey, r->system, &v->roots, error);
    }
    return v->root != NULL;
}

static bool on_entry(const struct root_walk_entry *entry, void *user)
{
    struct file_record record;
    file_record_fill(&record, entry);
    emit_record(user, FRAME_FILE, &record.file);
    return true;
}

static void on_hashed(const struct frame_file *file, int code, void *user)
{
    emit_record(user, FRAME_FILE, file);
}

static bool on_entry_to_hash(const struct root_walk_entry *entry, void *user)
{
    struct file_record record;
    file_record_fill(&record, entry);
    hasher_add(user, &record.file, 0, entry->tree, entry->node);
    return true;
}

static bool list(const struct request *r, struct emitter *e, struct root *root,
                 struct hasher *hasher, GError **error)
{
    const struct root_walk_options options = { .follow = true, .recursive = r->recursive };
    if (hasher == NULL)
        return root_walk(root, r->path, &options, on_entry, e, error);
    bool ok = hasher_begin(hasher, on_hashed, e, error) &&
              root_walk(root, r->path, &options, on_entry_to_hash, hasher, error);
    if (ok)
        hasher_finish(hasher);
    return ok;
}

bool task_list(const struct request *r, struct emitter *e, GPtrArray *disks, struct hasher *hasher,
               GError **error)
{
    struct view v = { 0 };
    bool ok = view_open(&v, r, e, disks, error) && list(r, e, v.root, hasher, error);
    if (ok)
        survey_cover_faults(&v.survey, e);
    view_done(&v);
    return ok;
}

static bool copy_file(struct root *root, const char *path, struct emitter *e, GError **error)
{
    root_place_auto place = { 0 };
    struct tree_stat st;
    g_autofree uint8_t *buf = g_malloc(PIECE);
    if (!root_resolve(root, path, true, &place, error) ||
        !tree_stat(place.tree, place.node, &st, error))
        return false;
    if (!S_ISREG(st.mode))
        return fail(error, ASSAY_ERROR_INVALID, "%s: not a regular file", path);
    g_autoptr(tree_file) file = tree_file_open(place.tree, place.node, error);
    if (file == NULL)
        return false;
    for (uint64_t off = 0; off < file->size;) {
        size_t got;
        if (!tree_file_read(file, off, buf, PIECE, &got, error))
            return false;
        emit_message(e, CHANNEL_DATA, buf, got);
        off += got;
    }
    return true;
}

bool task_copy_file(const struct request *r, struct emitter *e, GPtrArray *disks, GError **error)
{
    struct view v = { 0 };
    bool ok = view_open(&v, r, e, disks, error) && copy_file(v.root, r->path, e, error);
    if (ok)
        survey_cover_faults(&v.survey, e);
    view_done(&v);
    return ok;
}

bool task_copy_disk(struct emitter *e, GPtrArray *disks, GError **error)
{
    const struct survey_disk *d = g_ptr_array_index(disks, 0);
    g_autofree uint8_t *buf = g_malloc(PIECE);
    if (d->fault != NULL) {
        g_propagate_error(error, g_error_copy(d->fault));
        return false;
    }
    survey_cover_notes(e, "disk0", d->block);
    for (uint64_t off = 0; off < d->block->size;) {
        size_t n = (size_t)min_u64(PIECE, d->block->size - off);
        if (!block_read(d->block, off, buf, n, error))
            return false;
        emit_message(e, CHANNEL_DATA, buf, n);
        off += n;
    }
    return true;
}

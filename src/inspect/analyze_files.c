/* Every file of the system, with what it holds in sums. */
#include "base/error.h"
#include "base/limits.h"
#include "inspect/analyzers.h"
#include "inspect/file_record.h"
#include "inspect/hasher.h"

struct files {
    struct inspection *in;
    uint64_t count, faulty;
};

static void cover(struct files *f, const struct frame_file *file, int code)
{
    /* A disk that is damaged all over does not need a million lines to say so. */
    if (++f->faulty > LIMIT_FAULTS)
        return;
    inspection_cover(f->in, g_str_equal(file->type, "directory") ? "directory" : "file", file->path,
                     COVERAGE_PARTIAL, assay_error_name(code), file->fault);
}

static void on_file(const struct frame_file *file, int code, void *user)
{
    struct files *f = user;
    f->count++;
    if (file->fault != NULL)
        cover(f, file, code);
    inspection_emit(f->in, FRAME_FILE, file);
    emit_progress(f->in->emitter, "files", f->count);
}

static bool on_entry(const struct root_walk_entry *entry, void *user)
{
    const struct files *f = user;
    struct file_record record;
    file_record_fill(&record, entry);
    hasher_add(f->in->hasher, &record.file, entry->fault != NULL ? entry->fault->code : 0,
               entry->tree, entry->node);
    return true;
}

static void run(struct inspection *in)
{
    static const struct root_walk_options all = { .itself = true, .recursive = true };
    struct files f = { .in = in };
    const char *name = in->root->name;
    GError *error = NULL;
    if (!hasher_begin(in->hasher, on_file, &f, &error) ||
        !root_walk(in->root, "/", &all, on_entry, &f, &error)) {
        inspection_cover_error(in, "files", name, false, error);
        return;
    }
    hasher_finish(in->hasher);
    if (f.faulty == 0) {
        inspection_cover(in, "files", name, COVERAGE_READ, NULL, NULL);
        return;
    }
    g_autofree char *reason =
        g_strdup_printf("%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " could not be read whole",
                        f.faulty, f.count);
    inspection_cover(in, "files", name, COVERAGE_PARTIAL, NULL, reason);
}

const struct analyzer analyze_files = {
    .name = "files",
    .description = "Every file: size, mode, owner, times, SHA-1, SHA-256, media type",
    .for_files = true,
    .run = run,
};

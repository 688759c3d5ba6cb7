/* What the tests of the advisory module share: a folder of their own, feeds written into it,
 * databases made of them, frames built by hand. */
#pragma once
#include <glib.h>
#include <glib/gstdio.h>

#include "advisory/database.h"
#include "advisory/import.h"
#include "frame/frame.h"

struct fixture {
    char *folder, *database;
};

static inline void fixture_init(struct fixture *f)
{
    g_autoptr(GError) error = NULL;
    f->folder = g_dir_make_tmp("assay-test-XXXXXX", &error);
    g_assert_no_error(error);
    f->database = g_build_filename(f->folder, "a.db", NULL);
}

static inline void fixture_done(struct fixture *f)
{
    g_autoptr(GDir) dir = g_dir_open(f->folder, 0, NULL);
    for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *path = g_build_filename(f->folder, name, NULL);
        (void)g_remove(path);
    }
    (void)g_rmdir(f->folder);
    g_free(f->folder);
    g_free(f->database);
}

/* Writes a file and imports it. error may be NULL: then it must succeed. */
static inline bool fixture_import(struct fixture *f, const char *name, const char *text,
                                  struct import_result *result, GError **error)
{
    g_autofree char *path = g_build_filename(f->folder, name, NULL);
    g_autoptr(GError) local = NULL;
    g_assert_true(g_file_set_contents(path, text, -1, &local));
    const struct import_options options = { .now = 1800000000 };
    struct import_result unused;
    char *paths[] = { path, NULL };
    bool ok = advisory_import(f->database, paths, &options, result ? result : &unused, &local);
    if (result == NULL)
        import_result_done(&unused);
    if (error == NULL)
        g_assert_no_error(local);
    else
        *error = g_steal_pointer(&local);
    return ok;
}

struct matched {
    struct advisory_db *db;
    struct frame *frame;
    struct arena *arena;
    GPtrArray *findings, *coverage;
};

static inline void matched_begin(struct matched *m, const struct frame_os *os)
{
    g_autoptr(GError) error = NULL;
    *m = (struct matched){ .frame = frame_new("test"),
                           .arena = arena_new(64 << 20),
                           .findings = g_ptr_array_new(),
                           .coverage = g_ptr_array_new() };
    struct frame_os root = *os;
    root.root = "disk0p1";
    g_assert_true(frame_add(m->frame, FRAME_OS, &root, &error));
}

static inline void matched_package(struct matched *m, const struct frame_package *p)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(frame_add(m->frame, FRAME_PACKAGE, p, &error));
}

static inline void matched_run(struct matched *m, const struct fixture *f,
                               const struct match_options *options)
{
    g_autoptr(GError) error = NULL;
    const struct match_options standard = { .now = 1700000000 };
    frame_finish(m->frame);
    m->db = advisory_db_open(f->database, &error);
    g_assert_no_error(error);
    g_assert_true(advisory_match(m->db, m->frame, options ? options : &standard, m->arena,
                                 m->findings, m->coverage, &error));
}

static inline void matched_done(struct matched *m)
{
    g_ptr_array_unref(m->findings);
    g_ptr_array_unref(m->coverage);
    arena_free(m->arena);
    frame_free(m->frame);
    advisory_db_close(m->db);
}

static inline const struct finding *finding_at(const struct matched *m, guint i)
{
    g_assert_cmpuint(i, <, m->findings->len);
    return g_ptr_array_index(m->findings, i);
}

static inline const struct frame_coverage *coverage_at(const struct matched *m, guint i)
{
    g_assert_cmpuint(i, <, m->coverage->len);
    return g_ptr_array_index(m->coverage, i);
}

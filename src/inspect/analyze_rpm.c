/* Packages of rpm. A system may have several databases of which one is in use: rpm has moved its
 * folder and changed its formats over time, and an rpm of another default format that looks at a
 * system leaves an empty database behind. Where there is none at all, Azure Linux has a list. */
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "inspect/analyzers.h"
#include "inspect/kernel_owner.h"
#include "inspect/package_database.h"
#include "inspect/rpm_database.h"
#include "inspect/rpm_manifest.h"
#include "inspect/rpm_package.h"

#define KIND     "package database"
#define MACROS   "/usr/lib/rpm/macros"
#define MANIFEST "/var/lib/rpmmanifest/container-manifest-2"

/* Where databases are: of most distributions, of Fedora and SUSE today, of ostree's. */
static const char *const folders[] = { "/var/lib/rpm", "/usr/lib/sysimage/rpm", "/usr/share/rpm" };

struct reading {
    struct package_database database;
    const char *file;    /* name of the database's file, for messages */
    struct arena *arena; /* of one package */
};

static bool is_kernel(const char *name)
{
    return g_str_has_prefix(name, "kernel") || g_str_has_prefix(name, "linux");
}

static bool read_header(struct reading *r, uint64_t id, const uint8_t *bytes, size_t len,
                        GError **error)
{
    struct rpm_header h;
    struct frame_package p;
    bool pseudo;
    arena_clear(r->arena);
    if (!rpm_header_parse(&h, bytes, len, error) ||
        !rpm_package_read(&h, r->arena, &p, &pseudo, error)) {
        g_prefix_error(error, "%s: header %" G_GUINT64_FORMAT ": ", r->file, id);
        return false;
    }
    if (pseudo)
        return true;
    package_database_add(&r->database, &p);
    const char *kernel = is_kernel(p.name) ? rpm_package_kernel(&h, r->arena) : NULL;
    if (kernel != NULL)
        kernel_owner_add(r->database.in, kernel, p.name);
    return true;
}

static bool on_header(void *user, uint64_t id, const uint8_t *bytes, size_t len)
{
    struct reading *r = user;
    GError *error = NULL;
    if (!read_header(r, id, bytes, len, &error))
        package_database_fault(&r->database, error);
    return true;
}

static void on_fault(void *user, GError *error)
{
    struct reading *r = user;
    package_database_fault(&r->database, error);
}

/* --- files --------------------------------------------------------------------------------------
 */

/* NULL with *error; with ASSAY_ERROR_NOT_FOUND when there is none. */
static struct block *open_file(struct inspection *in, const char *path, const char *name,
                               GError **error)
{
    root_place_auto place = { 0 };
    struct tree_stat st;
    if (!root_resolve(in->root, path, true, &place, error) ||
        !tree_stat(place.tree, place.node, &st, error))
        return NULL;
    if (!S_ISREG(st.mode)) {
        fail(error, ASSAY_ERROR_NOT_FOUND, "%s: not a regular file", name);
        return NULL;
    }
    g_autoptr(block) file = tree_file_block(place.tree, place.node, name, error);
    if (file == NULL)
        return NULL;
    if (file->size > LIMIT_PACKAGE_DB) {
        fail_limit(error, "%s: %" G_GUINT64_FORMAT " bytes", name, file->size);
        return NULL;
    }
    return block_cache_new(file, name);
}

/* A file that may be missing: true with *out NULL. */
static bool open_companion(struct inspection *in, const char *path, const char *suffix,
                           struct block **out, GError **error)
{
    g_autofree char *whole = g_strconcat(path, suffix, NULL);
    g_autofree char *name = g_path_get_basename(whole);
    GError *reason = NULL;
    *out = open_file(in, whole, name, &reason);
    if (*out != NULL || g_error_matches(reason, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND)) {
        g_clear_error(&reason);
        return true;
    }
    g_propagate_error(error, reason);
    return false;
}

static bool open_files(struct inspection *in, const struct rpm_backend *backend, const char *path,
                       struct rpm_files *files, GError **error)
{
    files->main = open_file(in, path, backend->file, error);
    return files->main != NULL &&
           (!backend->logged || (open_companion(in, path, "-wal", &files->log, error) &&
                                 open_companion(in, path, "-journal", &files->journal, error)));
}

/* Number of packages; a database that is not there has none. */
static uint64_t read_database(struct inspection *in, const struct rpm_backend *backend,
                              const char *path)
{
    g_autoptr(arena) arena = arena_new(LIMIT_RPM_HEADER);
    struct reading r = { .database = { .in = in, .path = path },
                         .file = backend->file,
                         .arena = arena };
    const struct rpm_sink sink = { .header = on_header, .fault = on_fault, .user = &r };
    struct rpm_files files = { 0 };
    GError *error = NULL;
    bool opened = open_files(in, backend, path, &files, &error);
    if (opened)
        (void)backend->each(&files, &sink, &error);
    if (opened || !g_error_matches(error, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND))
        package_database_done(&r.database, error);
    else
        g_error_free(error);
    block_unref(files.main);
    block_unref(files.log);
    block_unref(files.journal);
    return r.database.packages;
}

/* --- which one ----------------------------------------------------------------------------------
 */

struct candidates {
    GPtrArray *paths; /* char *, of folders, canonical */
    GHashTable *seen;
};

static void add_folder(struct inspection *in, struct candidates *c, const char *folder)
{
    root_place_auto place = { 0 };
    if (package_database_locate(in, folder, &place) &&
        g_hash_table_add(c->seen, g_strdup(place.path)))
        g_ptr_array_add(c->paths, g_strdup(place.path));
}

/* The folder that rpm itself is set to use: %_dbpath. NULL when its macros do not tell. */
static char *configured_folder(struct inspection *in)
{
    g_autoptr(GBytes) bytes = root_read(in->root, MACROS, LIMIT_SMALL_FILE, NULL);
    if (bytes == NULL)
        return NULL;
    g_autofree char *text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        static const char name[] = "%_dbpath";
        if (!g_str_has_prefix(*line, name) || strchr(" \t", (*line)[strlen(name)]) == NULL)
            continue;
        g_autoptr(GString) path = g_string_new(g_strstrip(*line + strlen(name)));
        g_string_replace(path, "%{_var}", "/var", 0);
        g_string_replace(path, "%{_usr}", "/usr", 0);
        g_string_replace(path, "%{_prefix}", "/usr", 0);
        return strchr(path->str, '%') == NULL ? g_strdup(path->str) : NULL;
    }
    return NULL;
}

/* The first database with packages is the one in use; the others are only named. False when there
 * is none with packages. */
static bool read_candidates(struct inspection *in, const GPtrArray *paths)
{
    g_autofree char *used = NULL;
    for (guint i = 0; i < paths->len; i++) {
        for (const struct rpm_backend *const *b = rpm_backends; *b != NULL; b++) {
            g_autofree char *path =
                g_strdup_printf("%s/%s", (const char *)g_ptr_array_index(paths, i), (*b)->file);
            if (used == NULL) {
                if (read_database(in, *b, path) > 0)
                    used = g_steal_pointer(&path);
            } else if (root_exists(in->root, path)) {
                g_autofree char *reason = g_strdup_printf("not in use: %s is", used);
                inspection_cover(in, KIND, path, COVERAGE_SKIPPED, NULL, reason);
            }
        }
    }
    return used != NULL;
}

/* --- without a database -------------------------------------------------------------------------
 */

static void read_line(struct package_database *db, uint64_t number, const char *line, size_t len,
                      struct arena *arena)
{
    struct frame_package p;
    bool pseudo;
    GError *error = NULL;
    arena_clear(arena);
    if (!rpm_manifest_line(line, len, arena, &p, &pseudo, &error)) {
        g_prefix_error(&error, "line %" G_GUINT64_FORMAT ": ", number);
        package_database_fault(db, error);
    } else if (!pseudo) {
        package_database_add(db, &p);
    }
}

static void read_manifest(struct inspection *in)
{
    root_place_auto place = { 0 };
    if (!package_database_locate(in, MANIFEST, &place))
        return;
    GError *error = NULL;
    struct package_database db = { .in = in, .path = MANIFEST };
    g_autoptr(arena) arena = arena_new(LIMIT_SMALL_FILE);
    g_autoptr(GBytes) text = root_read(in->root, MANIFEST, LIMIT_PACKAGE_DB, &error);
    const char *pos = text != NULL ? g_bytes_get_data(text, NULL) : NULL, *line;
    const char *end = text != NULL ? pos + g_bytes_get_size(text) : NULL;
    size_t len;
    for (uint64_t number = 1; text_next_line(&pos, end, &line, &len); number++)
        read_line(&db, number, line, len, arena);
    package_database_done(&db, error);
}

static void run(struct inspection *in)
{
    struct candidates c = { .paths = g_ptr_array_new_with_free_func(g_free),
                            .seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL) };
    g_autofree char *configured = configured_folder(in);
    if (configured != NULL)
        add_folder(in, &c, configured);
    for (size_t i = 0; i < G_N_ELEMENTS(folders); i++)
        add_folder(in, &c, folders[i]);
    if (!read_candidates(in, c.paths))
        read_manifest(in);
    g_hash_table_unref(c.seen);
    g_ptr_array_unref(c.paths);
}

const struct analyzer analyze_rpm = {
    .name = "rpm",
    .description = "packages of rpm: SQLite, ndb and Berkeley DB",
    .run = run,
};

/* Packages of Arch Linux and its relatives: a folder each. */
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "inspect/analyzers.h"
#include "inspect/package_database.h"
#include "inspect/pacman_parse.h"

#define FOLDER "/var/lib/pacman/local"

static bool collect(const struct tree_entry *entry, void *user)
{
    GPtrArray *names = user;
    if (!g_str_equal(entry->name, "ALPM_DB_VERSION"))
        g_ptr_array_add(names, g_strndup(entry->name, entry->name_len));
    return names->len <= LIMIT_PACKAGES;
}

static bool read_package(struct package_database *db, struct arena *arena, const char *name,
                         GError **error)
{
    g_autofree char *path = g_strdup_printf(FOLDER "/%s/desc", name);
    struct frame_package p;
    arena_clear(arena);
    g_autoptr(GBytes) text = root_read(db->in->root, path, LIMIT_SMALL_FILE, error);
    if (text == NULL)
        return false;
    if (!pacman_parse(g_bytes_get_data(text, NULL), g_bytes_get_size(text), arena, &p, error)) {
        g_prefix_error(error, "%s: ", path);
        return false;
    }
    package_database_add(db, &p);
    return true;
}

static void run(struct inspection *in)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(arena) arena = arena_new(4 * LIMIT_SMALL_FILE);
    struct package_database db = { .in = in, .path = FOLDER };
    GError *error = NULL;
    bool listed = root_list(in->root, FOLDER, collect, names, &error);
    if (!listed && g_error_matches(error, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND)) {
        g_error_free(error);
        return;
    }
    for (guint i = 0; i < MIN(names->len, LIMIT_PACKAGES); i++) {
        GError *reason = NULL;
        if (!read_package(&db, arena, g_ptr_array_index(names, i), &reason))
            package_database_fault(&db, reason);
    }
    if (listed && names->len > LIMIT_PACKAGES)
        fail_limit(&error, FOLDER ": too many packages");
    package_database_done(&db, error);
}

const struct analyzer analyze_pacman = {
    .name = "pacman",
    .description = "packages of pacman: Arch Linux",
    .run = run,
};

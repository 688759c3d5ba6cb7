/* Packages of Alpine and its relatives. */
#include "base/error.h"
#include "base/limits.h"
#include "inspect/analyzers.h"
#include "inspect/apk_parse.h"
#include "inspect/kernel_owner.h"
#include "inspect/package_database.h"

/* The second since /lib is in /usr (Alpine 3.23), where the first may be a symlink to it. */
static const char *const paths[] = { "/lib/apk/db/installed", "/usr/lib/apk/db/installed" };

static void on_package(void *user, struct frame_package *p, const char *kernel)
{
    struct package_database *db = user;
    package_database_add(db, p);
    if (kernel != NULL)
        kernel_owner_add(db->in, kernel, p->name);
}

static void on_fault(void *user, GError *error)
{
    package_database_fault(user, error);
}

static void run(struct inspection *in)
{
    g_autofree char *seen = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        root_place_auto place = { 0 };
        if (!package_database_locate(in, paths[i], &place) || g_strcmp0(place.path, seen) == 0)
            continue;
        GError *error = NULL;
        struct package_database db = { .in = in, .path = place.path };
        const struct apk_sink sink = { .package = on_package, .fault = on_fault, .user = &db };
        g_autoptr(GBytes) text = root_read(in->root, place.path, LIMIT_PACKAGE_DB, &error);
        if (text != NULL)
            (void)apk_parse(g_bytes_get_data(text, NULL), g_bytes_get_size(text), &sink, &error);
        package_database_done(&db, error);
        g_free(seen);
        seen = g_strdup(place.path);
    }
}

const struct analyzer analyze_apk = {
    .name = "apk",
    .description = "packages of apk: Alpine, Wolfi, Chainguard",
    .run = run,
};

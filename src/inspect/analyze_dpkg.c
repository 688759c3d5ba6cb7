/* Packages of Debian and its kin: /var/lib/dpkg/status, and the folder status.d that images made
 * without dpkg have (distroless). */
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "inspect/analyzers.h"
#include "inspect/dpkg.h"
#include "inspect/package_database.h"

#define STATUS   "/var/lib/dpkg/status"
#define STATUS_D "/var/lib/dpkg/status.d"

struct reading {
    struct package_database db;
    struct deb822_paragraph paragraph;
    GPtrArray *texts;
};

static void fault(struct reading *r, const char *name, const char *what)
{
    GError *error = NULL;
    (void)fail_corrupt(&error, "%s: %s", name != NULL ? name : "an entry without a name", what);
    package_database_fault(&r->db, error);
}

static void read_paragraphs(struct reading *r, const char *text, size_t len, bool need_status)
{
    const char *pos = text;
    while (deb822_next(&pos, text + len, &r->paragraph)) {
        struct frame_package p;
        enum dpkg_verdict verdict = dpkg_package(&r->paragraph, need_status, &p, r->texts);
        bool there = verdict == DPKG_INSTALLED || verdict == DPKG_HALF;
        if (verdict == DPKG_MALFORMED)
            fault(r, p.name, "the entry makes no sense");
        else if (r->paragraph.bad_lines > 0 || (there && !dpkg_is_plausible(&p)))
            fault(r, p.name, "lines of its entry make no sense");
        if (verdict == DPKG_HALF)
            fault(r, p.name, "half-installed: its files may be of this version or another");
        if (there)
            package_database_add(&r->db, &p);
    }
}

/* The package's path is that of the database: a file of status.d is its own. */
static GError *read_file(struct reading *r, const char *path, bool need_status)
{
    GError *error = NULL;
    g_autoptr(GBytes) bytes = root_read(r->db.in->root, path, LIMIT_PACKAGE_DB, &error);
    if (bytes == NULL)
        return error;
    size_t len;
    const char *text = g_bytes_get_data(bytes, &len);
    read_paragraphs(r, text, len, need_status);
    if (need_status && len > 0 && text[len - 1] != '\n')
        fault(r, path, "ends within a line: its rest is missing");
    return NULL;
}

static bool collect(const struct tree_entry *entry, void *user)
{
    /* Beside each package's file lies its list of checksums. */
    if (!g_str_has_suffix(entry->name, ".md5sums"))
        g_ptr_array_add(user, g_strdup_printf("%s/%s", STATUS_D, entry->name));
    return true;
}

static int compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static GError *read_folder(struct reading *r)
{
    GError *error = NULL;
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    if (!root_list(r->db.in->root, STATUS_D, collect, paths, &error))
        return error;
    g_ptr_array_sort(paths, compare);
    for (unsigned i = 0; i < paths->len; i++) {
        r->db.path = g_ptr_array_index(paths, i);
        error = read_file(r, r->db.path, false);
        if (error != NULL)
            package_database_fault(&r->db, error);
    }
    r->db.path = STATUS_D;
    return NULL;
}

static void read_database(struct reading *r, struct inspection *in, const char *path)
{
    root_place_auto place = { 0 };
    r->db = (struct package_database){ .in = in, .path = path };
    if (package_database_locate(in, path, &place))
        package_database_done(&r->db, g_str_equal(path, STATUS_D) ? read_folder(r)
                                                                  : read_file(r, path, true));
    else if (g_str_equal(path, STATUS) && root_exists(in->root, "/var/lib/dpkg/info"))
        inspection_cover(in, "package database", STATUS, COVERAGE_UNREADABLE,
                         assay_error_name(ASSAY_ERROR_NOT_FOUND),
                         "missing, though dpkg has been at work here");
}

static void run(struct inspection *in)
{
    struct reading r = { .texts = g_ptr_array_new_with_free_func(g_free) };
    r.paragraph.fields = g_array_new(FALSE, FALSE, sizeof(struct deb822_field));
    read_database(&r, in, STATUS);
    read_database(&r, in, STATUS_D);
    g_array_unref(r.paragraph.fields);
    g_ptr_array_unref(r.texts);
}

const struct analyzer analyze_dpkg = {
    .name = "dpkg",
    .description = "packages of Debian, Ubuntu and their kin",
    .run = run,
};

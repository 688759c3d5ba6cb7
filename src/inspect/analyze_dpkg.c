/* Packages of Debian and its kin: /var/lib/dpkg/status, and the folder status.d that images made
 * without dpkg have (distroless). */
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "inspect/analyzers.h"
#include "inspect/dpkg.h"

#define STATUS   "/var/lib/dpkg/status"
#define STATUS_D "/var/lib/dpkg/status.d"

struct reading {
    struct inspection *in;
    const char *path; /* of the file being read */
    struct deb822_paragraph paragraph;
    GPtrArray *texts;
    uint64_t packages, malformed;
    char *first_malformed;
};

static void note_malformed(struct reading *r, const struct frame_package *p)
{
    if (r->malformed++ == 0)
        r->first_malformed = g_strdup(p->name != NULL ? p->name : "one without a name");
}

static void read_paragraphs(struct reading *r, const char *text, size_t len, bool need_status)
{
    const char *pos = text;
    while (deb822_next(&pos, text + len, &r->paragraph)) {
        struct frame_package p;
        enum dpkg_verdict verdict = dpkg_package(&r->paragraph, need_status, &p, r->texts);
        p.path = r->path;
        bool there = verdict == DPKG_INSTALLED || verdict == DPKG_HALF;
        if (verdict == DPKG_MALFORMED || r->paragraph.bad_lines > 0 ||
            (there && !dpkg_is_plausible(&p)))
            note_malformed(r, &p);
        if (verdict == DPKG_HALF)
            inspection_cover(r->in, "package database", p.name, COVERAGE_PARTIAL,
                             assay_error_name(ASSAY_ERROR_CORRUPT),
                             "half-installed: its files may be of this version or another");
        if (there) {
            inspection_emit(r->in, FRAME_PACKAGE, &p);
            r->packages++;
        }
    }
}

static void read_file(struct reading *r, const char *path, bool need_status)
{
    GError *error = NULL;
    g_autoptr(GBytes) bytes = root_read(r->in->root, path, LIMIT_PACKAGE_DB, &error);
    if (bytes == NULL) {
        inspection_cover_error(r->in, "package database", path, false, error);
        return;
    }
    uint64_t before = r->packages;
    r->path = path;
    r->malformed = 0;
    size_t len;
    const char *text = g_bytes_get_data(bytes, &len);
    read_paragraphs(r, text, len, need_status);
    if (need_status && len > 0 && text[len - 1] != '\n')
        note_malformed(r, &(struct frame_package){ .name = "the file ends within a line" });
    if (r->malformed > 0) {
        g_autofree char *reason =
            g_strdup_printf("%" G_GUINT64_FORMAT " malformed entries, the first: %s", r->malformed,
                            r->first_malformed);
        inspection_cover(r->in, "package database", path, COVERAGE_PARTIAL,
                         assay_error_name(ASSAY_ERROR_CORRUPT), reason);
        g_clear_pointer(&r->first_malformed, g_free);
    } else if (need_status || r->packages == before) {
        inspection_cover(r->in, "package database", path, COVERAGE_READ, NULL, NULL);
    }
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

static void read_folder(struct reading *r)
{
    GError *error = NULL;
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    if (!root_list(r->in->root, STATUS_D, collect, paths, &error)) {
        inspection_cover_error(r->in, "package database", STATUS_D, false, error);
        return;
    }
    g_ptr_array_sort(paths, compare);
    for (unsigned i = 0; i < paths->len; i++)
        read_file(r, g_ptr_array_index(paths, i), false);
    inspection_cover(r->in, "package database", STATUS_D, COVERAGE_READ, NULL, NULL);
}

static void run(struct inspection *in)
{
    struct reading r = { .in = in, .texts = g_ptr_array_new_with_free_func(g_free) };
    r.paragraph.fields = g_array_new(FALSE, FALSE, sizeof(struct deb822_field));
    if (root_exists(in->root, STATUS))
        read_file(&r, STATUS, true);
    else if (root_exists(in->root, "/var/lib/dpkg/info"))
        inspection_cover(in, "package database", STATUS, COVERAGE_UNREADABLE,
                         assay_error_name(ASSAY_ERROR_NOT_FOUND),
                         "missing, though dpkg has been at work here");
    if (root_exists(in->root, STATUS_D))
        read_folder(&r);
    g_array_unref(r.paragraph.fields);
    g_ptr_array_unref(r.texts);
}

const struct analyzer analyze_dpkg = {
    .name = "dpkg",
    .description = "packages of Debian, Ubuntu and their kin",
    .run = run,
};

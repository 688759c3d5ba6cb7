#include "advisory/deb_file.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/limits.h"

enum { BLOCK = 128 << 10 };

typedef struct archive archive;
static void archive_free_any(struct archive *a)
{
    (void)archive_read_free(a);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(archive, archive_free_any)

static void support_filters(struct archive *a)
{
    (void)archive_read_support_filter_gzip(a);
    (void)archive_read_support_filter_xz(a);
    (void)archive_read_support_filter_zstd(a);
    (void)archive_read_support_filter_bzip2(a);
}

static bool archive_fail(struct archive *a, const char *path, GError **error)
{
    const char *text = archive_error_string(a);
    return fail_corrupt(error, "%s: %s", path, text != NULL ? text : "cannot be unpacked");
}

/* The rest of the current entry. */
static GBytes *read_entry(struct archive *a, const char *path, gsize max, GError **error)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    const void *bytes;
    size_t len;
    la_int64_t offset;
    int got;
    while ((got = archive_read_data_block(a, &bytes, &len, &offset)) == ARCHIVE_OK) {
        if (len > max - out->len) {
            (void)fail_limit(error, "%s: unpacks to more than %zu bytes", path, (size_t)max);
            return NULL;
        }
        if (len > 0)
            g_byte_array_append(out, bytes, (guint)len);
    }
    if (got != ARCHIVE_EOF) {
        (void)archive_fail(a, path, error);
        return NULL;
    }
    return g_byte_array_free_to_bytes(g_steal_pointer(&out));
}

static GBytes *read_raw(struct archive *a, const char *path, gsize max, GError **error)
{
    struct archive_entry *entry;
    int got = archive_read_next_header(a, &entry);
    if (got == ARCHIVE_EOF)
        return g_bytes_new_static("", 0);
    if (got != ARCHIVE_OK) {
        (void)archive_fail(a, path, error);
        return NULL;
    }
    return read_entry(a, path, max, error);
}

GBytes *file_unpacked(const char *path, gsize max, GError **error)
{
    g_autoptr(archive) a = archive_read_new();
    support_filters(a);
    (void)archive_read_support_format_raw(a);
    (void)archive_read_support_format_empty(a);
    if (archive_read_open_filename(a, path, BLOCK) != ARCHIVE_OK) {
        (void)archive_fail(a, path, error);
        return NULL;
    }
    return read_raw(a, path, max, error);
}

static GBytes *unpack_memory(GBytes *packed, const char *path, gsize max, GError **error)
{
    g_autoptr(archive) a = archive_read_new();
    support_filters(a);
    (void)archive_read_support_format_raw(a);
    (void)archive_read_support_format_empty(a);
    gsize len;
    const void *bytes = g_bytes_get_data(packed, &len);
    if (archive_read_open_memory(a, bytes, len) != ARCHIVE_OK) {
        (void)archive_fail(a, path, error);
        return NULL;
    }
    return read_raw(a, path, max, error);
}

/* "./usr/share/doc/bash/changelog.Debian.gz"; native packages have only "changelog.gz". Some have
 * both, the second being upstream's: then the first is meant. */
static bool is_changelog(const char *name, bool *debian)
{
    if (g_str_has_prefix(name, "./"))
        name += 2;
    static const char prefix[] = "usr/share/doc/";
    if (!g_str_has_prefix(name, prefix))
        return false;
    const char *file = strchr(name + strlen(prefix), '/');
    if (file == NULL || strchr(file + 1, '/') != NULL)
        return false;
    *debian = g_str_has_prefix(file, "/changelog.Debian");
    return *debian || g_str_equal(file, "/changelog.gz") || g_str_equal(file, "/changelog");
}

static GBytes *find_changelog(struct archive *data, const char *path, GError **error)
{
    g_autoptr(GBytes) found = NULL;
    struct archive_entry *entry;
    int got;
    while ((got = archive_read_next_header(data, &entry)) == ARCHIVE_OK || got == ARCHIVE_WARN) {
        const char *name = archive_entry_pathname(entry);
        bool debian;
        if (name == NULL || archive_entry_filetype(entry) != AE_IFREG ||
            archive_entry_size(entry) == 0 || !is_changelog(name, &debian))
            continue;
        g_clear_pointer(&found, g_bytes_unref);
        g_autoptr(GBytes) packed = read_entry(data, path, LIMIT_FEED_CHANGELOG, error);
        if (packed == NULL)
            return NULL;
        found = unpack_memory(packed, path, LIMIT_FEED_CHANGELOG, error);
        if (found == NULL || debian)
            return g_steal_pointer(&found);
    }
    if (got != ARCHIVE_EOF) {
        (void)archive_fail(data, path, error);
        return NULL;
    }
    return g_steal_pointer(&found);
}

static la_ssize_t read_member(struct archive *inner, void *user, const void **buffer)
{
    struct archive *outer = user;
    size_t len;
    la_int64_t offset;
    int got;
    do /* 0 is the end to libarchive */
        got = archive_read_data_block(outer, buffer, &len, &offset);
    while (got == ARCHIVE_OK && len == 0);
    if (got == ARCHIVE_EOF)
        return 0;
    if (got != ARCHIVE_OK) {
        archive_set_error(inner, EIO, "%s", archive_error_string(outer));
        return -1;
    }
    return (la_ssize_t)len;
}

/* deb(5): an ar archive of debian-binary, control.tar.* and data.tar.*. */
GBytes *deb_changelog(const char *path, GError **error)
{
    g_autoptr(archive) outer = archive_read_new();
    (void)archive_read_support_format_ar(outer);
    if (archive_read_open_filename(outer, path, BLOCK) != ARCHIVE_OK) {
        (void)archive_fail(outer, path, error);
        return NULL;
    }
    struct archive_entry *entry;
    int got;
    while ((got = archive_read_next_header(outer, &entry)) == ARCHIVE_OK) {
        const char *name = archive_entry_pathname(entry);
        if (name == NULL || !g_str_has_prefix(name, "data.tar"))
            continue;
        g_autoptr(archive) data = archive_read_new();
        support_filters(data);
        (void)archive_read_support_format_tar(data);
        if (archive_read_open(data, outer, NULL, read_member, NULL) != ARCHIVE_OK) {
            (void)archive_fail(data, path, error);
            return NULL;
        }
        return find_changelog(data, path, error);
    }
    if (got != ARCHIVE_EOF)
        (void)archive_fail(outer, path, error);
    else
        (void)fail_corrupt(error, "%s: has no data.tar", path);
    return NULL;
}

#include "advisory/input.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "advisory/gunzip.h"
#include "base/autoclose.h"
#include "base/error.h"
#include "base/limits.h"

enum { BLOCK = 256 << 10 };

struct source {
    const struct input_functions *functions;
    const char *path;
    char *sha256;
    int64_t changed;   /* Unix seconds */
    uint64_t unpacked; /* bytes that came out so far, all streams together */
    struct archive *outermost;
};

struct reader {
    struct source *source;
    struct archive *archive;
    struct reader *outer; /* the stream this archive is packed in; NULL: a file */
    const void *pushed;   /* bytes looked at, to be given again */
    size_t pushed_len;
    GByteArray *held; /* where they are */
};

typedef struct archive archive;
static void archive_free_any(struct archive *a)
{
    (void)archive_read_free(a);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(archive, archive_free_any)

/* Only formats that are meant; none of libarchive's that run other programs. gzip is not among
 * them: gunzip.h. */
static struct archive *new_archive(void)
{
    struct archive *a = archive_read_new();
    bool ok = a != NULL && archive_read_support_filter_bzip2(a) == ARCHIVE_OK &&
              archive_read_support_filter_xz(a) == ARCHIVE_OK &&
              archive_read_support_filter_zstd(a) == ARCHIVE_OK &&
              archive_read_support_format_tar(a) == ARCHIVE_OK &&
              archive_read_support_format_zip(a) == ARCHIVE_OK &&
              archive_read_support_format_empty(a) == ARCHIVE_OK &&
              archive_read_support_format_raw(a) == ARCHIVE_OK;
    if (!ok) {
        (void)archive_read_free(a);
        return NULL;
    }
    return a;
}

static bool archive_fail(struct archive *a, const char *name, GError **error)
{
    const char *text = archive_error_string(a);
    return fail_corrupt(error, "%s: %s", name, text != NULL ? text : "cannot be unpacked");
}

bool input_read(struct input_stream *s, const void **bytes, size_t *len, GError **error)
{
    struct reader *r = s->reader;
    if (r->pushed_len > 0) {
        *bytes = r->pushed;
        *len = r->pushed_len;
        r->pushed_len = 0;
        return true;
    }
    la_int64_t offset;
    int got;
    do /* a hole may come as a block of no bytes: only the end is 0 to our callers */
        got = archive_read_data_block(r->archive, bytes, len, &offset);
    while (got == ARCHIVE_OK && *len == 0);
    if (got == ARCHIVE_EOF)
        *len = 0;
    else if (got != ARCHIVE_OK)
        return archive_fail(r->archive, s->name, error);
    r->source->unpacked += *len;
    if (r->source->unpacked > LIMIT_FEED_BYTES)
        return fail_limit(error, "%s: unpacks to more than %llu bytes", r->source->path,
                          (unsigned long long)LIMIT_FEED_BYTES);
    s->bytes = (uint64_t)archive_filter_bytes(r->source->outermost, -1);
    return true;
}

/* --- archives in archives --------------------------------------------------------------------- */

static la_ssize_t read_outer(struct archive *a, void *user, const void **buffer)
{
    struct input_stream *s = user;
    size_t len = 0;
    g_autoptr(GError) error = NULL;
    if (!input_read(s, buffer, &len, &error)) {
        archive_set_error(a, EIO, "%s", error->message);
        return -1;
    }
    return (la_ssize_t)len;
}

static bool more_for_gunzip(void *user, const void **bytes, size_t *len, GError **error)
{
    return input_read(user, bytes, len, error);
}

static la_ssize_t read_gunzip(struct archive *a, void *user, const void **buffer)
{
    size_t len = 0;
    g_autoptr(GError) error = NULL;
    if (!gunzip_read(user, buffer, &len, &error)) {
        archive_set_error(a, EIO, "%s", error->message);
        return -1;
    }
    return (la_ssize_t)len;
}

static bool is_gzip(const uint8_t *p, size_t len)
{
    return len >= 3 && memcmp(p, "\x1f\x8b\x08", 3) == 0;
}

static bool is_packed(const uint8_t *p, size_t len)
{
    static const struct {
        size_t offset, len;
        const char *magic;
    } magics[] = {
        { 0, 3, "\x1f\x8b\x08" },
        { 0, 4, "\x28\xb5\x2f\xfd" },
        { 0, 6,
          "\xfd"
          "7zXZ\0" },
        { 0, 3, "BZh" },
        { 0, 4, "PK\x03\x04" },
        { 257, 5, "ustar" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(magics); i++)
        if (len >= magics[i].offset + magics[i].len &&
            memcmp(p + magics[i].offset, magics[i].magic, magics[i].len) == 0)
            return true;
    return false;
}

/* Looks at the first bytes of a stream without losing them. */
static bool peek(struct input_stream *s, const void **bytes, size_t *len, GError **error)
{
    struct reader *r = s->reader;
    if (!input_read(s, bytes, len, error))
        return false;
    g_byte_array_set_size(r->held, 0);
    if (*len > 0)
        g_byte_array_append(r->held, *bytes, (guint)MIN(*len, (size_t)G_MAXUINT / 2));
    r->pushed = *bytes = r->held->data;
    r->pushed_len = *len;
    return true;
}

static bool each_member(struct source *src, struct archive *a, struct input_stream *outer,
                        unsigned depth, GError **error);

static bool handle_stream(struct source *src, struct input_stream *s, unsigned depth,
                          GError **error)
{
    const void *bytes;
    size_t len;
    if (!peek(s, &bytes, &len, error))
        return false;
    bool gzip = is_gzip(bytes, len);
    if (!gzip && !is_packed(bytes, len))
        return src->functions->stream(s, src->functions->user, error);
    if (depth >= LIMIT_FEED_NESTING)
        return fail_limit(error, "%s: archives nested deeper than %d", s->name, LIMIT_FEED_NESTING);
    g_autoptr(archive) inner = new_archive();
    g_autoptr(gunzip) unzip = gzip ? gunzip_new(more_for_gunzip, s) : NULL;
    int opened = inner == NULL ? ARCHIVE_FATAL
                 : gzip        ? archive_read_open(inner, unzip, NULL, read_gunzip, NULL)
                               : archive_read_open(inner, s, NULL, read_outer, NULL);
    if (opened != ARCHIVE_OK)
        return archive_fail(inner, s->name, error);
    return each_member(src, inner, s, depth + 1, error);
}

static bool each_member(struct source *src, struct archive *a, struct input_stream *outer,
                        unsigned depth, GError **error)
{
    struct archive_entry *entry;
    const char *base = outer != NULL ? outer->name : src->path;
    int got;
    while ((got = archive_read_next_header(a, &entry)) == ARCHIVE_OK || got == ARCHIVE_WARN) {
        bool raw = archive_format(a) == ARCHIVE_FORMAT_RAW;
        if (!raw && archive_entry_filetype(entry) != AE_IFREG)
            continue;
        const char *member = archive_entry_pathname(entry);
        g_autofree char *name =
            raw ? g_strdup(base)
                : g_strdup_printf("%s: %s", base, member != NULL ? member : "(unnamed)");
        struct reader reader = { .source = src, .archive = a, .held = g_byte_array_new() };
        struct input_stream s = {
            .name = name,
            .source = src->path,
            .sha256 = src->sha256,
            .date = raw ? src->changed : MAX(archive_entry_mtime(entry), 0),
            .reader = &reader,

        };
        bool ok = handle_stream(src, &s, depth, error);
        g_byte_array_unref(reader.held);
        if (!ok)
            return false;
    }
    return got == ARCHIVE_EOF || archive_fail(a, base, error);
}

/* --- files and folders ------------------------------------------------------------------------ */

static char *digest_file(int fd, const char *path, GError **error)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_autofree uint8_t *buffer = g_malloc(BLOCK);
    ssize_t n;
    while ((n = read(fd, buffer, BLOCK)) > 0)
        g_checksum_update(sum, buffer, n);
    if (n < 0 || lseek(fd, 0, SEEK_SET) < 0) {
        (void)fail_errno(error, errno, "%s", path);
        return NULL;
    }
    return g_strdup(g_checksum_get_string(sum));
}

static bool each_of_file(const char *path, const struct input_functions *f, GError **error)
{
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(error, errno, "%s", path);
    g_autofree char *sha256 = digest_file(fd, path, error);
    if (sha256 == NULL)
        return false;
    g_autoptr(archive) a = new_archive();
    struct stat st;
    struct source src = { .functions = f, .path = path, .sha256 = sha256, .outermost = a };
    if (fstat(fd, &st) == 0)
        src.changed = (int64_t)st.st_mtime;
    if (a == NULL || archive_read_open_fd(a, fd, BLOCK) != ARCHIVE_OK)
        return archive_fail(a, path, error);
    return each_member(&src, a, NULL, 1, error);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool each_of_path(const char *path, const struct input_functions *f, unsigned depth,
                         GError **error);

static bool each_of_folder(const char *path, const struct input_functions *f, unsigned depth,
                           GError **error)
{
    bool done = false;
    if (f->folder != NULL && !f->folder(path, &done, f->user, error))
        return false;
    if (done)
        return true;
    if (depth > LIMIT_SYMLINKS)
        return fail_limit(error, "%s: folders nested deeper than %d", path, LIMIT_SYMLINKS);
    g_autoptr(GDir) dir = g_dir_open(path, 0, error);
    if (dir == NULL)
        return false;
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (const char *name; (name = g_dir_read_name(dir)) != NULL;)
        g_ptr_array_add(names, g_build_filename(path, name, NULL));
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++)
        if (!each_of_path(g_ptr_array_index(names, i), f, depth + 1, error))
            return false;
    return true;
}

static bool each_of_path(const char *path, const struct input_functions *f, unsigned depth,
                         GError **error)
{
    struct stat st;
    int failed = depth == 0 ? stat(path, &st) : lstat(path, &st);
    if (failed != 0)
        return fail_errno(error, errno, "%s", path);
    if (S_ISDIR(st.st_mode))
        return each_of_folder(path, f, depth, error);
    if (S_ISREG(st.st_mode))
        return each_of_file(path, f, error);
    return depth > 0 || fail(error, ASSAY_ERROR_INVALID, "%s: neither a file nor a folder", path);
}

bool input_each(const char *path, const struct input_functions *f, GError **error)
{
    return each_of_path(path, f, 0, error);
}

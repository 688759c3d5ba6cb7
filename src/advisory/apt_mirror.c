#include "advisory/apt_mirror.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "advisory/apt_release.h"
#include "advisory/cve.h"
#include "advisory/deb_file.h"
#include "advisory/ecosystem.h"
#include "advisory/version.h"
#include "base/autoclose.h"
#include "base/error.h"
#include "base/limits.h"

/* One .deb of a source package. */
struct apt_deb {
    char *path; /* relative to the mirror */
    char *sha256;
    uint64_t size;
};

/* The newest version of a source package that a pocket offers. */
struct apt_source {
    char *name, *version;
    GPtrArray *debs; /* struct apt_deb * of that version */
};

struct mirror {
    const char *folder;
    const struct apt_mirror_options *options;
    struct record_sink sink;
    struct record record;
    /* of the pocket at work */
    const char *suite; /* its folder below dists/ */
    bool security;
    struct apt_release release;
    char *ecosystem, *feed;
    GHashTable *sources; /* name -> struct apt_source * */
    GPtrArray *missing;  /* const char *: sources of which no package is in the mirror */
    unsigned pockets;
};

static void deb_free(gpointer data)
{
    struct apt_deb *d = data;
    g_free(d->path);
    g_free(d->sha256);
    g_free(d);
}

static void source_free(gpointer data)
{
    struct apt_source *s = data;
    g_free(s->name);
    g_free(s->version);
    g_ptr_array_unref(s->debs);
    g_free(s);
}

static void warn(const struct mirror *m, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void warn(const struct mirror *m, const char *format, ...)
{
    if (m->options->warn == NULL)
        return;
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    m->options->warn(text, m->options->user);
}

/* --- Release ---------------------------------------------------------------------------------- */

/* What gpgv says is signed by the keyring; NULL when it says no. */
static char *verified_text(const struct mirror *m, const char *folder, const char *in_release,
                           GError **error)
{
    g_autofree char *release = g_build_filename(folder, "Release", NULL);
    g_autofree char *signature = g_build_filename(folder, "Release.gpg", NULL);
    bool inlined = g_file_test(in_release, G_FILE_TEST_IS_REGULAR);
    const char *file = inlined ? in_release : release;
    if (!inlined && !g_file_test(signature, G_FILE_TEST_IS_REGULAR)) {
        (void)fail(error, ASSAY_ERROR_DENIED, "%s: is not signed", release);
        return NULL;
    }
    const char *const argv[] = { "gpgv",     "--quiet", "--keyring", m->options->keyring,
                                 "--output", "-",       in_release,  NULL };
    const char *const detached[] = { "gpgv",    "--quiet", "--keyring", m->options->keyring,
                                     signature, release,   NULL };
    char *out = NULL;
    g_autofree char *errors = NULL;
    int status;
    g_autoptr(GError) local = NULL;
    bool ran = g_spawn_sync(NULL, (char **)(inlined ? argv : detached), NULL, G_SPAWN_SEARCH_PATH,
                            NULL, NULL, &out, &errors, &status, &local);
    if (!ran || !g_spawn_check_wait_status(status, NULL)) {
        g_free(out);
        if (!ran)
            (void)fail(error, ASSAY_ERROR_IO, "gpgv: %s", local->message);
        else
            (void)fail(error, ASSAY_ERROR_DENIED, "%s: its signature is not good", file);
        return NULL;
    }
    if (!inlined) {
        g_clear_pointer(&out, g_free);
        if (!g_file_get_contents(release, &out, NULL, &local))
            (void)fail(error, ASSAY_ERROR_IO, "%s", local->message);
    }
    return out;
}

static char *release_text(const struct mirror *m, const char *folder, GError **error)
{
    g_autofree char *in_release = g_build_filename(folder, "InRelease", NULL);
    if (m->options->keyring != NULL)
        return verified_text(m, folder, in_release, error);
    g_autofree char *release = g_build_filename(folder, "Release", NULL);
    bool inlined = g_file_test(in_release, G_FILE_TEST_IS_REGULAR);
    g_autoptr(GBytes) bytes =
        file_unpacked(inlined ? in_release : release, LIMIT_APT_RELEASE, error);
    if (bytes == NULL)
        return NULL;
    warn(m, "%s: signature not verified (no keyring given)", inlined ? in_release : release);
    gsize len, clear;
    const char *text = g_bytes_get_data(bytes, &len);
    return apt_clear_text(text, len, &clear);
}

/* --- Packages --------------------------------------------------------------------------------- */

static bool file_matches(const char *path, uint64_t size, const char *sha256)
{
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0 || (uint64_t)st.st_size != size)
        return false;
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_autofree uint8_t *buffer = g_malloc(256 << 10);
    ssize_t n;
    while ((n = read(fd, buffer, 256 << 10)) > 0)
        g_checksum_update(sum, buffer, n);
    return n == 0 && g_ascii_strcasecmp(g_checksum_get_string(sum), sha256) == 0;
}

/* "Source: linux-signed-amd64 (6.1.119+1)", "Source: openssh", or none: the package itself. */
static bool source_of(const struct apt_stanza *s, char **name, char **version)
{
    g_autofree char *source = apt_field_dup(s, "Source");
    *version = apt_field_dup(s, "Version");
    *name = source != NULL ? g_strdup(source) : apt_field_dup(s, "Package");
    char *open = source != NULL ? strchr(source, '(') : NULL;
    if (open != NULL) {
        char *close = strchr(open, ')');
        g_free(*version);
        *version = close != NULL ? g_strndup(open + 1, (gsize)(close - open - 1)) : NULL;
        *open = '\0';
        g_free(*name);
        *name = g_strdup(g_strstrip(source));
    }
    return *name != NULL && *version != NULL;
}

static bool add_package(struct mirror *m, const struct apt_stanza *s, const char *index,
                        GError **error)
{
    g_autofree char *name = NULL, *version = NULL;
    g_autofree char *file = apt_field_dup(s, "Filename"), *sha256 = apt_field_dup(s, "SHA256");
    g_autofree char *size = apt_field_dup(s, "Size");
    if (!source_of(s, &name, &version))
        return fail_corrupt(error, "%s: a package without name or version", index);
    struct apt_source *source = g_hash_table_lookup(m->sources, name);
    int order = source != NULL ? version_compare(VERSION_DPKG, version, source->version) : 1;
    if (order < 0)
        return true;
    if (order > 0) {
        source = g_new0(struct apt_source, 1);
        source->name = g_strdup(name);
        source->version = g_strdup(version);
        source->debs = g_ptr_array_new_with_free_func(deb_free);
        g_hash_table_replace(m->sources, source->name, source);
    }
    if (file == NULL || sha256 == NULL || size == NULL || *file == '/' ||
        strstr(file, "..") != NULL)
        return true;
    struct apt_deb *deb = g_new(struct apt_deb, 1);
    *deb = (struct apt_deb){ g_strdup(file), g_strdup(sha256), g_ascii_strtoull(size, NULL, 10) };
    g_ptr_array_add(source->debs, deb);
    return true;
}

static bool read_index(struct mirror *m, const char *path, GError **error)
{
    g_autoptr(GBytes) bytes = file_unpacked(path, LIMIT_PACKAGE_DB, error);
    if (bytes == NULL)
        return false;
    gsize len;
    const char *pos = g_bytes_get_data(bytes, &len), *end = pos + len;
    struct apt_stanza s;
    while (apt_next_stanza(&pos, end, &s))
        if (!add_package(m, &s, path, error))
            return false;
    return true;
}

/* The same index lies there in several compressions: one that is there is read. */
static bool read_indexes(struct mirror *m, const char *folder, GError **error)
{
    g_autoptr(GHashTable) done = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < m->release.indexes->len; i++) {
        const struct apt_index *index = g_ptr_array_index(m->release.indexes, i);
        g_autofree char *path = g_build_filename(folder, index->path, NULL);
        g_autofree char *which = g_path_get_dirname(index->path);
        if (g_hash_table_contains(done, which) || !g_file_test(path, G_FILE_TEST_IS_REGULAR))
            continue;
        if (!file_matches(path, index->size, index->sha256))
            return fail(error, ASSAY_ERROR_DENIED,
                        "%s: is not what the Release file lists (size or SHA256 differ)", path);
        if (!read_index(m, path, error))
            return false;
        g_hash_table_add(done, g_steal_pointer(&which));
    }
    if (g_hash_table_size(done) > 0)
        return true;
    return fail(error, ASSAY_ERROR_NOT_FOUND, "%s: none of the listed Packages files is there",
                folder);
}

/* --- packages --------------------------------------------------------------------------------- */

static int compare_sizes(gconstpointer a, gconstpointer b)
{
    const struct apt_deb *const *x = a, *const *y = b;
    return (*x)->size < (*y)->size ? -1 : (*x)->size > (*y)->size;
}

/* From the smallest package of the source that has one: all carry the same changelog. */
static GBytes *changelog_of(struct mirror *m, const struct apt_source *source, GError **error)
{
    g_ptr_array_sort(source->debs, compare_sizes);
    bool there = false;
    for (guint i = 0; i < source->debs->len; i++) {
        const struct apt_deb *deb = g_ptr_array_index(source->debs, i);
        g_autofree char *path = g_build_filename(m->folder, deb->path, NULL);
        if (!g_file_test(path, G_FILE_TEST_IS_REGULAR))
            continue;
        there = true;
        if (!file_matches(path, deb->size, deb->sha256)) {
            (void)fail(error, ASSAY_ERROR_DENIED,
                       "%s: is not what the Packages file lists (size or SHA256 differ)", path);
            return NULL;
        }
        g_autoptr(GError) local = NULL;
        GBytes *text = deb_changelog(path, &local);
        if (text != NULL)
            return text;
        if (local != NULL)
            warn(m, "%s", local->message);
    }
    if (!there)
        g_ptr_array_add(m->missing, source->name);
    else
        warn(m, "%s %s: none of its packages has a changelog", source->name, source->version);
    return NULL;
}

static bool emit(struct mirror *m, const char *id, const char *package, const char *fixed,
                 const char *title, GError **error)
{
    struct record *r = &m->record;
    record_clear(r);
    r->feed = m->feed;
    r->id = id;
    r->title = title;
    r->modified = m->release.date;
    (void)record_add(r, m->ecosystem, package, NULL, fixed);
    return m->sink.emit(r, m->sink.user, error);
}

static bool emit_changelog(struct mirror *m, const struct apt_source *source,
                           const struct apt_changelog *log, GError **error)
{
    GHashTableIter i;
    gpointer cve, version;
    g_hash_table_iter_init(&i, log->versions);
    while (g_hash_table_iter_next(&i, &cve, &version)) {
        char text[CVE_TEXT_MAX];
        /* An entry newer than the package on offer would be of another one's changelog. */
        if (version_compare(VERSION_DPKG, version, source->version) <= 0 &&
            !emit(m, cve_format(GPOINTER_TO_UINT(cve), text), source->name, version, NULL, error))
            return false;
    }
    return true;
}

static bool read_source(struct mirror *m, const struct apt_source *source, GError **error)
{
    struct apt_changelog log = { 0 };
    g_autoptr(GError) local = NULL;
    g_autoptr(GBytes) text = changelog_of(m, source, &local);
    if (local != NULL) {
        g_propagate_error(error, g_steal_pointer(&local));
        return false;
    }
    gsize len = 0;
    const char *bytes = text != NULL ? g_bytes_get_data(text, &len) : "";
    apt_changelog_parse(bytes, len, &log);
    bool ok = emit_changelog(m, source, &log, error);
    /* A security update that names no CVE is one all the same. */
    if (ok && m->security && !log.newest_names_one) {
        g_autofree char *id = g_strdup_printf("%s/%s_%s", m->suite, source->name, source->version);
        g_autofree char *title = g_strdup_printf("%s - security update", source->name);
        ok = emit(m, id, source->name, source->version, title, error);
    }
    apt_changelog_done(&log);
    return ok;
}

/* --- pockets ---------------------------------------------------------------------------------- */

/* "bookworm-security", "bookworm-updates", "stretch/updates" (security, up to Debian 10). */
static bool is_pocket(const char *suite, bool *security)
{
    *security = g_str_has_suffix(suite, "-security") || g_str_has_suffix(suite, "/updates");
    return *security || g_str_has_suffix(suite, "-updates");
}

static bool identify(struct mirror *m)
{
    const struct apt_release *r = &m->release;
    if (r->origin == NULL || r->codename == NULL)
        return false;
    bool ubuntu = g_ascii_strcasecmp(r->origin, "Ubuntu") == 0;
    const char *version = ubuntu ? ubuntu_release_of(r->codename) : debian_release_of(r->codename);
    if (version == NULL || (!ubuntu && g_ascii_strcasecmp(r->origin, "Debian") != 0))
        return false;
    m->ecosystem = g_strdup_printf("%s:%s", ubuntu ? "Ubuntu" : "Debian", version);
    m->feed = g_strdup_printf("apt-%s-%s", ubuntu ? "ubuntu" : "debian", version);
    return true;
}

static int compare_sources(gconstpointer a, gconstpointer b)
{
    const struct apt_source *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

/* A mirror that holds only what one cloud uses lacks most packages: one line for all. */
static void warn_missing(const struct mirror *m)
{
    enum { NAMED = 5 };
    if (m->missing->len == 0)
        return;
    g_autoptr(GString) names = g_string_new(NULL);
    for (guint i = 0; i < MIN(m->missing->len, (guint)NAMED); i++)
        g_string_append_printf(names, "%s%s", i > 0 ? ", " : "",
                               (const char *)g_ptr_array_index(m->missing, i));
    if (m->missing->len > NAMED)
        g_string_append_printf(names, " and %u more", m->missing->len - NAMED);
    warn(m, "%s: listed but not in the mirror, so their CVEs are not known: %s", m->suite,
         names->str);
}

static bool read_sources(struct mirror *m, GError **error)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    GHashTableIter i;
    gpointer source;
    g_hash_table_iter_init(&i, m->sources);
    while (g_hash_table_iter_next(&i, NULL, &source))
        g_ptr_array_add(list, source);
    g_ptr_array_sort(list, compare_sources);
    for (guint k = 0; k < list->len; k++)
        if (!read_source(m, g_ptr_array_index(list, k), error))
            return false;
    warn_missing(m);
    return true;
}

static bool read_release(struct mirror *m, const char *folder, const char *text, GError **error)
{
    if (!apt_release_parse(text, strlen(text), &m->release, error)) {
        g_prefix_error(error, "%s/Release: ", folder);
        return false;
    }
    if (!identify(m)) {
        warn(m, "%s: neither a release of Debian nor of Ubuntu that is known", folder);
        return true;
    }
    m->pockets++;
    return read_indexes(m, folder, error) && read_sources(m, error);
}

static bool read_pocket(struct mirror *m, const char *suite, bool security, GError **error)
{
    g_autofree char *folder = g_build_filename(m->folder, "dists", suite, NULL);
    m->suite = suite;
    m->security = security;
    m->sources = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, source_free);
    m->missing = g_ptr_array_new();
    g_autofree char *text = release_text(m, folder, error);
    bool ok = text != NULL && read_release(m, folder, text, error);
    apt_release_done(&m->release);
    g_ptr_array_unref(m->missing);
    g_hash_table_unref(m->sources);
    g_clear_pointer(&m->ecosystem, g_free);
    g_clear_pointer(&m->feed, g_free);
    return ok;
}

static bool has_release(const char *folder)
{
    g_autofree char *in_release = g_build_filename(folder, "InRelease", NULL);
    g_autofree char *release = g_build_filename(folder, "Release", NULL);
    return g_file_test(in_release, G_FILE_TEST_IS_REGULAR) ||
           g_file_test(release, G_FILE_TEST_IS_REGULAR);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names below dists/ that have a Release file, "x/updates" too. Sorted. */
static GPtrArray *list_suites(const char *mirror)
{
    GPtrArray *suites = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *dists = g_build_filename(mirror, "dists", NULL);
    g_autoptr(GDir) dir = g_dir_open(dists, 0, NULL);
    for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *folder = g_build_filename(dists, name, NULL);
        g_autofree char *updates = g_build_filename(folder, "updates", NULL);
        /* "stable-security" is often a link to "bookworm-security": once is enough. */
        if (g_file_test(folder, G_FILE_TEST_IS_SYMLINK))
            continue;
        if (has_release(folder))
            g_ptr_array_add(suites, g_strdup(name));
        if (has_release(updates))
            g_ptr_array_add(suites, g_strdup_printf("%s/updates", name));
    }
    g_ptr_array_sort(suites, compare_names);
    return suites;
}

bool apt_mirror_is(const char *folder)
{
    g_autoptr(GPtrArray) suites = list_suites(folder);
    return suites->len > 0;
}

bool apt_mirror_read(const char *folder, const struct apt_mirror_options *options,
                     struct record_sink sink, GError **error)
{
    struct mirror m = { .folder = folder, .options = options, .sink = sink };
    record_init(&m.record);
    g_autoptr(GPtrArray) suites = list_suites(folder);
    bool ok = true;
    for (guint i = 0; ok && i < suites->len; i++) {
        const char *suite = g_ptr_array_index(suites, i);
        bool security;
        if (is_pocket(suite, &security))
            ok = read_pocket(&m, suite, security, error);
    }
    record_done(&m.record);
    if (ok && m.pockets == 0)
        ok =
            fail(error, ASSAY_ERROR_NOT_FOUND,
                 "%s: an APT mirror without security or update pockets of a known release", folder);
    return ok;
}

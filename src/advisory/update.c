#include "advisory/update.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#include "advisory/db.h"
#include "advisory/download.h"
#include "advisory/fetch.h"
#include "base/error.h"
#include "base/limits.h"

struct update {
    const struct update_options *options;
    struct update_result *result;
    struct advisory_db *db;     /* NULL: there is none yet */
    char *folder;               /* where files are while they are fetched and imported */
    GPtrArray *paths, *sources; /* char *, to import */
    GPtrArray *meta;            /* char *: keys and values in turn, to remember */
};

void update_result_done(struct update_result *r)
{
    for (guint i = 0; r->items != NULL && i < r->items->len; i++)
        g_free(g_array_index(r->items, struct update_item, i).failure);
    g_clear_pointer(&r->items, g_array_unref);
    import_result_done(&r->import);
}

/* --- what to fetch ---------------------------------------------------------------------------- */

static char *meta_key(const struct download *d, const char *what)
{
    return g_strdup_printf("update:%s:%s", d->name, what);
}

static char *remembered(const struct update *u, const struct download *d, const char *what)
{
    g_autofree char *key = meta_key(d, what);
    return u->db != NULL ? db_meta(u->db, key) : NULL;
}

static void remember(struct update *u, const struct download *d, const char *what,
                     const char *value)
{
    g_ptr_array_add(u->meta, meta_key(d, what));
    g_ptr_array_add(u->meta, g_strdup(value));
}

static bool is_named(const struct download *d, const char *name)
{
    return g_str_equal(d->name, name) || g_str_equal(d->system, name);
}

static bool is_wanted(const struct update *u, const struct download *d, char *const *names)
{
    for (char *const *n = names; *n != NULL; n++)
        if (is_named(d, *n))
            return true;
    if (*names != NULL)
        return false;
    g_autofree char *url = remembered(u, d, "url");
    return url != NULL;
}

static bool check_names(char *const *names, GError **error)
{
    for (; *names != NULL; names++) {
        bool known = false;
        for (const struct download *d = downloads; d->name != NULL; d++)
            known = known || is_named(d, *names);
        if (!known)
            return fail(error, ASSAY_ERROR_INVALID, "%s: no feed or system of that name", *names);
    }
    return true;
}

/* --- fetching --------------------------------------------------------------------------------- */

/* The checksum by which a repository names its newest updateinfo, and its address. */
static bool find_updateinfo(struct update *u, const struct download *d, char **url, char **sha256,
                            struct fetch_result *fetched, GError **error)
{
    g_autofree char *repomd_url = g_strdup_printf("%s/repodata/repomd.xml", d->url);
    g_autofree char *address = download_url(repomd_url, u->options->mirror);
    g_autofree char *path = g_strdup_printf("%s/%s.repomd", u->folder, d->file);
    const struct fetch_request request = { .url = address, .path = path };
    g_autofree char *bytes = NULL;
    gsize len;
    if (!fetch(&request, fetched, error) || !g_file_get_contents(path, &bytes, &len, error))
        return false;
    (void)g_unlink(path);
    struct repository_file file;
    if (!repository_updateinfo(bytes, len, &file, error)) {
        g_prefix_error(error, "%s: ", address);
        return false;
    }
    g_autofree char *original = g_strdup_printf("%s/%s", d->url, file.location);
    *url = download_url(original, u->options->mirror);
    *sha256 = g_steal_pointer(&file.sha256);
    repository_file_done(&file);
    return true;
}

static bool fetch_one(struct update *u, const struct download *d, struct update_item *item,
                      struct fetch_result *fetched, GError **error)
{
    g_autofree char *url = NULL, *sha256 = NULL;
    g_autofree char *etag = remembered(u, d, "etag"), *modified = remembered(u, d, "modified");
    if (d->repository) {
        if (!find_updateinfo(u, d, &url, &sha256, fetched, error))
            return false;
        fetch_result_done(fetched);
        g_autofree char *known = remembered(u, d, "sha256");
        item->unchanged = sha256 != NULL && known != NULL && g_str_equal(sha256, known);
        if (item->unchanged)
            return true;
    } else {
        url = download_url(d->url, u->options->mirror);
    }
    g_autofree char *path = g_build_filename(u->folder, d->file, NULL);
    const struct fetch_request request = {
        .url = url,
        .path = path,
        .etag = etag,
        .modified = modified,
        .sha256 = sha256,
        .progress = u->options->progress,
        .user = u->options->user,
    };
    if (!fetch(&request, fetched, error))
        return false;
    item->unchanged = fetched->unchanged;
    if (item->unchanged)
        return true;
    g_ptr_array_add(u->paths, g_steal_pointer(&path));
    g_ptr_array_add(u->sources, g_strdup(url));
    remember(u, d, "url", url);
    remember(u, d, "etag", fetched->etag);
    remember(u, d, "modified", fetched->modified);
    remember(u, d, "sha256", sha256);
    return true;
}

/* Without any network each feed would say the same: the first one says it for all. */
static bool fetch_all(struct update *u, char *const *names, GError **error)
{
    bool reached = false;
    for (const struct download *d = downloads; d->name != NULL; d++) {
        if (!is_wanted(u, d, names))
            continue;
        struct update_item item = { .name = d->name };
        struct fetch_result fetched = { 0 };
        g_autoptr(GError) local = NULL;
        bool ok = fetch_one(u, d, &item, &fetched, &local);
        bool unreachable = fetched.unreachable;
        fetch_result_done(&fetched);
        reached = reached || ok || !unreachable;
        if (!ok && !reached) {
            g_propagate_prefixed_error(error, g_steal_pointer(&local), "nothing can be fetched: ");
            return false;
        }
        if (!ok)
            item.failure = g_strdup(local->message);
        g_array_append_val(u->result->items, item);
    }
    if (u->result->items->len == 0)
        return fail(error, ASSAY_ERROR_INVALID,
                    "nothing was fetched before: name the systems or feeds to fetch");
    return true;
}

/* --- importing -------------------------------------------------------------------------------- */

static bool import_fetched(struct update *u, const char *db_path, GError **error)
{
    if (u->paths->len == 0)
        return true;
    g_ptr_array_add(u->paths, NULL);
    g_ptr_array_add(u->sources, NULL);
    g_ptr_array_add(u->meta, NULL);
    struct import_options options = u->options->import;
    options.sources = (const char *const *)u->sources->pdata;
    options.meta = (const char *const *)u->meta->pdata;
    options.meta_count = (u->meta->len - 1) / 2;
    import_result_done(&u->result->import);
    bool ok = advisory_import(db_path, (char *const *)u->paths->pdata, &options, &u->result->import,
                              error);
    for (guint i = 0; ok && i + 1 < u->paths->len; i++)
        (void)g_unlink(g_ptr_array_index(u->paths, i));
    return ok;
}

static bool open_old(struct update *u, const char *db_path, GError **error)
{
    g_autoptr(GError) local = NULL;
    u->db = advisory_db_open(db_path, &local);
    if (u->db != NULL || g_error_matches(local, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND))
        return true;
    g_propagate_error(error, g_steal_pointer(&local));
    return false;
}

bool advisory_update(const char *db_path, char *const *names, const struct update_options *options,
                     struct update_result *result, GError **error)
{
    *result = (struct update_result){
        .items = g_array_new(FALSE, FALSE, sizeof(struct update_item)),
        .import.feeds = g_array_new(FALSE, FALSE, sizeof(struct import_feed)),
    };
    struct update u = {
        .options = options,
        .result = result,
        .folder = g_strdup_printf("%s.download", db_path),
        .paths = g_ptr_array_new_with_free_func(g_free),
        .sources = g_ptr_array_new_with_free_func(g_free),
        .meta = g_ptr_array_new_with_free_func(g_free),
    };
    bool ok = check_names(names, error) && open_old(&u, db_path, error);
    if (ok && g_mkdir_with_parents(u.folder, 0755) != 0)
        ok = fail_errno(error, errno, "%s", u.folder);
    ok = ok && fetch_all(&u, names, error) && import_fetched(&u, db_path, error);
    (void)g_rmdir(u.folder); /* stays while a part of a file waits in it */
    advisory_db_close(u.db);
    g_free(u.folder);
    g_ptr_array_unref(u.paths);
    g_ptr_array_unref(u.sources);
    g_ptr_array_unref(u.meta);
    return ok;
}

#include "advisory/db.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "advisory/cve.h"
#include "advisory/feed.h"
#include "base/error.h"
#include "base/limits.h"

char *advisory_db_default_path(void)
{
    const char *named = g_getenv("ASSAY_DB");
    if (named != NULL && *named != '\0')
        return g_strdup(named);
    if (geteuid() == 0)
        return g_strdup("/var/lib/assay/advisories.db");
    return g_build_filename(g_get_user_data_dir(), "assay", "advisories.db", NULL);
}

static int compare_feeds(gconstpointer a, gconstpointer b)
{
    const struct db_feed *const *x = a, *const *y = b;
    return strcmp((*x)->info.name, (*y)->info.name);
}

static void db_feed_free(gpointer data)
{
    struct db_feed *f = data;
    g_ptr_array_unref(f->strings);
    g_free(f);
}

static const char *column_text(struct advisory_db *db, sqlite3_stmt *s, int at)
{
    const char *text = (const char *)sqlite3_column_text(s, at);
    return text != NULL ? g_string_chunk_insert(db->strings, text) : NULL;
}

static bool load_feeds(struct advisory_db *db, GError **error)
{
    autofinalize sqlite3_stmt *s = db_prepare(
        db->sql, db->path,
        "SELECT id, name, source, sha256, records, malformed, data_date, imported, source_date"
        " FROM feed",
        error);
    if (s == NULL)
        return false;
    int step;
    while ((step = sqlite3_step(s)) == SQLITE_ROW && db->feeds->len < LIMIT_FEEDS) {
        struct db_feed *f = g_new0(struct db_feed, 1);
        f->strings = g_ptr_array_new();
        g_ptr_array_add(db->feeds, f);
        f->id = sqlite3_column_int64(s, 0);
        f->info = (struct advisory_feed){
            .name = column_text(db, s, 1),
            .source = column_text(db, s, 2),
            .sha256 = column_text(db, s, 3),
            .records = (uint64_t)sqlite3_column_int64(s, 4),
            .malformed = (uint64_t)sqlite3_column_int64(s, 5),
            .data_date = sqlite3_column_int64(s, 6),
            .imported = sqlite3_column_int64(s, 7),
        };
        f->date = f->info.data_date != 0 ? f->info.data_date : sqlite3_column_int64(s, 8);
        if (f->info.name == NULL || f->id <= 0 || f->id > INT32_MAX)
            return fail_corrupt(error, "%s: a feed without name or number", db->path);
        f->vendor = feed_vendor(f->info.name);
        g_hash_table_insert(db->feeds_by_id, &f->id, f);
    }
    g_ptr_array_sort(db->feeds, compare_feeds);
    for (guint i = 0; i < db->feeds->len; i++)
        g_ptr_array_add(db->infos, &((struct db_feed *)g_ptr_array_index(db->feeds, i))->info);
    return step == SQLITE_DONE || db_fail(db->sql, db->path, error);
}

static bool load_ecosystems(struct advisory_db *db, GError **error)
{
    autofinalize sqlite3_stmt *s =
        db_prepare(db->sql, db->path, "SELECT id, name FROM ecosystem ORDER BY id", error);
    if (s == NULL)
        return false;
    int step;
    while ((step = sqlite3_step(s)) == SQLITE_ROW) {
        const char *name = column_text(db, s, 1);
        if (name == NULL || sqlite3_column_int64(s, 0) != (int64_t)db->ecosystem_names->len + 1)
            return fail_corrupt(error, "%s: ecosystems are not numbered in order", db->path);
        g_ptr_array_add(db->ecosystem_names, (gpointer)name);
        g_hash_table_insert(db->ecosystems, (gpointer)name,
                            GUINT_TO_POINTER(db->ecosystem_names->len));
    }
    return step == SQLITE_DONE || db_fail(db->sql, db->path, error);
}

static bool prepare_all(struct advisory_db *db, GError **error)
{
    const struct {
        sqlite3_stmt **statement;
        const char *text;
    } all[] = {
        { &db->affected,
          "SELECT feed, statements FROM affected WHERE ecosystem=?1 AND package=?2" },
        { &db->string, "SELECT text FROM string WHERE feed=?1 AND id=?2" },
        { &db->advisory, "SELECT name, severity, published, modified, title, cves, vectors FROM advisory"
                         " WHERE feed=?1 AND id=?2" },
        { &db->vulnerability, "SELECT feed, severity, published, modified, title, vectors"
                              " FROM vulnerability WHERE cve=?1" },
        { &db->exploited, "SELECT due, ransomware FROM exploited WHERE cve=?1" },
        { &db->epss, "SELECT score, percentile FROM epss WHERE cve=?1" },
        { &db->covers, "SELECT feed, statements FROM covers WHERE ecosystem=?1" },
        { &db->by_name, "SELECT cves FROM advisory WHERE name=?1 AND cves IS NOT NULL" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        *all[i].statement = db_prepare(db->sql, db->path, all[i].text, error);
        if (*all[i].statement == NULL)
            return false;
    }
    return true;
}

static bool check_format(struct advisory_db *db, GError **error)
{
    int64_t application, format;
    if (!db_integer(db->sql, db->path, "PRAGMA application_id", &application, error) ||
        !db_integer(db->sql, db->path, "PRAGMA user_version", &format, error))
        return false;
    if (application != DB_APPLICATION)
        return fail_corrupt(error, "%s: not an advisory database of assay", db->path);
    if (format != DB_FORMAT)
        return fail_corrupt(error,
                            "%s: database format %d, this assay reads format %d: import again",
                            db->path, (int)format, DB_FORMAT);
    return true;
}

struct advisory_db *advisory_db_open(const char *path, GError **error)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        (void)fail_errno(error, errno, "%s", path);
        return NULL;
    }
    g_autoptr(advisory_db) db = g_new0(struct advisory_db, 1);
    db->path = g_strdup(path);
    db->feeds = g_ptr_array_new_with_free_func(db_feed_free);
    db->infos = g_ptr_array_new();
    db->feeds_by_id = g_hash_table_new(g_int64_hash, g_int64_equal);
    db->ecosystems = g_hash_table_new(g_str_hash, g_str_equal);
    db->ecosystem_names = g_ptr_array_new();
    db->advisories = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    db->strings = g_string_chunk_new(1 << 14);
    db->lists = arena_new(LIMIT_FRAME_MEMORY);
    /* Immutable: the file is replaced, never changed, so there is nothing to lock or watch. */
    g_autofree char *escaped = g_uri_escape_string(path, "/", TRUE);
    g_autofree char *uri = g_strdup_printf("file:%s?mode=ro&immutable=1", escaped);
    int flags =
        SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    if (sqlite3_open_v2(uri, &db->sql, flags, NULL) != SQLITE_OK) {
        (void)db_fail(db->sql, path, error);
        return NULL;
    }
    (void)sqlite3_exec(db->sql,
                       "PRAGMA mmap_size=268435456; PRAGMA cell_size_check=ON;"
                       "PRAGMA trusted_schema=OFF;",
                       NULL, NULL, NULL);
    if (!check_format(db, error) || !load_feeds(db, error) || !load_ecosystems(db, error) ||
        !prepare_all(db, error))
        return NULL;
    return g_steal_pointer(&db);
}

void advisory_db_close(struct advisory_db *db)
{
    if (db == NULL)
        return;
    sqlite3_stmt *all[] = { db->affected,  db->string, db->advisory, db->vulnerability,
                            db->exploited, db->epss,   db->covers,   db->by_name };
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
        sqlite3_finalize(all[i]);
    (void)sqlite3_close(db->sql);
    match_memo_free(db->memo);
    g_hash_table_unref(db->feeds_by_id);
    g_ptr_array_unref(db->infos);
    g_ptr_array_unref(db->feeds);
    g_hash_table_unref(db->ecosystems);
    g_ptr_array_unref(db->ecosystem_names);
    g_hash_table_unref(db->advisories);
    g_string_chunk_free(db->strings);
    arena_free(db->lists);
    g_free(db->path);
    g_free(db);
}

const GPtrArray *advisory_db_feeds(struct advisory_db *db)
{
    return db->infos;
}

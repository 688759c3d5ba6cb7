#include "advisory/db_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "advisory/db_writer.h"
#include "base/autoclose.h"
#include "base/error.h"
#include "base/limits.h"

static guint pair_hash(gconstpointer key)
{
    const struct stage_pair *p = key;
    return g_str_hash(p->package) * 31 + p->ecosystem * 8191 + p->feed;
}

static gboolean pair_equal(gconstpointer pa, gconstpointer pb)
{
    const struct stage_pair *a = pa, *b = pb;
    return a->feed == b->feed && a->ecosystem == b->ecosystem &&
           g_str_equal(a->package, b->package);
}

static void feed_free(gpointer data)
{
    struct stage_feed *f = data;
    g_free(f->name);
    g_hash_table_unref(f->strings);
    g_ptr_array_unref(f->sources);
    g_ptr_array_unref(f->digests);
    g_free(f);
}

static bool lock_database(struct db_writer *w, GError **error)
{
    w->lock = open(w->lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (w->lock < 0)
        return fail_errno(error, errno, "%s", w->lock_path);
    if (flock(w->lock, LOCK_EX | LOCK_NB) != 0)
        return fail(error, ASSAY_ERROR_DENIED, "%s: another import is writing to it", w->path);
    return true;
}

static void remove_work_files(struct db_writer *w)
{
    (void)unlink(w->work_path);
    (void)unlink(w->new_path);
}

static bool attach_old(struct db_writer *w, GError **error)
{
    struct stat st;
    if (stat(w->path, &st) != 0) {
        if (errno == ENOENT)
            return true;
        return fail_errno(error, errno, "%s", w->path);
    }
    if (st.st_size == 0)
        return true; /* made by mktemp or touch: as good as none */
    autofinalize sqlite3_stmt *s = db_prepare(w->sql, w->path, "ATTACH DATABASE ?1 AS old", error);
    if (s == NULL)
        return false;
    g_autofree char *escaped = g_uri_escape_string(w->path, "/", TRUE);
    g_autofree char *uri = g_strdup_printf("file:%s?mode=ro&immutable=1", escaped);
    (void)sqlite3_bind_text(s, 1, uri, -1, SQLITE_STATIC);
    if (sqlite3_step(s) != SQLITE_DONE)
        return db_fail(w->sql, w->path, error);
    int64_t application, format, next;
    if (!db_integer(w->sql, w->path, "PRAGMA old.application_id", &application, error) ||
        !db_integer(w->sql, w->path, "PRAGMA old.user_version", &format, error))
        return false;
    if (application != DB_APPLICATION)
        return fail_corrupt(error, "%s: not an advisory database of assay", w->path);
    if (format != DB_FORMAT)
        return fail_unsupported(error,
                                "%s: format %d, this assay writes format %d; remove it first",
                                w->path, (int)format, DB_FORMAT);
    if (!db_integer(w->sql, w->path, "SELECT coalesce(max(id),0)+1 FROM old.feed", &next, error))
        return false;
    w->next_feed_id = next;
    w->has_old = true;
    return true;
}

/* Ecosystems keep their numbers, so that rows of feeds that stay can be copied as they are. */
static bool load_ecosystems(struct db_writer *w, GError **error)
{
    if (!w->has_old)
        return true;
    autofinalize sqlite3_stmt *s =
        db_prepare(w->sql, w->path, "SELECT id, name FROM old.ecosystem ORDER BY id", error);
    if (s == NULL)
        return false;
    int step;
    while ((step = sqlite3_step(s)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(s, 1);
        if (name == NULL ||
            sqlite3_column_int64(s, 0) != (int64_t)g_hash_table_size(w->ecosystems) + 1)
            return fail_corrupt(error, "%s: ecosystems are not numbered in order", w->path);
        g_hash_table_insert(w->ecosystems, g_string_chunk_insert_const(w->strings, name),
                            GUINT_TO_POINTER(g_hash_table_size(w->ecosystems) + 1));
    }
    return step == SQLITE_DONE || db_fail(w->sql, w->path, error);
}

static bool open_work(struct db_writer *w, GError **error)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX |
                SQLITE_OPEN_PRIVATECACHE;
    if (sqlite3_open_v2(w->work_path, &w->sql, flags, NULL) != SQLITE_OK)
        return db_fail(w->sql, w->work_path, error);
    (void)sqlite3_limit(w->sql, SQLITE_LIMIT_LENGTH, 1 << 30);
    return db_exec(w->sql, w->work_path,
                   "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE;"
                   "PRAGMA cache_size=-65536;",
                   error) &&
           attach_old(w, error) && load_ecosystems(w, error) &&
           db_exec(w->sql, w->work_path, "BEGIN", error) &&
           db_exec(w->sql, w->work_path, db_schema_sql, error) &&
           db_exec(w->sql, w->work_path, stage_schema_sql, error) && stage_prepare(w, error);
}

struct db_writer *db_writer_open(const char *path, int64_t now, GError **error)
{
    g_autoptr(db_writer) w = g_new0(struct db_writer, 1);
    g_autofree char *real = realpath(path, NULL); /* a link stays a link */
    w->lock = -1;
    w->now = now;
    w->path = g_strdup(real != NULL ? real : path);
    w->work_path = g_strdup_printf("%s.work", w->path);
    w->new_path = g_strdup_printf("%s.new", w->path);
    w->lock_path = g_strdup_printf("%s.lock", w->path);
    w->next_feed_id = 1;
    w->feeds = g_ptr_array_new_with_free_func(feed_free);
    w->strings = g_string_chunk_new(1 << 16);
    w->ecosystems = g_hash_table_new(g_str_hash, g_str_equal);
    w->pairs = g_hash_table_new(pair_hash, pair_equal);
    w->pair_list = g_ptr_array_new_with_free_func(g_free);
    w->subjects = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    for (size_t i = 0; i < G_N_ELEMENTS(w->scratch); i++)
        w->scratch[i] = g_byte_array_new();
    if (!lock_database(w, error))
        return NULL;
    remove_work_files(w); /* of an import that was killed */
    if (!open_work(w, error))
        return NULL;
    return g_steal_pointer(&w);
}

void db_writer_free(struct db_writer *w)
{
    if (w == NULL)
        return;
    stage_done(w);
    (void)sqlite3_close(w->sql);
    if (w->lock >= 0) {
        remove_work_files(w);
        (void)close(w->lock);
    }
    g_ptr_array_unref(w->feeds);
    g_hash_table_unref(w->ecosystems);
    g_hash_table_unref(w->pairs);
    g_ptr_array_unref(w->pair_list);
    g_array_unref(w->subjects);
    g_string_chunk_free(w->strings);
    for (size_t i = 0; i < G_N_ELEMENTS(w->scratch); i++)
        g_byte_array_unref(w->scratch[i]);
    g_free(w->path);
    g_free(w->work_path);
    g_free(w->new_path);
    g_free(w->lock_path);
    g_free(w);
}

int db_writer_feed(struct db_writer *w, const char *name, bool by_record, GError **error)
{
    for (guint i = 0; i < w->feeds->len; i++)
        if (g_str_equal(((struct stage_feed *)g_ptr_array_index(w->feeds, i))->name, name))
            return (int)i;
    if (w->feeds->len >= LIMIT_FEEDS) {
        (void)fail_limit(error, "more than %u feeds", LIMIT_FEEDS);
        return -1;
    }
    struct stage_feed *f = g_new0(struct stage_feed, 1);
    f->name = g_strdup(name);
    f->id = w->next_feed_id++;
    f->by_record = by_record;
    f->strings = g_hash_table_new(g_str_hash, g_str_equal);
    f->sources = g_ptr_array_new_with_free_func(g_free);
    f->digests = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(w->feeds, f);
    unsigned index = w->feeds->len - 1;
    if (by_record && w->has_old && !stage_old_feed(w, index, error))
        return -1;
    f->incoming = 0;
    return (int)index;
}

void db_writer_malformed(struct db_writer *w, int feed)
{
    ((struct stage_feed *)g_ptr_array_index(w->feeds, feed))->malformed++;
}

void db_writer_refuse(struct db_writer *w, int feed)
{
    ((struct stage_feed *)g_ptr_array_index(w->feeds, feed))->refused = true;
}

void db_writer_source(struct db_writer *w, int feed, const char *source, const char *sha256,
                      int64_t date)
{
    struct stage_feed *f = g_ptr_array_index(w->feeds, feed);
    f->source_date = MAX(f->source_date, date);
    if (g_ptr_array_find_with_equal_func(f->sources, source, g_str_equal, NULL))
        return;
    g_ptr_array_add(f->sources, g_strdup(source));
    g_ptr_array_add(f->digests, g_strdup(sha256));
}

unsigned db_writer_feed_count(const struct db_writer *w)
{
    return w->feeds->len;
}

struct db_writer_feed db_writer_feed_at(const struct db_writer *w, unsigned i)
{
    const struct stage_feed *f = g_ptr_array_index(w->feeds, i);
    return (struct db_writer_feed){ f->name, f->records, f->incoming, f->malformed, f->refused };
}

bool db_writer_set_meta(struct db_writer *w, const char *key, const char *value, GError **error)
{
    autofinalize sqlite3_stmt *s =
        db_prepare(w->sql, w->work_path, "INSERT OR REPLACE INTO meta VALUES(?1,?2)", error);
    if (s == NULL)
        return false;
    (void)sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(s, 2, value, -1, SQLITE_STATIC);
    return sqlite3_step(s) == SQLITE_DONE || db_fail(w->sql, w->work_path, error);
}

static bool sync_path(const char *path, int flags, GError **error)
{
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | flags);
    if (fd < 0 || fsync(fd) != 0)
        return fail_errno(error, errno, "%s", path);
    return true;
}

bool db_writer_commit(struct db_writer *w, GError **error)
{
    g_autofree char *pragmas = g_strdup_printf("PRAGMA user_version=%d; PRAGMA application_id=%d;",
                                               DB_FORMAT, DB_APPLICATION);
    if (!settle(w, error) || !db_exec(w->sql, w->work_path, pragmas, error) ||
        !db_exec(w->sql, w->work_path, "COMMIT", error))
        return false;
    stage_done(w);
    if (w->has_old && !db_exec(w->sql, w->path, "DETACH old", error))
        return false;
    autofinalize sqlite3_stmt *s = db_prepare(w->sql, w->work_path, "VACUUM INTO ?1", error);
    if (s == NULL)
        return false;
    (void)sqlite3_bind_text(s, 1, w->new_path, -1, SQLITE_STATIC);
    if (sqlite3_step(s) != SQLITE_DONE)
        return db_fail(w->sql, w->new_path, error);
    g_autofree char *directory = g_path_get_dirname(w->path);
    if (!sync_path(w->new_path, 0, error))
        return false;
    if (rename(w->new_path, w->path) != 0)
        return fail_errno(error, errno, "%s", w->path);
    return sync_path(directory, O_DIRECTORY, error);
}

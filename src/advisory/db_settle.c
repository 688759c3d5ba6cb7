/* The stage becomes the final tables: records get their numbers, statements are gathered by
 * package, and the feeds that were not imported are copied from the old database. */
#include "advisory/db_writer.h"

#include <string.h>

#include "advisory/cve.h"
#include "base/error.h"

static struct stage_feed *feed_at(const struct db_writer *w, guint i)
{
    return g_ptr_array_index(w->feeds, i);
}

/* stage_feed: index of each feed that counts, and its number in the new database. */
static bool list_feeds(struct db_writer *w, GError **error)
{
    if (!db_exec(w->sql, w->work_path,
                 "CREATE TABLE stage_feed(at INTEGER PRIMARY KEY, id INTEGER, name TEXT)", error))
        return false;
    autofinalize sqlite3_stmt *s =
        db_prepare(w->sql, w->work_path, "INSERT INTO stage_feed VALUES(?1,?2,?3)", error);
    for (guint i = 0; s != NULL && i < w->feeds->len; i++) {
        const struct stage_feed *f = feed_at(w, i);
        if (f->refused)
            continue;
        (void)sqlite3_bind_int64(s, 1, i);
        (void)sqlite3_bind_int64(s, 2, f->id);
        (void)sqlite3_bind_text(s, 3, f->name, -1, SQLITE_STATIC);
        if (sqlite3_step(s) != SQLITE_DONE)
            return db_fail(w->sql, w->work_path, error);
        (void)sqlite3_reset(s);
    }
    return s != NULL;
}

static bool settle_records(struct db_writer *w, GError **error)
{
    if (!db_exec(w->sql, w->work_path,
                 "INSERT INTO vulnerability SELECT r.cve, f.id, severity, published, modified,"
                 " title, vectors FROM stage_record r JOIN stage_feed f ON f.at=r.feed"
                 " WHERE cve IS NOT NULL AND"
                 " coalesce(severity, published, modified, title, vectors) IS NOT NULL"
                 " ORDER BY cve, f.id;"
                 "DELETE FROM epss WHERE feed NOT IN (SELECT id FROM stage_feed);"
                 "DELETE FROM exploited WHERE feed NOT IN (SELECT id FROM stage_feed);",
                 error))
        return false;
    /* Advisories are numbered by name, so that the same data give the same file. */
    autofinalize sqlite3_stmt *list =
        db_prepare(w->sql, w->work_path,
                   "SELECT r.id, f.id FROM stage_record r JOIN stage_feed f ON f.at=r.feed"
                   " WHERE cve IS NULL ORDER BY f.id, r.name",
                   error);
    autofinalize sqlite3_stmt *insert =
        db_prepare(w->sql, w->work_path,
                   "INSERT INTO advisory SELECT ?1, ?2, name, severity, published, modified, title,"
                   " cves, vectors FROM stage_record WHERE id=?3",
                   error);
    if (list == NULL || insert == NULL)
        return false;
    uint32_t number = 0;
    int64_t feed_before = -1;
    int step;
    while ((step = sqlite3_step(list)) == SQLITE_ROW) {
        int64_t record = sqlite3_column_int64(list, 0), feed = sqlite3_column_int64(list, 1);
        uint64_t *subject = &g_array_index(w->subjects, uint64_t, record);
        if (*subject == SUBJECT_DEAD)
            continue; /* withdrawn */
        number = feed == feed_before ? number + 1 : 1;
        feed_before = feed;
        *subject = SUBJECT_ADVISORY(number);
        (void)sqlite3_bind_int64(insert, 1, feed);
        (void)sqlite3_bind_int64(insert, 2, number);
        (void)sqlite3_bind_int64(insert, 3, record);
        if (sqlite3_step(insert) != SQLITE_DONE)
            return db_fail(w->sql, w->work_path, error);
        (void)sqlite3_reset(insert);
    }
    return step == SQLITE_DONE || db_fail(w->sql, w->work_path, error);
}

struct settling {
    sqlite3_stmt *affected;
    GArray *statements; /* struct statement of one pair */
    GByteArray *blob;
    GHashTable *covers; /* "feed id/ecosystem" packed in int64 -> count */
};

static bool flush_pair(struct db_writer *w, struct settling *s, uint32_t pair, GError **error)
{
    if (s->statements->len == 0)
        return true;
    const struct stage_pair *p = g_ptr_array_index(w->pair_list, pair - 1);
    const struct stage_feed *f = feed_at(w, p->feed);
    g_byte_array_set_size(s->blob, 0);
    statements_encode(s->statements, s->blob);
    (void)sqlite3_bind_int64(s->affected, 1, p->ecosystem);
    (void)sqlite3_bind_text(s->affected, 2, p->package, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(s->affected, 3, f->id);
    (void)sqlite3_bind_blob(s->affected, 4, s->blob->data, (int)s->blob->len, SQLITE_STATIC);
    bool ok = sqlite3_step(s->affected) == SQLITE_DONE || db_fail(w->sql, w->work_path, error);
    (void)sqlite3_reset(s->affected);
    int64_t key = f->id << 32 | p->ecosystem;
    gpointer count = g_hash_table_lookup(s->covers, &key);
    g_hash_table_insert(s->covers, g_memdup2(&key, sizeof key),
                        GUINT_TO_POINTER(GPOINTER_TO_UINT(count) + s->statements->len));
    g_array_set_size(s->statements, 0);
    return ok;
}

static bool settle_statements(struct db_writer *w, struct settling *s, GError **error)
{
    autofinalize sqlite3_stmt *list =
        db_prepare(w->sql, w->work_path, "SELECT * FROM stage_statement ORDER BY pair", error);
    if (list == NULL)
        return false;
    uint32_t pair_before = 0;
    int step;
    while ((step = sqlite3_step(list)) == SQLITE_ROW) {
        uint32_t pair = (uint32_t)sqlite3_column_int64(list, 0);
        uint64_t subject =
            g_array_index(w->subjects, uint64_t, (guint)sqlite3_column_int64(list, 1));
        const struct stage_pair *p = g_ptr_array_index(w->pair_list, pair - 1);
        if (feed_at(w, p->feed)->refused || subject >= SUBJECT_UNKNOWN)
            continue;
        if (pair != pair_before && !flush_pair(w, s, pair_before, error))
            return false;
        pair_before = pair;
        int judged = sqlite3_column_int(list, 6);
        const struct statement st = {
            .subject = subject,
            .introduced = (uint32_t)sqlite3_column_int64(list, 2),
            .fixed = (uint32_t)sqlite3_column_int64(list, 3),
            .last_affected = (uint32_t)sqlite3_column_int64(list, 4),
            .module = (uint32_t)sqlite3_column_int64(list, 5),
            .state = (uint8_t)(judged & 7),
            .severity = (uint8_t)(judged >> 3),
        };
        g_array_append_val(s->statements, st);
    }
    return (step == SQLITE_DONE || db_fail(w->sql, w->work_path, error)) &&
           flush_pair(w, s, pair_before, error);
}

static bool settle_covers(struct db_writer *w, const struct settling *s, GError **error)
{
    autofinalize sqlite3_stmt *insert =
        db_prepare(w->sql, w->work_path, "INSERT INTO covers VALUES(?1,?2,?3)", error);
    if (insert == NULL)
        return false;
    GHashTableIter i;
    gpointer key, count;
    g_hash_table_iter_init(&i, s->covers);
    while (g_hash_table_iter_next(&i, &key, &count)) {
        int64_t packed = *(const int64_t *)key;
        (void)sqlite3_bind_int64(insert, 1, packed & 0xffffffff);
        (void)sqlite3_bind_int64(insert, 2, packed >> 32);
        (void)sqlite3_bind_int64(insert, 3, GPOINTER_TO_UINT(count));
        if (sqlite3_step(insert) != SQLITE_DONE)
            return db_fail(w->sql, w->work_path, error);
        (void)sqlite3_reset(insert);
    }
    return true;
}

static bool settle_affected(struct db_writer *w, GError **error)
{
    struct settling s = {
        .affected =
            db_prepare(w->sql, w->work_path, "INSERT INTO affected VALUES(?1,?2,?3,?4)", error),
        .statements = g_array_new(FALSE, FALSE, sizeof(struct statement)),
        .blob = g_byte_array_new(),
        .covers = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL),
    };
    bool ok = s.affected != NULL && settle_statements(w, &s, error) && settle_covers(w, &s, error);
    sqlite3_finalize(s.affected);
    g_array_unref(s.statements);
    g_byte_array_unref(s.blob);
    g_hash_table_unref(s.covers);
    return ok;
}

static bool settle_names(struct db_writer *w, GError **error)
{
    autofinalize sqlite3_stmt *ecosystem =
        db_prepare(w->sql, w->work_path, "INSERT INTO ecosystem VALUES(?1,?2)", error);
    autofinalize sqlite3_stmt *string =
        db_prepare(w->sql, w->work_path, "INSERT INTO string VALUES(?1,?2,?3)", error);
    if (ecosystem == NULL || string == NULL)
        return false;
    GHashTableIter it;
    gpointer text, number;
    g_hash_table_iter_init(&it, w->ecosystems);
    while (g_hash_table_iter_next(&it, &text, &number)) {
        (void)sqlite3_bind_int64(ecosystem, 1, GPOINTER_TO_UINT(number));
        (void)sqlite3_bind_text(ecosystem, 2, text, -1, SQLITE_STATIC);
        if (sqlite3_step(ecosystem) != SQLITE_DONE)
            return db_fail(w->sql, w->work_path, error);
        (void)sqlite3_reset(ecosystem);
    }
    for (guint i = 0; i < w->feeds->len; i++) {
        const struct stage_feed *f = feed_at(w, i);
        g_hash_table_iter_init(&it, f->strings);
        while (!f->refused && g_hash_table_iter_next(&it, &text, &number)) {
            (void)sqlite3_bind_int64(string, 1, f->id);
            (void)sqlite3_bind_int64(string, 2, GPOINTER_TO_UINT(number));
            (void)sqlite3_bind_text(string, 3, text, -1, SQLITE_STATIC);
            if (sqlite3_step(string) != SQLITE_DONE)
                return db_fail(w->sql, w->work_path, error);
            (void)sqlite3_reset(string);
        }
    }
    return true;
}

/* One source: its own name and digest. Several: how many, and the digest of their digests. */
static void describe_sources(const struct stage_feed *f, char **source, char **sha256)
{
    if (f->sources->len == 1) {
        *source = g_strdup(g_ptr_array_index(f->sources, 0));
        *sha256 = g_strdup(g_ptr_array_index(f->digests, 0));
        return;
    }
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    if (f->sources->len == 0)
        return;
    for (guint i = 0; i < f->digests->len; i++)
        if (g_ptr_array_index(f->digests, i) != NULL)
            g_checksum_update(sum, g_ptr_array_index(f->digests, i), -1);
    *sha256 = g_strdup(g_checksum_get_string(sum));
    *source = g_strdup_printf("%s and %u more", (char *)g_ptr_array_index(f->sources, 0),
                              f->sources->len - 1);
}

static bool settle_feeds(struct db_writer *w, GError **error)
{
    autofinalize sqlite3_stmt *s = db_prepare(
        w->sql, w->work_path, "INSERT INTO feed VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)", error);
    if (s == NULL)
        return false;
    for (guint i = 0; i < w->feeds->len; i++) {
        const struct stage_feed *f = feed_at(w, i);
        if (f->refused)
            continue;
        g_autofree char *source = NULL, *sha256 = NULL;
        describe_sources(f, &source, &sha256);
        (void)sqlite3_bind_int64(s, 1, f->id);
        (void)sqlite3_bind_text(s, 2, f->name, -1, SQLITE_STATIC);
        (void)sqlite3_bind_text(s, 3, source, -1, SQLITE_STATIC);
        (void)sqlite3_bind_text(s, 4, sha256, -1, SQLITE_STATIC);
        (void)sqlite3_bind_int64(s, 5, (int64_t)f->records);
        (void)sqlite3_bind_int64(s, 6, (int64_t)f->malformed);
        (void)sqlite3_bind_int64(s, 7, f->data_date);
        (void)sqlite3_bind_int64(s, 8, f->source_date);
        (void)sqlite3_bind_int64(s, 9, w->now);
        if (sqlite3_step(s) != SQLITE_DONE)
            return db_fail(w->sql, w->work_path, error);
        (void)sqlite3_reset(s);
    }
    return true;
}

/* Feeds of the old database that no new one replaces keep their numbers and rows. */
static bool copy_old(struct db_writer *w, GError **error)
{
    return !w->has_old ||
           db_exec(w->sql, w->work_path,
                   "CREATE TABLE stage_kept AS SELECT id FROM old.feed"
                   " WHERE name NOT IN (SELECT name FROM stage_feed);"
                   "INSERT INTO feed SELECT * FROM old.feed WHERE id IN stage_kept;"
                   "INSERT INTO covers SELECT * FROM old.covers WHERE feed IN stage_kept;"
                   "INSERT INTO affected SELECT * FROM old.affected WHERE feed IN stage_kept;"
                   "INSERT INTO string SELECT * FROM old.string WHERE feed IN stage_kept;"
                   "INSERT INTO advisory SELECT * FROM old.advisory WHERE feed IN stage_kept;"
                   "INSERT INTO vulnerability SELECT * FROM old.vulnerability"
                   " WHERE feed IN stage_kept;"
                   "INSERT INTO exploited SELECT * FROM old.exploited WHERE feed IN stage_kept;"
                   "INSERT INTO epss SELECT * FROM old.epss WHERE feed IN stage_kept;"
                   "INSERT OR IGNORE INTO meta SELECT * FROM old.meta;"
                   "DROP TABLE stage_kept;",
                   error);
}

bool settle(struct db_writer *w, GError **error)
{
    return list_feeds(w, error) && settle_records(w, error) && settle_affected(w, error) &&
           settle_names(w, error) && settle_feeds(w, error) && copy_old(w, error) &&
           db_exec(w->sql, w->work_path,
                   "DELETE FROM meta WHERE value IS NULL;"
                   "DROP TABLE stage_statement; DROP TABLE stage_record; DROP TABLE stage_feed;",
                   error);
}

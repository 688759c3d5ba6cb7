/* Look-ups in the open database. Rows are checked as they come: the file may be damaged. */
#include "advisory/db.h"

#include <string.h>

#include "advisory/cve.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/varint.h"

uint32_t db_ecosystem(const struct advisory_db *db, const char *key)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(db->ecosystems, key));
}

struct db_feed *db_feed_by_id(const struct advisory_db *db, int64_t id)
{
    return g_hash_table_lookup(db->feeds_by_id, &id);
}

const char *db_string(struct advisory_db *db, struct db_feed *f, uint32_t number)
{
    if (number == 0 || number > LIMIT_FEED_STRINGS)
        return NULL;
    if (number >= f->strings->len)
        g_ptr_array_set_size(f->strings, (gint)number + 1);
    const char *text = g_ptr_array_index(f->strings, number);
    if (text != NULL)
        return text;
    sqlite3_stmt *s = db->string;
    (void)sqlite3_bind_int64(s, 1, f->id);
    (void)sqlite3_bind_int64(s, 2, number);
    if (sqlite3_step(s) == SQLITE_ROW && sqlite3_column_text(s, 0) != NULL)
        text = g_string_chunk_insert(db->strings, (const char *)sqlite3_column_text(s, 0));
    (void)sqlite3_reset(s);
    g_ptr_array_index(f->strings, number) = (gpointer)text;
    return text;
}

static unsigned count_varints(const void *blob, size_t len)
{
    const uint8_t *p = blob;
    unsigned n = 0;
    for (size_t i = 0; i < len; i++)
        n += (p[i] & 0x80) == 0;
    return n;
}

static unsigned read_cves(const void *blob, size_t len, uint32_t *out)
{
    struct cursor c = cursor_of(blob, len);
    uint64_t step, cve = 0;
    unsigned n = 0;
    while (varint_read(&c, &step)) {
        cve += step;
        out[n++] = (uint32_t)cve;
    }
    return n;
}

/* Returns how many were read into out. */
static unsigned read_vectors(struct advisory_db *db, struct db_feed *f, const void *blob,
                             size_t len, struct db_vector out[static DB_VECTORS])
{
    struct cursor c = cursor_of(blob, len);
    uint64_t source, vector, severity;
    unsigned n = 0;
    while (n < DB_VECTORS && varint_read(&c, &source) && varint_read(&c, &vector) &&
           varint_read(&c, &severity) && severity < SEVERITY_COUNT)
        out[n++] = (struct db_vector){
            .source = db_string(db, f, (uint32_t)source),
            .vector = db_string(db, f, (uint32_t)vector),
            .severity = (enum severity)severity,
        };
    return n;
}

const struct db_advisory *db_advisory(struct advisory_db *db, struct db_feed *f, uint32_t number,
                                      GError **error)
{
    int64_t key = f->id << 32 | number;
    struct db_advisory *a = g_hash_table_lookup(db->advisories, &key);
    if (a != NULL)
        return a;
    sqlite3_stmt *s = db->advisory;
    (void)sqlite3_bind_int64(s, 1, f->id);
    (void)sqlite3_bind_int64(s, 2, number);
    const char *name = NULL;
    if (sqlite3_step(s) == SQLITE_ROW)
        name = (const char *)sqlite3_column_text(s, 0);
    if (name != NULL) {
        const void *blob = sqlite3_column_blob(s, 5);
        size_t len = (size_t)sqlite3_column_bytes(s, 5);
        unsigned count = count_varints(blob, len);
        a = g_malloc0(sizeof *a + count * sizeof(uint32_t));
        const char *title = (const char *)sqlite3_column_text(s, 4);
        *a = (struct db_advisory){
            .name = g_string_chunk_insert(db->strings, name),
            .title = title != NULL ? g_string_chunk_insert(db->strings, title) : NULL,
            .severity = (enum severity)CLAMP(sqlite3_column_int(s, 1), 0, SEVERITY_COUNT - 1),
            .published = sqlite3_column_int64(s, 2),
            .modified = sqlite3_column_int64(s, 3),
            .cves = (uint32_t *)(void *)(a + 1),
        };
        a->vector_count = read_vectors(db, f, sqlite3_column_blob(s, 6),
                                       (size_t)sqlite3_column_bytes(s, 6), a->vectors);
        a->cve_count = read_cves(blob, len, (uint32_t *)(void *)(a + 1));
        g_hash_table_insert(db->advisories, g_memdup2(&key, sizeof key), a);
    } else {
        (void)fail_corrupt(error, "%s: advisory %u of %s is missing", db->path, number,
                           f->info.name);
    }
    (void)sqlite3_reset(s);
    return a;
}

bool db_cves_of_name(struct advisory_db *db, const char *name, GArray *out, GError **error)
{
    sqlite3_stmt *s = db->by_name;
    (void)sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
    int step;
    guint rows = 0;
    while ((step = sqlite3_step(s)) == SQLITE_ROW && rows++ < db->feeds->len) {
        const void *blob = sqlite3_column_blob(s, 0);
        size_t len = (size_t)sqlite3_column_bytes(s, 0);
        guint before = out->len;
        g_array_set_size(out, before + count_varints(blob, len));
        unsigned n = read_cves(blob, len, (uint32_t *)(void *)out->data + before);
        g_array_set_size(out, before + n);
    }
    bool ok = step != SQLITE_ROW ? step == SQLITE_DONE || db_fail(db->sql, db->path, error)
                                 : fail_corrupt(error, "%s: too many called %s", db->path, name);
    (void)sqlite3_reset(s);
    cve_sort(out);
    return ok;
}

bool db_affected(struct advisory_db *db, uint32_t ecosystem, const char *package,
                 db_affected_func func, void *user, GError **error)
{
    sqlite3_stmt *s = db->affected;
    (void)sqlite3_bind_int64(s, 1, ecosystem);
    (void)sqlite3_bind_text(s, 2, package, -1, SQLITE_STATIC);
    int step;
    bool ok = true;
    /* A damaged file may lead round in circles: there is no more than one row a feed. */
    for (guint rows = 0; ok && (step = sqlite3_step(s)) != SQLITE_DONE; rows++) {
        struct db_feed *f =
            step == SQLITE_ROW ? db_feed_by_id(db, sqlite3_column_int64(s, 0)) : NULL;
        if (step != SQLITE_ROW)
            ok = db_fail(db->sql, db->path, error);
        else if (f == NULL || rows >= db->feeds->len)
            ok = fail_corrupt(error, "%s: %s: a feed that is not there", db->path, package);
        else
            ok =
                func(f, sqlite3_column_blob(s, 1), (size_t)sqlite3_column_bytes(s, 1), user, error);
    }
    (void)sqlite3_reset(s);
    return ok;
}

bool db_vulnerabilities(struct advisory_db *db, uint32_t cve, GArray *out, GError **error)
{
    sqlite3_stmt *s = db->vulnerability;
    (void)sqlite3_bind_int64(s, 1, cve);
    int step;
    guint rows = 0;
    while ((step = sqlite3_step(s)) == SQLITE_ROW && rows++ < db->feeds->len) {
        const char *title = (const char *)sqlite3_column_text(s, 4);
        struct db_vulnerability v = {
            .feed = db_feed_by_id(db, sqlite3_column_int64(s, 0)),
            .severity = (enum severity)CLAMP(sqlite3_column_int(s, 1), 0, SEVERITY_COUNT - 1),
            .published = sqlite3_column_int64(s, 2),
            .modified = sqlite3_column_int64(s, 3),
            .title = title != NULL ? g_string_chunk_insert(db->strings, title) : NULL,
        };
        if (v.feed == NULL)
            continue;
        v.vector_count = read_vectors(db, v.feed, sqlite3_column_blob(s, 5),
                                      (size_t)sqlite3_column_bytes(s, 5), v.vectors);
        g_array_append_val(out, v);
    }
    bool ok = step != SQLITE_ROW ? step == SQLITE_DONE || db_fail(db->sql, db->path, error)
                                 : fail_corrupt(error, "%s: a CVE has too many rows", db->path);
    (void)sqlite3_reset(s);
    return ok;
}

bool db_scores(struct advisory_db *db, uint32_t cve, struct finding *out, GError **error)
{
    (void)sqlite3_bind_int64(db->epss, 1, cve);
    int step = sqlite3_step(db->epss);
    if (step == SQLITE_ROW) {
        out->epss = (double)sqlite3_column_int64(db->epss, 0) / 1e6;
        out->epss_percentile = (double)sqlite3_column_int64(db->epss, 1) / 1e6;
    }
    bool ok = step == SQLITE_ROW || step == SQLITE_DONE || db_fail(db->sql, db->path, error);
    (void)sqlite3_reset(db->epss);
    if (!ok)
        return false;
    (void)sqlite3_bind_int64(db->exploited, 1, cve);
    step = sqlite3_step(db->exploited);
    if (step == SQLITE_ROW) {
        out->known_exploited = true;
        out->kev_due = sqlite3_column_int64(db->exploited, 0);
        out->ransomware = sqlite3_column_int(db->exploited, 1) != 0;
    }
    ok = step == SQLITE_ROW || step == SQLITE_DONE || db_fail(db->sql, db->path, error);
    (void)sqlite3_reset(db->exploited);
    return ok;
}

char *db_meta(struct advisory_db *db, const char *key)
{
    autofinalize sqlite3_stmt *s =
        db_prepare(db->sql, db->path, "SELECT value FROM meta WHERE key=?1", NULL);
    if (s == NULL)
        return NULL;
    (void)sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
    return sqlite3_step(s) == SQLITE_ROW ? g_strdup((const char *)sqlite3_column_text(s, 0)) : NULL;
}

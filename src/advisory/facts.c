#include "advisory/facts.h"

#include <string.h>

#include "advisory/cve.h"
#include "advisory/db.h"
#include "base/error.h"
#include "base/varint.h"

/* Rows come in the order of their keys; in a damaged file they may come round again for ever. */
struct order {
    int64_t a, b;
    bool any;
};

static bool in_order(struct order *o, int64_t a, int64_t b)
{
    bool ok = !o->any || a > o->a || (a == o->a && b > o->b);
    *o = (struct order){ a, b, true };
    return ok;
}

static bool fail_order(const struct advisory_db *db, GError **error)
{
    return fail_corrupt(error, "%s: rows are out of order", db->path);
}

/* --- statements ------------------------------------------------------------------------------- */

struct walk {
    struct advisory_db *db;
    const struct advisory_filter *filter;
    advisory_statement_func func;
    void *user;
    GHashTable *wanted; /* "feed id << 32 | number" of advisories that fit; NULL: all */
    const char *ecosystem, *package;
};

static bool about(const uint32_t *cves, unsigned count, uint32_t cve)
{
    for (unsigned i = 0; i < count; i++)
        if (cves[i] == cve)
            return true;
    return false;
}

static unsigned decode_cves(const void *blob, size_t len, GArray *out)
{
    struct cursor c = cursor_of(blob, len);
    uint64_t step, cve = 0;
    g_array_set_size(out, 0);
    while (varint_read(&c, &step)) {
        cve += step;
        const uint32_t value = (uint32_t)cve;
        g_array_append_val(out, value);
    }
    return out->len;
}

/* Numbers of the advisories that are about the CVE or have the name. */
static bool find_advisories(struct walk *w, GError **error)
{
    const struct advisory_filter *f = w->filter;
    const char *text = f->advisory != NULL
                           ? "SELECT feed, id, cves FROM advisory WHERE name=?1 ORDER BY feed, id"
                           : "SELECT feed, id, cves FROM advisory WHERE cves IS NOT NULL"
                             " ORDER BY feed, id";
    autofinalize sqlite3_stmt *s = db_prepare(w->db->sql, w->db->path, text, error);
    if (s == NULL)
        return false;
    if (f->advisory != NULL)
        (void)sqlite3_bind_text(s, 1, f->advisory, -1, SQLITE_STATIC);
    w->wanted = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    g_autoptr(GArray) cves = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    struct order order = { 0 };
    int step;
    while ((step = sqlite3_step(s)) == SQLITE_ROW) {
        if (!in_order(&order, sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1)))
            return fail_order(w->db, error);
        unsigned n =
            decode_cves(sqlite3_column_blob(s, 2), (size_t)sqlite3_column_bytes(s, 2), cves);
        if (f->by_cve && !about((const uint32_t *)(const void *)cves->data, n, f->cve))
            continue;
        int64_t key = sqlite3_column_int64(s, 0) << 32 | sqlite3_column_int64(s, 1);
        g_hash_table_add(w->wanted, g_memdup2(&key, sizeof key));
    }
    return step == SQLITE_DONE || db_fail(w->db->sql, w->db->path, error);
}

static bool fits(const struct walk *w, const struct db_feed *f, uint64_t subject)
{
    if (w->wanted == NULL)
        return true;
    if (!SUBJECT_IS_ADVISORY(subject))
        return w->filter->by_cve && SUBJECT_NUMBER(subject) == w->filter->cve;
    int64_t key = f->id << 32 | SUBJECT_NUMBER(subject);
    return g_hash_table_contains(w->wanted, &key);
}

static bool hand_out(struct walk *w, struct db_feed *f, const struct statement *s, GError **error)
{
    struct advisory_db *db = w->db;
    char text[CVE_TEXT_MAX];
    struct advisory_statement out = {
        .feed = f->info.name,
        .ecosystem = w->ecosystem,
        .package = w->package,
        .introduced = db_string(db, f, s->introduced),
        .fixed = db_string(db, f, s->fixed),
        .last_affected = db_string(db, f, s->last_affected),
        .module = db_string(db, f, s->module),
        .state = (enum finding_state)s->state,
        .severity = (enum severity)s->severity,
    };
    if (SUBJECT_IS_ADVISORY(s->subject)) {
        const struct db_advisory *a = db_advisory(db, f, SUBJECT_NUMBER(s->subject), error);
        if (a == NULL)
            return false;
        out.id = a->name;
        out.cves = a->cves;
        out.cve_count = a->cve_count;
        if (out.severity == SEVERITY_UNKNOWN)
            out.severity = a->severity;
    } else {
        out.id = cve_format(SUBJECT_NUMBER(s->subject), text);
    }
    return w->func(&out, w->user, error);
}

static bool walk_blob(struct db_feed *f, const void *blob, size_t len, void *user, GError **error)
{
    struct walk *w = user;
    struct statement_reader reader = statement_reader_of(blob, len);
    struct statement s;
    bool damaged = false;
    while (statement_next(&reader, &s, &damaged))
        if (fits(w, f, s.subject) && !hand_out(w, f, &s, error))
            return false;
    return !damaged || fail_corrupt(error, "%s: damaged statements about %s in %s", w->db->path,
                                    w->package, f->info.name);
}

static bool walk_package(struct walk *w, GError **error)
{
    w->package = w->filter->package;
    for (guint i = 0; i < w->db->ecosystem_names->len; i++) {
        w->ecosystem = g_ptr_array_index(w->db->ecosystem_names, i);
        if (!db_affected(w->db, i + 1, w->package, walk_blob, w, error))
            return false;
    }
    return true;
}

static bool walk_all(struct walk *w, GError **error)
{
    struct advisory_db *db = w->db;
    autofinalize sqlite3_stmt *s =
        db_prepare(db->sql, db->path,
                   "SELECT ecosystem, package, feed, statements FROM affected"
                   " ORDER BY ecosystem, package, feed",
                   error);
    if (s == NULL)
        return false;
    g_autoptr(GString) before = g_string_new(NULL);
    struct order order = { 0 };
    int step;
    while ((step = sqlite3_step(s)) == SQLITE_ROW) {
        int64_t ecosystem = sqlite3_column_int64(s, 0);
        const char *package = (const char *)sqlite3_column_text(s, 1);
        int names = package != NULL && order.any ? strcmp(package, before->str) : 1;
        if (names != 0)
            g_string_assign(before, package != NULL ? package : "");
        if (order.any && ecosystem == order.a && names < 0)
            return fail_order(db, error);
        if (ecosystem == order.a && names > 0)
            order.any = false; /* a new package: its feeds begin again */
        if (!in_order(&order, ecosystem, sqlite3_column_int64(s, 2)))
            return fail_order(db, error);
        struct db_feed *f = db_feed_by_id(db, sqlite3_column_int64(s, 2));
        w->package = package;
        if (ecosystem < 1 || ecosystem > db->ecosystem_names->len || f == NULL ||
            w->package == NULL)
            return fail_corrupt(error, "%s: statements about nothing", db->path);
        w->ecosystem = g_ptr_array_index(db->ecosystem_names, (guint)ecosystem - 1);
        if (!walk_blob(f, sqlite3_column_blob(s, 3), (size_t)sqlite3_column_bytes(s, 3), w, error))
            return false;
    }
    return step == SQLITE_DONE || db_fail(db->sql, db->path, error);
}

bool advisory_each_statement(struct advisory_db *db, const struct advisory_filter *filter,
                             advisory_statement_func func, void *user, GError **error)
{
    struct walk w = { .db = db, .filter = filter, .func = func, .user = user };
    bool ok = true;
    if (filter->by_cve || filter->advisory != NULL)
        ok = find_advisories(&w, error);
    if (ok)
        ok = filter->package != NULL ? walk_package(&w, error) : walk_all(&w, error);
    if (w.wanted != NULL)
        g_hash_table_unref(w.wanted);
    return ok;
}

/* --- records ---------------------------------------------------------------------------------- */

static void fill_vectors(struct advisory_db *db, struct db_feed *f, struct advisory_record *r,
                         const void *blob, size_t len)
{
    struct cursor c = cursor_of(blob, len);
    uint64_t source, vector, severity;
    while (r->vector_count < G_N_ELEMENTS(r->vectors) && varint_read(&c, &source) &&
           varint_read(&c, &vector) && varint_read(&c, &severity) && severity < SEVERITY_COUNT)
        r->vectors[r->vector_count++] = (struct advisory_vector){
            .source = db_string(db, f, (uint32_t)source),
            .vector = db_string(db, f, (uint32_t)vector),
            .severity = (enum severity)severity,
        };
}

/* columns: the row's key (two), feed, CVE or NULL, name or NULL, severity, published, modified,
 * title, vectors, cves */
static bool each_row(struct advisory_db *db, sqlite3_stmt *s, const struct advisory_filter *filter,
                     advisory_record_func func, void *user, GError **error)
{
    g_autoptr(GArray) cves = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    struct order order = { 0 };
    int step;
    while ((step = sqlite3_step(s)) == SQLITE_ROW) {
        if (!in_order(&order, sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1)))
            return fail_order(db, error);
        struct db_feed *f = db_feed_by_id(db, sqlite3_column_int64(s, 2));
        char text[CVE_TEXT_MAX];
        bool is_cve = sqlite3_column_type(s, 3) != SQLITE_NULL;
        struct advisory_record r = {
            .feed = f != NULL ? f->info.name : NULL,
            .id = is_cve ? cve_format((uint32_t)sqlite3_column_int64(s, 3), text)
                         : (const char *)sqlite3_column_text(s, 4),
            .severity = (enum severity)CLAMP(sqlite3_column_int(s, 5), 0, SEVERITY_COUNT - 1),
            .published = sqlite3_column_int64(s, 6),
            .modified = sqlite3_column_int64(s, 7),
            .title = (const char *)sqlite3_column_text(s, 8),
        };
        if (f == NULL || r.id == NULL)
            return fail_corrupt(error, "%s: a record without feed or name", db->path);
        r.cve_count =
            decode_cves(sqlite3_column_blob(s, 10), (size_t)sqlite3_column_bytes(s, 10), cves);
        r.cves = (const uint32_t *)(const void *)cves->data;
        if (filter->by_cve && !is_cve && !about(r.cves, r.cve_count, filter->cve))
            continue;
        fill_vectors(db, f, &r, sqlite3_column_blob(s, 9), (size_t)sqlite3_column_bytes(s, 9));
        if (!func(&r, user, error))
            return false;
    }
    return step == SQLITE_DONE || db_fail(db->sql, db->path, error);
}

bool advisory_each_record(struct advisory_db *db, const struct advisory_filter *filter,
                          advisory_record_func func, void *user, GError **error)
{
    autofinalize sqlite3_stmt *vulnerabilities =
        db_prepare(db->sql, db->path,
                   "SELECT cve, feed, feed, cve, NULL, severity, published, modified, title,"
                   " vectors, NULL FROM vulnerability WHERE ?1 IS NULL OR cve=?1"
                   " ORDER BY cve, feed",
                   error);
    autofinalize sqlite3_stmt *advisories =
        db_prepare(db->sql, db->path,
                   "SELECT feed, id, feed, NULL, name, severity, published, modified, title,"
                   " vectors, cves FROM advisory WHERE ?1 IS NULL OR name=?1 ORDER BY feed, id",
                   error);
    if (vulnerabilities == NULL || advisories == NULL)
        return false;
    if (filter->by_cve)
        (void)sqlite3_bind_int64(vulnerabilities, 1, filter->cve);
    if (filter->advisory != NULL)
        (void)sqlite3_bind_text(advisories, 1, filter->advisory, -1, SQLITE_STATIC);
    return (filter->advisory != NULL || each_row(db, vulnerabilities, filter, func, user, error)) &&
           each_row(db, advisories, filter, func, user, error);
}

/* --- scores ----------------------------------------------------------------------------------- */

static bool each_score(struct advisory_db *db, uint32_t cve, bool exploited,
                       advisory_score_func func, void *user, GError **error)
{
    autofinalize sqlite3_stmt *s =
        db_prepare(db->sql, db->path,
                   exploited ? "SELECT cve, feed, NULL, NULL, added, due, ransomware FROM exploited"
                               " WHERE ?1=0 OR cve=?1 ORDER BY cve, feed"
                             : "SELECT cve, feed, score, percentile, NULL, NULL, NULL FROM epss"
                               " WHERE ?1=0 OR cve=?1 ORDER BY cve, feed",
                   error);
    if (s == NULL)
        return false;
    (void)sqlite3_bind_int64(s, 1, cve);
    struct order order = { 0 };
    int step;
    while ((step = sqlite3_step(s)) == SQLITE_ROW) {
        bool epss = !exploited;
        if (!in_order(&order, sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1)))
            return fail_order(db, error);
        const struct advisory_score out = {
            .cve = (uint32_t)sqlite3_column_int64(s, 0),
            .epss = epss ? (double)sqlite3_column_int64(s, 2) / 1e6 : -1,
            .epss_percentile = epss ? (double)sqlite3_column_int64(s, 3) / 1e6 : -1,
            .known_exploited = !epss,
            .kev_added = sqlite3_column_int64(s, 4),
            .kev_due = sqlite3_column_int64(s, 5),
            .ransomware = sqlite3_column_int(s, 6) != 0,
        };
        if (!func(&out, user, error))
            return false;
    }
    return step == SQLITE_DONE || db_fail(db->sql, db->path, error);
}

bool advisory_each_score(struct advisory_db *db, uint32_t cve, advisory_score_func func, void *user,
                         GError **error)
{
    return each_score(db, cve, false, func, user, error) &&
           each_score(db, cve, true, func, user, error);
}

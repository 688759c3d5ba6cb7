/* What an import by record keeps of the old database goes back into the stage, as if it had just
 * been read; a newer record with the same id then takes its place. */
#include "advisory/db_writer.h"

#include <string.h>

#include "advisory/cve.h"
#include "base/error.h"
#include "base/varint.h"

struct carry {
    struct db_writer *w;
    unsigned feed;
    int64_t old_id;
    GPtrArray *strings;  /* char * by old number */
    GHashTable *records; /* subject (uint64_t *) -> stage number + 1 */
    struct record record;
};

static const char *string_at(const struct carry *c, uint64_t number)
{
    return number > 0 && number < c->strings->len ? g_ptr_array_index(c->strings, number) : NULL;
}

static sqlite3_stmt *query(struct carry *c, const char *text, GError **error)
{
    sqlite3_stmt *s = db_prepare(c->w->sql, c->w->path, text, error);
    if (s != NULL)
        (void)sqlite3_bind_int64(s, 1, c->old_id);
    return s;
}

static bool load_strings(struct carry *c, GError **error)
{
    autofinalize sqlite3_stmt *s =
        query(c, "SELECT id, text FROM old.string WHERE feed=?1 ORDER BY id", error);
    if (s == NULL)
        return false;
    g_ptr_array_add(c->strings, NULL);
    int step;
    while ((step = sqlite3_step(s)) == SQLITE_ROW) {
        if (sqlite3_column_int64(s, 0) != (int64_t)c->strings->len)
            return fail_corrupt(error, "%s: strings are not numbered in order", c->w->path);
        g_ptr_array_add(c->strings, g_strdup((const char *)sqlite3_column_text(s, 1)));
    }
    return step == SQLITE_DONE || db_fail(c->w->sql, c->w->path, error);
}

static void read_cves(struct record *r, const void *blob, int len)
{
    struct cursor cursor = cursor_of(blob, (size_t)len);
    uint64_t step, cve = 0;
    while (cursor_left(&cursor) > 0 && varint_read(&cursor, &step)) {
        cve += step;
        const uint32_t value = (uint32_t)cve;
        g_array_append_val(r->cves, value);
    }
}

static void read_vectors(struct carry *c, const void *blob, int len)
{
    struct cursor cursor = cursor_of(blob, (size_t)len);
    uint64_t source, vector, severity;
    while (varint_read(&cursor, &source) && varint_read(&cursor, &vector) &&
           varint_read(&cursor, &severity) && severity < SEVERITY_COUNT)
        record_add_vector(&c->record, string_at(c, source), string_at(c, vector),
                          (enum severity)severity);
}

static bool add(struct carry *c, uint64_t subject, GError **error)
{
    guint before = c->w->subjects->len;
    if (!db_writer_add(c->w, (int)c->feed, &c->record, error))
        return false;
    if (c->w->subjects->len > before) {
        uint64_t *key = g_new(uint64_t, 1);
        *key = subject;
        g_hash_table_insert(c->records, key, GUINT_TO_POINTER(before + 1));
    }
    return true;
}

/* columns: number, name or NULL, severity, published, modified, title, vectors, cves or NULL */
static bool carry_records(struct carry *c, const char *text, bool advisories, GError **error)
{
    autofinalize sqlite3_stmt *s = query(c, text, error);
    if (s == NULL)
        return false;
    int step;
    while ((step = sqlite3_step(s)) == SQLITE_ROW) {
        char cve[CVE_TEXT_MAX];
        struct record *r = &c->record;
        record_clear(r);
        uint32_t number = (uint32_t)sqlite3_column_int64(s, 0);
        r->id = advisories ? (const char *)sqlite3_column_text(s, 1) : cve_format(number, cve);
        if (r->id == NULL)
            return fail_corrupt(error, "%s: an advisory without name", c->w->path);
        r->severity = (enum severity)CLAMP(sqlite3_column_int(s, 2), 0, SEVERITY_COUNT - 1);
        r->published = sqlite3_column_int64(s, 3);
        r->modified = sqlite3_column_int64(s, 4);
        r->title = (const char *)sqlite3_column_text(s, 5);
        read_vectors(c, sqlite3_column_blob(s, 6), sqlite3_column_bytes(s, 6));
        read_cves(r, sqlite3_column_blob(s, 7), sqlite3_column_bytes(s, 7));
        if (!add(c, advisories ? SUBJECT_ADVISORY(number) : SUBJECT_CVE(number), error))
            return false;
    }
    return step == SQLITE_DONE || db_fail(c->w->sql, c->w->path, error);
}

/* One statement, as a record that has nothing else, appended to the record of its subject. */
static bool carry_statement(struct carry *c, const char *ecosystem, const char *package,
                            const struct statement *st, GError **error)
{
    gpointer found = g_hash_table_lookup(c->records, &st->subject);
    char cve[CVE_TEXT_MAX];
    struct record *r = &c->record;
    record_clear(r);
    if (found == NULL) {
        if (SUBJECT_IS_ADVISORY(st->subject))
            return fail_corrupt(error, "%s: a statement of an unknown advisory", c->w->path);
        r->id = cve_format(SUBJECT_NUMBER(st->subject), cve);
        if (!add(c, st->subject, error))
            return false;
        found = g_hash_table_lookup(c->records, &st->subject);
    }
    struct record_statement *out =
        record_add(r, ecosystem, package, string_at(c, st->introduced), string_at(c, st->fixed));
    out->last_affected = string_at(c, st->last_affected);
    out->module = string_at(c, st->module);
    out->state = (enum finding_state)st->state;
    out->severity = (enum severity)st->severity;
    return found == NULL || stage_statements(c->w, c->feed, r, GPOINTER_TO_UINT(found) - 1, error);
}

static bool carry_statements(struct carry *c, GError **error)
{
    autofinalize sqlite3_stmt *s =
        query(c,
              "SELECT e.name, a.package, a.statements FROM old.affected a"
              " JOIN old.ecosystem e ON e.id=a.ecosystem WHERE a.feed=?1",
              error);
    if (s == NULL)
        return false;
    int step;
    while ((step = sqlite3_step(s)) == SQLITE_ROW) {
        const char *ecosystem = (const char *)sqlite3_column_text(s, 0);
        const char *package = (const char *)sqlite3_column_text(s, 1);
        struct statement_reader reader =
            statement_reader_of(sqlite3_column_blob(s, 2), (size_t)sqlite3_column_bytes(s, 2));
        struct statement st;
        bool damaged = ecosystem == NULL || package == NULL;
        while (!damaged && statement_next(&reader, &st, &damaged))
            if (!carry_statement(c, ecosystem, package, &st, error))
                return false;
        if (damaged)
            return fail_corrupt(error, "%s: damaged statements", c->w->path);
    }
    return step == SQLITE_DONE || db_fail(c->w->sql, c->w->path, error);
}

static bool find_old_id(struct carry *c, const char *name, GError **error)
{
    autofinalize sqlite3_stmt *s =
        db_prepare(c->w->sql, c->w->path, "SELECT id FROM old.feed WHERE name=?1", error);
    if (s == NULL)
        return false;
    (void)sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
    int step = sqlite3_step(s);
    c->old_id = step == SQLITE_ROW ? sqlite3_column_int64(s, 0) : -1;
    return step == SQLITE_ROW || step == SQLITE_DONE || db_fail(c->w->sql, c->w->path, error);
}

bool stage_old_feed(struct db_writer *w, unsigned feed, GError **error)
{
    struct stage_feed *f = g_ptr_array_index(w->feeds, feed);
    struct carry c = {
        .w = w,
        .feed = feed,
        .strings = g_ptr_array_new_with_free_func(g_free),
        .records = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL),
    };
    record_init(&c.record);
    bool ok = find_old_id(&c, f->name, error);
    if (ok && c.old_id >= 0)
        ok = load_strings(&c, error) &&
             carry_records(&c,
                           "SELECT cve, NULL, severity, published, modified, title, vectors, NULL"
                           " FROM old.vulnerability WHERE feed=?1",
                           false, error) &&
             carry_records(&c,
                           "SELECT id, name, severity, published, modified, title, vectors, cves"
                           " FROM old.advisory WHERE feed=?1",
                           true, error) &&
             carry_statements(&c, error);
    record_done(&c.record);
    g_ptr_array_unref(c.strings);
    g_hash_table_unref(c.records);
    return ok;
}

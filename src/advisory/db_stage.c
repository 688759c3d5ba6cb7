/* Records come in one by one, from feeds or from the old database, and wait in the work file. */
#include "advisory/db_writer.h"

#include <string.h>

#include "advisory/cve.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/varint.h"

const char stage_schema_sql[] =
    "CREATE TABLE stage_record(id INTEGER PRIMARY KEY, feed INTEGER, name TEXT, cve INTEGER,"
    " severity INTEGER, published INTEGER, modified INTEGER, title TEXT, cves BLOB, vectors BLOB);"
    "CREATE UNIQUE INDEX stage_name ON stage_record(feed, name);"
    "CREATE TABLE stage_statement(pair INTEGER, record INTEGER, introduced INTEGER, fixed INTEGER,"
    " last INTEGER, module INTEGER, judged INTEGER);";

bool stage_prepare(struct db_writer *w, GError **error)
{
    const struct {
        sqlite3_stmt **statement;
        const char *text;
    } all[] = {
        { &w->find_record, "SELECT id, modified FROM stage_record WHERE feed=?1 AND name=?2" },
        { &w->add_record, "INSERT INTO stage_record VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)" },
        { &w->drop_record, "DELETE FROM stage_record WHERE id=?1" },
        { &w->add_statement, "INSERT INTO stage_statement VALUES(?1,?2,?3,?4,?5,?6,?7)" },
        { &w->add_epss, "INSERT OR REPLACE INTO epss VALUES(?1,?2,?3,?4)" },
        { &w->add_exploited, "INSERT OR REPLACE INTO exploited VALUES(?1,?2,?3,?4,?5)" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        *all[i].statement = db_prepare(w->sql, w->work_path, all[i].text, error);
        if (*all[i].statement == NULL)
            return false;
    }
    return true;
}

void stage_done(struct db_writer *w)
{
    sqlite3_stmt **all[] = { &w->find_record,   &w->add_record, &w->drop_record,
                             &w->add_statement, &w->add_epss,   &w->add_exploited };
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        sqlite3_finalize(*all[i]);
        *all[i] = NULL;
    }
}

static bool run(struct db_writer *w, sqlite3_stmt *s, GError **error)
{
    bool ok = sqlite3_step(s) == SQLITE_DONE || db_fail(w->sql, w->work_path, error);
    (void)sqlite3_reset(s);
    return ok;
}

/* --- numbers for names ------------------------------------------------------------------------ */

static uint32_t number_of(struct db_writer *w, GHashTable *table, const char *text)
{
    gpointer found = g_hash_table_lookup(table, text);
    if (found == NULL) {
        found = GUINT_TO_POINTER(g_hash_table_size(table) + 1);
        g_hash_table_insert(table, g_string_chunk_insert_const(w->strings, text), found);
    }
    return GPOINTER_TO_UINT(found);
}

static bool string_number(struct db_writer *w, struct stage_feed *f, const char *text,
                          uint32_t *out, GError **error)
{
    *out = 0;
    if (text == NULL)
        return true;
    if (g_hash_table_size(f->strings) >= LIMIT_FEED_STRINGS)
        return fail_limit(error, "%s: more than %u versions", f->name, LIMIT_FEED_STRINGS);
    *out = number_of(w, f->strings, text);
    return true;
}

static uint32_t pair_number(struct db_writer *w, uint32_t feed, uint32_t ecosystem,
                            const char *package)
{
    const struct stage_pair key = { .feed = feed, .ecosystem = ecosystem, .package = package };
    gpointer found = g_hash_table_lookup(w->pairs, &key);
    if (found == NULL) {
        struct stage_pair *p = g_new(struct stage_pair, 1);
        *p = key;
        p->package = g_string_chunk_insert_const(w->strings, package);
        g_ptr_array_add(w->pair_list, p);
        found = GUINT_TO_POINTER(w->pair_list->len);
        g_hash_table_insert(w->pairs, p, found);
    }
    return GPOINTER_TO_UINT(found);
}

/* --- records ---------------------------------------------------------------------------------- */

static bool find_record(struct db_writer *w, unsigned feed, const char *name, int64_t *id,
                        int64_t *modified, GError **error)
{
    sqlite3_stmt *s = w->find_record;
    (void)sqlite3_bind_int64(s, 1, feed);
    (void)sqlite3_bind_text(s, 2, name, -1, SQLITE_STATIC);
    int step = sqlite3_step(s);
    *id = step == SQLITE_ROW ? sqlite3_column_int64(s, 0) : -1;
    *modified = step == SQLITE_ROW ? sqlite3_column_int64(s, 1) : 0;
    bool ok = step == SQLITE_ROW || step == SQLITE_DONE || db_fail(w->sql, w->work_path, error);
    (void)sqlite3_reset(s);
    return ok;
}

static bool drop_record(struct db_writer *w, int64_t id, GError **error)
{
    g_array_index(w->subjects, uint64_t, id) = SUBJECT_DEAD;
    (void)sqlite3_bind_int64(w->drop_record, 1, id);
    return run(w, w->drop_record, error);
}

static void append_cves(GByteArray *out, const GArray *cves)
{
    uint32_t before = 0;
    for (guint i = 0; i < cves->len; i++) {
        uint32_t cve = g_array_index(cves, uint32_t, i);
        varint_append(out, cve - before);
        before = cve;
    }
}

static bool append_vectors(struct db_writer *w, struct stage_feed *f, GByteArray *out,
                           const struct record *r, GError **error)
{
    for (guint i = 0; i < r->vectors->len; i++) {
        const struct record_vector *v = &g_array_index(r->vectors, struct record_vector, i);
        uint32_t source, vector;
        if (!string_number(w, f, v->source, &source, error) ||
            !string_number(w, f, v->vector, &vector, error))
            return false;
        varint_append(out, source);
        varint_append(out, vector);
        varint_append(out, v->severity);
    }
    return true;
}

static void bind_blob(sqlite3_stmt *s, int at, const GByteArray *blob)
{
    if (blob->len == 0)
        (void)sqlite3_bind_null(s, at);
    else
        (void)sqlite3_bind_blob(s, at, blob->data, (int)blob->len, SQLITE_STATIC);
}

static void bind_nonzero(sqlite3_stmt *s, int at, int64_t value)
{
    if (value == 0)
        (void)sqlite3_bind_null(s, at);
    else
        (void)sqlite3_bind_int64(s, at, value);
}

static bool add_record(struct db_writer *w, unsigned feed, const struct record *r, bool is_cve,
                       uint32_t cve, int64_t *id, GError **error)
{
    struct stage_feed *f = g_ptr_array_index(w->feeds, feed);
    GByteArray *cves = w->scratch[0], *vectors = w->scratch[1];
    g_byte_array_set_size(cves, 0);
    g_byte_array_set_size(vectors, 0);
    cve_sort(r->cves);
    if (!is_cve)
        append_cves(cves, r->cves);
    if (!append_vectors(w, f, vectors, r, error))
        return false;
    *id = (int64_t)w->subjects->len;
    const uint64_t subject = r->withdrawn ? SUBJECT_DEAD
                             : is_cve     ? SUBJECT_CVE(cve)
                                          : SUBJECT_UNKNOWN;
    g_array_append_val(w->subjects, subject);
    sqlite3_stmt *s = w->add_record;
    (void)sqlite3_bind_int64(s, 1, *id);
    (void)sqlite3_bind_int64(s, 2, feed);
    (void)sqlite3_bind_text(s, 3, r->id, -1, SQLITE_STATIC);
    if (is_cve && !r->withdrawn)
        (void)sqlite3_bind_int64(s, 4, cve);
    else
        (void)sqlite3_bind_null(s, 4);
    bind_nonzero(s, 5, r->severity);
    bind_nonzero(s, 6, r->published);
    bind_nonzero(s, 7, r->modified);
    (void)sqlite3_bind_text(s, 8, r->title, -1, SQLITE_STATIC);
    bind_blob(s, 9, cves);
    bind_blob(s, 10, vectors);
    return run(w, s, error);
}

bool stage_statements(struct db_writer *w, unsigned feed, const struct record *r, int64_t id,
                      GError **error)
{
    struct stage_feed *f = g_ptr_array_index(w->feeds, feed);
    for (guint i = 0; i < r->statements->len; i++) {
        const struct record_statement *s =
            &g_array_index(r->statements, struct record_statement, i);
        uint32_t ecosystem = number_of(w, w->ecosystems, s->ecosystem);
        uint32_t pair = pair_number(w, feed, ecosystem, s->package);
        const char *const texts[] = { s->introduced, s->fixed, s->last_affected, s->module };
        sqlite3_stmt *add = w->add_statement;
        (void)sqlite3_bind_int64(add, 1, pair);
        (void)sqlite3_bind_int64(add, 2, id);
        for (int k = 0; k < 4; k++) {
            uint32_t number;
            if (!string_number(w, f, texts[k], &number, error))
                return false;
            bind_nonzero(add, 3 + k, number);
        }
        (void)sqlite3_bind_int64(add, 7, s->state | s->severity << 3);
        if (!run(w, add, error))
            return false;
    }
    return true;
}

static bool add_scores(struct db_writer *w, const struct stage_feed *f, const struct record *r,
                       uint32_t cve, GError **error)
{
    if (r->epss >= 0) {
        sqlite3_stmt *s = w->add_epss;
        (void)sqlite3_bind_int64(s, 1, cve);
        (void)sqlite3_bind_int64(s, 2, f->id);
        (void)sqlite3_bind_int64(s, 3, (int64_t)(r->epss * 1e6 + 0.5));
        (void)sqlite3_bind_int64(s, 4, (int64_t)(r->epss_percentile * 1e6 + 0.5));
        return run(w, s, error);
    }
    sqlite3_stmt *s = w->add_exploited;
    (void)sqlite3_bind_int64(s, 1, cve);
    (void)sqlite3_bind_int64(s, 2, f->id);
    bind_nonzero(s, 3, r->kev_added);
    bind_nonzero(s, 4, r->kev_due);
    (void)sqlite3_bind_int64(s, 5, r->ransomware);
    return run(w, s, error);
}

bool db_writer_add(struct db_writer *w, int feed, const struct record *r, GError **error)
{
    struct stage_feed *f = g_ptr_array_index(w->feeds, feed);
    uint32_t cve = 0;
    bool is_cve = cve_parse(r->id, strlen(r->id), &cve);
    f->incoming++;
    int64_t date = MAX(r->modified, r->published);
    if (date <= w->now) /* a date in the future is a mistake of the feed */
        f->data_date = MAX(f->data_date, date);
    if (r->epss >= 0 || r->known_exploited) {
        f->records++;
        return !is_cve || add_scores(w, f, r, cve, error);
    }
    int64_t id, modified;
    if (!find_record(w, (unsigned)feed, r->id, &id, &modified, error))
        return false;
    if (id >= 0 && f->by_record) {
        if (r->modified < modified)
            return true;
        /* The same record again, from another repository that holds other packages of it. */
        if (r->modified == modified && modified != 0 && !r->withdrawn)
            return stage_statements(w, (unsigned)feed, r, id, error);
        bool counted = g_array_index(w->subjects, uint64_t, id) != SUBJECT_DEAD;
        f->records -= counted;
        if (!drop_record(w, id, error))
            return false;
        id = -1;
    }
    f->records += !r->withdrawn;
    if (id < 0 && !add_record(w, (unsigned)feed, r, is_cve, cve, &id, error))
        return false;
    return r->withdrawn || stage_statements(w, (unsigned)feed, r, id, error);
}

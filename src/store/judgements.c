#include "store/judgements.h"

#include "base/error.h"
#include "store/exposures.h"
#include "store/store.h"

/* A vulnerability, as the store has it. */
struct known {
    int64_t number;
    char *title;
    int64_t exploited, ransomware, kev_due, epss, percentile;
    bool refreshed; /* by this writer */
};

struct judgement_writer {
    int64_t advisories;
    bool refresh;
    GHashTable *known; /* id -> struct known */
};

static void known_free(gpointer data)
{
    struct known *k = data;
    g_free(k->title);
    g_free(k);
}

struct judgement_writer *judgement_writer_new(int64_t advisories, bool refresh)
{
    struct judgement_writer *w = g_new0(struct judgement_writer, 1);
    w->advisories = advisories;
    w->refresh = refresh;
    w->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, known_free);
    return w;
}

void judgement_writer_free(struct judgement_writer *w)
{
    if (w == NULL)
        return;
    g_hash_table_unref(w->known);
    g_free(w);
}

static struct sql_value text_value(const char *text)
{
    return (struct sql_value){ .type = 's', .text = text };
}

static struct sql_value number_value(int64_t number)
{
    return (struct sql_value){ .type = 'i', .number = number };
}

static const struct sql_value *values_of(const GArray *values)
{
    return (const struct sql_value *)(const void *)values->data;
}

static bool hand_on(GError **error, GError *failure)
{
    if (failure != NULL)
        g_propagate_error(error, failure);
    return failure == NULL;
}

/* --- vulnerabilities -----------------------------------------------------------------------------
 */

static bool find_known(struct sql *db, struct judgement_writer *w, const GPtrArray *ids,
                       GError **error)
{
    g_autofree struct sql_value *keys = g_new0(struct sql_value, sql_batch(db));
    for (guint at = 0; at < ids->len;) {
        unsigned n = 0;
        GError *failure = NULL;
        while (at < ids->len && n < sql_batch(db))
            keys[n++] = text_value(ids->pdata[at++]);
        g_autoptr(sql_rows) rows =
            sql_query_keys(db, error,
                           "SELECT name, number, title, exploited, ransomware, kev_due, epss,"
                           " percentile FROM vulnerability WHERE name IN (@KEYS@)",
                           keys, 0, n);
        if (rows == NULL)
            return false;
        while (sql_rows_next(rows, &failure)) {
            struct known *k = g_new0(struct known, 1);
            k->number = sql_int(rows, 1);
            k->title = g_strdup(sql_text(rows, 2));
            k->exploited = sql_int(rows, 3);
            k->ransomware = sql_int(rows, 4);
            k->kev_due = sql_int(rows, 5);
            k->epss = sql_int(rows, 6);
            k->percentile = sql_int(rows, 7);
            g_hash_table_replace(w->known, g_strdup(sql_text(rows, 0)), k);
        }
        if (!hand_on(error, failure))
            return false;
    }
    return true;
}

static bool outdated(const struct known *k, const struct judgement_row *f)
{
    return g_strcmp0(k->title, f->title) != 0 || k->exploited != f->known_exploited ||
           k->ransomware != f->ransomware || k->kev_due != f->kev_due || k->epss != f->epss ||
           k->percentile != f->percentile;
}

static bool write_vulnerabilities(struct sql *db, void *user, GError **error)
{
    enum { COLUMNS = 7 };
    const GPtrArray *rows = user;
    g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(struct sql_value));
    for (guint i = 0; i < rows->len; i++) {
        const struct judgement_row *f = rows->pdata[i];
        const struct sql_value v[COLUMNS] = {
            text_value(f->id),           text_value(f->title),     number_value(f->known_exploited),
            number_value(f->ransomware), number_value(f->kev_due), number_value(f->epss),
            number_value(f->percentile),
        };
        g_array_append_vals(values, v, COLUMNS);
    }
    return sql_insert(
        db, error,
        "INSERT INTO vulnerability (name, title, exploited, ransomware, kev_due, epss,"
        " percentile)",
        " ON CONFLICT (name) DO UPDATE SET title = excluded.title,"
        " exploited = excluded.exploited, ransomware = excluded.ransomware,"
        " kev_due = excluded.kev_due, epss = excluded.epss,"
        " percentile = excluded.percentile",
        COLUMNS, values_of(values), rows->len);
}

/* The vulnerabilities that the writer does not know, or not as they are now. */
static GPtrArray *to_be_written(struct judgement_writer *w, const GArray *findings)
{
    GPtrArray *out = g_ptr_array_new();
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < findings->len; i++) {
        const struct judgement_row *f = &g_array_index(findings, struct judgement_row, i);
        struct known *k = g_hash_table_lookup(w->known, f->id);
        if (k != NULL && (!w->refresh || k->refreshed))
            continue;
        if (k == NULL ? g_hash_table_add(seen, (gpointer)f->id)
                      : outdated(k, f) && g_hash_table_add(seen, (gpointer)f->id))
            g_ptr_array_add(out, (gpointer)f);
        if (k != NULL)
            k->refreshed = true;
    }
    return out;
}

static bool intern_vulnerabilities(struct sql *db, struct judgement_writer *w,
                                   const GArray *findings, GError **error)
{
    g_autoptr(GPtrArray) ids = g_ptr_array_new();
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < findings->len; i++) {
        const char *id = g_array_index(findings, struct judgement_row, i).id;
        if (!g_hash_table_contains(w->known, id) && g_hash_table_add(seen, (gpointer)id))
            g_ptr_array_add(ids, (gpointer)id);
    }
    if (!find_known(db, w, ids, error))
        return false;
    g_autoptr(GPtrArray) rows = to_be_written(w, findings);
    if (rows->len == 0)
        return true;
    g_ptr_array_set_size(ids, 0);
    for (guint i = 0; i < rows->len; i++)
        g_ptr_array_add(ids, (gpointer)((const struct judgement_row *)rows->pdata[i])->id);
    if (!sql_transaction(db, write_vulnerabilities, rows, error) || !find_known(db, w, ids, error))
        return false;
    for (guint i = 0; i < ids->len; i++) {
        struct known *k = g_hash_table_lookup(w->known, ids->pdata[i]);
        if (k == NULL)
            return fail(error, ASSAY_ERROR_IO, "store: %s was not kept", (char *)ids->pdata[i]);
        k->refreshed = true;
    }
    return true;
}

/* --- findings -----------------------------------------------------------------------------------
 */

/* A finding that the store has. */
struct stored {
    struct finding_key key;
    int64_t severity, state;
    char *fixed, *advisories, *aliases;
    bool still; /* it is still found */
};

static void stored_free(gpointer data)
{
    struct stored *s = data;
    g_free(s->fixed);
    g_free(s->advisories);
    g_free(s->aliases);
    g_free(s);
}

struct writing {
    struct judgement_writer *w;
    const struct installed *rows;
    size_t count;
    const GArray *findings;
    GArray *upserts, *notices; /* struct sql_value */
    GPtrArray *renamed;        /* struct stored, whose notices go */
};

static bool load_stored(struct sql *db, const struct writing *g, GHashTable *out, GError **error)
{
    g_autofree struct sql_value *keys = g_new0(struct sql_value, sql_batch(db));
    for (size_t at = 0; at < g->count;) {
        unsigned n = 0;
        GError *failure = NULL;
        for (; at < g->count && n < sql_batch(db); at++)
            if (g->rows[at].advisories != 0) /* else it has none */
                keys[n++] = number_value(g->rows[at].number);
        if (n == 0)
            break;
        g_autoptr(sql_rows) rows =
            sql_query_keys(db, error,
                           "SELECT installed, vulnerability, severity, state, fixed, advisories,"
                           " aliases FROM finding WHERE installed IN (@KEYS@)",
                           keys, 0, n);
        if (rows == NULL)
            return false;
        while (sql_rows_next(rows, &failure)) {
            struct stored *s = g_new0(struct stored, 1);
            s->key = (struct finding_key){ sql_int(rows, 0), sql_int(rows, 1) };
            s->severity = sql_int(rows, 2);
            s->state = sql_int(rows, 3);
            s->fixed = g_strdup(sql_text(rows, 4));
            s->advisories = g_strdup(sql_text(rows, 5));
            s->aliases = g_strdup(sql_text(rows, 6));
            g_hash_table_replace(out, &s->key, s);
        }
        if (!hand_on(error, failure))
            return false;
    }
    return true;
}

static void add_notices(struct writing *g, const char *names, const struct finding_key *key,
                        GHashTable *once)
{
    g_auto(GStrv) list = g_strsplit(names != NULL ? names : "", " ", -1);
    for (char **name = list; *name != NULL; name++) {
        if (**name == '\0' || g_hash_table_contains(once, *name))
            continue;
        char *kept = g_strdup(*name);
        const struct sql_value v[] = { text_value(kept), number_value(key->vulnerability),
                                       number_value(key->installed) };
        g_hash_table_add(once, kept);
        g_array_append_vals(g->notices, v, G_N_ELEMENTS(v));
    }
}

/* texts: owns the names of notices until they are written. */
static void compare_finding(struct writing *g, const struct judgement_row *f, GHashTable *old,
                            GPtrArray *texts)
{
    const struct known *k = g_hash_table_lookup(g->w->known, f->id);
    const struct finding_key key = { f->installed, k->number };
    struct stored *s = g_hash_table_lookup(old, &key);
    bool renamed = s == NULL || g_strcmp0(s->advisories, f->advisories) != 0 ||
                   g_strcmp0(s->aliases, f->aliases) != 0;
    if (s != NULL)
        s->still = true;
    if (!renamed && s->severity == f->severity && s->state == f->state &&
        g_strcmp0(s->fixed, f->fixed) == 0)
        return;
    const struct sql_value v[] = {
        number_value(key.installed), number_value(key.vulnerability),
        number_value(f->severity),   number_value(f->state),
        text_value(f->fixed),        text_value(f->advisories),
        text_value(f->aliases),
    };
    g_array_append_vals(g->upserts, v, G_N_ELEMENTS(v));
    if (!renamed)
        return;
    if (s != NULL)
        g_ptr_array_add(g->renamed, s);
    GHashTable *once = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    add_notices(g, f->advisories, &key, once);
    add_notices(g, f->aliases, &key, once);
    g_ptr_array_add(texts, once);
}

static void add_key(GArray *keys, const struct finding_key *key)
{
    const struct sql_value v[] = { number_value(key->installed), number_value(key->vulnerability) };
    g_array_append_vals(keys, v, G_N_ELEMENTS(v));
}

static bool remove_gone(struct sql *db, GHashTable *old, GPtrArray *renamed, GError **error)
{
    enum { COLUMNS = 2 };
    g_autoptr(GArray) gone = g_array_new(FALSE, FALSE, sizeof(struct sql_value));
    g_autoptr(GArray) unnoticed = g_array_new(FALSE, FALSE, sizeof(struct sql_value));
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, old);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct stored *s = value;
        if (s->still)
            continue;
        g_ptr_array_add(renamed, value);
        add_key(gone, &s->key);
    }
    for (guint i = 0; i < renamed->len; i++) {
        const struct stored *s = renamed->pdata[i];
        if (s->advisories != NULL || s->aliases != NULL)
            add_key(unnoticed, &s->key);
    }
    return sql_run_rows(db, error,
                        "DELETE FROM finding WHERE (installed, vulnerability) IN (@ROWS@)", COLUMNS,
                        values_of(gone), gone->len / COLUMNS) &&
           sql_run_rows(db, error,
                        "DELETE FROM notice WHERE (installed, vulnerability) IN (@ROWS@)", COLUMNS,
                        values_of(unnoticed), unnoticed->len / COLUMNS);
}

static bool note_judged(struct sql *db, const struct writing *g, GError **error)
{
    g_autofree struct sql_value *keys = g_new0(struct sql_value, 1 + sql_batch(db));
    keys[0] = number_value(g->w->advisories);
    for (size_t at = 0; at < g->count;) {
        unsigned n = 0;
        while (at < g->count && n < sql_batch(db))
            keys[++n] = number_value(g->rows[at++].number);
        if (!sql_run_keys(db, error,
                          "UPDATE installed SET advisories = $1 WHERE number IN (@KEYS@)", keys, 1,
                          n))
            return false;
    }
    return true;
}

static bool write_changes(struct sql *db, struct writing *g, GHashTable *old, GError **error)
{
    enum { FINDING_COLUMNS = 7, NOTICE_COLUMNS = 3 };
    return remove_gone(db, old, g->renamed, error) &&
           sql_insert(db, error,
                      "INSERT INTO finding (installed, vulnerability, severity, state, fixed,"
                      " advisories, aliases)",
                      " ON CONFLICT (installed, vulnerability) DO UPDATE SET"
                      " severity = excluded.severity, state = excluded.state,"
                      " fixed = excluded.fixed, advisories = excluded.advisories,"
                      " aliases = excluded.aliases",
                      FINDING_COLUMNS, values_of(g->upserts), g->upserts->len / FINDING_COLUMNS) &&
           sql_insert(db, error, "INSERT INTO notice (name, vulnerability, installed)",
                      " ON CONFLICT DO NOTHING", NOTICE_COLUMNS, values_of(g->notices),
                      g->notices->len / NOTICE_COLUMNS) &&
           note_judged(db, g, error);
}

static void once_free(gpointer data)
{
    g_hash_table_unref(data);
}

static bool write_findings(struct sql *db, void *user, GError **error)
{
    struct writing *g = user;
    g_autoptr(GHashTable) old =
        g_hash_table_new_full(finding_key_hash, finding_key_equal, NULL, stored_free);
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(once_free);
    g_array_set_size(g->upserts, 0);
    g_array_set_size(g->notices, 0);
    g_ptr_array_set_size(g->renamed, 0);
    if (!load_stored(db, g, old, error))
        return false;
    for (guint i = 0; i < g->findings->len; i++)
        compare_finding(g, &g_array_index(g->findings, struct judgement_row, i), old, texts);
    return write_changes(db, g, old, error);
}

bool judgements_write(struct sql *db, struct judgement_writer *w, const struct installed *rows,
                      size_t count, const GArray *findings, GError **error)
{
    if (!intern_vulnerabilities(db, w, findings, error))
        return false;
    struct writing g = { .w = w, .rows = rows, .count = count, .findings = findings };
    g.upserts = g_array_new(FALSE, FALSE, sizeof(struct sql_value));
    g.notices = g_array_new(FALSE, FALSE, sizeof(struct sql_value));
    g.renamed = g_ptr_array_new();
    bool ok = sql_transaction(db, write_findings, &g, error);
    g_array_unref(g.upserts);
    g_array_unref(g.notices);
    g_ptr_array_unref(g.renamed);
    return ok;
}

#include "store/installed.h"

#include "base/error.h"
#include "store/store.h"

#define FIELD_COLUMNS                                                                              \
    "type, name, version, arch, source, source_version, source_rpm, vendor, origin, module"
#define ROW_COLUMNS "number, context, advisories, " FIELD_COLUMNS

/* How long a row that nothing refers to is sure to stay, and how often its use is noted. */
#define SEEN_STEP (INT64_C(6) * 60 * 60 * G_USEC_PER_SEC)

/* --- advisories --------------------------------------------------------------------------------
 */

struct registration {
    const char *digest, *feeds;
    int64_t written;
    struct advisories *out;
};

static bool register_advisories(struct sql *db, void *user, GError **error)
{
    const struct registration *r = user;
    if (!sql_run(db, NULL, error,
                 "INSERT INTO advisories (digest, written, feeds) VALUES ($1, $2, $3)"
                 " ON CONFLICT (digest) DO UPDATE SET written = excluded.written,"
                 " feeds = excluded.feeds WHERE advisories.written < excluded.written",
                 "sis", r->digest, r->written, r->feeds))
        return false;
    g_autoptr(sql_rows) rows = sql_query(
        db, error, "SELECT number, written FROM advisories WHERE digest = $1", "s", r->digest);
    if (rows == NULL || !sql_rows_next(rows, error))
        return false;
    *r->out = (struct advisories){ sql_int(rows, 0), sql_int(rows, 1) };
    return true;
}

static bool find_advisories(struct sql *db, const char *digest, struct advisories *out,
                            GError **error)
{
    int64_t row[2];
    bool ok = sql_numbers(db, row, 2, error,
                          "SELECT number, written FROM advisories WHERE digest = $1", "s", digest);
    *out = (struct advisories){ row[0], row[1] };
    return ok;
}

bool advisories_register(struct sql *db, const char *digest, int64_t written, const char *feeds,
                         struct advisories *out, GError **error)
{
    struct registration r = { digest, feeds, written, out };
    /* Most often there is nothing to be written. */
    if (!find_advisories(db, digest, out, error))
        return false;
    return (out->number != 0 && out->written >= written) ||
           sql_transaction(db, register_advisories, &r, error);
}

bool advisories_current(struct sql *db, struct advisories *out, GError **error)
{
    int64_t row[2];
    bool ok = sql_numbers(
        db, row, 2, error,
        "SELECT number, written FROM advisories ORDER BY written DESC, number DESC LIMIT 1", "");
    *out = (struct advisories){ row[0], row[1] };
    return ok;
}

/* --- contexts -----------------------------------------------------------------------------------
 */

/* 128 bits of SHA-256 are enough to tell rows apart, also for those who would rather they were not.
 */
static char *digest_of(const char *const *parts, size_t count)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    for (size_t i = 0; i < count; i++) {
        const char *text = parts[i] != NULL ? parts[i] : "\1"; /* unlike any text of a package */
        g_checksum_update(sum, (const guchar *)text, (gssize)strlen(text) + 1);
    }
    return g_strndup(g_checksum_get_string(sum), 32);
}

/* 0: it is not there, or its use is to be noted again. */
static bool number_of(struct sql *db, const char *statement, const char *key, int64_t seen,
                      int64_t *out, GError **error)
{
    return sql_numbers(db, out, 1, error, statement, "si", key, seen);
}

struct context_text {
    const char *digest, *os;
    bool pro;
};

static bool add_context(struct sql *db, void *user, GError **error)
{
    const struct context_text *c = user;
    return sql_run(
        db, NULL, error,
        "INSERT INTO context (digest, os, pro, complete, seen) VALUES ($1, $2, $3, 0, $4)"
        " ON CONFLICT (digest) DO UPDATE SET seen = excluded.seen",
        "ssii", c->digest, c->os, (int64_t)c->pro, store_now());
}

int64_t context_intern(struct sql *db, const char *os, bool pro, GError **error)
{
    static const char find[] = "SELECT number FROM context WHERE digest = $1 AND seen >= $2";
    const char *const parts[] = { os, pro ? "pro" : "" };
    g_autofree char *digest = digest_of(parts, G_N_ELEMENTS(parts));
    struct context_text c = { digest, os, pro };
    int64_t number;
    if (!number_of(db, find, digest, store_now() - SEEN_STEP, &number, error))
        return -1;
    if (number != 0)
        return number;
    return sql_transaction(db, add_context, &c, error) &&
                   number_of(db, find, digest, 0, &number, error)
               ? number
               : -1;
}

static void context_free(gpointer data)
{
    struct context *c = data;
    g_free(c->os);
    g_free(c);
}

GHashTable *context_load(struct sql *db, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(GHashTable) all =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, context_free);
    g_autoptr(sql_rows) rows =
        sql_query(db, error, "SELECT number, os, pro, complete FROM context", "");
    if (rows == NULL)
        return NULL;
    while (sql_rows_next(rows, &failure)) {
        struct context *c = g_new0(struct context, 1);
        c->number = sql_int(rows, 0);
        c->os = g_strdup(sql_text(rows, 1));
        c->pro = sql_int(rows, 2) != 0;
        c->complete = sql_int(rows, 3) != 0;
        g_hash_table_insert(all, &c->number, c);
    }
    if (failure == NULL)
        return g_steal_pointer(&all);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

bool context_set_complete(struct sql *db, int64_t number, bool complete, GError **error)
{
    return sql_run(db, NULL, error,
                   "UPDATE context SET complete = $1 WHERE number = $2 AND complete <> $1", "ii",
                   (int64_t)complete, number);
}

/* --- installed rows -----------------------------------------------------------------------------
 */

struct interning {
    struct installed *rows;
    size_t count;
    GPtrArray *digests;    /* char *, of each row */
    GHashTable *by_digest; /* digest -> GUINT_TO_POINTER(first row with it + 1) */
    GArray *stale;         /* int64_t: numbers of rows whose use is to be noted */
    int64_t now;
};

static bool look_up(struct sql *db, struct interning *in, GError **error)
{
    g_autofree struct sql_value *keys = g_new0(struct sql_value, sql_batch(db));
    for (size_t at = 0; at < in->count;) {
        unsigned n = 0;
        for (; at < in->count && n < sql_batch(db); at++)
            if (in->rows[at].number == 0)
                keys[n++] = (struct sql_value){ .type = 's', .text = in->digests->pdata[at] };
        if (n == 0)
            break;
        g_autoptr(GError) failure = NULL;
        g_autoptr(sql_rows) rows =
            sql_query_keys(db, error,
                           "SELECT digest, number, advisories, seen FROM installed"
                           " WHERE digest IN (@KEYS@)",
                           keys, 0, n);
        if (rows == NULL)
            return false;
        while (sql_rows_next(rows, &failure)) {
            gpointer found = g_hash_table_lookup(in->by_digest, sql_text(rows, 0));
            if (found == NULL)
                continue;
            struct installed *row = &in->rows[GPOINTER_TO_SIZE(found) - 1];
            row->number = sql_int(rows, 1);
            row->advisories = sql_int(rows, 2);
            if (sql_int(rows, 3) < in->now - SEEN_STEP)
                g_array_append_val(in->stale, row->number);
        }
        if (failure != NULL) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return false;
        }
    }
    return true;
}

static bool add_missing(struct sql *db, void *user, GError **error)
{
    enum { COLUMNS = 4 + INSTALLED_FIELDS };
    struct interning *in = user;
    g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(struct sql_value));
    size_t missing = 0;
    for (size_t i = 0; i < in->count; i++) {
        const struct installed *row = &in->rows[i];
        size_t first =
            GPOINTER_TO_SIZE(g_hash_table_lookup(in->by_digest, in->digests->pdata[i])) - 1;
        if (row->number != 0 || first != i)
            continue;
        struct sql_value v[COLUMNS] = {
            { .type = 's', .text = in->digests->pdata[i] },
            { .type = 'i', .number = row->context },
            { .type = 'i', .number = 0 },
            { .type = 'i', .number = in->now },
        };
        for (unsigned f = 0; f < INSTALLED_FIELDS; f++)
            v[4 + f] = (struct sql_value){ .type = 's', .text = row->fields[f] };
        g_array_append_vals(values, v, COLUMNS);
        missing++;
    }
    const struct sql_value *all = (const struct sql_value *)(const void *)values->data;
    if (!sql_insert(db, error,
                    "INSERT INTO installed (digest, context, advisories, seen, " FIELD_COLUMNS ")",
                    " ON CONFLICT (digest) DO NOTHING", COLUMNS, all, missing))
        return false;
    for (guint i = 0; i < in->stale->len; i++) {
        if (!sql_run(db, NULL, error, "UPDATE installed SET seen = $1 WHERE number = $2", "ii",
                     in->now, g_array_index(in->stale, int64_t, i)))
            return false;
    }
    return true;
}

static bool any_missing(const struct interning *in)
{
    for (size_t i = 0; i < in->count; i++)
        if (in->rows[i].number == 0)
            return true;
    return false;
}

/* Rows that are equal get what was found for the first of them. */
static bool settle(struct interning *in, GError **error)
{
    for (size_t i = 0; i < in->count; i++) {
        gpointer found = g_hash_table_lookup(in->by_digest, in->digests->pdata[i]);
        const struct installed *first = &in->rows[GPOINTER_TO_SIZE(found) - 1];
        in->rows[i].number = first->number;
        in->rows[i].advisories = first->advisories;
        if (first->number == 0)
            return fail(error, ASSAY_ERROR_IO, "store: %s %s was not kept",
                        first->fields[INSTALLED_NAME], first->fields[INSTALLED_VERSION]);
    }
    return true;
}

bool installed_intern(struct sql *db, struct installed *rows, size_t count, GError **error)
{
    struct interning in = { .rows = rows, .count = count, .now = store_now() };
    in.digests = g_ptr_array_new_with_free_func(g_free);
    in.by_digest = g_hash_table_new(g_str_hash, g_str_equal);
    in.stale = g_array_new(FALSE, FALSE, sizeof(int64_t));
    for (size_t i = 0; i < count; i++) {
        char context[24];
        const char *parts[1 + INSTALLED_FIELDS] = { context };
        (void)g_snprintf(context, sizeof context, "%" G_GINT64_FORMAT, rows[i].context);
        memcpy(parts + 1, rows[i].fields, sizeof rows[i].fields);
        char *digest = digest_of(parts, G_N_ELEMENTS(parts));
        g_ptr_array_add(in.digests, digest);
        rows[i].number = rows[i].advisories = 0;
        if (!g_hash_table_contains(in.by_digest, digest))
            g_hash_table_insert(in.by_digest, digest, GSIZE_TO_POINTER(i + 1));
    }
    bool ok = look_up(db, &in, error);
    if (ok && (any_missing(&in) || in.stale->len > 0))
        ok = sql_transaction(db, add_missing, &in, error) && look_up(db, &in, error);
    ok = ok && settle(&in, error);
    g_array_unref(in.stale);
    g_hash_table_unref(in.by_digest);
    g_ptr_array_unref(in.digests);
    return ok;
}

static bool read_rows(struct sql_rows *rows, struct arena *arena, GArray *out, GError **error)
{
    g_autoptr(GError) failure = NULL;
    while (sql_rows_next(rows, &failure)) {
        struct installed i = { .number = sql_int(rows, 0),
                               .context = sql_int(rows, 1),
                               .advisories = sql_int(rows, 2) };
        for (unsigned f = 0; f < INSTALLED_FIELDS; f++) {
            const char *text = sql_text(rows, 3 + f);
            i.fields[f] = text != NULL ? arena_strdup(arena, text) : NULL;
            if (text != NULL && i.fields[f] == NULL)
                return fail_limit(error, "store: too many packages at once");
        }
        g_array_append_val(out, i);
    }
    if (failure == NULL)
        return true;
    g_propagate_error(error, g_steal_pointer(&failure));
    return false;
}

GArray *installed_unjudged(struct sql *db, int64_t advisories, int64_t after, int64_t limit,
                           struct arena *arena, GError **error)
{
    g_autoptr(GArray) out = g_array_new(FALSE, FALSE, sizeof(struct installed));
    g_autoptr(sql_rows) rows =
        sql_query(db, error,
                  "SELECT " ROW_COLUMNS " FROM installed WHERE number > $1 AND advisories <> $2"
                  " ORDER BY number LIMIT $3",
                  "iii", after, advisories, limit);
    return rows != NULL && read_rows(rows, arena, out, error) ? g_steal_pointer(&out) : NULL;
}

GArray *installed_load(struct sql *db, const GArray *numbers, struct arena *arena, GError **error)
{
    g_autoptr(GArray) out = g_array_new(FALSE, FALSE, sizeof(struct installed));
    g_autofree struct sql_value *keys = g_new0(struct sql_value, sql_batch(db));
    for (guint at = 0; at < numbers->len;) {
        unsigned n = 0;
        for (; at < numbers->len && n < sql_batch(db); at++)
            keys[n++] =
                (struct sql_value){ .type = 'i',
                                    .number = (int64_t)g_array_index(numbers, uint64_t, at) };
        g_autoptr(sql_rows) rows = sql_query_keys(
            db, error, "SELECT " ROW_COLUMNS " FROM installed WHERE number IN (@KEYS@)", keys, 0,
            n);
        if (rows == NULL || !read_rows(rows, arena, out, error))
            return NULL;
    }
    return g_steal_pointer(&out);
}

#include "store/exposures.h"

#include "base/error.h"

/* --- what rows have ------------------------------------------------------------------------------
 */

struct run {
    guint at, count;
};
struct exposures {
    GArray *all;      /* struct exposure, those of a row beside each other */
    GHashTable *runs; /* int64_t * -> struct run */
    int64_t top;
};

static struct exposures *exposures_new(void)
{
    struct exposures *e = g_new0(struct exposures, 1);
    e->all = g_array_new(FALSE, FALSE, sizeof(struct exposure));
    e->runs = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    return e;
}

void exposures_free(struct exposures *e)
{
    if (e == NULL)
        return;
    g_array_unref(e->all);
    g_hash_table_unref(e->runs);
    g_free(e);
}

int64_t exposures_top(const struct exposures *e)
{
    return e->top;
}

const struct exposure *exposures_of(const struct exposures *e, int64_t installed, guint *count)
{
    const struct run *r = g_hash_table_lookup(e->runs, &installed);
    *count = r != NULL ? r->count : 0;
    return r != NULL ? &g_array_index(e->all, struct exposure, r->at) : NULL;
}

#define EXPOSURES                                                                                  \
    "SELECT f.installed, f.vulnerability, f.severity,"                                             \
    " CASE WHEN f.fixed IS NULL THEN 0 ELSE 1 END, v.exploited"                                    \
    " FROM finding f JOIN vulnerability v ON v.number = f.vulnerability"

/* Rows in order of installed. *last: the last of them. */
static bool add_rows(struct sql_rows *rows, struct exposures *e, int64_t *last, GError **error)
{
    GError *failure = NULL;
    struct run *run = NULL;
    while (sql_rows_next(rows, &failure)) {
        int64_t installed = sql_int(rows, 0);
        const struct exposure x = {
            .vulnerability = sql_int(rows, 1),
            .severity = (uint8_t)CLAMP(sql_int(rows, 2), 0, 7),
            .fixable = sql_int(rows, 3) != 0,
            .known_exploited = sql_int(rows, 4) != 0,
        };
        if (run == NULL || installed != *last) {
            run = g_new(struct run, 1);
            *run = (struct run){ e->all->len, 0 };
            g_hash_table_replace(e->runs, g_memdup2(&installed, sizeof installed), run);
        }
        *last = installed;
        run->count++;
        g_array_append_val(e->all, x);
    }
    if (failure != NULL)
        g_propagate_error(error, failure);
    return failure == NULL;
}

struct exposures *exposures_load(struct sql *db, const GArray *installed, GError **error)
{
    g_autoptr(exposures) e = exposures_new();
    g_autofree struct sql_value *keys = g_new0(struct sql_value, sql_batch(db));
    for (guint at = 0; at < installed->len;) {
        unsigned n = 0;
        int64_t last = 0;
        while (at < installed->len && n < sql_batch(db))
            keys[n++] =
                (struct sql_value){ .type = 'i',
                                    .number = (int64_t)g_array_index(installed, uint64_t, at++) };
        g_autoptr(sql_rows) rows = sql_query_keys(
            db, error, EXPOSURES " WHERE f.installed IN (@KEYS@) ORDER BY f.installed", keys, 0, n);
        if (rows == NULL || !add_rows(rows, e, &last, error))
            return NULL;
    }
    return g_steal_pointer(&e);
}

static bool find_top(struct sql *db, int64_t *out, GError **error)
{
    g_autoptr(sql_rows) rows =
        sql_query(db, error, "SELECT coalesce(max(number), 0) FROM installed", "");
    if (rows == NULL || !sql_rows_next(rows, error))
        return false;
    *out = sql_int(rows, 0);
    return true;
}

struct exposures *exposures_load_all(struct sql *db, GError **error)
{
    enum { ROWS = 2000 }; /* numbers of installed rows at once */
    g_autoptr(exposures) e = exposures_new();
    if (!find_top(db, &e->top, error))
        return NULL;
    for (int64_t after = 0; after < e->top; after += ROWS) {
        int64_t last = 0;
        g_autoptr(sql_rows) rows = sql_query(
            db, error,
            EXPOSURES " WHERE f.installed > $1 AND f.installed <= $2 ORDER BY f.installed", "ii",
            after, after + ROWS);
        if (rows == NULL || !add_rows(rows, e, &last, error))
            return NULL;
    }
    return g_steal_pointer(&e);
}

/* --- words ---------------------------------------------------------------------------------------
 */

struct package_words {
    char *name, *version;
};
struct wording {
    GHashTable *ids;      /* int64_t * -> char * */
    GHashTable *packages; /* int64_t * -> struct package_words */
    GHashTable *fixes;    /* "INSTALLED VULNERABILITY" -> char *, "" none */
};

static void package_words_free(gpointer data)
{
    struct package_words *p = data;
    g_free(p->name);
    g_free(p->version);
    g_free(p);
}

struct wording *wording_new(void)
{
    struct wording *w = g_new0(struct wording, 1);
    w->ids = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    w->packages = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, package_words_free);
    w->fixes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return w;
}

void wording_free(struct wording *w)
{
    if (w == NULL)
        return;
    g_hash_table_unref(w->ids);
    g_hash_table_unref(w->packages);
    g_hash_table_unref(w->fixes);
    g_free(w);
}

bool wording_id(struct sql *db, struct wording *w, int64_t vulnerability, const char **out,
                GError **error)
{
    GError *failure = NULL;
    *out = g_hash_table_lookup(w->ids, &vulnerability);
    if (*out != NULL)
        return true;
    g_autoptr(sql_rows) rows = sql_query(
        db, error, "SELECT name FROM vulnerability WHERE number = $1", "i", vulnerability);
    if (rows == NULL)
        return false;
    char *text = g_strdup(sql_rows_next(rows, &failure) ? sql_text(rows, 0) : "");
    g_hash_table_insert(w->ids, g_memdup2(&vulnerability, sizeof vulnerability), text);
    *out = text;
    if (failure != NULL)
        g_propagate_error(error, failure);
    return failure == NULL;
}

static struct package_words *package_of(struct sql *db, struct wording *w, int64_t installed,
                                        GError **error)
{
    GError *failure = NULL;
    struct package_words *p = g_hash_table_lookup(w->packages, &installed);
    if (p != NULL)
        return p;
    g_autoptr(sql_rows) rows = sql_query(
        db, error, "SELECT name, version FROM installed WHERE number = $1", "i", installed);
    if (rows == NULL)
        return NULL;
    bool there = sql_rows_next(rows, &failure);
    p = g_new0(struct package_words, 1);
    p->name = g_strdup(there ? sql_text(rows, 0) : "");
    p->version = g_strdup(there ? sql_text(rows, 1) : "");
    g_hash_table_insert(w->packages, g_memdup2(&installed, sizeof installed), p);
    if (failure == NULL)
        return p;
    g_propagate_error(error, failure);
    return NULL;
}

static const char *fix_of(struct sql *db, struct wording *w, int64_t installed,
                          int64_t vulnerability, GError **error)
{
    char key[48];
    GError *failure = NULL;
    (void)g_snprintf(key, sizeof key, "%" G_GINT64_FORMAT " %" G_GINT64_FORMAT, installed,
                     vulnerability);
    char *fix = g_hash_table_lookup(w->fixes, key);
    if (fix != NULL)
        return fix;
    g_autoptr(sql_rows) rows = sql_query(
        db, error, "SELECT fixed FROM finding WHERE installed = $1 AND vulnerability = $2", "ii",
        installed, vulnerability);
    if (rows == NULL)
        return NULL;
    bool there = sql_rows_next(rows, &failure) && sql_text(rows, 0) != NULL;
    fix = g_strdup(there ? sql_text(rows, 0) : "");
    g_hash_table_insert(w->fixes, g_strdup(key), fix);
    if (failure == NULL)
        return fix;
    g_propagate_error(error, failure);
    return NULL;
}

bool wording_of(struct sql *db, struct wording *w, int64_t installed, int64_t vulnerability,
                struct finding_words *out, GError **error)
{
    const char *id;
    if (!wording_id(db, w, vulnerability, &id, error))
        return false;
    const struct package_words *p = package_of(db, w, installed, error);
    const char *fix = p != NULL ? fix_of(db, w, installed, vulnerability, error) : NULL;
    if (fix == NULL)
        return false;
    *out = (struct finding_words){
        .id = id, .package = p->name, .version = p->version, .fixed = *fix != '\0' ? fix : NULL
    };
    return true;
}

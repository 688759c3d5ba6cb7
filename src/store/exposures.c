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

guint finding_key_hash(gconstpointer p)
{
    const struct finding_key *k = p;
    return (guint)(k->installed * 2654435761u ^ k->vulnerability);
}

gboolean finding_key_equal(gconstpointer pa, gconstpointer pb)
{
    const struct finding_key *a = pa, *b = pb;
    return a->installed == b->installed && a->vulnerability == b->vulnerability;
}

struct package_words {
    char *name, *version;
};
struct wording {
    GHashTable *ids;      /* int64_t * -> char * */
    GHashTable *packages; /* int64_t * -> struct package_words */
    GHashTable *fixes;    /* struct finding_key * -> char *, "" none */
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
    w->fixes = g_hash_table_new_full(finding_key_hash, finding_key_equal, g_free, g_free);
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

static void set_id(struct wording *w, int64_t vulnerability, const char *name)
{
    g_hash_table_replace(w->ids, g_memdup2(&vulnerability, sizeof vulnerability), g_strdup(name));
}

static void set_package(struct wording *w, int64_t installed, const char *name, const char *version)
{
    struct package_words *p = g_new0(struct package_words, 1);
    p->name = g_strdup(name);
    p->version = g_strdup(version);
    g_hash_table_replace(w->packages, g_memdup2(&installed, sizeof installed), p);
}

static void set_fix(struct wording *w, const struct finding_key *key, const char *fixed)
{
    g_hash_table_replace(w->fixes, g_memdup2(key, sizeof *key), g_strdup(fixed));
}

/* What is to be asked for: struct sql_value. Until there is an answer, all are taken to be gone. */
struct questions {
    GArray *ids, *packages, *fixes;
};

static void ask(GArray *list, int64_t number)
{
    const struct sql_value v = { .type = 'i', .number = number };
    g_array_append_val(list, v);
}

static void collect_questions(struct wording *w, const struct finding_key *keys, guint count,
                              struct questions *q)
{
    for (guint i = 0; i < count; i++) {
        const struct finding_key *k = &keys[i];
        if (!g_hash_table_contains(w->ids, &k->vulnerability)) {
            set_id(w, k->vulnerability, "");
            ask(q->ids, k->vulnerability);
        }
        if (k->installed == 0)
            continue;
        if (!g_hash_table_contains(w->packages, &k->installed)) {
            set_package(w, k->installed, "", "");
            ask(q->packages, k->installed);
        }
        if (!g_hash_table_contains(w->fixes, k)) {
            set_fix(w, k, "");
            ask(q->fixes, k->installed);
            ask(q->fixes, k->vulnerability);
        }
    }
}

static void take_id(struct wording *w, struct sql_rows *rows)
{
    set_id(w, sql_int(rows, 0), sql_text(rows, 1));
}

static void take_package(struct wording *w, struct sql_rows *rows)
{
    set_package(w, sql_int(rows, 0), sql_text(rows, 1), sql_text(rows, 2));
}

static void take_fix(struct wording *w, struct sql_rows *rows)
{
    const struct finding_key key = { sql_int(rows, 0), sql_int(rows, 1) };
    const char *fixed = sql_text(rows, 2);
    set_fix(w, &key, fixed != NULL ? fixed : "");
}

static bool answer(struct sql *db, struct wording *w, const char *statement, unsigned columns,
                   const GArray *values, void (*take)(struct wording *w, struct sql_rows *rows),
                   GError **error)
{
    GError *failure = NULL;
    guint count = values->len / columns;
    for (guint at = 0, n; at < count; at += n) {
        n = MIN(count - at, sql_batch(db));
        g_autoptr(sql_rows) rows =
            sql_query_rows(db, error, statement, columns,
                           &g_array_index(values, struct sql_value, at * columns), n);
        if (rows == NULL)
            return false;
        while (sql_rows_next(rows, &failure))
            take(w, rows);
        if (failure != NULL) {
            g_propagate_error(error, failure);
            return false;
        }
    }
    return true;
}

bool wording_load(struct sql *db, struct wording *w, const struct finding_key *keys, guint count,
                  GError **error)
{
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(struct sql_value));
    g_autoptr(GArray) packages = g_array_new(FALSE, FALSE, sizeof(struct sql_value));
    g_autoptr(GArray) fixes = g_array_new(FALSE, FALSE, sizeof(struct sql_value));
    struct questions q = { ids, packages, fixes };
    collect_questions(w, keys, count, &q);
    return answer(db, w, "SELECT number, name FROM vulnerability WHERE number IN (@ROWS@)", 1, ids,
                  take_id, error) &&
           answer(db, w, "SELECT number, name, version FROM installed WHERE number IN (@ROWS@)", 1,
                  packages, take_package, error) &&
           answer(db, w,
                  "SELECT installed, vulnerability, fixed FROM finding"
                  " WHERE (installed, vulnerability) IN (@ROWS@)",
                  2, fixes, take_fix, error);
}

const char *wording_id(const struct wording *w, int64_t vulnerability)
{
    const char *id = g_hash_table_lookup(w->ids, &vulnerability);
    return id != NULL ? id : "";
}

struct finding_words wording_of(const struct wording *w, int64_t installed, int64_t vulnerability)
{
    const struct finding_key key = { installed, vulnerability };
    const struct package_words *p = g_hash_table_lookup(w->packages, &installed);
    const char *fix = g_hash_table_lookup(w->fixes, &key);
    return (struct finding_words){ .id = wording_id(w, vulnerability),
                                   .package = p != NULL ? p->name : "",
                                   .version = p != NULL ? p->version : "",
                                   .fixed = fix != NULL && *fix != '\0' ? fix : NULL };
}

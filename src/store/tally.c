/* Counts of vulnerabilities by project, and the removal of what nothing refers to. Both work
 * through differences that are noted where they arise, so they may be interrupted at any moment. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "store/subjects.h"

static bool hand_on(GError **error, GError *failure)
{
    if (failure != NULL)
        g_propagate_error(error, failure);
    return failure == NULL;
}

static struct sql_value number_value(int64_t number)
{
    return (struct sql_value){ .type = 'i', .number = number };
}

/* --- counts
 * ---------------------------------------------------------------------------------------- */

struct cell {
    char *project;
    int64_t vulnerability;
    int64_t severity, things, fixable;
};

static guint cell_hash(gconstpointer p)
{
    const struct cell *c = p;
    return g_str_hash(c->project) ^ (guint)(c->vulnerability * 8 + c->severity);
}

static gboolean cell_equal(gconstpointer pa, gconstpointer pb)
{
    const struct cell *a = pa, *b = pb;
    return a->vulnerability == b->vulnerability && a->severity == b->severity &&
           g_str_equal(a->project, b->project);
}

static void cell_free(gpointer data)
{
    struct cell *c = data;
    g_free(c->project);
    g_free(c);
}

static void count_one(GHashTable *cells, const char *project, uint64_t told, int64_t by)
{
    struct cell key = { .project = (char *)project,
                        .vulnerability = TOLD_VULNERABILITY(told),
                        .severity = TOLD_SEVERITY(told) };
    struct cell *c = g_hash_table_lookup(cells, &key);
    if (c == NULL) {
        c = g_memdup2(&key, sizeof key);
        c->project = g_strdup(project);
        (void)g_hash_table_add(cells, c);
    }
    c->things += by;
    c->fixable += TOLD_FIXABLE(told) ? by : 0;
}

static void count_difference(GHashTable *cells, const char *project, const GArray *now,
                             const GArray *before)
{
    for (guint i = 0, k = 0; i < now->len || k < before->len;) {
        uint64_t a = i < now->len ? number_at(now, i) : UINT64_MAX;
        uint64_t b = k < before->len ? number_at(before, k) : UINT64_MAX;
        if (a < b)
            count_one(cells, project, a, 1);
        else if (b < a)
            count_one(cells, project, b, -1);
        i += a <= b;
        k += b <= a;
    }
}

static int cell_compare(gconstpointer pa, gconstpointer pb)
{
    const struct cell *a = *(const struct cell *const *)pa, *b = *(const struct cell *const *)pb;
    int order = strcmp(a->project, b->project);
    if (order == 0)
        order = (a->vulnerability > b->vulnerability) - (a->vulnerability < b->vulnerability);
    return order != 0 ? order : (a->severity > b->severity) - (a->severity < b->severity);
}

/* In the order of their key, which spares the index many a jump. */
static bool write_cells(struct sql *db, GHashTable *cells, GError **error)
{
    enum { COLUMNS = 5 };
    g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(struct sql_value));
    guint count;
    g_autofree gpointer *keys = g_hash_table_get_keys_as_array(cells, &count);
    qsort(keys, count, sizeof *keys, cell_compare);
    for (guint i = 0; i < count; i++) {
        const struct cell *c = keys[i];
        if (c->things == 0 && c->fixable == 0)
            continue;
        const struct sql_value v[COLUMNS] = {
            { .type = 's', .text = c->project },
            number_value(c->vulnerability),
            number_value(c->severity),
            number_value(c->things),
            number_value(c->fixable),
        };
        g_array_append_vals(values, v, COLUMNS);
    }
    return sql_insert(
        db, error, "INSERT INTO exposure (project, vulnerability, severity, things, fixable)",
        " ON CONFLICT (project, vulnerability, severity) DO UPDATE SET"
        " things = exposure.things + excluded.things,"
        " fixable = exposure.fixable + excluded.fixable",
        COLUMNS, (const struct sql_value *)(const void *)values->data, values->len / COLUMNS);
}

struct counting {
    int64_t limit;
    bool left;
};

/* Adds up the differences of some subjects, whose numbers go to done. */
static bool read_uncounted(struct sql *db, int64_t limit, GHashTable *cells, GArray *done,
                           GError **error)
{
    GError *failure = NULL;
    g_autoptr(sql_rows) rows = sql_query(
        db, error,
        "SELECT s.number, s.project, s.told, s.counted FROM subject s"
        " WHERE s.uncounted = 1 AND EXISTS (SELECT 1 FROM project p WHERE p.id = s.project)"
        " ORDER BY s.number LIMIT $1",
        "i", limit);
    if (rows == NULL)
        return false;
    while (sql_rows_next(rows, &failure)) {
        struct sql_value number = number_value(sql_int(rows, 0));
        g_autoptr(GBytes) told = sql_blob(rows, 2), counted = sql_blob(rows, 3);
        g_autoptr(GArray) now = number_set_unpack(told, error);
        g_autoptr(GArray) before = now != NULL ? number_set_unpack(counted, error) : NULL;
        if (before == NULL)
            return false;
        count_difference(cells, sql_text(rows, 1), now, before);
        g_array_append_val(done, number);
    }
    return hand_on(error, failure);
}

static bool count_some(struct sql *db, void *user, GError **error)
{
    struct counting *c = user;
    g_autoptr(GHashTable) cells = g_hash_table_new_full(cell_hash, cell_equal, cell_free, NULL);
    g_autoptr(GArray) done = g_array_new(FALSE, FALSE, sizeof(struct sql_value));
    if (!read_uncounted(db, c->limit, cells, done, error) || !write_cells(db, cells, error))
        return false;
    c->left = done->len >= c->limit;
    for (guint at = 0, n; at < done->len; at += n) {
        n = MIN(done->len - at, sql_batch(db));
        if (!sql_run_keys(
                db, error,
                "UPDATE subject SET counted = told, uncounted = 0 WHERE number IN (@KEYS@)",
                &g_array_index(done, struct sql_value, at), 0, n))
            return false;
    }
    return true;
}

bool facts_count(struct sql *db, int64_t limit, bool *left, GError **error)
{
    struct counting c = { .limit = limit };
    bool ok = sql_transaction(db, count_some, &c, error);
    *left = ok && c.left;
    return ok;
}

/* --- removal
 * ---------------------------------------------------------------------------------------
 * What is to be removed is looked for outside of transactions: most often there is nothing, and
 * nobody could write meanwhile. */

enum { SUBJECTS = 20, ROWS = 500 };

#define NO_THING                                                                                   \
    "NOT EXISTS (SELECT 1 FROM node n WHERE n.id = s.thing)"                                       \
    " AND NOT EXISTS (SELECT 1 FROM image i WHERE i.id = s.thing)"

struct orphan {
    int64_t number;
    char *thing, *project; /* project NULL: it is gone, and its counts with it */
    GArray *installed, *counted;
};

static void orphan_free(gpointer data)
{
    struct orphan *o = data;
    g_free(o->thing);
    g_free(o->project);
    g_clear_pointer(&o->installed, g_array_unref);
    g_clear_pointer(&o->counted, g_array_unref);
    g_free(o);
}

static GPtrArray *find_orphans(struct sql *db, GError **error)
{
    GError *failure = NULL;
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(orphan_free);
    g_autoptr(sql_rows) rows =
        sql_query(db, error,
                  "SELECT s.number, s.thing, p.id, s.installed, s.counted FROM subject s"
                  " LEFT JOIN project p ON p.id = s.project WHERE " NO_THING " LIMIT $1",
                  "i", (int64_t)SUBJECTS);
    if (rows == NULL)
        return NULL;
    while (sql_rows_next(rows, &failure)) {
        g_autoptr(GBytes) installed = sql_blob(rows, 3), counted = sql_blob(rows, 4);
        struct orphan *o = g_new0(struct orphan, 1);
        g_ptr_array_add(found, o);
        o->number = sql_int(rows, 0);
        o->thing = g_strdup(sql_text(rows, 1));
        o->project = g_strdup(sql_text(rows, 2));
        o->installed = number_set_unpack(installed, error);
        o->counted = o->installed != NULL ? number_set_unpack(counted, error) : NULL;
        if (o->counted == NULL)
            return NULL;
    }
    return hand_on(error, failure) ? g_steal_pointer(&found) : NULL;
}

static bool remove_carried(struct sql *db, const struct orphan *o, GError **error)
{
    g_autofree struct sql_value *keys = g_new0(struct sql_value, 1 + sql_batch(db));
    keys[0] = number_value(o->number);
    for (guint at = 0; at < o->installed->len;) {
        unsigned n = 0;
        while (at < o->installed->len && n < sql_batch(db))
            keys[++n] = number_value((int64_t)number_at(o->installed, at++));
        if (!sql_run_keys(db, error,
                          "DELETE FROM carried WHERE subject = $1 AND installed IN (@KEYS@)", keys,
                          1, n))
            return false;
    }
    return true;
}

static bool remove_orphans(struct sql *db, void *user, GError **error)
{
    static const GArray nothing = { 0 };
    bool *left = user;
    g_autoptr(GPtrArray) orphans = find_orphans(db, error);
    if (orphans == NULL)
        return false;
    *left = orphans->len == SUBJECTS;
    for (guint i = 0; i < orphans->len; i++) {
        const struct orphan *o = orphans->pdata[i];
        g_autoptr(GHashTable) cells = g_hash_table_new_full(cell_hash, cell_equal, cell_free, NULL);
        if (o->project != NULL)
            count_difference(cells, o->project, &nothing, o->counted);
        if (!write_cells(db, cells, error) || !remove_carried(db, o, error) ||
            !sql_run(db, NULL, error, "DELETE FROM frame WHERE thing = $1", "s", o->thing) ||
            !sql_run(db, NULL, error, "DELETE FROM subject WHERE number = $1", "i", o->number))
            return false;
    }
    return *left ||
           sql_run(db, NULL, error, "DELETE FROM exposure WHERE things = 0 AND fixable = 0", "");
}

static bool sweep_subjects(struct sql *db, bool *left, GError **error)
{
    int64_t any[2]; /* the number of a subject; 1 */
    if (!sql_numbers(db, any, 1, error, "SELECT s.number FROM subject s WHERE " NO_THING " LIMIT 1",
                     "") ||
        !sql_numbers(db, any + 1, 1, error,
                     "SELECT 1 FROM exposure WHERE things = 0 AND fixable = 0 LIMIT 1", ""))
        return false;
    *left = false;
    return (any[0] == 0 && any[1] == 0) || sql_transaction(db, remove_orphans, left, error);
}

/* Rows that nothing refers to. */
struct waste {
    const char *find;          /* at most $2 that were last seen before $1 */
    const char *check;         /* those that are still so among @KEYS@ */
    const char *const *remove; /* statements for @KEYS@ */
};

struct sweep {
    const struct waste *waste;
    int64_t before;      /* Unix microseconds */
    const GArray *found; /* struct sql_value: numbers */
};

/* Runs each of the statements on the numbers. */
static bool remove_numbers(struct sql *db, const GArray *numbers, const char *const *statements,
                           GError **error)
{
    for (; *statements != NULL; statements++) {
        for (guint at = 0, n; at < numbers->len; at += n) {
            n = MIN(numbers->len - at, sql_batch(db));
            if (!sql_run_keys(db, error, *statements, &g_array_index(numbers, struct sql_value, at),
                              0, n))
                return false;
        }
    }
    return true;
}

/* Adds the numbers that rows have. Frees rows, which may be NULL: then they could not be read. */
static bool read_numbers(struct sql_rows *rows, GArray *numbers, GError **error)
{
    GError *failure = NULL;
    if (rows == NULL)
        return false;
    while (sql_rows_next(rows, &failure)) {
        struct sql_value number = number_value(sql_int(rows, 0));
        g_array_append_val(numbers, number);
    }
    sql_rows_free(rows);
    return hand_on(error, failure);
}

/* Somebody may have come to need one of them since they were found. */
static bool remove_waste(struct sql *db, void *user, GError **error)
{
    const struct sweep *s = user;
    g_autoptr(GArray) numbers = g_array_new(FALSE, FALSE, sizeof(struct sql_value));
    g_autofree struct sql_value *keys = g_new0(struct sql_value, 1 + sql_batch(db));
    keys[0] = number_value(s->before);
    for (guint at = 0; at < s->found->len;) {
        unsigned n = 0;
        while (at < s->found->len && n < sql_batch(db))
            keys[++n] = g_array_index(s->found, struct sql_value, at++);
        if (!read_numbers(sql_query_keys(db, error, s->waste->check, keys, 1, n), numbers, error))
            return false;
    }
    return remove_numbers(db, numbers, s->waste->remove, error);
}

static bool sweep_waste(struct sql *db, const struct waste *waste, int64_t before, bool *left,
                        GError **error)
{
    g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(struct sql_value));
    struct sweep s = { waste, before, found };
    if (!read_numbers(sql_query(db, error, waste->find, "ii", before, (int64_t)ROWS), found, error))
        return false;
    *left = found->len == ROWS;
    return found->len == 0 || sql_transaction(db, remove_waste, &s, error);
}

#define INSTALLED                                                                                  \
    "SELECT i.number FROM installed i WHERE i.seen < $1"                                           \
    " AND NOT EXISTS (SELECT 1 FROM carried c WHERE c.installed = i.number)"
#define CONTEXTS                                                                                   \
    "SELECT c.number FROM context c WHERE c.seen < $1"                                             \
    " AND NOT EXISTS (SELECT 1 FROM installed i WHERE i.context = c.number)"

static const char *const remove_installed[] = {
    "DELETE FROM finding WHERE installed IN (@KEYS@)",
    "DELETE FROM notice WHERE installed IN (@KEYS@)",
    "DELETE FROM installed WHERE number IN (@KEYS@)",
    NULL,
};
static const char *const remove_contexts[] = {
    "DELETE FROM context WHERE number IN (@KEYS@)",
    NULL,
};
static const struct waste wastes[] = {
    { INSTALLED " LIMIT $2", INSTALLED " AND i.number IN (@KEYS@)", remove_installed },
    { CONTEXTS " LIMIT $2", CONTEXTS " AND c.number IN (@KEYS@)", remove_contexts },
};

bool facts_sweep(struct sql *db, int64_t age, bool *left, GError **error)
{
    int64_t before = store_now() - age;
    if (!sweep_subjects(db, left, error))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(wastes); i++) {
        bool more;
        if (!sweep_waste(db, &wastes[i], before, &more, error))
            return false;
        *left |= more;
    }
    return true;
}

#include "store/subjects.h"

#include "base/error.h"

#define COLUMNS                                                                                    \
    "s.number, s.kind, s.thing, s.project, s.frame, s.examined, s.facts, s.contexts, s.installed," \
    " s.told, s.advisories, s.judged, s.summary, s.complete"
#define NAME_COLUMN 14 /* behind them */
#define EXISTS                                                                                     \
    "(EXISTS (SELECT 1 FROM node n WHERE n.id = s.thing)"                                          \
    " OR EXISTS (SELECT 1 FROM image i WHERE i.id = s.thing))"

void subject_free(struct subject *s)
{
    if (s == NULL)
        return;
    g_free(s->thing);
    g_free(s->name);
    g_free(s->project);
    g_free(s->frame);
    g_free(s->facts);
    g_free(s->contexts);
    g_clear_pointer(&s->installed, g_array_unref);
    g_clear_pointer(&s->told, g_array_unref);
    g_free(s->summary);
    g_free(s);
}

static GArray *read_set(struct sql_rows *rows, unsigned column, GError **error)
{
    g_autoptr(GBytes) packed = sql_blob(rows, column);
    return number_set_unpack(packed, error);
}

static struct subject *read_subject(struct sql_rows *rows, GError **error)
{
    g_autoptr(subject) s = g_new0(struct subject, 1);
    s->number = sql_int(rows, 0);
    s->kind =
        g_strcmp0(sql_text(rows, 1), thing_kind_name(THING_IMAGE)) == 0 ? THING_IMAGE : THING_NODE;
    s->thing = g_strdup(sql_text(rows, 2));
    s->project = g_strdup(sql_text(rows, 3));
    s->frame = g_strdup(sql_text(rows, 4));
    s->examined = sql_int(rows, 5);
    s->facts = g_strdup(sql_text(rows, 6));
    s->contexts = g_strdup(sql_text(rows, 7));
    s->advisories = sql_int(rows, 10);
    s->judged = sql_int(rows, 11);
    s->summary = g_strdup(sql_text(rows, 12));
    s->complete = sql_int(rows, 13) != 0;
    s->installed = read_set(rows, 8, error);
    s->told = s->installed != NULL ? read_set(rows, 9, error) : NULL;
    return s->told != NULL ? g_steal_pointer(&s) : NULL;
}

struct subject *subject_find(struct sql *db, const char *thing, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(sql_rows) rows =
        sql_query(db, error, "SELECT " COLUMNS " FROM subject s WHERE s.thing = $1", "s", thing);
    if (rows == NULL)
        return NULL;
    if (sql_rows_next(rows, &failure))
        return read_subject(rows, error);
    if (failure != NULL)
        g_propagate_error(error, g_steal_pointer(&failure));
    else
        (void)fail(error, ASSAY_ERROR_NOT_FOUND, "it has not been examined yet");
    return NULL;
}

static void free_subject(gpointer data)
{
    subject_free(data);
}

GPtrArray *subject_unjudged(struct sql *db, int64_t advisories, int64_t after, int64_t limit,
                            GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(free_subject);
    g_autoptr(sql_rows) rows =
        sql_query(db, error,
                  "SELECT " COLUMNS ", coalesce((SELECT n.name FROM node n WHERE n.id = s.thing),"
                  " (SELECT i.name FROM image i WHERE i.id = s.thing))"
                  " FROM subject s WHERE s.number > $1"
                  " AND s.advisories <> $2 AND " EXISTS " ORDER BY s.number LIMIT $3",
                  "iii", after, advisories, limit);
    if (rows == NULL)
        return NULL;
    while (sql_rows_next(rows, &failure)) {
        struct subject *s = read_subject(rows, error);
        if (s == NULL)
            return NULL;
        s->name = g_strdup(sql_text(rows, NAME_COLUMN));
        g_ptr_array_add(found, s);
    }
    if (failure == NULL)
        return g_steal_pointer(&found);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

/* --- writing
 * -------------------------------------------------------------------------------------- */

static bool write_carried(struct sql *db, const struct subject *s, const struct subject *before,
                          GError **error)
{
    static const GArray none = { 0 };
    const GArray *now = s->installed, *old = before != NULL ? before->installed : &none;
    g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(struct sql_value));
    for (guint i = 0, k = 0; i < now->len || k < old->len;) {
        uint64_t a = i < now->len ? number_at(now, i) : UINT64_MAX;
        uint64_t b = k < old->len ? number_at(old, k) : UINT64_MAX;
        if (a < b) {
            const struct sql_value v[] = { { .type = 'i', .number = (int64_t)a },
                                           { .type = 'i', .number = s->number } };
            g_array_append_vals(values, v, G_N_ELEMENTS(v));
        } else if (a > b && !sql_run(db, NULL, error,
                                     "DELETE FROM carried WHERE installed = $1 AND subject = $2",
                                     "ii", (int64_t)b, s->number)) {
            return false;
        }
        i += a <= b;
        k += b <= a;
    }
    return sql_insert(db, error, "INSERT INTO carried (installed, subject)",
                      " ON CONFLICT DO NOTHING", 2,
                      (const struct sql_value *)(const void *)values->data, values->len / 2);
}

static bool insert_subject(struct sql *db, struct subject *s, GBytes *installed, GBytes *told,
                           GError **error)
{
    g_autoptr(sql_rows) rows = sql_query(
        db, error,
        "INSERT INTO subject (kind, thing, project, frame, examined, facts, contexts,"
        " installed, told, counted, advisories, judged, summary, complete, uncounted) VALUES ($1,"
        " $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 1)"
        " ON CONFLICT (thing) DO NOTHING RETURNING number",
        "ssssissbbbiisi", thing_kind_name(s->kind), s->thing, s->project, s->frame, s->examined,
        s->facts, s->contexts, installed, told, NULL, s->advisories, s->judged, s->summary,
        (int64_t)s->complete);
    GError *failure = NULL;
    if (rows == NULL)
        return false;
    if (sql_rows_next(rows, &failure)) {
        s->number = sql_int(rows, 0);
        return true;
    }
    /* Another has been faster: what is there now is not what this was compared with. */
    if (failure == NULL)
        g_set_error(&failure, SQL_ERROR, SQL_ERROR_RETRY, "store: examined twice at once");
    g_propagate_error(error, failure);
    return false;
}

/* What an update leaves as it is need not go to the database again: most often that is what the
 * subject carries. */
bool subject_save(struct sql *db, struct subject *s, const struct subject *before, GError **error)
{
    g_autoptr(GBytes) told = number_set_pack(s->told), installed = NULL;
    bool moved = before == NULL || !number_set_equal(s->installed, before->installed);
    if (moved)
        installed = number_set_pack(s->installed);
    if (before == NULL)
        return insert_subject(db, s, installed, told, error) && write_carried(db, s, before, error);
    s->number = before->number;
    int64_t uncounted = !number_set_equal(s->told, before->told);
    return sql_run(db, NULL, error,
                   "UPDATE subject SET frame = $1, examined = $2, facts = $3, contexts = $4,"
                   " installed = coalesce($5, installed), told = $6, advisories = $7, judged = $8,"
                   " summary = $9, uncounted = CASE WHEN $10 = 1 THEN 1 ELSE uncounted END,"
                   " complete = $11 WHERE number = $12",
                   "sissbbiisiii", s->frame, s->examined, s->facts, s->contexts, installed, told,
                   s->advisories, s->judged, s->summary, uncounted, (int64_t)s->complete,
                   s->number) &&
           (!moved || write_carried(db, s, before, error));
}

bool subject_retell(struct sql *db, const GPtrArray *subjects, GError **error)
{
    enum { COLUMNS_SET = 6 };
    g_autoptr(GPtrArray) packed = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(struct sql_value));
    for (guint i = 0; i < subjects->len; i++) {
        const struct subject *s = subjects->pdata[i];
        GBytes *told = number_set_pack(s->told);
        const struct sql_value v[COLUMNS_SET] = {
            { .type = 'i', .number = s->number }, { .type = 'i', .number = s->advisories },
            { .type = 'i', .number = s->judged }, { .type = 'b', .blob = told },
            { .type = 's', .text = s->summary },  { .type = 'i', .number = s->complete },
        };
        g_ptr_array_add(packed, told);
        g_array_append_vals(values, v, COLUMNS_SET);
    }
    return sql_run_rows(db, error,
                        "UPDATE subject SET advisories = v.column2, judged = v.column3,"
                        " uncounted = CASE WHEN told = v.column4 THEN uncounted ELSE 1 END,"
                        " told = v.column4, summary = v.column5, complete = v.column6"
                        " FROM (@ROWS@) AS v WHERE subject.number = v.column1",
                        COLUMNS_SET, (const struct sql_value *)(const void *)values->data,
                        subjects->len);
}

bool subject_confirm(struct sql *db, const GArray *numbers, int64_t advisories, GError **error)
{
    g_autofree struct sql_value *keys = g_new0(struct sql_value, 2 + sql_batch(db));
    keys[0] = (struct sql_value){ .type = 'i', .number = advisories };
    keys[1] = (struct sql_value){ .type = 'i', .number = store_now() };
    for (guint at = 0; at < numbers->len;) {
        unsigned n = 0;
        for (; at < numbers->len && n < sql_batch(db); n++, at++)
            keys[2 + n] =
                (struct sql_value){ .type = 'i', .number = g_array_index(numbers, int64_t, at) };
        if (!sql_run_keys(
                db, error,
                "UPDATE subject SET advisories = $1, judged = $2 WHERE number IN (@KEYS@)", keys, 2,
                n))
            return false;
    }
    return true;
}

char *subject_name(struct sql *db, const struct subject *s, GError **error)
{
    GError *failure = NULL;
    g_autoptr(sql_rows) rows =
        sql_query(db, error,
                  s->kind == THING_NODE ? "SELECT name FROM node WHERE id = $1"
                                        : "SELECT name FROM image WHERE id = $1",
                  "s", s->thing);
    if (rows == NULL)
        return NULL;
    char *name = sql_rows_next(rows, &failure) ? g_strdup(sql_text(rows, 0)) : NULL;
    if (failure != NULL)
        g_propagate_error(error, failure);
    return name;
}

#include "store/findings.h"

#include <string.h>

#include "base/error.h"
#include "base/number.h"

static bool hand_on(GError **error, GError *failure)
{
    if (failure != NULL)
        g_propagate_error(error, failure);
    return failure == NULL;
}

/* --- facts of things
 * ------------------------------------------------------------------------------- */

void thing_facts_free(struct thing_facts *f)
{
    if (f == NULL)
        return;
    g_free(f->thing);
    g_free(f->frame);
    g_free(f->summary);
    g_free(f->advisories);
    g_free(f);
}

static void free_facts(gpointer data)
{
    thing_facts_free(data);
}

#define FACTS                                                                                      \
    "SELECT s.thing, s.frame, s.examined, s.judged, s.summary, coalesce(a.feeds, '[]')"            \
    " FROM subject s LEFT JOIN advisories a ON a.number = s.advisories WHERE " CALLER_SEES(        \
        "s.project")

static struct thing_facts *read_facts(struct sql_rows *rows)
{
    struct thing_facts *f = g_new0(struct thing_facts, 1);
    f->thing = g_strdup(sql_text(rows, 0));
    f->frame = g_strdup(sql_text(rows, 1));
    f->examined = sql_int(rows, 2);
    f->judged = sql_int(rows, 3);
    f->summary = g_strdup(sql_text(rows, 4));
    f->advisories = g_strdup(sql_text(rows, 5));
    return f;
}

struct thing_facts *thing_facts_find(struct sql *db, const struct caller *caller, const char *thing,
                                     GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(sql_rows) rows =
        sql_query(db, error, FACTS " AND s.thing = $3", "sis", CALLER_VALUES(caller), thing);
    if (rows == NULL)
        return NULL;
    if (sql_rows_next(rows, &failure))
        return read_facts(rows);
    if (failure != NULL)
        g_propagate_error(error, g_steal_pointer(&failure));
    else
        (void)fail(error, ASSAY_ERROR_NOT_FOUND, "it has not been examined yet");
    return NULL;
}

GHashTable *thing_facts_of(struct sql *db, const struct caller *caller, const char *const *things,
                           size_t count, GError **error)
{
    g_autoptr(GHashTable) found = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_facts);
    g_autofree struct sql_value *keys = g_new0(struct sql_value, 2 + sql_lookup(db));
    keys[0] = (struct sql_value){ .type = 's', .text = caller->account };
    keys[1] = (struct sql_value){ .type = 'i', .number = caller->auditor };
    for (size_t at = 0; at < count;) {
        unsigned n = 0;
        GError *failure = NULL;
        for (; at < count && n < sql_lookup(db); n++, at++)
            keys[2 + n] = (struct sql_value){ .type = 's', .text = things[at] };
        g_autoptr(sql_rows) rows =
            sql_query_keys(db, error, FACTS " AND s.thing IN (@KEYS@)", keys, 2, n);
        if (rows == NULL)
            return NULL;
        while (sql_rows_next(rows, &failure)) {
            struct thing_facts *f = read_facts(rows);
            g_hash_table_replace(found, f->thing, f);
        }
        if (!hand_on(error, failure))
            return NULL;
    }
    return g_steal_pointer(&found);
}

/* $3: project or ''. */
#define COUNTED(table) CALLER_SEES(table ".project") " AND ($3 = '' OR " table ".project = $3)"
#define NODES          " FROM node n WHERE " COUNTED("n")
#define IMAGES         " FROM image i WHERE i.kind IN ('file', 'rbd') AND " COUNTED("i")
#define SUBJECTS       " FROM subject s WHERE " COUNTED("s")

bool thing_coverage(struct sql *db, const struct caller *caller, const char *project,
                    struct thing_coverage *out, GError **error)
{
    int64_t n[3];
    if (!sql_numbers(db, n, G_N_ELEMENTS(n), error,
                     "SELECT (SELECT count(*)" NODES ") + (SELECT count(*)" IMAGES "),"
                     " (SELECT count(*)" SUBJECTS " AND s.complete = 0"
                     " AND (EXISTS (SELECT 1 FROM node n WHERE n.id = s.thing)"
                     " OR EXISTS (SELECT 1 FROM image i WHERE i.id = s.thing))),"
                     " (SELECT count(*)" NODES
                     " AND NOT EXISTS (SELECT 1 FROM subject s WHERE s.thing = n.id)) +"
                     " (SELECT count(*)" IMAGES
                     " AND NOT EXISTS (SELECT 1 FROM subject s WHERE s.thing = i.id))",
                     "sis", CALLER_VALUES(caller), project != NULL ? project : ""))
        return false;
    *out = (struct thing_coverage){ .things = n[0], .incomplete = n[1], .unexamined = n[2] };
    return true;
}

/* --- lists of vulnerabilities
 * ----------------------------------------------------------------------- */

void vulnerability_free(struct vulnerability *v)
{
    if (v == NULL)
        return;
    g_free(v->id);
    g_free(v->title);
    g_free(v->cursor);
    g_free(v);
}

static void free_vulnerability(gpointer data)
{
    vulnerability_free(data);
}

/* Parameters: $3 project or '', $4 least severity, $5 exploited, $6 fixable, $7 id or ''; $8, $9,
 * $10: rank, EPSS and id of the last one of the page before. */
#define VULNERABILITIES                                                                            \
    "SELECT * FROM (SELECT v.name AS id, v.title, max(e.severity) AS severity,"                    \
    " sum(e.things) AS things, sum(e.fixable) AS fixable, v.exploited, v.ransomware, v.kev_due,"   \
    " v.epss AS epss, v.percentile, v.exploited * 8 + max(e.severity) AS rank"                     \
    " FROM exposure e JOIN vulnerability v ON v.number = e.vulnerability"                          \
    " WHERE e.things > 0 AND " CALLER_SEES(                                                        \
        "e.project") " AND ($3 = '' OR e.project = $3)"                                            \
                     " AND ($5 = 0 OR v.exploited = 1) AND ($7 = '' OR v.name = $7)"               \
                     " GROUP BY v.number, v.name, v.title, v.exploited, v.ransomware, v.kev_due,"  \
                     " v.epss, v.percentile) AS listed"                                            \
                     " WHERE severity >= $4 AND ($6 = 0 OR fixable > 0)"                           \
                     " AND (rank < $8 OR (rank = $8 AND (epss < $9 OR (epss = $9 AND id > $10))))" \
                     " ORDER BY rank DESC, epss DESC, id LIMIT $11"

static double fraction(int64_t millionths)
{
    return millionths < 0 ? -1 : (double)millionths / 1e6;
}

static struct vulnerability *read_vulnerability(struct sql_rows *rows)
{
    struct vulnerability *v = g_new0(struct vulnerability, 1);
    v->id = g_strdup(sql_text(rows, 0));
    v->title = g_strdup(sql_text(rows, 1));
    v->severity = sql_int(rows, 2);
    v->things = sql_int(rows, 3);
    v->fixable = sql_int(rows, 4);
    v->known_exploited = sql_int(rows, 5) != 0;
    v->ransomware = sql_int(rows, 6) != 0;
    v->kev_due = sql_int(rows, 7);
    v->epss = fraction(sql_int(rows, 8));
    v->epss_percentile = fraction(sql_int(rows, 9));
    v->cursor = g_strdup_printf("%" G_GINT64_FORMAT ":%" G_GINT64_FORMAT ":%s", sql_int(rows, 10),
                                sql_int(rows, 8), v->id);
    return v;
}

struct place {
    int64_t rank, epss;
    const char *id;
};

/* "RANK:EPSS:ID"; "" is before the first. */
static bool parse_place(const char *after, struct place *out, GError **error)
{
    *out = (struct place){ .rank = INT64_MAX, .epss = INT64_MAX, .id = "" };
    if (*after == '\0')
        return true;
    const char *first = strchr(after, ':');
    const char *second = first != NULL ? strchr(first + 1, ':') : NULL;
    out->id = second != NULL ? second + 1 : "";
    return (second != NULL && parse_i64(after, (size_t)(first - after), &out->rank) &&
            parse_i64(first + 1, (size_t)(second - first - 1), &out->epss)) ||
           fail(error, ASSAY_ERROR_INVALID, "after '%s': not from a list of vulnerabilities",
                after);
}

static GPtrArray *list(struct sql *db, const struct caller *caller,
                       const struct vulnerability_filter *f, const char *id,
                       const struct store_page *page, GError **error)
{
    GError *failure = NULL;
    struct place place;
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(free_vulnerability);
    if (!parse_place(page->after, &place, error))
        return NULL;
    g_autoptr(sql_rows) rows =
        sql_query(db, error, VULNERABILITIES, "sisiiisiisi", CALLER_VALUES(caller),
                  f->project != NULL ? f->project : "", f->min_severity, (int64_t)f->exploited,
                  (int64_t)f->fixable, id, place.rank, place.epss, place.id, page->limit);
    if (rows == NULL)
        return NULL;
    while (sql_rows_next(rows, &failure))
        g_ptr_array_add(found, read_vulnerability(rows));
    return hand_on(error, failure) ? g_steal_pointer(&found) : NULL;
}

GPtrArray *vulnerability_list(struct sql *db, const struct caller *caller,
                              const struct vulnerability_filter *filter,
                              const struct store_page *page, GError **error)
{
    return list(db, caller, filter, "", page, error);
}

struct vulnerability *vulnerability_find(struct sql *db, const struct caller *caller,
                                         const char *id, GError **error)
{
    const struct vulnerability_filter all = { 0 };
    const struct store_page first = { .after = "", .limit = 1 };
    g_autoptr(GPtrArray) found = list(db, caller, &all, id, &first, error);
    if (found == NULL)
        return NULL;
    if (found->len == 1)
        return g_ptr_array_steal_index(found, 0);
    (void)fail(error, ASSAY_ERROR_NOT_FOUND, "nothing here has %s", id);
    return NULL;
}

/* --- things that have one
 * ----------------------------------------------------------------------------- */

static void free_package(gpointer data)
{
    struct affected_package *p = data;
    g_free(p->id);
    g_free(p->name);
    g_free(p->version);
    g_free(p->arch);
    g_free(p->fixed);
    g_free(p->advisories);
    g_free(p);
}

void affected_thing_free(struct affected_thing *t)
{
    if (t == NULL)
        return;
    g_free(t->id);
    g_free(t->name);
    g_free(t->project);
    g_ptr_array_unref(t->packages);
    g_free(t);
}

static void free_thing(gpointer data)
{
    affected_thing_free(data);
}

/* $3: what was asked for, $4: project or ''. First the installed rows that have it, then who
 * carries them, and of those whom the caller sees. What is met thousands of times is numbers only.
 */
#define HITS                                                                                       \
    "WITH hit AS MATERIALIZED (SELECT f.installed, f.vulnerability FROM finding f"                 \
    " JOIN vulnerability v ON v.number = f.vulnerability WHERE v.name = $3"                        \
    " UNION SELECT n.installed, n.vulnerability FROM notice n WHERE n.name = $3),"                 \
    " pair AS MATERIALIZED (SELECT c.subject, h.installed, h.vulnerability"                        \
    " FROM hit h JOIN carried c ON c.installed = h.installed),"                                    \
    " affected AS MATERIALIZED (SELECT s.number, s.thing, s.project, s.kind FROM subject s"        \
    " WHERE s.number IN (SELECT subject FROM pair)"                                                \
    " AND (EXISTS (SELECT 1 FROM node n WHERE n.id = s.thing)"                                     \
    " OR EXISTS (SELECT 1 FROM image i WHERE i.id = s.thing))"                                     \
    " AND ($4 = '' OR s.project = $4) AND " CALLER_SEES("s.project")

/* Words are few, whoever has them: looked up before they are multiplied. One join at a time leaves
 * the planners no room for guesses that are wrong by thousands. */
#define WORDS                                                                                      \
    " word AS MATERIALIZED (SELECT h.installed, h.vulnerability, v.name AS id, i.name, i.version," \
    " i.arch, f.severity, f.state, f.fixed, f.advisories FROM hit h"                               \
    " JOIN installed i ON i.number = h.installed"                                                  \
    " JOIN finding f ON f.installed = h.installed AND f.vulnerability = h.vulnerability"           \
    " JOIN vulnerability v ON v.number = h.vulnerability),"                                        \
    " chosen AS MATERIALIZED (SELECT a.thing, a.project, a.kind, p.installed, p.vulnerability"     \
    " FROM affected a JOIN pair p ON p.subject = a.number)"

static struct affected_thing *read_thing(struct sql_rows *rows)
{
    struct affected_thing *t = g_new0(struct affected_thing, 1);
    t->id = g_strdup(sql_text(rows, 0));
    t->project = g_strdup(sql_text(rows, 1));
    t->kind =
        g_strcmp0(sql_text(rows, 2), thing_kind_name(THING_IMAGE)) == 0 ? THING_IMAGE : THING_NODE;
    t->name = g_strdup(sql_text(rows, 3));
    t->packages = g_ptr_array_new_with_free_func(free_package);
    return t;
}

static void read_package(struct sql_rows *rows, struct affected_thing *t)
{
    struct affected_package *p = g_new0(struct affected_package, 1);
    p->id = g_strdup(sql_text(rows, 4));
    p->name = g_strdup(sql_text(rows, 5));
    p->version = g_strdup(sql_text(rows, 6));
    p->arch = g_strdup(sql_text(rows, 7));
    p->severity = sql_int(rows, 8);
    p->state = sql_int(rows, 9);
    p->fixed = g_strdup(sql_text(rows, 10));
    p->advisories = g_strdup(sql_text(rows, 11));
    t->severity = MAX(t->severity, p->severity);
    g_ptr_array_add(t->packages, p);
}

GPtrArray *vulnerability_things(struct sql *db, const struct caller *caller, const char *id,
                                const char *project, const struct store_page *page, GError **error)
{
    GError *failure = NULL;
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(free_thing);
    g_autoptr(sql_rows) rows = sql_query(
        db, error,
        HITS
        " AND s.thing > $5 ORDER BY s.thing LIMIT $6)," WORDS
        " SELECT c.thing, c.project, c.kind, coalesce((SELECT name FROM node WHERE id = c.thing),"
        " (SELECT name FROM image WHERE id = c.thing)), w.id, w.name, w.version, w.arch,"
        " w.severity, w.state, w.fixed, w.advisories FROM chosen c"
        " JOIN word w ON w.installed = c.installed AND w.vulnerability = c.vulnerability"
        " ORDER BY c.thing, w.name, w.version, w.id",
        "sisssi", CALLER_VALUES(caller), id, project != NULL ? project : "", page->after,
        page->limit);
    if (rows == NULL)
        return NULL;
    while (sql_rows_next(rows, &failure)) {
        struct affected_thing *t = found->len > 0 ? found->pdata[found->len - 1] : NULL;
        if (t == NULL || g_strcmp0(t->id, sql_text(rows, 0)) != 0) {
            t = read_thing(rows);
            g_ptr_array_add(found, t);
        }
        read_package(rows, t);
    }
    return hand_on(error, failure) ? g_steal_pointer(&found) : NULL;
}

int64_t vulnerability_count_things(struct sql *db, const struct caller *caller, const char *id,
                                   const char *project, GError **error)
{
    g_autoptr(sql_rows) rows = sql_query(db, error, HITS ") SELECT count(*) FROM affected", "siss",
                                         CALLER_VALUES(caller), id, project != NULL ? project : "");
    return rows != NULL && sql_rows_next(rows, error) ? sql_int(rows, 0) : -1;
}

#include "introspect/rejudge.h"

#include "base/error.h"
#include "base/json_writer.h"
#include "base/limits.h"
#include "introspect/matching.h"
#include "introspect/weigh.h"
#include "store/events.h"

/* How many things are weighed in one transaction: others wait for its end. */
#define THINGS 100

struct rejudging {
    struct job_run *run;
    struct sql *db;
    struct matching *matching;
    int64_t advisories;
    unsigned round; /* what comes meanwhile is judged in another one */
    struct exposures *exposures;
    GHashTable *contexts;
    struct scale *scale;
    struct wording *words;
    int64_t after;         /* last subject of the batch before */
    int64_t last;          /* and of this one; 0: there are no more */
    uint64_t rows, things; /* judged in all */
};

static bool go_on(struct rejudging *r, GError **error)
{
    if (r->run == NULL || r->run->wanted(r->run))
        return true;
    worker_stopped(error);
    return false;
}

static void tell_progress(struct rejudging *r)
{
    g_autofree char *text =
        g_strdup_printf("{\"packages\":%" G_GUINT64_FORMAT ",\"things\":%" G_GUINT64_FORMAT "}",
                        r->rows, r->things);
    if (r->run != NULL)
        r->run->progress(r->run, text);
}

/* --- packages
 * --------------------------------------------------------------------------------------- */

static bool judge_contexts(struct rejudging *r, GError **error)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, r->contexts);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct context *c = value;
        bool complete;
        if (!matching_speaks_of(r->matching, c, &complete, error) ||
            (complete != c->complete && !context_set_complete(r->db, c->number, complete, error)))
            return false;
        c->complete = complete;
    }
    return true;
}

/* Things that were weighed before these rows were judged are to be weighed again. */
static bool reopen_carriers(struct rejudging *r, const GArray *rows, GError **error)
{
    for (guint i = 0; i < rows->len; i++) {
        if (!sql_run(r->db, NULL, error,
                     "UPDATE subject SET advisories = 0 WHERE number IN"
                     " (SELECT subject FROM carried WHERE installed = $1)",
                     "i", g_array_index(rows, struct installed, i).number))
            return false;
    }
    return true;
}

static bool judge_packages(struct rejudging *r, bool *any, GError **error)
{
    g_autoptr(arena) texts = arena_new(LIMIT_FRAME_MEMORY);
    int64_t after = 0;
    *any = false;
    for (;;) {
        arena_clear(texts);
        g_autoptr(GArray) rows =
            installed_unjudged(r->db, r->advisories, after, MATCHING_ROWS, texts, error);
        if (rows == NULL || !go_on(r, error))
            return false;
        if (rows->len == 0)
            return true;
        const struct installed *all = (const struct installed *)(const void *)rows->data;
        if (!matching_judge(r->matching, r->db, r->contexts, all, rows->len, error) ||
            (r->round > 0 && !reopen_carriers(r, rows, error)))
            return false;
        *any = true;
        after = all[rows->len - 1].number;
        r->rows += rows->len;
        tell_progress(r);
    }
}

/* --- things
 * ------------------------------------------------------------------------------------------ */

/* Rows that came after the exposures were read are not among them. */
static bool is_known(const struct rejudging *r, const struct subject *s)
{
    return s->installed->len == 0 ||
           (int64_t)number_at(s->installed, s->installed->len - 1) <= exposures_top(r->exposures);
}

static bool unchanged(const struct subject *s, const struct subject *before)
{
    return number_set_equal(s->told, before->told) && g_str_equal(s->summary, before->summary);
}

/* What has come out for some things; it is written all at once. */
struct weighed {
    GArray *confirmed;  /* int64_t: subjects of which nothing has changed */
    GPtrArray *changed; /* struct subject */
    GPtrArray *events;  /* struct event */
};

static bool weigh_one(struct rejudging *r, struct subject *s, struct weighed *out, GError **error)
{
    g_autoptr(subject) before = g_new0(struct subject, 1);
    before->number = s->number;
    before->installed = g_array_ref(s->installed);
    before->told = g_array_ref(s->told);
    before->summary = g_strdup(s->summary);
    s->advisories = r->advisories;
    s->judged = store_now();
    if (!weigh(r->scale, s, r->exposures, r->contexts, error))
        return false;
    if (unchanged(s, before)) {
        g_array_append_val(out->confirmed, s->number);
        return true;
    }
    g_ptr_array_add(out->changed, s);
    return weigh_tell(r->scale, r->db, r->words, before->told, s, "advisories", out->events, error);
}

static bool weigh_some(struct sql *db, void *user, GError **error)
{
    struct rejudging *r = user;
    g_autoptr(GArray) confirmed = g_array_new(FALSE, FALSE, sizeof(int64_t));
    g_autoptr(GPtrArray) changed = g_ptr_array_new();
    g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func((GDestroyNotify)event_free);
    struct weighed out = { confirmed, changed, events };
    g_autoptr(GPtrArray) subjects = subject_unjudged(db, r->advisories, r->after, THINGS, error);
    if (subjects == NULL)
        return false;
    r->last = 0;
    for (guint i = 0; i < subjects->len; i++) {
        struct subject *s = subjects->pdata[i];
        r->last = s->number;
        if (is_known(r, s) && !weigh_one(r, s, &out, error))
            return false;
    }
    return subject_confirm(db, confirmed, r->advisories, error) &&
           subject_retell(db, changed, error) && event_add_all(db, events, error);
}

static bool weigh_things(struct rejudging *r, GError **error)
{
    for (r->after = 0, r->last = 1; r->last != 0; r->after = r->last) {
        if (!go_on(r, error) || !sql_transaction(r->db, weigh_some, r, error))
            return false;
        r->things += r->last != 0 ? THINGS : 0;
        tell_progress(r);
    }
    return true;
}

/* --- the job
 * ------------------------------------------------------------------------------------------ */

static bool one_round(struct rejudging *r, bool *any, GError **error)
{
    g_clear_pointer(&r->contexts, g_hash_table_unref);
    g_clear_pointer(&r->exposures, exposures_free);
    r->contexts = context_load(r->db, error);
    if (r->contexts == NULL || !judge_contexts(r, error) || !judge_packages(r, any, error))
        return false;
    r->exposures = exposures_load_all(r->db, error);
    return r->exposures != NULL && weigh_things(r, error);
}

/* Until a round finds nothing to be judged: frames are kept meanwhile, also by servers whose
 * advisories are older. */
static bool all_rounds(struct rejudging *r, GError **error)
{
    enum { ROUNDS = 8 };
    bool any = true;
    for (r->round = 0; any && r->round < ROUNDS; r->round++) {
        if (!one_round(r, &any, error))
            return false;
    }
    return true;
}

static bool rejudge(struct job_run *run, struct sql *db, const char *path, struct rejudging *r,
                    GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(matching) m = matching_open(db, path, true, &failure);
    if (m == NULL) {
        if (failure == NULL)
            return fail(error, ASSAY_ERROR_NOT_FOUND, "this host has no advisory database");
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    if (!matching_is_current(m))
        return fail(error, ASSAY_ERROR_NOT_FOUND,
                    "this host's advisories are older than another's");
    g_autoptr(scale) scale = scale_new();
    g_autoptr(wording) words = wording_new();
    r->run = run;
    r->db = db;
    r->matching = m;
    r->advisories = matching_advisories(m)->number;
    r->scale = scale;
    r->words = words;
    bool ok = all_rounds(r, error);
    g_clear_pointer(&r->contexts, g_hash_table_unref);
    g_clear_pointer(&r->exposures, exposures_free);
    return ok;
}

bool rejudge_now(struct sql *db, const char *advisories, GError **error)
{
    struct rejudging r = { 0 };
    return rejudge(NULL, db, advisories, &r, error);
}

static enum job_outcome run_rejudge(struct job_run *run, GError **error)
{
    struct rejudging r = { 0 };
    bool mine = false;
    if (!rejudge(run, run->db, run->settings->advisories, &r, error))
        return JOB_FAILED;
    g_autofree char *result = g_strdup_printf("{\"packages\":%" G_GUINT64_FORMAT "}", r.rows);
    if (!queue_done(run->db, run->job, result, NULL, NULL, &mine, error))
        return JOB_FAILED;
    return mine ? JOB_DONE : JOB_DROPPED;
}

const struct job_kind rejudge_job = { .name = "rejudge", .run = run_rejudge };

/* --- duties
 * -------------------------------------------------------------------------------------------- */

/* By way of indexes, and outside of a transaction: it is asked every few seconds. */
static bool any_unjudged(struct sql *db, int64_t advisories, bool *any, GError **error)
{
    GError *failure = NULL;
    g_autoptr(sql_rows) rows =
        sql_query(db, error,
                  "SELECT 1 WHERE EXISTS (SELECT 1 FROM installed WHERE advisories < $1)"
                  " OR EXISTS (SELECT 1 FROM installed WHERE advisories > $1)"
                  " OR EXISTS (SELECT 1 FROM subject WHERE advisories < $1)"
                  " OR EXISTS (SELECT 1 FROM subject WHERE advisories > $1)",
                  "i", advisories);
    if (rows == NULL)
        return false;
    *any = sql_rows_next(rows, &failure);
    if (failure != NULL)
        g_propagate_error(error, failure);
    return failure == NULL;
}

/* One at a time is enough: it goes on until there is nothing left. */
static bool ask_for_job(struct sql *db, void *user, GError **error)
{
    const int64_t *advisories = user;
    bool pending;
    if (!queue_pending(db, rejudge_job.name, &pending, error))
        return false;
    if (pending)
        return true;
    g_autofree char *payload =
        g_strdup_printf("{\"advisories\":%" G_GINT64_FORMAT "}", *advisories);
    const struct job_options options = { .priority = JOB_PRIORITY_INTERACTIVE };
    g_autofree char *id = queue_add(db, rejudge_job.name, "", payload, &options, error);
    return id != NULL;
}

static bool notice_advisories(const struct worker_settings *settings, struct sql *db,
                              GError **error)
{
    GError *failure = NULL;
    g_autoptr(matching) m = matching_open(db, settings->advisories, false, &failure);
    if (m == NULL || !matching_is_current(m)) {
        if (failure != NULL)
            g_propagate_error(error, failure);
        return failure == NULL;
    }
    int64_t number = matching_advisories(m)->number;
    bool any = false, pending = false;
    if (!any_unjudged(db, number, &any, error) ||
        (any && !queue_pending(db, rejudge_job.name, &pending, error)))
        return false;
    return !any || pending || sql_transaction(db, ask_for_job, &number, error);
}

const struct worker_duty rejudge_duty = {
    .name = "advisories",
    .seconds = 5,
    .run = notice_advisories,
};

static bool count_facts(const struct worker_settings *settings, struct sql *db, GError **error)
{
    enum { AT_ONCE = 2000, ROUNDS = 50 };
    bool left = true;
    for (unsigned i = 0; left && i < ROUNDS; i++) {
        if (!facts_count(db, AT_ONCE, &left, error))
            return false;
    }
    return true;
}

const struct worker_duty facts_duty = { .name = "facts", .seconds = 5, .run = count_facts };

static bool sweep_facts(const struct worker_settings *settings, struct sql *db, GError **error)
{
    enum { ROUNDS = 50 };
    bool left = true;
    for (unsigned i = 0; left && i < ROUNDS; i++) {
        if (!facts_sweep(db, INT64_C(24) * 60 * 60 * G_USEC_PER_SEC, &left, error))
            return false;
    }
    return true;
}

const struct worker_duty facts_sweep_duty = {
    .name = "facts-sweep",
    .seconds = 60,
    .run = sweep_facts,
};

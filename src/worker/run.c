#include "base/error.h"
#include "base/log.h"
#include "worker/threads.h"

#define AGAIN_MICROSECONDS G_USEC_PER_SEC /* between two tries of telling how a job ended */

#define WORKER_ERROR (worker_error_quark())
enum worker_error { WORKER_ERROR_STOPPED };
static G_DEFINE_QUARK(assay - worker - error - quark, worker_error)

    bool worker_stopped(GError **error)
{
    g_set_error(error, WORKER_ERROR, WORKER_ERROR_STOPPED, "it is not wanted any more");
    return false;
}

bool worker_is_stopped(const GError *error)
{
    return g_error_matches(error, WORKER_ERROR, WORKER_ERROR_STOPPED);
}

static void clear(void *running)
{
    struct running *r = running;
    job_free((struct job *)r->run.job);
    g_free(r->progress);
}

struct running *running_ref(struct running *r)
{
    return g_atomic_rc_box_acquire(r);
}

void running_unref(struct running *r)
{
    g_atomic_rc_box_release_full(r, clear);
}

static bool wanted(const struct job_run *run)
{
    struct running *r = (struct running *)run;
    return g_atomic_int_get(&r->unwanted) == 0 && g_atomic_int_get(&r->worker->stopping) == 0;
}

static void progress(const struct job_run *run, const char *json)
{
    struct running *r = (struct running *)run;
    g_mutex_lock(&r->worker->lock);
    g_free(r->progress);
    r->progress = g_strdup(json);
    g_mutex_unlock(&r->worker->lock);
}

static struct running *running_new(struct worker *w, struct sql *db, struct job *j)
{
    struct running *r = g_atomic_rc_box_new0(struct running);
    r->run = (struct job_run){ .settings = worker_settings_now(w),
                               .db = db,
                               .job = j,
                               .wanted = wanted,
                               .progress = progress };
    r->worker = w;
    return r;
}

static const struct job_kind *kind_of(const struct worker *w, const char *name)
{
    for (const struct job_kind *const *k = w->kinds; *k != NULL; k++) {
        if (g_str_equal((*k)->name, name))
            return *k;
    }
    return NULL;
}

/* What will be the same the next time is not tried again. */
static bool may_get_better(const GError *e)
{
    return e->domain != ASSAY_ERROR || e->code == ASSAY_ERROR_IO;
}

static bool settle(struct worker *w, struct sql *db, const struct job *j, const GError *failure,
                   GError **error)
{
    if (worker_is_stopped(failure))
        return queue_return(db, j, error);
    return queue_failed(db, j, &worker_settings_now(w)->limits, failure->message,
                        may_get_better(failure), error);
}

/* The reason of a failure is stored, however long the store is away; when the worker stops before,
 * others will find that it has ended. */
static void tell(struct worker *w, struct connection *c, const struct job *j, const GError *failure)
{
    for (;;) {
        GError *lost = NULL;
        struct sql *db = connection_get(c);
        if (db != NULL && settle(w, db, j, failure, &lost))
            return;
        if (lost != NULL)
            connection_failed(c, "the end of a job", lost);
        if (!worker_pause(w, AGAIN_MICROSECONDS))
            return;
    }
}

bool worker_abandon(struct worker *w, struct sql *db, const struct queue_leftover *l,
                    GError **error)
{
    const struct job_kind *kind = kind_of(w, l->job->kind);
    struct running r = { .run = { .settings = worker_settings_now(w),
                                  .db = db,
                                  .job = l->job,
                                  .wanted = wanted,
                                  .progress = progress },
                         .worker = w };
    /* A newer program may know it. */
    if (kind == NULL)
        return queue_clear_later(db, l, error);
    bool ok =
        (kind->abandon == NULL || kind->abandon(&r.run, l->cancelled ? NULL : l->reason, error)) &&
        queue_cleared(db, l->job->id, error);
    g_free(r.progress);
    return ok;
}

/* At once, if the job will not be run again; when that fails, the duty tries again. */
static void clear_away(struct worker *w, struct connection *c, const struct job *j)
{
    GError *failure = NULL;
    struct sql *db = connection_get(c);
    if (db == NULL)
        return;
    g_autoptr(GPtrArray) left = queue_leftovers(db, j->id, 1, &failure);
    if (left != NULL && left->len == 1)
        (void)worker_abandon(w, db, g_ptr_array_index(left, 0), &failure);
    if (failure != NULL)
        connection_failed(c, "clearing away after a job", failure);
}

static void hold(struct worker *w, struct running *r)
{
    g_mutex_lock(&w->lock);
    g_ptr_array_add(w->running, running_ref(r));
    g_mutex_unlock(&w->lock);
}

static void let_go(struct worker *w, struct running *r)
{
    g_mutex_lock(&w->lock);
    (void)g_ptr_array_remove_fast(w->running, r);
    g_mutex_unlock(&w->lock);
}

void worker_run(struct worker *w, struct connection *c, struct job *j)
{
    g_autoptr(GError) failure = NULL;
    const struct job_kind *kind = kind_of(w, j->kind);
    struct running *r = running_new(w, c->db, j);
    enum job_outcome outcome = JOB_FAILED;
    int64_t begun = g_get_monotonic_time();
    hold(w, r);
    if (kind != NULL)
        outcome = kind->run(&r->run, &failure);
    else
        (void)fail(&failure, ASSAY_ERROR_IO, "this program does not know jobs of kind '%s'",
                   j->kind);
    if (outcome == JOB_FAILED) {
        log_line(worker_is_stopped(failure) ? "info" : "warning", "%s job %s, run %u: %s", j->kind,
                 j->id, j->attempt, failure->message);
        tell(w, c, j, failure);
    }
    let_go(w, r);
    /* One that was given back may have been cancelled meanwhile. */
    if (outcome == JOB_FAILED || outcome == JOB_LATER)
        clear_away(w, c, j);
    if (outcome != JOB_FAILED)
        log_line("info", "%s job %s, run %u: %s after %.1f s", j->kind, j->id, j->attempt,
                 outcome == JOB_DONE    ? "done"
                 : outcome == JOB_LATER ? "later"
                                        : "dropped",
                 (double)(g_get_monotonic_time() - begun) / (double)G_USEC_PER_SEC);
    running_unref(r);
}

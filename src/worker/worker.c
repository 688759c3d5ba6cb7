#include "worker/worker.h"

#include <sys/resource.h>

#include "base/log.h"
#include "worker/process.h"
#include "worker/threads.h"

#define AGAIN_MICROSECONDS G_USEC_PER_SEC /* after the store has failed */
#define JOB_NICE           5
#define DUTY_THREADS       2 /* so that one that takes long keeps none from its time */

bool worker_pause(struct worker *w, int64_t microseconds)
{
    gint64 until = g_get_monotonic_time() + microseconds;
    g_mutex_lock(&w->lock);
    while (!g_atomic_int_get(&w->stopping) && g_cond_wait_until(&w->changed, &w->lock, until))
        ;
    bool more = !g_atomic_int_get(&w->stopping);
    g_mutex_unlock(&w->lock);
    return more;
}

void worker_wake(struct worker *w)
{
    if (w == NULL)
        return;
    feed_wake(w->jobs.feed);
    if (w->aside.feed != NULL)
        feed_wake(w->aside.feed);
}

const struct worker_settings *worker_settings_now(struct worker *w)
{
    return g_atomic_pointer_get(&w->settings);
}

void worker_renew(struct worker *w, const struct worker_settings *settings)
{
    g_atomic_pointer_set(&w->settings, settings);
    feed_renew(w->jobs.feed, &settings->limits);
    if (w->aside.feed != NULL)
        feed_renew(w->aside.feed, &settings->limits);
    worker_wake(w);
}

/* --- taking jobs -------------------------------------------------------------------------------
 */

/* *j NULL without an error: none is to be had. Taking one locks others out, so it is looked first.
 */
static bool take(struct worker *w, const struct queue_part *part, struct sql *db, struct job **j,
                 GError **error)
{
    GError *failure = NULL;
    bool ready = false;
    *j = NULL;
    if (!queue_ready(db, part, &ready, error))
        return false;
    if (ready)
        *j = queue_take(db, w->name, &worker_settings_now(w)->limits, part, &failure);
    if (failure != NULL)
        g_propagate_error(error, failure);
    return failure == NULL;
}

/* Runs jobs until none is to be had. */
static bool run_some(struct worker *w, const struct queue_part *part, struct connection *c,
                     GError **error)
{
    while (!g_atomic_int_get(&w->stopping) && connection_get(c) != NULL) {
        struct job *j;
        if (!take(w, part, c->db, &j, error))
            return false;
        if (j == NULL)
            return true;
        worker_run(w, c, j);
    }
    return true;
}

static void take_jobs_of(struct worker *w, const struct pool *p)
{
    struct connection c = { .url = worker_settings_now(w)->store };
    struct feed_ticket ticket = { 0 };
    /* Requests are answered first. A thread's own, and its children's: setpriority(2), notes. */
    (void)setpriority(PRIO_PROCESS, 0, JOB_NICE);
    while (feed_wait(p->feed, &ticket)) {
        GError *failure = NULL;
        if (run_some(w, &p->part, &c, &failure))
            continue;
        connection_failed(&c, "taking a job", failure);
        (void)worker_pause(w, AGAIN_MICROSECONDS);
    }
    connection_close(&c);
}

static gpointer take_jobs(gpointer user)
{
    struct worker *w = user;
    take_jobs_of(w, &w->jobs);
    return NULL;
}

static gpointer take_aside(gpointer user)
{
    struct worker *w = user;
    take_jobs_of(w, &w->aside);
    return NULL;
}

/* --- threads -----------------------------------------------------------------------------------
 */

struct start {
    struct worker *worker;
    GThreadFunc func;
};

static gpointer thread(gpointer user)
{
    struct start *s = user;
    struct worker *w = s->worker;
    (void)s->func(w);
    g_free(s);
    g_mutex_lock(&w->lock);
    w->active--;
    g_cond_broadcast(&w->changed);
    g_mutex_unlock(&w->lock);
    return NULL;
}

static void add_thread(struct worker *w, const char *name, GThreadFunc func)
{
    struct start *s = g_new(struct start, 1);
    *s = (struct start){ w, func };
    g_mutex_lock(&w->lock);
    w->active++;
    g_mutex_unlock(&w->lock);
    g_ptr_array_add(w->threads, g_thread_new(name, thread, s));
}

/* The kind that has threads of its own; NULL: none. */
static const struct job_kind *kind_aside(const struct job_kind *const *kinds)
{
    while (*kinds != NULL && (*kinds)->threads == 0)
        kinds++;
    return *kinds;
}

/* Those aside ask the store: what the broker brings is for the others, who may be busy for long. */
static bool start_feeds(struct worker *w, const struct job_kind *aside, GError **error)
{
    const struct worker_settings *s = w->settings;
    struct feed_options o = {
        .store = s->store, .broker = s->broker, .threads = s->threads, .limits = &s->limits
    };
    w->jobs.part = w->aside.part = queue_whole;
    if (aside != NULL) {
        w->jobs.part = (struct queue_part){ aside->name, true };
        w->aside.part = (struct queue_part){ aside->name, false };
    }
    w->jobs.feed = feed_start(&o, error);
    if (w->jobs.feed == NULL || aside == NULL)
        return w->jobs.feed != NULL;
    o.broker = NULL;
    o.threads = aside->threads;
    w->aside.feed = feed_start(&o, error);
    if (w->aside.feed == NULL)
        feed_free(w->jobs.feed);
    return w->aside.feed != NULL;
}

struct worker *worker_start(const struct worker_settings *settings,
                            const struct job_kind *const *kinds,
                            const struct worker_duty *const *duties, GError **error)
{
    const struct job_kind *aside = settings->threads > 0 ? kind_aside(kinds) : NULL;
    struct worker shape = { .settings = settings, .kinds = kinds, .duties = duties };
    g_autoptr(sql) db = store_open(settings->store, error);
    if (db == NULL || !worker_register_duties(&shape, db, error))
        return NULL;
    if (!start_feeds(&shape, aside, error))
        return NULL;
    struct worker *w = g_memdup2(&shape, sizeof shape);
    w->name = process_name();
    w->threads = g_ptr_array_new();
    w->running = g_ptr_array_new_with_free_func((GDestroyNotify)running_unref);
    g_mutex_init(&w->lock);
    g_cond_init(&w->changed);
    for (unsigned i = 0; i < settings->threads; i++)
        add_thread(w, "job", take_jobs);
    for (unsigned i = 0; aside != NULL && i < aside->threads; i++)
        add_thread(w, aside->name, take_aside);
    for (unsigned i = 0; i < DUTY_THREADS; i++)
        add_thread(w, "duties", worker_do_duties);
    w->keeper = g_thread_new("keeper", worker_keep, w);
    return w;
}

static void free_all(struct worker *w)
{
    for (guint i = 0; i < w->threads->len; i++)
        (void)g_thread_join(g_ptr_array_index(w->threads, i));
    (void)g_thread_join(w->keeper);
    feed_free(w->jobs.feed);
    feed_free(w->aside.feed);
    g_ptr_array_unref(w->threads);
    g_ptr_array_unref(w->running);
    g_mutex_clear(&w->lock);
    g_cond_clear(&w->changed);
    g_free(w->name);
    g_free(w);
}

void worker_leave(struct worker *w)
{
    if (w == NULL)
        return;
    feed_stop(w->jobs.feed);
    if (w->aside.feed != NULL)
        feed_stop(w->aside.feed);
    g_mutex_lock(&w->lock);
    g_atomic_int_set(&w->stopping, 1);
    g_cond_broadcast(&w->changed);
    g_mutex_unlock(&w->lock);
}

bool worker_stop(struct worker *w, int64_t microseconds)
{
    if (w == NULL)
        return true;
    gint64 until = g_get_monotonic_time() + microseconds;
    worker_leave(w);
    g_mutex_lock(&w->lock);
    while (w->active > 0 && g_cond_wait_until(&w->changed, &w->lock, until))
        ;
    unsigned left = w->active;
    w->finished = left == 0;
    g_cond_broadcast(&w->changed);
    g_mutex_unlock(&w->lock);
    if (left == 0)
        free_all(w);
    else /* the process is about to end: its jobs are then taken by another */
        log_line("warning", "%u threads of the worker have not ended in time", left);
    return left == 0;
}

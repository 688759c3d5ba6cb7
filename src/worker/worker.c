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
    if (w != NULL)
        feed_wake(w->feed);
}

/* --- taking jobs -------------------------------------------------------------------------------
 */

/* *j NULL without an error: none is to be had. Taking one locks others out, so it is looked first.
 */
static bool take(struct worker *w, struct sql *db, struct job **j, GError **error)
{
    GError *failure = NULL;
    bool ready = false;
    *j = NULL;
    if (!queue_ready(db, &ready, error))
        return false;
    if (ready)
        *j = queue_take(db, w->name, &w->settings->limits, &failure);
    if (failure != NULL)
        g_propagate_error(error, failure);
    return failure == NULL;
}

/* Runs jobs until none is to be had. */
static bool run_some(struct worker *w, struct connection *c, GError **error)
{
    while (!g_atomic_int_get(&w->stopping) && connection_get(c) != NULL) {
        struct job *j;
        if (!take(w, c->db, &j, error))
            return false;
        if (j == NULL)
            return true;
        worker_run(w, c, j);
    }
    return true;
}

static gpointer take_jobs(gpointer user)
{
    struct worker *w = user;
    struct connection c = { .url = w->settings->store };
    struct feed_ticket ticket = { 0 };
    /* Requests are answered first. A thread's own, and its children's: setpriority(2), notes. */
    (void)setpriority(PRIO_PROCESS, 0, JOB_NICE);
    while (feed_wait(w->feed, &ticket)) {
        GError *failure = NULL;
        if (run_some(w, &c, &failure))
            continue;
        connection_failed(&c, "taking a job", failure);
        (void)worker_pause(w, AGAIN_MICROSECONDS);
    }
    connection_close(&c);
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

struct worker *worker_start(const struct worker_settings *settings,
                            const struct job_kind *const *kinds,
                            const struct worker_duty *const *duties, GError **error)
{
    struct worker shape = { .settings = settings, .kinds = kinds, .duties = duties };
    g_autoptr(sql) db = store_open(settings->store, error);
    if (db == NULL || !worker_register_duties(&shape, db, error))
        return NULL;
    const struct feed_options o = { .store = settings->store,
                                    .broker = settings->broker,
                                    .threads = settings->threads,
                                    .limits = &settings->limits };
    shape.feed = feed_start(&o, error);
    if (shape.feed == NULL)
        return NULL;
    struct worker *w = g_memdup2(&shape, sizeof shape);
    w->name = process_name();
    w->threads = g_ptr_array_new();
    w->running = g_ptr_array_new_with_free_func((GDestroyNotify)running_unref);
    g_mutex_init(&w->lock);
    g_cond_init(&w->changed);
    for (unsigned i = 0; i < settings->threads; i++)
        add_thread(w, "job", take_jobs);
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
    feed_free(w->feed);
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
    feed_stop(w->feed);
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

/* The thread that keeps what this worker holds: heartbeats, and word of cancellations; and that
 * gives back what processes of this host held when they died. */
#include "base/log.h"
#include "worker/process.h"
#include "worker/threads.h"

#define TICK_MICROSECONDS G_USEC_PER_SEC
#define TICKS_OF_DEATHS   5 /* between two looks for processes that died */

struct keeper {
    struct worker *worker;
    struct connection connection;
    char *prefix;      /* of names of this host's processes */
    int64_t next_beat; /* monotonic microseconds */
};

/* References to all jobs that are being run. */
static GPtrArray *all_running(struct worker *w)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func((GDestroyNotify)running_unref);
    g_mutex_lock(&w->lock);
    for (guint i = 0; i < w->running->len; i++)
        g_ptr_array_add(all, running_ref(g_ptr_array_index(w->running, i)));
    g_mutex_unlock(&w->lock);
    return g_steal_pointer(&all);
}

static bool beat(struct keeper *k, struct sql *db, struct running *r, GError **error)
{
    bool mine;
    g_mutex_lock(&k->worker->lock);
    g_autofree char *progress = g_steal_pointer(&r->progress);
    g_mutex_unlock(&k->worker->lock);
    if (!queue_heartbeat(db, r->run.job, &worker_settings_now(k->worker)->limits, progress, &mine,
                         error))
        return false;
    if (!mine)
        g_atomic_int_set(&r->unwanted, 1);
    return true;
}

static bool beat_all(struct keeper *k, struct sql *db, const GPtrArray *running, GError **error)
{
    int64_t lease = worker_settings_now(k->worker)->limits.lease;
    if (g_get_monotonic_time() < k->next_beat)
        return true;
    for (guint i = 0; i < running->len; i++) {
        if (!beat(k, db, g_ptr_array_index(running, i), error))
            return false;
    }
    if (!sql_run(db, NULL, error, "UPDATE duty SET lease = $2 WHERE worker = $1", "si",
                 k->worker->name, store_now() + lease))
        return false;
    k->next_beat = g_get_monotonic_time() + lease / 3;
    return true;
}

/* Sooner than by the next heartbeat. */
static bool hear_cancellations(struct keeper *k, struct sql *db, const GPtrArray *running,
                               GError **error)
{
    if (running->len == 0)
        return true;
    g_autoptr(GPtrArray) ids = queue_cancelling(db, k->worker->name, error);
    for (guint i = 0; ids != NULL && i < running->len; i++) {
        struct running *r = g_ptr_array_index(running, i);
        if (g_ptr_array_find_with_equal_func(ids, r->run.job->id, g_str_equal, NULL))
            g_atomic_int_set(&r->unwanted, 1);
    }
    return ids != NULL;
}

static bool release_dead(struct keeper *k, struct sql *db, GError **error)
{
    g_autoptr(GPtrArray) names = queue_workers(db, k->prefix, error);
    for (guint i = 0; names != NULL && i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        uint64_t count;
        if (!process_has_ended(name))
            continue;
        if (!queue_release(db, name, &worker_settings_now(k->worker)->limits, &count, error))
            return false;
        if (count > 0)
            log_line("warning", "worker %s has died; its %" G_GUINT64_FORMAT " jobs go back", name,
                     count);
    }
    return names != NULL;
}

static bool look_for_jobs(const struct pool *p, struct sql *db, GError **error)
{
    bool ready;
    if (p->feed == NULL || feed_connected(p->feed))
        return true;
    if (!queue_ready(db, &p->part, &ready, error))
        return false;
    if (ready)
        feed_wake(p->feed);
    return true;
}

static bool tick(struct keeper *k, struct sql *db, unsigned number, GError **error)
{
    g_autoptr(GPtrArray) running = all_running(k->worker);
    return beat_all(k, db, running, error) && hear_cancellations(k, db, running, error) &&
           (number % TICKS_OF_DEATHS != 0 || release_dead(k, db, error)) &&
           look_for_jobs(&k->worker->jobs, db, error) &&
           look_for_jobs(&k->worker->aside, db, error);
}

/* Goes on while the worker stops, as long as a job is being run. */
static bool next_tick(struct worker *w)
{
    gint64 until = g_get_monotonic_time() + TICK_MICROSECONDS;
    g_mutex_lock(&w->lock);
    while (!w->finished && g_cond_wait_until(&w->changed, &w->lock, until))
        ;
    bool more = !w->finished;
    g_mutex_unlock(&w->lock);
    return more;
}

gpointer worker_keep(gpointer user)
{
    struct worker *w = user;
    struct keeper k = { .worker = w,
                        .connection = { .url = worker_settings_now(w)->store },
                        .prefix = process_name_prefix() };
    unsigned number = 0;
    do {
        GError *failure = NULL;
        struct sql *db = connection_get(&k.connection);
        if (db != NULL && !tick(&k, db, number, &failure))
            connection_failed(&k.connection, "keeping jobs", failure);
        number++;
    } while (next_tick(w));
    connection_close(&k.connection);
    g_free(k.prefix);
    return NULL;
}

/* Duties: each is done by one of all processes at a time, which holds its row by a lease. */
#include "base/log.h"
#include "worker/threads.h"

#define TICK_MICROSECONDS G_USEC_PER_SEC
#define LEFTOVERS_AT_ONCE 50
#define LEFTOVERS_TURN    (5 * (int64_t)G_USEC_PER_SEC) /* after which the rest waits */
#define KEPT_MICROSECONDS (30 * 24 * 3600 * (int64_t)G_USEC_PER_SEC)

static bool recover(struct worker *w, struct sql *db, GError **error)
{
    uint64_t count;
    if (!queue_recover(db, &worker_settings_now(w)->limits, &count, error))
        return false;
    if (count > 0)
        log_line("warning", "%" G_GUINT64_FORMAT " jobs go back, since no heartbeat came", count);
    return true;
}

/* One that cannot be cleared away does not keep the others from it, now or in the next turn. */
static bool clear_away(struct worker *w, struct sql *db, GError **error)
{
    gint64 end = g_get_monotonic_time() + LEFTOVERS_TURN;
    g_autoptr(GPtrArray) left = queue_leftovers(db, NULL, LEFTOVERS_AT_ONCE, error);
    for (guint i = 0; left != NULL && i < left->len && g_get_monotonic_time() < end; i++) {
        const struct queue_leftover *l = g_ptr_array_index(left, i);
        g_autoptr(GError) failure = NULL;
        if (worker_abandon(w, db, l, &failure))
            continue;
        if (g_error_matches(failure, SQL_ERROR, SQL_ERROR_LOST)) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return false;
        }
        log_line("warning", "clearing away after %s job %s: %s", l->job->kind, l->job->id,
                 failure->message);
        if (!queue_clear_later(db, l, error))
            return false;
    }
    return left != NULL;
}

static bool expire(struct worker *w, struct sql *db, GError **error)
{
    return queue_expire(db, KEPT_MICROSECONDS, error);
}

/* The queue's own. */
static const struct {
    const char *name;
    unsigned seconds;
    bool (*run)(struct worker *w, struct sql *db, GError **error);
} own[] = {
    { "queue.recover", 5, recover },
    { "queue.clear", 10, clear_away },
    { "queue.expire", 3600, expire },
};

static bool claim(struct worker *w, struct sql *db, const char *name, bool *mine, GError **error)
{
    int64_t now = store_now();
    uint64_t changed;
    if (!sql_run(db, &changed, error,
                 "UPDATE duty SET worker = $2, lease = $4 WHERE name = $1 AND due <= $3"
                 " AND lease < $3",
                 "ssii", name, w->name, now, now + worker_settings_now(w)->limits.lease))
        return false;
    *mine = changed == 1;
    return true;
}

static bool give_back(struct worker *w, struct sql *db, const char *name, unsigned seconds,
                      GError **error)
{
    return sql_run(db, NULL, error,
                   "UPDATE duty SET worker = NULL, lease = 0, due = $3 WHERE name = $1"
                   " AND worker = $2",
                   "ssi", name, w->name, store_now() + (int64_t)seconds * (int64_t)G_USEC_PER_SEC);
}

static bool do_duty(struct worker *w, struct sql *db, const char *name, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(own); i++) {
        if (g_str_equal(own[i].name, name))
            return own[i].run(w, db, error);
    }
    for (const struct worker_duty *const *d = w->duties; *d != NULL; d++) {
        if (g_str_equal((*d)->name, name))
            return (*d)->run(worker_settings_now(w), db, error);
    }
    return true;
}

/* Seconds between two times; 0: not a duty of this program. */
static unsigned seconds_of(const struct worker *w, const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(own); i++) {
        if (g_str_equal(own[i].name, name))
            return own[i].seconds;
    }
    for (const struct worker_duty *const *d = w->duties; *d != NULL; d++) {
        if (g_str_equal((*d)->name, name))
            return (*d)->seconds;
    }
    return 0;
}

static GPtrArray *due(struct sql *db, GError **error)
{
    GError *failure = NULL;
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(sql_rows) rows =
        sql_query(db, error, "SELECT name FROM duty WHERE due <= $1 AND lease < $1 ORDER BY due",
                  "i", store_now());
    while (rows != NULL && sql_rows_next(rows, &failure))
        g_ptr_array_add(names, g_strdup(sql_text(rows, 0)));
    if (failure != NULL)
        g_propagate_error(error, failure);
    return rows != NULL && failure == NULL ? g_steal_pointer(&names) : NULL;
}

static bool do_due(struct worker *w, struct connection *c, GError **error)
{
    g_autoptr(GPtrArray) names = due(c->db, error);
    for (guint i = 0; names != NULL && i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        unsigned seconds = seconds_of(w, name);
        GError *failure = NULL;
        bool mine = false;
        if (g_atomic_int_get(&w->stopping))
            return true;
        if (seconds == 0)
            continue;
        if (!claim(w, c->db, name, &mine, error))
            return false;
        if (!mine)
            continue;
        if (!do_duty(w, c->db, name, &failure))
            connection_failed(c, name, failure);
        if (connection_get(c) == NULL)
            return true;
        if (!give_back(w, c->db, name, seconds, error))
            return false;
        worker_wake(w);
    }
    return names != NULL;
}

gpointer worker_do_duties(gpointer user)
{
    struct worker *w = user;
    struct connection c = { .url = worker_settings_now(w)->store };
    do {
        GError *failure = NULL;
        if (connection_get(&c) != NULL && !do_due(w, &c, &failure))
            connection_failed(&c, "duties", failure);
    } while (worker_pause(w, TICK_MICROSECONDS));
    connection_close(&c);
    return NULL;
}

static bool add(struct sql *db, const char *name, GError **error)
{
    return sql_run(db, NULL, error,
                   "INSERT INTO duty (name) VALUES ($1) ON CONFLICT (name) DO NOTHING", "s", name);
}

bool worker_register_duties(struct worker *w, struct sql *db, GError **error)
{
    bool ok = true;
    for (size_t i = 0; ok && i < G_N_ELEMENTS(own); i++)
        ok = add(db, own[i].name, error);
    for (const struct worker_duty *const *d = w->duties; ok && *d != NULL; d++)
        ok = add(db, (*d)->name, error);
    return ok;
}

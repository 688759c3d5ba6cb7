#include "queue/feed.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "queue/broker.h"
#include "queue/outbox.h"

#define SECOND      ((int64_t)G_USEC_PER_SEC)
#define ASK_ALONE   SECOND        /* between questions to the store, without a broker */
#define ASK_LOST    (5 * SECOND)  /* ... while the broker cannot be reached */
#define LOOK        (SECOND / 2)  /* between looks for jobs to tell of */
#define OVERDUE     (10 * SECOND) /* a job that was told of and is still there */
#define BACKOFF_MAX (30 * SECOND)
#define BATCH       100
#define QUIET       (5 * SECOND) /* without a heartbeat of ours */

static const struct broker_queue jobs_queue = { .name = "assay.jobs", .make = true };

struct feed {
    struct feed_options options; /* .limits: atomic */
    GThread *consumer, *relay;
    int wake;    /* eventfd: the consumer has something to do */
    GMutex lock; /* of all that follows */
    GCond changed;
    bool stopping, connected;
    bool look;           /* there may be jobs to tell of */
    unsigned hints;      /* threads that are to look for a job without a message */
    unsigned connection; /* number of the consumer's connection: tags are of one alone */
    GArray *ready;       /* tags that no thread has yet */
    GArray *settled;     /* tags to be settled */
};

/* --- waiting -----------------------------------------------------------------------------------
 */

static void poke(struct feed *f)
{
    const uint64_t one = 1;
    (void)!write(f->wake, &one, sizeof one);
}

/* Under the lock. */
static bool take_tag(struct feed *f, struct feed_ticket *t)
{
    if (f->ready->len == 0)
        return false;
    t->tag = g_array_index(f->ready, uint64_t, 0);
    t->connection = f->connection;
    g_array_remove_index(f->ready, 0);
    return true;
}

/* Under the lock. */
static bool take_hint(struct feed *f)
{
    if (f->connected || f->hints == 0)
        return false;
    f->hints--;
    return true;
}

bool feed_wait(struct feed *f, struct feed_ticket *t)
{
    g_mutex_lock(&f->lock);
    if (t->tag != 0 && t->connection == f->connection) {
        g_array_append_val(f->settled, t->tag);
        poke(f);
    }
    t->tag = 0;
    while (!f->stopping && !take_tag(f, t) && !take_hint(f))
        g_cond_wait(&f->changed, &f->lock);
    bool go = !f->stopping;
    g_mutex_unlock(&f->lock);
    return go;
}

void feed_wake(struct feed *f)
{
    g_mutex_lock(&f->lock);
    f->look = true;
    f->hints = f->options.threads;
    g_cond_broadcast(&f->changed);
    g_mutex_unlock(&f->lock);
}

void feed_renew(struct feed *f, const struct queue_limits *limits)
{
    g_atomic_pointer_set(&f->options.limits, limits);
}

bool feed_connected(struct feed *f)
{
    g_mutex_lock(&f->lock);
    bool is = f->connected;
    g_mutex_unlock(&f->lock);
    return is;
}

static bool stopping(struct feed *f)
{
    g_mutex_lock(&f->lock);
    bool is = f->stopping;
    g_mutex_unlock(&f->lock);
    return is;
}

/* Until the time is over, the feed stops, or (with look) there may be jobs to tell of. */
static void rest(struct feed *f, int64_t microseconds, bool look)
{
    int64_t until = g_get_monotonic_time() + microseconds;
    g_mutex_lock(&f->lock);
    while (!f->stopping && !(look && f->look) && g_cond_wait_until(&f->changed, &f->lock, until)) {
    }
    if (look)
        f->look = false;
    g_mutex_unlock(&f->lock);
}

/* --- connecting --------------------------------------------------------------------------------
 */

/* Times between attempts; a failure is logged once, until it is over. */
struct attempts {
    const char *who;
    int64_t wait;
};

static void failed(struct feed *f, struct attempts *a, const GError *why)
{
    if (a->wait == 0)
        log_line("warning", "%s: %s; will try again", a->who, why->message);
    a->wait = CLAMP(2 * a->wait, SECOND / 2, BACKOFF_MAX);
    /* Not all processes at once after the broker was restarted. */
    rest(f, a->wait / 2 + g_random_int_range(0, (gint32)(a->wait / 2)), false);
}

static void succeeded(struct attempts *a)
{
    if (a->wait > 0)
        log_line("info", "%s: works again", a->who);
    a->wait = 0;
}

static struct broker *connect_queue(struct feed *f, GError **error)
{
    g_autoptr(broker) b = broker_open(f->options.broker, error);
    return b != NULL && broker_declare(b, &jobs_queue, NULL, error) ? g_steal_pointer(&b) : NULL;
}

/* --- consuming ---------------------------------------------------------------------------------
 */

static void set_connected(struct feed *f, bool connected)
{
    g_mutex_lock(&f->lock);
    f->connected = connected;
    if (!connected) { /* the broker delivers again what was not settled */
        f->connection++;
        g_array_set_size(f->ready, 0);
        g_array_set_size(f->settled, 0);
    }
    g_cond_broadcast(&f->changed);
    g_mutex_unlock(&f->lock);
}

static bool settle_all(struct feed *f, struct broker *b, GError **error)
{
    g_mutex_lock(&f->lock);
    g_autoptr(GArray) tags = f->settled;
    f->settled = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    g_mutex_unlock(&f->lock);
    for (guint i = 0; i < tags->len; i++) {
        if (!broker_settle(b, g_array_index(tags, uint64_t, i), BROKER_DONE, error))
            return false;
    }
    return true;
}

static bool consume_one(struct feed *f, struct broker *b, GError **error)
{
    struct broker_message m;
    uint64_t unused;
    if (!settle_all(f, b, error) || !broker_next(b, f->wake, QUIET, &m, error))
        return false;
    (void)!read(f->wake, &unused, sizeof unused);
    if (m.tag != 0) {
        g_mutex_lock(&f->lock);
        g_array_append_val(f->ready, m.tag);
        g_cond_broadcast(&f->changed);
        g_mutex_unlock(&f->lock);
    }
    broker_message_clear(&m);
    return true;
}

static void *consumer_run(void *user)
{
    struct feed *f = user;
    struct attempts attempts = { .who = "jobs from the broker" };
    while (!stopping(f)) {
        g_autoptr(GError) error = NULL;
        g_autoptr(broker) b = connect_queue(f, &error);
        if (b != NULL && broker_consume(b, jobs_queue.name, f->options.threads, &error)) {
            succeeded(&attempts);
            set_connected(f, true);
            while (!stopping(f) && consume_one(f, b, &error)) {
            }
            set_connected(f, false);
        }
        if (error != NULL)
            failed(f, &attempts, error);
    }
    return NULL;
}

/* --- relaying ----------------------------------------------------------------------------------
 */

static bool publish_ids(struct broker *b, const GPtrArray *ids, GError **error)
{
    return broker_publish(b, jobs_queue.name, (const char *const *)ids->pdata, ids->len, error);
}

/* Tells of what was claimed; *more: there may be others. */
static bool tell(struct sql *db, struct broker *b, bool *more, GError **error)
{
    g_autoptr(GPtrArray) ids = outbox_claim(db, BATCH, error);
    if (ids == NULL)
        return false;
    bool told = publish_ids(b, ids, error);
    *more = told && ids->len == BATCH;
    /* A failure to say so costs a second message, or the time until the claim is over. */
    return outbox_settle(db, ids, told, told ? error : NULL) && told;
}

/* Again, when nobody was told of them so that it helped. Not while messages wait: those who get
 * them will find the jobs. */
static bool tell_again(struct feed *f, struct sql *db, struct broker *b, GError **error)
{
    uint64_t waiting;
    if (!broker_declare(b, &jobs_queue, &waiting, error))
        return false;
    if (waiting > 0)
        return true;
    const struct queue_limits *limits = g_atomic_pointer_get(&f->options.limits);
    g_autoptr(GPtrArray) ids = outbox_overdue(db, limits, OVERDUE, BATCH, error);
    return ids != NULL && publish_ids(b, ids, error);
}

/* Until something fails or the feed stops. */
static bool relay_all(struct feed *f, struct attempts *attempts, GError **error)
{
    g_autoptr(sql) db = sql_open(f->options.store, error);
    g_autoptr(broker) b = db != NULL ? connect_queue(f, error) : NULL;
    int64_t looked = 0;
    if (b == NULL)
        return false;
    while (!stopping(f)) {
        struct broker_message none;
        bool more = false;
        /* Nothing is delivered here: this is for heartbeats, and to hear that the broker goes. */
        if (!tell(db, b, &more, error) || !broker_next(b, -1, 0, &none, error))
            return false;
        if (g_get_monotonic_time() - looked >= OVERDUE) {
            if (!tell_again(f, db, b, error))
                return false;
            looked = g_get_monotonic_time();
        }
        succeeded(attempts);
        if (!more)
            rest(f, LOOK, true);
    }
    return true;
}

static void *relay_run(void *user)
{
    struct feed *f = user;
    struct attempts attempts = { .who = "jobs to the broker" };
    while (!stopping(f)) {
        g_autoptr(GError) error = NULL;
        if (!relay_all(f, &attempts, &error))
            failed(f, &attempts, error);
    }
    return NULL;
}

/* --- life --------------------------------------------------------------------------------------
 */

struct feed *feed_start(const struct feed_options *o, GError **error)
{
    if (o->broker != NULL && !broker_check(o->broker, error))
        return NULL;
    int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake < 0) {
        (void)fail_errno(error, errno, "eventfd");
        return NULL;
    }
    struct feed *f = g_new0(struct feed, 1);
    f->options = *o;
    f->wake = wake;
    f->hints = o->threads;
    g_mutex_init(&f->lock);
    g_cond_init(&f->changed);
    f->ready = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    f->settled = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    if (o->broker != NULL)
        f->relay = g_thread_new("relay", relay_run, f);
    if (o->broker != NULL && o->threads > 0)
        f->consumer = g_thread_new("consumer", consumer_run, f);
    return f;
}

void feed_stop(struct feed *f)
{
    g_mutex_lock(&f->lock);
    f->stopping = true;
    g_cond_broadcast(&f->changed);
    g_mutex_unlock(&f->lock);
    poke(f);
}

void feed_free(struct feed *f)
{
    if (f == NULL)
        return;
    feed_stop(f);
    if (f->consumer != NULL)
        (void)g_thread_join(f->consumer);
    if (f->relay != NULL)
        (void)g_thread_join(f->relay);
    g_array_unref(f->ready);
    g_array_unref(f->settled);
    g_cond_clear(&f->changed);
    g_mutex_clear(&f->lock);
    (void)close(f->wake);
    g_free(f);
}

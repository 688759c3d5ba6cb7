/* The thread of one source of notifications. All processes of a service consume from its queue; the
 * broker gives each message to one of them. */
#include "base/error.h"
#include "base/log.h"
#include "store/store.h"
#include "watch/openstack.h"
#include "watch/threads.h"

#define SECOND      ((int64_t)G_USEC_PER_SEC)
#define QUIET       (5 * SECOND) /* without a heartbeat of ours */
#define BACKOFF_MAX (30 * SECOND)
#define EXPIRE      (3600 * SECOND)

struct source {
    struct watch *watch;
    const json_t *settings;
    const char *queue;
    struct sql *db;
    int64_t wait;   /* before connecting again; 0: it works */
    int64_t expire; /* monotonic microseconds: when to forget old messages */
    bool failing;   /* the store has failed, and it was logged */
};

static bool open_store(struct source *s, GError **error)
{
    if (s->db == NULL)
        s->db = sql_open(s->watch->settings.store, error);
    return s->db != NULL;
}

static enum refusal refusal_of(const GError *e)
{
    if (e->domain != ASSAY_ERROR)
        return REFUSED_OTHER;
    switch (e->code) {
    case ASSAY_ERROR_CORRUPT:
        return REFUSED_MALFORMED;
    case ASSAY_ERROR_LIMIT:
        return REFUSED_TOO_LARGE;
    case ASSAY_ERROR_DENIED:
    case ASSAY_ERROR_NOT_FOUND:
        return REFUSED_NOT_ALLOWED;
    default:
        return REFUSED_OTHER;
    }
}

/* Once for each message, when it is known what becomes of it. */
static void count(struct source *s, enum openstack_end end, const GError *failure)
{
    g_atomic_int_inc(&s->watch->taken);
    if (end == OPENSTACK_DONE)
        g_atomic_int_inc(&s->watch->asked);
    if (end == OPENSTACK_REFUSED)
        g_atomic_int_inc(&s->watch->refused[refusal_of(failure)]);
}

/* False when the store has failed and the watch stops: the message stays with the broker then. */
static bool take(struct source *s, GBytes *body)
{
    for (;;) {
        g_autoptr(GError) failure = NULL;
        enum openstack_end end = open_store(s, &failure)
                                     ? openstack_take(s->db, s->settings, body, &failure)
                                     : OPENSTACK_FAILED;
        if (end != OPENSTACK_FAILED) {
            s->failing = false;
            count(s, end, failure);
        }
        if (end == OPENSTACK_DONE)
            worker_wake(s->watch->settings.worker);
        if (end == OPENSTACK_REFUSED)
            log_line("warning", "notifications from %s: %s", s->queue, failure->message);
        if (end != OPENSTACK_FAILED)
            return end != OPENSTACK_REFUSED;
        if (!s->failing)
            log_line("error", "notifications from %s: %s", s->queue, failure->message);
        s->failing = true;
        g_clear_pointer(&s->db, sql_close);
        if (!watch_pause(s->watch, -1, SECOND))
            return true;
    }
}

static void expire_now_and_then(struct source *s)
{
    g_autoptr(GError) failure = NULL;
    if (g_get_monotonic_time() < s->expire)
        return;
    s->expire = g_get_monotonic_time() + EXPIRE;
    if (!open_store(s, &failure) || !openstack_expire(s->db, &failure))
        log_line("warning", "notifications from %s: forgetting old ones: %s", s->queue,
                 failure->message);
}

/* Until the connection fails or the watch stops. */
static void consume(struct source *s, struct broker *b, GError **error)
{
    /* The broker's descriptor is not ours to wait for, so the watch's end is what wakes it. */
    while (watch_pause(s->watch, -1, 0)) {
        struct broker_message m;
        if (!broker_next(b, s->watch->end, QUIET, &m, error))
            return;
        bool good = m.tag == 0 || take(s, m.body);
        /* One that was not looked at since the watch stops is not settled: another process gets it.
         */
        bool settled = m.tag == 0 || !watch_pause(s->watch, -1, 0) ||
                       broker_settle(b, m.tag, good ? BROKER_DONE : BROKER_REFUSED, error);
        broker_message_clear(&m);
        if (!settled)
            return;
        expire_now_and_then(s);
    }
}

gpointer watch_notifications(gpointer user)
{
    struct source *s = user;
    const struct broker_queue queue = openstack_queue(s->settings);
    const char *url = json_string_value(json_object_get(s->settings, "url"));
    s->queue = queue.name;
    while (watch_pause(s->watch, -1, s->wait)) {
        g_autoptr(GError) error = NULL;
        g_autoptr(broker) b = broker_open(url, &error);
        if (b != NULL && broker_declare(b, &queue, NULL, &error) &&
            broker_consume(b, queue.name, 1, &error)) {
            log_line("info", "listening to notifications from %s", s->queue);
            s->wait = 0;
            consume(s, b, &error);
        }
        if (error == NULL)
            continue;
        if (s->wait == 0)
            log_line("warning", "notifications from %s: %s; will try again", s->queue,
                     error->message);
        s->wait = CLAMP(2 * s->wait, SECOND, BACKOFF_MAX);
    }
    sql_close(s->db);
    g_free(s);
    return NULL;
}

gpointer watch_source_new(struct watch *w, const json_t *settings)
{
    struct source *s = g_new0(struct source, 1);
    s->watch = w;
    s->settings = settings;
    return s;
}

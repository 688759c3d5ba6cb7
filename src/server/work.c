#include "server/work.h"

#include <signal.h>

#include "base/log.h"
#include "introspect/rates.h"
#include "server/jobs.h"
#include "server/notify.h"
#include "store/seal.h"
#include "watch/watch.h"

#define STOP_MICROSECONDS (9 * (int64_t)G_USEC_PER_SEC)

struct work {
    struct seal *seal;
    struct rates *rates;
    GPtrArray *settings; /* struct worker_settings: all that have held, since jobs may use them */
    struct worker *worker;
    struct watch_settings watching;
    struct watch *watch;
};

/* What cannot change while it runs is of begun, the settings of the start. */
static struct worker_settings *
worker_settings_new(const struct work *w, const struct settings *begun, const struct settings *s)
{
    const int64_t second = G_USEC_PER_SEC, day = 24 * 3600 * second;
    struct worker_settings *made = g_new(struct worker_settings, 1);
    *made = (struct worker_settings){
        .store = g_strdup(begun->store),
        .advisories = g_strdup(begun->advisories),
        .broker = g_strdup(begun->broker),
        .threads = (unsigned)begun->workers.threads,
        .seal = w->seal,
        .rates = w->rates,
        .frames_kept = (int64_t)s->frames_kept,
        .events_kept = (int64_t)s->keep.events_days * day,
        .introspections_kept = (int64_t)s->keep.introspections_days * day,
        .limits = { .per_project = (unsigned)s->workers.per_project,
                    .per_pool = (unsigned)s->workers.per_pool,
                    .attempts = (unsigned)s->workers.attempts,
                    .lease = (int64_t)begun->workers.lease_seconds * second,
                    .backoff = (int64_t)s->workers.backoff_seconds * second },
        .snapshots = { .storage = json_incref(s->storage) },
        .inspector_memory = s->workers.inspector_megabytes << 20,
        .inspector_seconds = (unsigned)s->workers.inspector_seconds,
        .snapshot_percent = (unsigned)s->workers.snapshot_percent,
        .mail = { .url = g_strdup(s->smtp.url),
                  .from = g_strdup(s->smtp.from),
                  .user = g_strdup(s->smtp.user),
                  .password_file = g_strdup(s->smtp.password_file),
                  .ca_file = g_strdup(s->smtp.ca_file),
                  .plain = g_strcmp0(s->smtp.tls, "none") == 0 },
        .private_webhooks = g_strcmp0(s->private_addresses, "allowed") == 0,
    };
    return made;
}

static void worker_settings_free(gpointer data)
{
    struct worker_settings *s = data;
    g_free((char *)s->store);
    g_free((char *)s->advisories);
    g_free((char *)s->broker);
    g_free((char *)s->mail.url);
    g_free((char *)s->mail.from);
    g_free((char *)s->mail.user);
    g_free((char *)s->mail.password_file);
    g_free((char *)s->mail.ca_file);
    json_decref((json_t *)s->snapshots.storage);
    g_free(s);
}

static bool start_watch(struct work *w, const struct settings *s, GError **error)
{
    const int64_t second = G_USEC_PER_SEC;
    const struct worker_settings *first = g_ptr_array_index(w->settings, 0);
    w->watching = (struct watch_settings){
        .store = first->store,
        .settle = (int64_t)s->watch.settle_seconds * second,
        .look = (int64_t)s->watch.look_seconds * second,
        .openstack = json_incref(s->openstack),
        .worker = w->worker,
    };
    w->watch = watch_start(&w->watching, error);
    return w->watch != NULL;
}

static void work_free(struct work *w)
{
    g_ptr_array_unref(w->settings);
    json_decref((json_t *)w->watching.openstack);
    rates_free(w->rates);
    seal_free(w->seal);
    g_free(w);
}

static bool start(struct work *w, const struct settings *s, GError **error)
{
    w->rates = rates_new(s->limits, error);
    if (w->rates == NULL)
        return false;
    struct worker_settings *made = worker_settings_new(w, s, s);
    g_ptr_array_add(w->settings, made);
    w->worker = worker_start(made, job_kinds, worker_duties, error);
    return w->worker != NULL && start_watch(w, s, error);
}

struct work *work_start(const struct settings *s, GError **error)
{
    g_autofree char *key_file = settings_key_file(s);
    g_autoptr(sql) db = store_open(s->store, error);
    struct seal *seal = db != NULL ? seal_open(db, key_file, error) : NULL;
    if (seal == NULL)
        return NULL;
    struct work *w = g_new0(struct work, 1);
    w->seal = seal;
    w->settings = g_ptr_array_new_with_free_func(worker_settings_free);
    if (start(w, s, error))
        return w;
    if (worker_stop(w->worker, 0))
        work_free(w);
    return NULL;
}

void work_renew(struct work *w, const struct settings *begun, const struct settings *s)
{
    struct worker_settings *made = worker_settings_new(w, begun, s);
    (void)rates_set(w->rates, s->limits, NULL); /* they are valid */
    g_ptr_array_add(w->settings, made);
    worker_renew(w->worker, made);
}

struct worker *work_worker(struct work *w)
{
    return w->worker;
}

struct watch *work_watch(struct work *w)
{
    return w->watch;
}

void work_stop(struct work *w, int64_t microseconds)
{
    if (w == NULL)
        return;
    watch_stop(w->watch);
    /* Threads that have not ended go on using the settings until the process ends. */
    if (worker_stop(w->worker, microseconds))
        work_free(w);
}

static void reload(struct work *w, serve_settings make, void *user, const struct settings *begun)
{
    g_autoptr(GError) error = NULL;
    notify_manager("RELOADING=1");
    g_autoptr(settings) s = make(user, &error);
    if (s != NULL && settings_valid(s, &error)) {
        work_renew(w, begun, s);
        settings_tell_changed(begun, s, true);
        log_line("info", "settings read again");
    } else {
        log_line("error", "reload: %s; the old settings stay", error->message);
    }
    notify_manager("READY=1");
}

static void wait_for_end(const sigset_t *set, struct work *w, serve_settings make, void *user,
                         const struct settings *begun)
{
    for (;;) {
        int signal = sigwaitinfo(set, NULL);
        if (signal == SIGTERM || signal == SIGINT)
            return;
        if (signal == SIGHUP)
            reload(w, make, user, begun);
    }
}

bool work_run(serve_settings make, void *user, GError **error)
{
    sigset_t set;
    g_autoptr(settings) s = make(user, error);
    if (s == NULL || !settings_valid(s, error) || !serve_store_there(s->store, error))
        return false;
    serve_block_signals(&set);
    struct work *w = work_start(s, error);
    if (w == NULL)
        return false;
    log_line("info", "working, %u jobs at once", (unsigned)s->workers.threads);
    notify_manager("READY=1");
    wait_for_end(&set, w, make, user, s);
    notify_manager("STOPPING=1");
    log_line("info", "stopping");
    work_stop(w, STOP_MICROSECONDS);
    return true;
}

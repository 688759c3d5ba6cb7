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
    struct worker_settings settings;
    struct worker *worker;
    struct watch_settings watching;
    struct watch *watch;
};

static void fill(struct worker_settings *to, const struct settings *s)
{
    const int64_t second = G_USEC_PER_SEC;
    *to = (struct worker_settings){
        .store = g_strdup(s->store),
        .advisories = g_strdup(s->advisories),
        .broker = g_strdup(s->broker),
        .frames_kept = (int64_t)s->frames_kept,
        .threads = (unsigned)s->workers.threads,
        .limits = { .per_project = (unsigned)s->workers.per_project,
                    .per_pool = (unsigned)s->workers.per_pool,
                    .attempts = (unsigned)s->workers.attempts,
                    .lease = (int64_t)s->workers.lease_seconds * second,
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
}

static bool start_watch(struct work *w, const struct settings *s, GError **error)
{
    const int64_t second = G_USEC_PER_SEC;
    w->watching = (struct watch_settings){
        .store = w->settings.store,
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
    g_free((char *)w->settings.store);
    g_free((char *)w->settings.advisories);
    g_free((char *)w->settings.broker);
    g_free((char *)w->settings.mail.url);
    g_free((char *)w->settings.mail.from);
    g_free((char *)w->settings.mail.user);
    g_free((char *)w->settings.mail.password_file);
    g_free((char *)w->settings.mail.ca_file);
    json_decref((json_t *)w->settings.snapshots.storage);
    json_decref((json_t *)w->watching.openstack);
    rates_free(w->settings.rates);
    seal_free(w->settings.seal);
    g_free(w);
}

struct work *work_start(const struct settings *s, GError **error)
{
    g_autofree char *key_file = settings_key_file(s);
    g_autoptr(sql) db = store_open(s->store, error);
    struct seal *seal = db != NULL ? seal_open(db, key_file, error) : NULL;
    if (seal == NULL)
        return NULL;
    struct work *w = g_new0(struct work, 1);
    fill(&w->settings, s);
    w->settings.seal = seal;
    w->settings.rates = rates_new(s->limits, error);
    if (w->settings.rates != NULL)
        w->worker = worker_start(&w->settings, job_kinds, worker_duties, error);
    if (w->worker != NULL && start_watch(w, s, error))
        return w;
    if (worker_stop(w->worker, 0))
        work_free(w);
    return NULL;
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

static void wait_for_end(const sigset_t *set)
{
    for (;;) {
        int signal = sigwaitinfo(set, NULL);
        if (signal == SIGTERM || signal == SIGINT)
            return;
        if (signal == SIGHUP)
            log_line("warning", "reload: a worker reads its settings at its start only");
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
    log_line("info", "working, %u jobs at once", w->settings.threads);
    notify_manager("READY=1");
    wait_for_end(&set);
    notify_manager("STOPPING=1");
    log_line("info", "stopping");
    work_stop(w, STOP_MICROSECONDS);
    return true;
}

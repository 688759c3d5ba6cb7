/* Workers: they take jobs from the queue and run them, one a thread.
 *
 * `assay serve` runs some in its own process, `assay worker` only these. A job is run at least
 * once; when its worker stops or dies, another takes it from the start. So a kind's run() first
 * clears away what a run before it may have left. */
#pragma once
#include "queue/queue.h"
#include "snapshot/snapshot.h"

struct rates;

/* The server that sends e-mail; url NULL: none. */
struct worker_mail {
    const char *url, *from, *user, *password_file, *ca_file;
    bool plain; /* smtp:// without TLS */
};

struct worker_settings {
    const char *store;      /* URL */
    const char *advisories; /* path of the database; NULL: the usual one */
    const char *broker;     /* amqp:// URL; NULL: the store is asked for jobs */
    unsigned threads;       /* jobs at once; 0: none, only schedules and sweeps */
    struct queue_limits limits;
    struct seal *seal; /* opens secrets of the store; any thread */
    struct snapshot_settings snapshots;
    uint64_t inspector_memory;  /* bytes; 0: as inspect.h has it */
    unsigned inspector_seconds; /* wall time of one inspection; 0: no limit */
    struct worker_mail mail;
    bool private_webhooks; /* webhooks may be at addresses that are not public */
    unsigned
        snapshot_percent; /* of its time that a disk in use may be under a snapshot, 1 to 100 */
    int64_t frames_kept;  /* of each thing; 0: as usual */
    int64_t events_kept, introspections_kept; /* microseconds; 0: for ever */
    struct rates *rates; /* introspect/rates.h: shared by all jobs of this process */
};

/* One run of a job. */
struct job_run {
    const struct worker_settings *settings;
    struct sql *db; /* this thread's connection */
    const struct job *job;
    /* Whether to go on: false when the job was cancelled or taken away, or the worker stops. Cheap,
     * any thread. A kind asks between steps, and ends with worker_stopped() in *error. */
    bool (*wanted)(const struct job_run *run);
    /* Tells how far it is (JSON), with the next heartbeat. Any thread. */
    void (*progress)(const struct job_run *run, const char *json);
};

/* How run() ended when it did not fail. */
enum job_outcome {
    JOB_FAILED,  /* with *error */
    JOB_DONE,    /* done in the store too: run() called queue_done() with its effects itself */
    JOB_DROPPED, /* no longer this worker's; nothing more to be done */
    JOB_LATER,   /* given back with queue_postpone() */
};

struct job_kind {
    const char *name; /* "introspect" */
    enum job_outcome (*run)(struct job_run *run, GError **error);
    /* The job will not be run (again): it was given up for a reason, or cancelled (NULL). Clears
     * away what runs have left, and says so where people look. Called until it succeeds, by any
     * process; may be called twice. NULL: nothing to do. */
    bool (*abandon)(struct job_run *run, const char *reason, GError **error);
    /* Its jobs mostly wait for others, and are run on so many threads of their own, so that they
     * keep none from those that are the work. One kind alone can have that; 0: as the others. */
    unsigned threads;
};
/* The error of a run() that ended because it was not wanted any more: the job is given back
 * unharmed. Returns false. */
bool worker_stopped(GError **error);
bool worker_is_stopped(const GError *error);
/* What is done now and then by one of all processes at a time: schedules, sweeps, deliveries. */
struct worker_duty {
    const char *name;
    unsigned seconds; /* between two times */
    /* settings as the worker's; not on a job's thread. A failure is logged. */
    bool (*run)(const struct worker_settings *settings, struct sql *db, GError **error);
};
struct worker;
/* Starts threads; the store's schema is brought up to date. kinds and duties are NULL-terminated;
 * all that is given must live as long as the worker. */
struct worker *worker_start(const struct worker_settings *settings,
                            const struct job_kind *const *kinds,
                            const struct worker_duty *const *duties, GError **error);
/* Other settings, for what is begun from now on; the ones before have to live as long as the
 * worker, too. Store, broker, threads, seal and lease are to be the same. One thread at a time. */
void worker_renew(struct worker *w, const struct worker_settings *settings);
/* There may be new jobs: looks at once. (Without this, once a second, or when the broker says so.)
 * Any thread; accepts NULL. */
void worker_wake(struct worker *w);
/* Takes no new jobs and has running ones stop, without waiting for that; worker_stop() has to
 * follow. Accepts NULL. */
void worker_leave(struct worker *w);
/* As worker_leave(), and gives the jobs back; done within microseconds, or what still runs is left
 * to those who find that this process has ended: then false, and the settings are still in use.
 * Accepts NULL. */
bool worker_stop(struct worker *w, int64_t microseconds);

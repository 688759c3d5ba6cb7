/* What the threads of a worker share. Internal to the module. */
#pragma once
#include "queue/feed.h"
#include "queue/upkeep.h"
#include "worker/connection.h"
#include "worker/worker.h"

/* A job being run; freed with its last reference (running_unref()). */
struct running {
    struct job_run run; /* first: kinds are given its address */
    struct worker *worker;
    gint unwanted;  /* atomic */
    char *progress; /* for the next heartbeat; under the worker's lock; NULL */
};

/* Threads that take jobs of one part of the queue. */
struct pool {
    struct queue_part part;
    struct feed *feed;
};

struct worker {
    const struct worker_settings *settings; /* atomic: worker_settings_now() */
    const struct job_kind *const *kinds;
    const struct worker_duty *const *duties;
    char *name; /* process_name() */
    GPtrArray *threads;
    GThread *keeper;
    struct pool jobs, aside; /* aside.feed NULL: no kind has threads of its own */
    GMutex lock;             /* of what follows */
    GCond changed;
    gint stopping;   /* atomic: read without the lock, too */
    unsigned active; /* threads of `threads` that have not ended */
    bool finished;   /* none is active any more, and the keeper is to end */
    GPtrArray *running;
};

/* What holds for what is begun now. */
const struct worker_settings *worker_settings_now(struct worker *w);
/* Waits so long; false at once when the worker stops. */
bool worker_pause(struct worker *w, int64_t microseconds);

/* Runs one job that this worker has taken, and tells the queue how it ended. */
void worker_run(struct worker *w, struct connection *c, struct job *j);
/* Clears away after a job that will not be run again. */
bool worker_abandon(struct worker *w, struct sql *db, const struct queue_leftover *l,
                    GError **error);
struct running *running_ref(struct running *r);
void running_unref(struct running *r);

/* Threads: heartbeats, cancellations, the jobs of processes that died; duties. */
gpointer worker_keep(gpointer worker);
gpointer worker_do_duties(gpointer worker);
/* The rows of duties, so that one process can claim them. */
bool worker_register_duties(struct worker *w, struct sql *db, GError **error);

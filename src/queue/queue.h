/* Jobs: durable work, run at least once, by whichever worker takes it first.
 *
 * A worker holds a job by a lease, which heartbeats prolong; a job whose lease has run out goes
 * back to the queue. What a job does must therefore bear being done twice. Among those waiting, a
 * higher priority goes first, then the project with the fewest jobs running, then the oldest.
 * Of jobs that must not run beside each other (`alone`) none is taken while one runs; that ends with
 * the job, or when it goes back to the queue, as a dead worker's does. */
#pragma once
#include "store/store.h"

struct job {
    char *id, *kind, *project, *pool, *payload; /* payload: JSON */
    char *worker;                               /* who holds it */
    unsigned attempt;                           /* 1 for the first run */
    unsigned extra_attempts;                    /* as in its options */
};
typedef struct job job;
void job_free(struct job *j);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(job, job_free)

#define JOB_PRIORITY_SCHEDULED   0
#define JOB_PRIORITY_INTERACTIVE 10

struct job_options {
    int64_t priority;
    int64_t due;      /* not before, Unix microseconds; 0: now */
    const char *pool; /* NULL: none */
    const char *alone; /* of jobs with the same, one runs at a time; NULL: any number */
    /* Beyond those of the limits: for what others may take hours to mend. */
    unsigned extra_attempts;
};
/* Puts a job into the queue; in a transaction of the caller's it is there when that ends. Returns
 * its id; g_free(). */
char *queue_add(struct sql *db, const char *kind, const char *project, const char *payload,
                const struct job_options *options, GError **error);

struct queue_limits {
    unsigned per_project, per_pool; /* running at once; 0: no limit */
    unsigned attempts;              /* runs before a job is given up */
    int64_t lease;                  /* microseconds */
    int64_t backoff;                /* before the second run; doubles each time, at most an hour */
};
/* A part of the queue: jobs of one kind, or all others. A project's limit counts the jobs of each part
 * by themselves. */
struct queue_part {
    const char *kind; /* "": all jobs */
    bool others;      /* all but these */
};
extern const struct queue_part queue_whole;
/* Takes the next job of the part for this worker; NULL without *error when there is none. */
struct job *queue_take(struct sql *db, const char *worker, const struct queue_limits *limits,
                       const struct queue_part *part, GError **error);
/* Prolongs the lease; progress (JSON) may be NULL. *mine false: the job was taken away or is
 * cancelled, and must be dropped. */
bool queue_heartbeat(struct sql *db, const struct job *j, const struct queue_limits *limits,
                     const char *progress, bool *mine, GError **error);
/* Ends a job that this worker holds, once: *mine false when it no longer does. Effects that belong
 * to the end of a job are made in body, in the same transaction; body may be NULL. */
bool queue_done(struct sql *db, const struct job *j, const char *result, sql_body body, void *user,
                bool *mine, GError **error);
/* Whether a failure of this run ends the job. */
bool queue_last_run(const struct job *j, const struct queue_limits *limits);
/* The run failed: again later, or dead after the last attempt, or at once if not worth repeating.
 */
bool queue_failed(struct sql *db, const struct job *j, const struct queue_limits *limits,
                  const char *reason, bool repeat, GError **error);
/* Whether this worker still holds the job, cancelled or not; in the transaction of what must not be
 * done otherwise. */
bool queue_holds(struct sql *db, const struct job *j, bool *holds, GError **error);
/* Gives a job back unharmed: the worker is stopping. Does not count as a run. */
bool queue_return(struct sql *db, const struct job *j, GError **error);
/* Gives a job back, to be run not before that moment (Unix microseconds). Does not count as a run.
 * *mine false: it was no longer this worker's. */
bool queue_postpone(struct sql *db, const struct job *j, int64_t due, bool *mine, GError **error);
/* A waiting job ends at once (*ended); a running one when its worker hears of it. In a transaction of
 * the caller's. False with ASSAY_ERROR_NOT_FOUND when there is no unfinished job of that id. */
bool queue_cancel(struct sql *db, const char *id, bool *ended, GError **error);
/* Somebody wants a waiting job sooner: with at least this priority, and without waiting for its
 * time after a failure. Does nothing to one that is not waiting. */
bool queue_urge(struct sql *db, const char *id, int64_t priority, GError **error);
/* Jobs whose lease has run out go back, or are given up; *count says how many. */
bool queue_recover(struct sql *db, const struct queue_limits *limits, uint64_t *count,
                   GError **error);
/* Whether a job of the kind waits or runs. */
bool queue_pending(struct sql *db, const char *kind, bool *pending, GError **error);

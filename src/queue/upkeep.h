/* What workers do for the queue beside taking jobs: giving back the jobs of those that have died,
 * clearing away after jobs that will not be run again, counting, forgetting. */
#pragma once
#include "queue/queue.h"

/* Whether any job of the part waits whose time has come; it may still be kept back by a limit. */
bool queue_ready(struct sql *db, const struct queue_part *part, bool *ready, GError **error);
/* Identifiers of jobs that this worker runs and that are to be cancelled. */
GPtrArray *queue_cancelling(struct sql *db, const char *worker, GError **error);
/* Names of workers that hold jobs or duties and begin with prefix. */
GPtrArray *queue_workers(struct sql *db, const char *prefix, GError **error);
/* A worker has died: its jobs go back at once, or are given up, as by queue_recover(); its duties
 * are free. */
bool queue_release(struct sql *db, const char *worker, const struct queue_limits *limits,
                   uint64_t *count, GError **error);

/* A job that will not be run again, and what its runs may have left. */
struct queue_leftover {
    struct job *job;
    char *reason; /* of its end */
    bool cancelled;
    int64_t finished; /* Unix microseconds */
};
typedef struct queue_leftover queue_leftover;
void queue_leftover_free(struct queue_leftover *l);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(queue_leftover, queue_leftover_free)
/* At most so many of them that may be tried now, what has waited longest first; id NULL: any, else
 * that job, if it is one. */
GPtrArray *queue_leftovers(struct sql *db, const char *id, int64_t limit, GError **error);
/* It could not be cleared away: it is not tried again for ten seconds, or as long as that has
 * lasted already, at most an hour. */
bool queue_clear_later(struct sql *db, const struct queue_leftover *l, GError **error);
/* All has been cleared away. */
bool queue_cleared(struct sql *db, const char *id, GError **error);

/* Forgets jobs that ended longer ago than so many microseconds and are cleared. */
bool queue_expire(struct sql *db, int64_t age, GError **error);

/* What is in the queue now; for "how many workers are needed". */
struct queue_count {
    char *kind, *state;
    int64_t jobs;
    int64_t oldest; /* microseconds that the first of those queued has been waiting since its time;
                       0 for other states */
};
typedef struct queue_count queue_count;
void queue_count_free(struct queue_count *c);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(queue_count, queue_count_free)
GPtrArray *queue_counts(struct sql *db, GError **error);

/* Deliveries: one event on its way to one notification. It is written in the transaction of the
 * event (event_add()), so each event has at most one for a notification, and none is lost; then it
 * gets a job, which runs until the receiver has taken it or is given up. */
#pragma once
#include "store/store.h"

struct delivery {
    char *id, *project, *notification; /* identifiers */
    char *event;                       /* identifier of the event; of a trial: its own */
    char *kind, *data;                 /* of the event */
    int64_t time;                      /* of the event, Unix microseconds */
    char *job;                         /* NULL for a new one */
    char *state;                       /* "new", "waiting", "delivered", "dead" */
    int64_t attempts;
    int64_t status;            /* that the receiver answered last; 0: none */
    char *reason;              /* of the last failure; NULL */
    int64_t created, finished; /* finished 0: not yet */
};
typedef struct delivery delivery;
void delivery_free(struct delivery *d);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(delivery, delivery_free)

/* All of these in a transaction of the caller's. */

/* Of each event (struct event), one for every enabled notification of its project that wants events
 * of that kind. */
bool delivery_add_for_events(struct sql *db, const GPtrArray *events, GError **error);
/* One whatever the notification wants, to try it; its identifier, g_free(). */
char *delivery_add_trial(struct sql *db, const char *project, const char *notification,
                         const char *data, GError **error);
/* Those that have no job yet, the oldest first. */
GPtrArray *delivery_list_new(struct sql *db, int64_t limit, GError **error);
/* From "new" to "waiting", with its job. *mine false: somebody else did. */
bool delivery_set_job(struct sql *db, const char *id, const char *job, bool *mine, GError **error);
/* Nobody wanted it after all. */
bool delivery_drop(struct sql *db, const char *id, GError **error);

/* By identifier; NULL with ASSAY_ERROR_NOT_FOUND. notification NULL: of any. */
struct delivery *delivery_find(struct sql *db, const char *notification, const char *id,
                               GError **error);
/* Newest first. */
GPtrArray *delivery_list(struct sql *db, const char *notification, const struct store_page *page,
                         GError **error);
/* How a run of its job ended. */
struct delivery_run {
    const char *id, *job;
    int64_t attempt, status; /* status: that the receiver answered; 0: none */
};
/* Another run may follow. Nothing happens when it has another job by now; so below. */
bool delivery_failed(struct sql *db, const struct delivery_run *run, const char *reason,
                     GError **error);
bool delivery_delivered(struct sql *db, const struct delivery_run *run, GError **error);
/* There will be no other run; reason NULL: that of the last failure. */
bool delivery_dead(struct sql *db, const char *id, const char *job, const char *reason,
                   GError **error);
/* A dead or delivered one goes again. STORE_ERROR_IN_USE when it is still on its way. */
bool delivery_again(struct sql *db, const char *id, GError **error);
/* Ended ones that are older than so many microseconds. */
bool delivery_expire(struct sql *db, int64_t age, GError **error);

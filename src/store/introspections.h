/* Introspections: one row for each time that a node or image was, or is to be, examined. */
#pragma once
#include "store/things.h"

enum introspection_state {
    INTROSPECTION_QUEUED,
    INTROSPECTION_RUNNING,
    INTROSPECTION_DONE,
    INTROSPECTION_FAILED,
    INTROSPECTION_CANCELLED,
    INTROSPECTION_STATE_COUNT
};
const char *introspection_state_name(enum introspection_state state);

struct introspection {
    char *id, *project;
    enum thing_kind kind;
    char *thing, *thing_name; /* identifier and name of the node or image */
    char *job;                /* identifier in the queue */
    enum introspection_state state;
    bool deep, fresh;
    char *requested_by; /* a user's name, "schedule", "event:..." */
    int64_t created, started, finished; /* Unix microseconds; 0: not yet */
    char *step;    /* that is being done; "" none */
    char *steps;   /* JSON array of {"step", "microseconds"}, those that are done */
    char *handles; /* JSON array of snapshot handles that may still exist; "[]": nothing is left */
    char *reason;  /* why it failed; NULL */
    char *frame;   /* identifier of the frame that it made or that still holds; NULL */
    bool reused;   /* the disk had not changed: the frame is of an introspection before it */
    int64_t bytes_read;
    char *coverage; /* "complete", "incomplete"; NULL before the end */
    char *summary;  /* JSON: counts as in the node's report; NULL */
    char *changes;  /* JSON: findings and packages that are new or gone since the last one; NULL */
};
typedef struct introspection introspection;
void introspection_free(struct introspection *i);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(introspection, introspection_free)

struct introspection_wish {
    enum thing_kind kind;
    const struct thing *thing;
    bool deep, fresh;
    const char *requested_by;
    int64_t priority; /* JOB_PRIORITY_... */
};

/* By identifier; NULL with ASSAY_ERROR_NOT_FOUND, also when the caller may not see it. */
struct introspection *introspection_find(struct sql *db, const struct caller *caller,
                                         const char *id, GError **error);
/* Newest first (page->after: the last identifier of the page before): of a thing, else of a project,
 * else (NULL) all. */
GPtrArray *introspection_list(struct sql *db, const struct caller *caller, const char *project,
                              const char *thing, const struct store_page *page, GError **error);

/* The last one of each of the things (identifiers) that had any: thing -> struct introspection. */
GHashTable *introspection_last_of(struct sql *db, const char *const *things, size_t count,
                                  GError **error);

/* --- what a request and its runs write ---------------------------------------------------------
 * In transactions of the caller's, who makes sure that the run still holds its job. */

/* The identifier of one that is waiting with the same wishes, and is not being cancelled, *job that of
 * its job; NULL without *error when there is none. g_free() both. */
char *introspection_waiting(struct sql *db, const struct introspection_wish *wish, char **job,
                            GError **error);
/* A new one, queued; g_free(). */
char *introspection_add(struct sql *db, const struct introspection_wish *wish, GError **error);
bool introspection_set_job(struct sql *db, const char *id, const char *job, GError **error);
/* Writes state, times, step, steps, handles, reason, frame and what is known at the end, as they
 * are in the struct. ASSAY_ERROR_NOT_FOUND when it is gone, with its project. */
bool introspection_save(struct sql *db, const struct introspection *i, GError **error);
/* Only the handles, unless they are others by now than they were: then somebody has more to be
 * dropped, and nothing is done. */
bool introspection_set_handles(struct sql *db, const char *id, const char *before,
                               const char *handles, GError **error);
/* Those of the states done, failed and cancelled whose handles have not been dropped and may be tried
 * now, at most so many, what has waited longest first. */
GPtrArray *introspection_left(struct sql *db, int64_t limit, GError **error);
/* Its handles are not tried before that moment (Unix microseconds). */
bool introspection_drop_later(struct sql *db, const char *id, int64_t due, GError **error);
/* Forgets some, at most so many, of those behind the identifier *after that ended more than so many
 * microseconds ago; *after becomes the last of them (g_free()), *left says whether there may be more.
 * Never the last that ended of a node or image that is there, one that made a frame which is kept,
 * or one of which a snapshot may be left. */
bool introspection_expire(struct sql *db, int64_t age, int64_t limit, char **after, bool *left,
                          GError **error);

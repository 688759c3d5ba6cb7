/* The course of one introspection while its job is being run: what is examined and how, and the
 * row in the store, which is told of each step before it is begun. Internal to the module. */
#pragma once
#include <jansson.h>

#include "introspect/introspect.h"
#include "introspect/rates.h"
#include "snapshot/snapshot.h"
#include "store/projects.h"

/* How a thing's storage is reached. */
struct reach {
    json_t *options; /* of the thing: an object */
    char *secret;    /* of the credential that it names */
    struct snapshot_options snapshot;
};
/* reach_done() in any case. */
bool reach_init(struct reach *r, const struct worker_settings *settings, struct sql *db,
                const struct thing *thing, GError **error);
void reach_done(struct reach *r);

struct course {
    struct job_run *run;
    struct introspection *row; /* as it is in the store */
    struct project *project;
    struct thing *thing;
    struct reach reach;
    GPtrArray *places;  /* char *: locations of its disks */
    int64_t step_begun; /* monotonic microseconds; 0: none */
    struct rate own_limit, pool_limit;
    struct throttle *rate; /* its own, which also counts what is read */
    int64_t reading_began; /* Unix microseconds; 0: nothing is to be charged */
    int64_t hold_begun; /* when making a snapshot began, monotonic microseconds; 0: none is held */
    int64_t held;       /* microseconds for which one was */
};
typedef struct course course;

/* Reads what the job is about; checks that the project may examine it, and that its disks can be.
 */
struct course *course_new(struct job_run *run, GError **error);
void course_free(struct course *c);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(course, course_free)

/* The next step: the one before has ended. Saved, with an event. False with worker_stopped() when
 * it is not wanted any more. */
bool course_step(struct course *c, const char *step, GError **error);
/* The last step has ended: it goes into the row's list. */
void course_end_step(struct course *c);
/* Saves the row if this run still holds its job, else worker_stopped(). event: "started"...; NULL:
 * none. */
bool course_save(struct course *c, const char *event, GError **error);

/* Handles are a JSON array of objects in the row, each with the name of the thing's credential as
 * its "credential". handles NULL: none. */
void course_set_handles(struct course *c, const GPtrArray *handles);
/* For handles of somebody else's run, before they are dropped: has them dropped again later, since
 * that run may not have ended. */
bool course_drop_later(struct sql *db, const struct introspection *row, GError **error);
/* Drops the snapshots of all handles of a row, with the credentials that made them; those that
 * could not be dropped stay in it, and, as SNAPSHOT_COMPARED, those for course_keep(). *changed
 * says whether any was, so that the row has to be saved. The first failure is the error. */
bool course_drop(const struct worker_settings *settings, struct sql *db, struct introspection *row,
                 enum snapshot_use use, bool *changed, GError **error);
/* Has the snapshots stay in the storage that are to be compared with, and takes them out of the
 * row: right before what was read of them is kept. */
bool course_keep(struct course *c, GError **error);
/* The locations of a thing's disks, owned strings. */
GPtrArray *course_places(const struct thing *t, GError **error);

/* What reading a disk of it loads, by the driver's name for it; NULL: not known. g_free() */
char *course_pool(const struct course *c, const char *place);

/* The job's kind: one run, and giving it up. */
enum job_outcome introspect_run(struct job_run *run, GError **error);
bool introspect_abandon(struct job_run *run, const char *reason, GError **error);

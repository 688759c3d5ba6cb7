/* Introspection: a node's or image's disk, from its location to the findings in the store.
 *
 * Steps: snapshot, open, inspect, drop, keep the frame, match, report. Handles of snapshots are in
 * the introspection's row before anything is made, and taken out of it after everything is dropped.
 */
#pragma once
#include "store/introspections.h"
#include "worker/worker.h"

extern const struct job_kind introspect_job;
/* Drops what could not be dropped when an introspection ended. */
extern const struct worker_duty introspect_sweep;
/* Forgets events and introspections that are older than the settings say. */
extern const struct worker_duty introspect_history;
/* Asks for introspections of what is due by its schedule. */
extern const struct worker_duty introspect_schedules;

/* Whether things of its kind are examined: ASSAY_ERROR_UNSUPPORTED says why not. */
bool introspect_possible(enum thing_kind kind, const struct thing *t, GError **error);
/* Asks for an introspection: row, job and event, in a transaction of the caller's. Returns the
 * introspection's identifier; g_free(). When one is already waiting for the same thing (with the
 * same wishes), its identifier. Those of a thing are run one after the other.
 * ASSAY_ERROR_UNSUPPORTED as introspect_possible(). */
char *introspect_request(struct sql *db, const struct introspection_wish *wish, GError **error);
/* Before a thing is deleted, in a transaction of the caller's: has dropped what stays in the
 * storage for its last frame to be compared with. */
bool introspect_forget(struct sql *db, const struct thing *t, GError **error);
/* In a transaction of the caller's. One whose job a worker has ends when that hears of it.
 * ASSAY_ERROR_NOT_FOUND when it is not unfinished. */
bool introspect_cancel(struct sql *db, const struct introspection *i, GError **error);

/* Judging again what is known of all things when the advisories have changed, without their disks.
 */
#pragma once
#include "worker/worker.h"

extern const struct job_kind rejudge_job;
/* Notices other advisories and puts the job into the queue. */
extern const struct worker_duty rejudge_duty;
/* Counts vulnerabilities for vulnerability_list(). */
extern const struct worker_duty facts_duty;
/* Removes what nothing needs any more. */
extern const struct worker_duty facts_sweep_duty;

/* What the job does, at once. advisories: path of the database, NULL: the usual one. */
bool rejudge_now(struct sql *db, const char *advisories, GError **error);

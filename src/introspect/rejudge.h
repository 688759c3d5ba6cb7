/* Judging again what is known of all things when the advisories have changed, without their disks.
 */
#pragma once
#include "worker/worker.h"

extern const struct job_kind rejudge_job;
/* Notices other advisories and puts the job into the queue. */
extern const struct worker_duty rejudge_duty;
/* Counts vulnerabilities (vulnerability_list()), and removes what nothing needs any more. */
extern const struct worker_duty facts_duty;

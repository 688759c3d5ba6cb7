#include "server/jobs.h"

#include "deliver/deliver.h"
#include "introspect/introspect.h"
#include "introspect/rejudge.h"

const struct job_kind *const job_kinds[] = {
    &deliver_job,
    &introspect_job,
    &rejudge_job,
    NULL,
};

const struct worker_duty *const worker_duties[] = {
    &facts_duty,
    &facts_sweep_duty,
    &deliver_expire,
    &deliver_new,
    &introspect_history,
    &introspect_schedules,
    &introspect_sweep,
    &rejudge_duty,
    NULL,
};

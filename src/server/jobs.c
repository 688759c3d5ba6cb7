#include "server/jobs.h"

#include "introspect/introspect.h"

const struct job_kind *const job_kinds[] = {
    &introspect_job,
    NULL,
};

const struct worker_duty *const worker_duties[] = {
    &introspect_schedules,
    &introspect_sweep,
    NULL,
};

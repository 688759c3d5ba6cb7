#include "server/jobs.h"

const struct job_kind *const job_kinds[] = {
    NULL,
};

const struct worker_duty *const worker_duties[] = {
    NULL,
};

/* What workers do in this program: kinds of jobs, and duties. `assay serve` and `assay worker` give
 * both to worker_start(). A new one is one line in jobs.c. */
#pragma once
#include "worker/worker.h"

/* NULL-terminated. */
extern const struct job_kind *const job_kinds[];
extern const struct worker_duty *const worker_duties[];

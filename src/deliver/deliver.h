/* Notifications on their way: what happened (store/events.h) goes to those who want to be told
 * (store/notifications.h), by webhook or e-mail.
 *
 * A delivery gets its job from deliver_new, within seconds of the event; the job is run until the
 * receiver has taken it. A run may be repeated though it had succeeded (its worker was killed), so
 * receivers know a delivery by its identifier. docs/service.md has what they get. */
#pragma once
#include "worker/worker.h"

extern const struct job_kind deliver_job;
/* Gives new deliveries their jobs; forgets old ones. */
extern const struct worker_duty deliver_new, deliver_expire;

/* Events of introspections, "introspection.queued" and so on. */
#pragma once
#include "store/events.h"
#include "store/introspections.h"

/* The kind of its jobs. */
#define introspect_job_name "introspect"

/* what: "queued", "started", "step", "finished", "failed", "cancelled". In the transaction of what
 * it tells of. */
bool introspect_tell(struct sql *db, const struct introspection *i, const char *what,
                     GError **error);

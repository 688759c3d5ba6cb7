/* The workers of a service, from settings: beside REST in `assay serve`, alone in `assay worker`.
 */
#pragma once
#include "server/serve.h"
#include "worker/worker.h"

struct work;
/* Copies what it needs of the settings. */
struct work *work_start(const struct settings *s, GError **error);
struct worker *work_worker(struct work *w);
/* For its counts. */
struct watch *work_watch(struct work *w);
/* Takes what may change from settings that are valid; the rest is of begun, those of the start. */
void work_renew(struct work *w, const struct settings *begun, const struct settings *s);
/* As worker_stop(). Accepts NULL. */
void work_stop(struct work *w, int64_t microseconds);

/* The whole of `assay worker`: until SIGTERM or SIGINT, and 10 seconds at most after it. */
bool work_run(serve_settings make, void *user, GError **error);

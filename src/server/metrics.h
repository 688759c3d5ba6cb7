/* Counters of the service, in Prometheus' text format. */
#pragma once
#include <glib.h>
#include <stdint.h>

struct metrics;
struct metrics *metrics_new(void);
void metrics_free(struct metrics *m);
/* A request was answered; route (a pattern, not the path: there are few) and method are static. */
void metrics_count(struct metrics *m, const char *route, const char *method, unsigned status,
                   int64_t microseconds);
void metrics_write(struct metrics *m, GString *out);

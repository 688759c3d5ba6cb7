/* The service's log: one JSON object a line on standard error. Never a secret: no headers, bodies,
 * queries. */
#pragma once
#include <glib.h>
#include <stdint.h>

/* level: "info", "warning", "error". */
void log_line(const char *level, const char *format, ...) G_GNUC_PRINTF(2, 3);

struct log_request {
    const char *id, *method, *path, *route, *remote, *user; /* NULL: left out */
    const char *reason; /* of a failure that the client is not told; NULL */
    unsigned status;
    uint64_t bytes;
    int64_t microseconds;
};
void log_request(const struct log_request *r);

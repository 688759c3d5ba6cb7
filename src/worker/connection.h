/* A thread's connection to the store, which is opened again after it was lost. */
#pragma once
#include "store/sql.h"

struct connection {
    const char *url;
    struct sql *db;
    bool failed; /* the last try; what it said is in the log */
};

/* NULL when the store does not answer. The first of several failures is logged, and their end. */
struct sql *connection_get(struct connection *c);
/* A statement has failed: the connection is closed when that was lost. Logs what was being done,
 * unless the store had failed before. Frees failure. */
void connection_failed(struct connection *c, const char *doing, GError *failure);
void connection_close(struct connection *c);

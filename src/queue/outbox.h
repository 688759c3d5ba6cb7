/* Which waiting jobs a broker was not told of yet. The job's own row says so, so that it is written
 * in the transaction that makes the job, or that gives it back to the queue.
 *
 * Telling is done at least once: a claim that nobody confirms is forgotten after a while. */
#pragma once
#include "queue/queue.h"

/* Jobs that are due and were not told of; claimed for the caller. Identifiers; an empty array when
 * there are none. */
GPtrArray *outbox_claim(struct sql *db, int64_t limit, GError **error);
/* The broker has confirmed those that were claimed (told), or they are to be claimed again. */
bool outbox_settle(struct sql *db, const GPtrArray *ids, bool told, GError **error);
/* Jobs that were told of long enough ago, and could be taken now: messages were lost, or came while
 * limits held the jobs back. */
GPtrArray *outbox_overdue(struct sql *db, const struct queue_limits *limits, int64_t age,
                          int64_t limit, GError **error);

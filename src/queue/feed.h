/* What tells a worker's threads that there may be a job to take.
 *
 * Without a broker somebody has to ask the store now and then. With one, the queue "assay.jobs"
 * holds a message for each job that can be taken. A relay in each process publishes them from the
 * store (queue/outbox.h), and a consumer gives them to waiting threads. A message names no job that
 * has to be run: who gets one takes what queue_take() says, as long as that finds something, so
 * order, fairness and limits are the store's alone. It is settled after that; when the process dies
 * before, another gets it. Messages that were lost, or came while limits held their jobs back, are
 * published again. While the broker cannot be reached, threads ask the store, less often.
 *
 *     struct feed_ticket t = { 0 };
 *     while (feed_wait(feed, &t))
 *         while ((job = queue_take(...)) != NULL)
 *             ... run it ... */
#pragma once
#include "queue/queue.h"

struct feed_options {
    const char *store;  /* URL */
    const char *broker; /* URL; NULL: none */
    unsigned threads;   /* that wait; 0: it only relays */
    const struct queue_limits *limits;
};

struct feed;
/* All that is given must live as long as the feed. Does not wait for the broker. */
struct feed *feed_start(const struct feed_options *o, GError **error);

struct feed_ticket { /* one a thread; zero at first */
    uint64_t tag;
    unsigned connection;
};
/* Blocks until there may be a job: at first (without the broker), after feed_wake(), or by a
 * message. False once the feed was stopped. Settles the message of the call before. */
bool feed_wait(struct feed *f, struct feed_ticket *t);
/* Other limits, which have to live as long as the feed, too. Any thread. */
void feed_renew(struct feed *f, const struct queue_limits *limits);
/* There may be new jobs. With the broker, they are told of at once; without, all threads look. Any
 * thread. */
void feed_wake(struct feed *f);
/* Whether the broker brings jobs: then there is no need to ask the store. */
bool feed_connected(struct feed *f);
/* Ends all waiting, now and later; any thread. */
void feed_stop(struct feed *f);
/* Stops, and waits for its own threads. No thread waits any more. Accepts NULL. */
void feed_free(struct feed *f);

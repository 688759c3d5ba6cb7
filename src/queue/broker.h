/* A message broker: one connection, for one thread at a time.
 *
 * The store holds the jobs. A broker only tells workers that there is one (queue/feed.h), and
 * brings messages of other systems. So losing one costs time, never a job.
 *
 *     g_autoptr(broker) b = broker_open("amqp://user:secret@host/vhost", &error);
 *     if (b != NULL && broker_declare(b, &queue, NULL, &error) &&
 *         broker_consume(b, queue.name, 4, &error))
 *         while (broker_next(b, -1, G_USEC_PER_SEC, &message, &error)) ... broker_settle(...) */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct broker_queue {
    const char *name;
    /* Made when it is not there: durable, replicated. Else it must be there. */
    bool make;
    const char *exchange, *topic; /* that it is bound to; NULL: it is not. Both or none */
};

struct broker_message {
    uint64_t tag;     /* for broker_settle(); 0: nothing came */
    GBytes *body;     /* NULL when it is larger than LIMIT_BROKER_MESSAGE */
    char *id;         /* that its sender gave it; NULL */
    bool redelivered; /* it was given to somebody before, who did not settle it */
};
void broker_message_clear(struct broker_message *m);

enum broker_end {
    BROKER_DONE,    /* it is not needed any more */
    BROKER_AGAIN,   /* it is to be delivered again, to anybody */
    BROKER_REFUSED, /* it makes no sense: dead-lettered where the queue has a place for that */
};

struct broker {
    const struct broker_driver *drv; /* first member of the driver's own struct */
};
typedef struct broker broker;

struct broker_driver {
    const char *name;           /* "amqp" */
    const char *description;    /* one line, for people */
    const char *const *schemes; /* of URLs; NULL-terminated */
    bool built;                 /* false: open() fails since its library was left out */
    /* Each as the function broker_...() of the same name; none may be NULL. */
    bool (*check)(const char *url, GError **error);
    struct broker *(*open)(const char *url, GError **error);
    bool (*declare)(struct broker *b, const struct broker_queue *q, uint64_t *waiting,
                    GError **error);
    bool (*publish)(struct broker *b, const char *queue, const char *const *bodies, size_t count,
                    GError **error);
    bool (*consume)(struct broker *b, const char *queue, unsigned prefetch, GError **error);
    bool (*next)(struct broker *b, int wake, int64_t microseconds, struct broker_message *m,
                 GError **error);
    bool (*settle)(struct broker *b, uint64_t tag, enum broker_end end, GError **error);
    void (*close)(struct broker *b);
};
/* NULL-terminated. */
extern const struct broker_driver *const broker_drivers[];
extern const struct broker_driver broker_amqp;

/* Whether a URL is well-formed and its kind is built in; connects to nothing. Messages do not
 * repeat what it holds. */
bool broker_check(const char *url, GError **error);
/* Connects, within some seconds. Messages name host and port, never user and password. */
struct broker *broker_open(const char *url, GError **error);
/* *waiting (may be NULL): messages that nobody was given yet. */
bool broker_declare(struct broker *b, const struct broker_queue *q, uint64_t *waiting,
                    GError **error);
/* Returns when the broker has confirmed that it keeps all of them; on failure it may keep some, and
 * the connection is of no use any more. */
bool broker_publish(struct broker *b, const char *queue, const char *const *bodies, size_t count,
                    GError **error);
/* At most prefetch messages are given out and not settled yet. Once for a connection. */
bool broker_consume(struct broker *b, const char *queue, unsigned prefetch, GError **error);
/* Waits for a message, for so many microseconds, or until the descriptor wake (-1: none) can be
 * read. m->tag 0: none came. False: the connection is of no use any more. Has to be called every
 * few seconds also by one who expects nothing, for the heartbeats. */
bool broker_next(struct broker *b, int wake, int64_t microseconds, struct broker_message *m,
                 GError **error);
bool broker_settle(struct broker *b, uint64_t tag, enum broker_end end, GError **error);
/* Accepts NULL. What was not settled is delivered again. */
void broker_close(struct broker *b);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(broker, broker_close)

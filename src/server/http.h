/* HTTP: requests in, responses out, many at once. The only user of libmicrohttpd.
 *
 * A pool of threads polls and calls the handler; a handler may block for as long as a statement of
 * the store takes. Bodies are read whole, up to a limit, before the handler is called. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct http_request {
    const char *method, *path; /* path: percent-decoded */
    const char *remote;        /* address of the client, or what a trusted proxy says it is */
    bool secure;               /* over TLS, here or at the proxy */
    GBytes *body;              /* never NULL */
    bool too_large;            /* the body was longer than LIMIT_HTTP_BODY and is not there */
    bool waited;               /* this is what a pause ended with, struct http_pause */
    GHashTable *headers;       /* names in lower case -> value; the first of each name */
    GHashTable *query;         /* decoded */
};
/* NULL when it is not there. */
const char *http_header(const struct http_request *r, const char *lower_name);
const char *http_query(const struct http_request *r, const char *name);

struct http_waiter;
/* A body that comes in pieces, for as long as the client listens. */
struct http_stream {
    /* Before the first read: what to wake when there is something to read. */
    void (*begun)(void *user, struct http_waiter *waiter);
    /* Bytes written to buf; 0: nothing for now, http_wake() will tell; -1: the end. */
    ssize_t (*read)(void *user, char *buf, size_t max);
    /* The client is gone, or the end was reached. After it nobody may call http_wake(). */
    void (*done)(void *user);
    void *user;
};
/* An answer that is to be given later, while no thread waits: after http_wake() the handler is
 * called again, with a GET of path, the headers that came, and `waited`; then it may not pause. */
struct http_pause {
    void (*begun)(void *user, struct http_waiter *waiter);
    /* It is over. After it nobody may call http_wake(). */
    void (*done)(void *user);
    void *user;
    char *path; /* taken over */
};

struct http_response {
    unsigned status;
    GPtrArray *headers;               /* name, value, name, value...; owned */
    GString *body;                    /* owned */
    const struct http_stream *stream; /* instead of body, copied; NULL */
    const struct http_pause *pause;   /* instead of all that, copied; NULL */
};
void http_response_init(struct http_response *r);
void http_response_done(struct http_response *r);
/* As after init: for a handler that begins anew. */
void http_response_clear(struct http_response *r);
void http_set_header(struct http_response *r, const char *name, const char *value);

/* Called by several threads at once. */
typedef void (*http_handler)(const struct http_request *request, struct http_response *response,
                             void *user);

struct http_options {
    const char *listen;            /* "ADDRESS:PORT", "[ADDRESS]:PORT"; port 0: any free */
    const char *certificate, *key; /* PEM texts; NULL: no TLS */
    const char *const *proxies;    /* addresses whose X-Forwarded-For is believed; NULL */
    unsigned threads;
    http_handler handler;
    void *user;
};
struct http_server;
/* Whether text can be options.listen. */
bool http_listen_valid(const char *text, GError **error);
/* inherit (may be NULL) is a server whose listening socket goes on being used: it is quiesced. */
struct http_server *http_start(const struct http_options *options, struct http_server *inherit,
                               GError **error);
/* "127.0.0.1:8080", with the port that was taken. */
const char *http_address(const struct http_server *s);
/* Lets no new request in, waits for those that are running for at most so long, ends. Streams and
 * pauses are ended. Accepts NULL. */
void http_stop(struct http_server *s, int64_t microseconds);

/* Something can be read again, or the pause is over; any thread. */
void http_wake(struct http_waiter *w);

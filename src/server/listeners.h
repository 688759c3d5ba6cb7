/* Those who listen for events. One thread asks the store for all of them, while there are any.
 *
 * Identifiers of events sort by the time of their making, but transactions end in another order,
 * and clocks of hosts differ: an event can appear behind younger ones. So each look goes back some
 * seconds, now and then a minute, and what has been seen is remembered. */
#pragma once
#include "server/http.h"
#include "store/events.h"
#include "store/tokens.h"

struct listeners;
typedef struct listeners listeners;
/* store: URL. */
struct listeners *listeners_new(const char *store);
/* When nobody listens any more. Accepts NULL. */
void listeners_free(struct listeners *l);

/* First member of a listener's own struct. Its functions are called under a lock that all listeners
 * share, and do not block. True: its waiter is to be woken. */
struct listener {
    bool (*heard)(struct listener *self, const struct event *e);
    /* Twice a second; now: monotonic microseconds. NULL: not wanted. */
    bool (*tick)(struct listener *self, int64_t now);
    /* The identifier of the token that it listens with, and what that sees at the moment: looked up
     * every few seconds, and again before events are told. NULL: it is not looked up, and sight is
     * what it was before joining. */
    const char *token;
    struct token_sight *sight;
    struct http_waiter *waiter; /* set by whoever is paused or streamed to; NULL before */
};

/* From here on every event that appears in the store is heard once. db is the caller's, for the
 * first look; sight is set. ASSAY_ERROR_LIMIT when there are too many. */
bool listeners_join(struct listeners *l, struct sql *db, struct listener *one, GError **error);
/* Not heard of any more; drops its sight. Also for one that did not join. */
void listeners_leave(struct listeners *l, struct listener *one);
/* For a listener's other functions, which threads of HTTP call. */
void listeners_lock(struct listeners *l);
void listeners_unlock(struct listeners *l);

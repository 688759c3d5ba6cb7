/* What happened, for those who listen (GET /v1/events), and for notifications: one row an event,
 * kept for some days. */
#pragma once
#include "store/caller.h"
#include "store/store.h"

struct event {
    char *id; /* sorts by time */
    char *project, *kind;
    char *data; /* JSON object */
    int64_t time;
};
typedef struct event event;
void event_free(struct event *e);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(event, event_free)

/* All kinds that there are; NULL-terminated. */
extern const char *const event_kinds[];

/* In the transaction of what it tells of. */
bool event_add(struct sql *db, const char *project, const char *kind, const char *data,
               GError **error);
/* The same for many, of which project, kind and data are set; sets their ids and times. */
bool event_add_all(struct sql *db, const GPtrArray *events, GError **error);
/* After the identifier `after` ("" from the first that is kept), in order, of projects that the
 * caller sees; project NULL: all of them. */
GPtrArray *event_list(struct sql *db, const struct caller *caller, const char *project,
                      const struct store_page *page, GError **error);
/* Forgets some of those that are older than so many microseconds; *left: there may be more. */
bool event_expire(struct sql *db, int64_t age, int64_t limit, bool *left, GError **error);

/* Events as a stream of server-sent events (HTML Living Standard, section 9.2), for one client. */
#pragma once
#include "server/call.h"
#include "store/events.h"

struct event_wish {
    const char *project; /* identifier; NULL: all that the caller sees */
    const char *kinds;   /* "introspection.*,findings.changed"; NULL: all */
    const char *after;   /* the last event that the client knows; "0": none; NULL: only new ones */
};
/* Answers the call with a stream. Events made within some seconds before `after` may be told again:
 * one of them may have appeared behind it. */
bool event_stream_answer(struct call *c, const struct event_wish *wish, GError **error);

/* Whether an event's kind is one of these patterns (base/glob.h); NULL: all are. */
bool event_kind_wanted(const char *const *kinds, const char *kind);
/* Of a list with commas; a pattern that no kind matches is a problem. *patterns: g_strfreev(); NULL
 * for NULL. */
bool event_kinds_parse(const char *text, char ***patterns, GError **error);
void event_write(struct json_writer *w, const struct event *e);

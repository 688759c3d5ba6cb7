#include <string.h>

#include "server/event_stream.h"
#include "server/routes.h"

static bool list(struct call *c, const char *project, GError **error)
{
    struct store_page page;
    g_auto(GStrv) kinds = NULL;
    if (!call_page(c, &page, error) ||
        !event_kinds_parse(http_query(c->request, "kind"), &kinds, error))
        return false;
    g_autoptr(GPtrArray) events = event_list(c->db, &c->caller, project, &page, error);
    if (events == NULL)
        return false;
    const struct event *last = NULL;
    guint count = call_list_count(events, &page);
    call_list_begin(c);
    for (guint i = 0; i < count; i++) {
        last = g_ptr_array_index(events, i);
        if (event_kind_wanted((const char *const *)kinds, last->kind))
            event_write(&c->out, last);
    }
    call_list_end(c, count < events->len ? last->id : NULL);
    return true;
}

/* A page of them, or with "Accept: text/event-stream" as they come. */
static bool events(struct call *c, GError **error)
{
    const char *project = c->project != NULL ? c->project->id : NULL;
    const char *accept = http_header(c->request, "accept");
    const char *known = http_header(c->request, "last-event-id");
    if (accept == NULL || strstr(accept, "text/event-stream") == NULL)
        return list(c, project, error);
    const struct event_wish wish = { .project = project,
                                     .kinds = http_query(c->request, "kind"),
                                     .after =
                                         known != NULL ? known : http_query(c->request, "after") };
    return event_stream_answer(c, &wish, error);
}

const struct route routes_events[] = {
    { "GET", "/v1/events", ACCESS_USER, SCOPE_READ, events, 0 },
    { "GET", "/v1/projects/{project}/events", ACCESS_VIEWER, SCOPE_READ, events, 0 },
    { NULL },
};

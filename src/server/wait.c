#include "server/wait.h"

#include <string.h>

#include "base/number.h"
#include "server/listeners.h"
#include "server/server.h"
#include "store/introspections.h"

#define WAIT_MAX_SECONDS 60

struct wait {
    struct listener listener; /* first */
    struct listeners *all;
    struct http_pause pause;
    char *introspection;
    int64_t deadline; /* monotonic */
    bool over;        /* under the listeners' lock */
};

static bool heard(struct listener *self, const struct event *e)
{
    struct wait *w = (struct wait *)self;
    bool end = g_str_equal(e->kind, "introspection.finished") ||
               g_str_equal(e->kind, "introspection.failed") ||
               g_str_equal(e->kind, "introspection.cancelled");
    w->over = w->over || (end && strstr(e->data, w->introspection) != NULL);
    return w->over;
}

static bool tick(struct listener *self, int64_t now)
{
    struct wait *w = (struct wait *)self;
    w->over = w->over || now >= w->deadline;
    return w->over;
}

static void begun(void *user, struct http_waiter *waiter)
{
    struct wait *w = user;
    listeners_lock(w->all);
    w->listener.waiter = waiter;
    if (w->over)
        http_wake(waiter);
    listeners_unlock(w->all);
}

static void done(void *user)
{
    struct wait *w = user;
    listeners_leave(w->all, &w->listener);
    g_free(w->introspection);
    g_free(w);
}

static const char *location_of(const struct call *c)
{
    const GPtrArray *h = c->response->headers;
    for (guint i = 0; i < h->len; i += 2) {
        if (g_str_equal(g_ptr_array_index(h, i), "Location"))
            return g_ptr_array_index(h, i + 1);
    }
    return NULL;
}

int64_t call_prefers_wait(const struct call *c)
{
    const char *prefer = http_header(c->request, "prefer");
    g_auto(GStrv) words = g_strsplit_set(prefer != NULL ? prefer : "", ",;", -1);
    uint64_t seconds = 0;
    for (char **word = words; *word != NULL; word++) {
        const char *one = g_strstrip(*word);
        if (g_str_has_prefix(one, "wait=") && parse_u64(one + 5, strlen(one + 5), &seconds))
            break;
        seconds = 0;
    }
    return (int64_t)MIN(seconds, WAIT_MAX_SECONDS) * (int64_t)G_USEC_PER_SEC;
}

void call_wait(struct call *c, int64_t microseconds)
{
    const char *location = location_of(c);
    const char *id = location != NULL ? strrchr(location, '/') : NULL;
    if (microseconds <= 0 || id == NULL || (c->caller.scopes & SCOPE_READ) == 0)
        return;
    struct wait *w = g_new0(struct wait, 1);
    w->listener = (struct listener){ .heard = heard, .tick = tick };
    w->all = c->server->listeners;
    w->introspection = g_strdup(id + 1);
    w->deadline = g_get_monotonic_time() + microseconds;
    if (!listeners_join(w->all, c->db, &w->listener, NULL)) {
        done(w);
        return;
    }
    /* It may have ended before this began to listen. */
    g_autoptr(introspection) i = introspection_find(c->db, &caller_service, w->introspection, NULL);
    listeners_lock(w->all);
    w->over = w->over || i == NULL || i->finished != 0;
    listeners_unlock(w->all);
    w->pause = (struct http_pause){ begun, done, w, g_strdup(location) };
    c->response->pause = &w->pause;
}

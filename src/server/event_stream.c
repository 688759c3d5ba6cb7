#include "server/event_stream.h"

#include <string.h>

#include "base/error.h"
#include "base/glob.h"
#include "base/limits.h"
#include "server/listeners.h"
#include "server/server.h"

#define SECOND      ((int64_t)G_USEC_PER_SEC)
#define KEEP_ALIVE  (15 * SECOND)
#define OVERLAP     (10 * SECOND) /* before the event that the client knows */
#define PAGE        500
#define HEARD_LEAST (5 * SECOND) /* by one for whom another service vouches */

struct event_stream {
    struct listener listener; /* first */
    struct listeners *all;
    struct http_stream stream;
    char *token, *project; /* project NULL: all */
    char **kinds;
    GHashTable *told; /* of the past, so that it is not told twice */
    GQueue queue;     /* GBytes, not read yet */
    gsize offset;     /* read of the first */
    int64_t last;     /* when something was queued; monotonic */
    int64_t until;    /* then another service has to vouch again; Unix microseconds; 0: never */
    bool in_past;     /* the past is being told */
    bool ended;
};

bool event_kind_wanted(const char *const *kinds, const char *kind)
{
    if (kinds == NULL)
        return true;
    while (*kinds != NULL && !glob_match(*kinds, kind))
        kinds++;
    return *kinds != NULL;
}

bool event_kinds_parse(const char *text, char ***patterns, GError **error)
{
    g_auto(GStrv) all = text != NULL ? g_strsplit(text, ",", -1) : NULL;
    for (char **p = all; p != NULL && *p != NULL; p++) {
        const char *const *known = event_kinds;
        while (*known != NULL && !glob_match(*p, *known))
            known++;
        if (*known == NULL) {
            g_autofree char *list = g_strjoinv(", ", (char **)event_kinds);
            return problem(error, 400, "kind: '%s' is none of %s", *p, list);
        }
    }
    *patterns = g_steal_pointer(&all);
    return true;
}

void event_write(struct json_writer *w, const struct event *e)
{
    jw_object_begin(w, NULL);
    jw_string(w, "id", e->id);
    jw_string(w, "project", e->project);
    jw_string(w, "kind", e->kind);
    call_write_time(w, "time", e->time);
    call_write_json(w, "data", e->data);
    jw_object_end(w);
}

/* --- what is queued, under the listeners' lock -------------------------------------------------
 */

static void push(struct event_stream *s, GBytes *text)
{
    g_queue_push_tail(&s->queue, text);
    s->last = g_get_monotonic_time();
}

static void push_text(struct event_stream *s, const char *text)
{
    push(s, g_bytes_new_static(text, strlen(text)));
}

static void push_event(struct event_stream *s, const struct event *e)
{
    struct json_writer w;
    jw_init(&w, NULL, true);
    event_write(&w, e);
    g_autoptr(GString) json = jw_take(&w);
    g_string_free(w.buffer, TRUE);
    char *text =
        g_strdup_printf("id: %s\nevent: %s\ndata: %s\n\n", e->id, e->kind, g_strchomp(json->str));
    push(s, g_bytes_new_take(text, strlen(text)));
}

static void forget_queue(struct event_stream *s)
{
    g_queue_clear_full(&s->queue, (GDestroyNotify)g_bytes_unref);
    s->offset = 0;
}

static bool sees(const struct event_stream *s, const char *project)
{
    const struct token_sight *sight = s->listener.sight;
    return sight->valid && (sight->all || g_hash_table_contains(sight->projects, project));
}

static bool wanted(const struct event_stream *s, const struct event *e)
{
    return (s->project == NULL || g_str_equal(s->project, e->project)) && sees(s, e->project) &&
           event_kind_wanted((const char *const *)s->kinds, e->kind) &&
           !g_hash_table_contains(s->told, e->id);
}

static bool heard(struct listener *self, const struct event *e)
{
    struct event_stream *s = (struct event_stream *)self;
    if (s->ended || !wanted(s, e))
        return false;
    /* Who reads so slowly comes back with the last identifier that it has read. */
    if (g_queue_get_length(&s->queue) >= LIMIT_LISTENER_QUEUE) {
        s->ended = true;
        return true;
    }
    push_event(s, e);
    if (s->in_past)
        (void)g_hash_table_add(s->told, g_strdup(e->id));
    return true;
}

/* The client comes back at once, and the service that vouches for it is asked then. What it has not
 * been told by now it is told after this identifier, which is no event's; after the last that it
 * was told while the past is being told. */
static void end_in_time(struct event_stream *s)
{
    g_autofree char *id = store_id_at(store_now());
    char *text = s->in_past ? NULL : g_strdup_printf("id: %s\n\n", id);
    if (text != NULL)
        push(s, g_bytes_new_take(text, strlen(text)));
    s->ended = true;
}

static bool tick(struct listener *self, int64_t now)
{
    struct event_stream *s = (struct event_stream *)self;
    if (!self->sight->valid || (s->project != NULL && !sees(s, s->project))) {
        forget_queue(s);
        s->ended = true;
        return true;
    }
    if (s->until != 0 && !s->ended && store_now() >= s->until) {
        end_in_time(s);
        return true;
    }
    if (now - s->last < KEEP_ALIVE)
        return false;
    push_text(s, ":\n\n");
    return true;
}

/* --- the stream, on threads of HTTP ------------------------------------------------------------
 */

static void begun(void *user, struct http_waiter *waiter)
{
    struct event_stream *s = user;
    listeners_lock(s->all);
    s->listener.waiter = waiter;
    listeners_unlock(s->all);
}

static ssize_t take(struct event_stream *s, char *buf, size_t max)
{
    size_t taken = 0;
    GBytes *head;
    while (taken < max && (head = g_queue_peek_head(&s->queue)) != NULL) {
        gsize len;
        const char *text = g_bytes_get_data(head, &len);
        size_t some = MIN(len - s->offset, max - taken);
        memcpy(buf + taken, text + s->offset, some);
        taken += some;
        s->offset += some;
        if (s->offset == len) {
            s->offset = 0;
            g_bytes_unref(g_queue_pop_head(&s->queue));
        }
    }
    return (ssize_t)taken;
}

static ssize_t read_some(void *user, char *buf, size_t max)
{
    struct event_stream *s = user;
    listeners_lock(s->all);
    ssize_t n = take(s, buf, max);
    bool ended = n == 0 && s->ended;
    listeners_unlock(s->all);
    return ended ? -1 : n;
}

static void done(void *user)
{
    struct event_stream *s = user;
    listeners_leave(s->all, &s->listener);
    forget_queue(s);
    g_hash_table_unref(s->told);
    g_strfreev(s->kinds);
    g_free(s->project);
    g_free(s->token);
    g_free(s);
}

/* --- the past ----------------------------------------------------------------------------------
 */

/* Queues a page of the past; *after becomes its last. False when that is enough. */
static bool tell_page(struct event_stream *s, const GPtrArray *page, const char *known,
                      unsigned *count, char **after)
{
    bool enough = page->len < PAGE;
    listeners_lock(s->all);
    for (guint i = 0; i < page->len && !s->ended; i++) {
        const struct event *e = g_ptr_array_index(page, i);
        g_free(*after);
        *after = g_strdup(e->id);
        /* The stream ends then, and the client comes back for more. */
        s->ended = strcmp(e->id, known) > 0 && ++*count > LIMIT_EVENT_HISTORY;
        if (s->ended || !wanted(s, e) || strcmp(e->id, known) == 0)
            continue;
        push_event(s, e);
        (void)g_hash_table_add(s->told, g_strdup(e->id));
    }
    s->in_past = !enough && !s->ended;
    bool more = s->in_past;
    listeners_unlock(s->all);
    return more;
}

/* Queues what is after `from`, as far as LIMIT_EVENT_HISTORY events after `known` go. */
static bool tell_past(struct event_stream *s, struct call *c, const char *from, const char *known,
                      GError **error)
{
    g_autofree char *after = g_strdup(from);
    unsigned count = 0;
    for (bool more = true; more;) {
        const struct store_page page = { .after = after, .limit = PAGE };
        g_autoptr(GPtrArray) some = event_list(c->db, &c->caller, s->project, &page, error);
        if (some == NULL)
            return false;
        more = tell_page(s, some, known, &count, &after);
    }
    return true;
}

static bool tell_after(struct event_stream *s, struct call *c, const char *known, GError **error)
{
    int64_t time;
    if (g_str_equal(known, "0"))
        return tell_past(s, c, "", "", error);
    if (!store_id_time(known, &time))
        return problem(error, 400, "Last-Event-ID: not the identifier of an event");
    g_autofree char *from = store_id_at(time - OVERLAP);
    return tell_past(s, c, from, known, error);
}

/* By a token of this service, which is looked up again and again, or for as long as another service
 * is believed. */
static void identify(struct event_stream *s, const struct caller *who)
{
    s->listener = (struct listener){ .heard = heard, .tick = tick };
    if (who->granted == NULL) {
        s->token = g_strdup(who->token);
        s->listener.token = s->token;
        return;
    }
    s->until = MAX(who->vouched, store_now() + HEARD_LEAST);
    s->listener.sight = token_sight_granted(who->auditor || who->admin, who->granted);
}

bool event_stream_answer(struct call *c, const struct event_wish *wish, GError **error)
{
    g_autoptr(GError) failure = NULL;
    char **kinds = NULL;
    if (!event_kinds_parse(wish->kinds, &kinds, error))
        return false;
    struct event_stream *s = g_new0(struct event_stream, 1);
    identify(s, &c->caller);
    s->all = c->server->listeners;
    s->stream = (struct http_stream){ begun, read_some, done, s };
    s->project = g_strdup(wish->project);
    s->kinds = kinds;
    s->told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    s->in_past = wish->after != NULL;
    push_text(s, "retry: 2000\n\n");
    bool ok = listeners_join(s->all, c->db, &s->listener, &failure);
    if (!ok && g_error_matches(failure, ASSAY_ERROR, ASSAY_ERROR_LIMIT))
        (void)problem(error, 503, "%s", failure->message);
    else if (!ok)
        g_propagate_error(error, g_steal_pointer(&failure));
    else if (wish->after != NULL)
        ok = tell_after(s, c, wish->after, error);
    if (!ok) {
        done(s);
        return false;
    }
    http_set_header(c->response, "Content-Type", "text/event-stream");
    http_set_header(c->response, "Cache-Control", "no-store");
    http_set_header(c->response, "X-Accel-Buffering", "no"); /* nginx passes it on at once */
    c->response->stream = &s->stream;
    return true;
}

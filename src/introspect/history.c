/* What is told about the past is kept for some time only: events, and introspections that ended. */
#include "introspect/introspect.h"
#include "store/events.h"

#define SECONDS 600
#define AT_ONCE 500
/* Others write meanwhile, and what a turn leaves is done in the next one. */
#define PAUSE (20 * G_TIME_SPAN_MILLISECOND)
#define TURN  (10 * G_TIME_SPAN_SECOND)

static bool go_on(bool left, gint64 end)
{
    if (left)
        g_usleep(PAUSE);
    return left && g_get_monotonic_time() < end;
}

static bool forget_events(struct sql *db, int64_t age, GError **error)
{
    gint64 end = g_get_monotonic_time() + TURN;
    bool left;
    do {
        if (!event_expire(db, age, AT_ONCE, &left, error))
            return false;
    } while (go_on(left, end));
    return true;
}

static bool forget_introspections(struct sql *db, int64_t age, GError **error)
{
    gint64 end = g_get_monotonic_time() + TURN;
    g_autofree char *after = g_strdup("");
    bool left;
    do {
        if (!introspection_expire(db, age, AT_ONCE, &after, &left, error))
            return false;
    } while (go_on(left, end));
    return true;
}

static bool forget(const struct worker_settings *s, struct sql *db, GError **error)
{
    return (s->events_kept == 0 || forget_events(db, s->events_kept, error)) &&
           (s->introspections_kept == 0 ||
            forget_introspections(db, s->introspections_kept, error));
}

const struct worker_duty introspect_history = { .name = "introspect.history",
                                                .seconds = SECONDS,
                                                .run = forget };

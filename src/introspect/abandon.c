/* Introspections that will not be run again, and what runs could not drop. */
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "introspect/course.h"
#include "introspect/tell.h"
#include "store/drops.h"
#include "store/rate_accounts.h"

#define SECOND        ((int64_t)G_USEC_PER_SEC)
#define SWEEP_SECONDS 10
#define SWEEP_AT_ONCE 50
#define TURN          (5 * SECOND)    /* after which a sweep begins nothing more */
#define AGAIN_LEAST   (10 * SECOND)   /* between two tries of what cannot be dropped */
#define AGAIN_MOST    (3600 * SECOND) /* the longer that lasts, the longer */
#define AGAIN_BESIDE  (30 * SECOND)   /* of what lies where nothing answers */
#define ACCOUNTS_KEPT (3600 * SECOND) /* after they have been paid */

struct giving_up {
    const char *id, *reason; /* reason NULL: cancelled */
};

/* Says so in the row, once. */
static bool give_up(struct sql *db, void *user, GError **error)
{
    const struct giving_up *g = user;
    g_autoptr(GError) failure = NULL;
    g_autoptr(introspection) i = introspection_find(db, &caller_service, g->id, &failure);
    if (i == NULL && g_error_matches(failure, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND))
        return true; /* gone, with its project */
    if (i == NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    if (i->state != INTROSPECTION_QUEUED && i->state != INTROSPECTION_RUNNING)
        return true;
    i->state = g->reason != NULL ? INTROSPECTION_FAILED : INTROSPECTION_CANCELLED;
    i->finished = store_now();
    g_free(i->reason);
    i->reason = g_strdup(g->reason);
    return introspection_save(db, i, error) &&
           introspect_tell(db, i, g->reason != NULL ? "failed" : "cancelled", error);
}

/* What its runs have left is the sweep's, since storage that is away must not keep anybody from
 * hearing that it has ended. */
bool introspect_abandon(struct job_run *run, const char *reason, GError **error)
{
    json_t *payload = json_loads(run->job->payload, 0, NULL);
    struct giving_up g = { .id = json_string_value(json_object_get(payload, "introspection")),
                           .reason = reason };
    bool ok = g.id == NULL || sql_transaction(run->db, give_up, &g, error);
    json_decref(payload);
    return ok;
}

/* --- what is left ------------------------------------------------------------------------------
 */

/* What was dropped is dropped again later: the run that left it may not have ended. */
static bool drop_left(const struct worker_settings *settings, struct sql *db,
                      struct introspection *i, GError **error)
{
    g_autofree char *before = g_strdup(i->handles);
    bool changed;
    return course_drop(settings, db, i, SNAPSHOT_NOT_USED, &changed, error) &&
           late_drop_add(db, i->id, before, error) &&
           introspection_set_handles(db, i->id, before, i->handles, error);
}

/* Where its first disk lies: the location without its last part. NULL: not known. g_free() */
static char *place_of(const struct introspection *i)
{
    json_t *handles = json_loads(i->handles, 0, NULL);
    const json_t *first = json_array_get(handles, 0);
    const char *location = json_string_value(json_object_get(first, "location"));
    const char *end = location != NULL ? strrchr(location, '/') : NULL;
    char *place = end != NULL ? g_strndup(location, (gsize)(end - location)) : g_strdup(location);
    json_decref(handles);
    return place;
}

static bool put_off(struct sql *db, const struct introspection *i, const char *why, GError **error)
{
    int64_t now = store_now(), wait = CLAMP(now - i->finished, AGAIN_LEAST, AGAIN_MOST);
    log_line("warning", "introspection %s: drop %s: %s; tried again in %u s", i->id, i->handles,
             why, (unsigned)(wait / SECOND));
    return introspection_drop_later(db, i->id, now + wait, error);
}

/* Storage that does not answer takes long each time: what is behind in the list and lies there,
 * too, waits, so that the next turn comes to what lies elsewhere. */
static bool put_off_beside(struct sql *db, const GPtrArray *left, guint n, GError **error)
{
    g_autofree char *silent = place_of(g_ptr_array_index(left, n));
    while (++n < left->len) {
        const struct introspection *i = g_ptr_array_index(left, n);
        g_autofree char *place = place_of(i);
        if (g_strcmp0(place, silent) == 0 &&
            !introspection_drop_later(db, i->id, store_now() + AGAIN_BESIDE, error))
            return false;
    }
    return true;
}

static bool sweep_left(const struct worker_settings *settings, struct sql *db, GError **error)
{
    gint64 end = g_get_monotonic_time() + TURN;
    g_autoptr(GPtrArray) left = introspection_left(db, SWEEP_AT_ONCE, error);
    for (guint n = 0; left != NULL && n < left->len && g_get_monotonic_time() < end; n++) {
        struct introspection *i = g_ptr_array_index(left, n);
        g_autoptr(GError) failure = NULL;
        if (drop_left(settings, db, i, &failure))
            continue;
        if (!put_off(db, i, failure->message, error))
            return false;
        if (g_get_monotonic_time() >= end)
            return put_off_beside(db, left, n, error);
    }
    return left != NULL;
}

/* What somebody may have made after it was dropped; the row of the introspection stays as it is. */
static bool drop_again(const struct worker_settings *settings, struct sql *db,
                       const struct late_drop *d, GError **error)
{
    bool changed;
    g_autoptr(introspection) i = introspection_find(db, &caller_service, d->introspection, error);
    if (i == NULL)
        return false;
    g_free(i->handles);
    i->handles = g_strdup(d->handles);
    return course_drop(settings, db, i, SNAPSHOT_NOT_USED, &changed, error);
}

static bool sweep_late(const struct worker_settings *settings, struct sql *db, GError **error)
{
    gint64 end = g_get_monotonic_time() + TURN;
    g_autoptr(GPtrArray) due = late_drops_due(db, SWEEP_AT_ONCE, error);
    for (guint n = 0; due != NULL && n < due->len && g_get_monotonic_time() < end; n++) {
        const struct late_drop *d = g_ptr_array_index(due, n);
        g_autoptr(GError) failure = NULL;
        bool dropped = drop_again(settings, db, d, &failure), last;
        if (!late_drop_tried(db, d, &last, error))
            return false;
        if (!dropped && last)
            log_line("warning", "introspection %s: drop once more: %s", d->introspection,
                     failure->message);
    }
    return due != NULL;
}

static bool sweep(const struct worker_settings *settings, struct sql *db, GError **error)
{
    return sweep_left(settings, db, error) && sweep_late(settings, db, error) &&
           rate_accounts_trim(db, store_now() - ACCOUNTS_KEPT, error);
}

const struct worker_duty introspect_sweep = { .name = "introspect.sweep",
                                              .seconds = SWEEP_SECONDS,
                                              .run = sweep };

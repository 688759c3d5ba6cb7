/* Introspections that will not be run again, and what runs could not drop. */
#include "base/error.h"
#include "base/log.h"
#include "introspect/course.h"
#include "introspect/tell.h"
#include "store/drops.h"
#include "store/rate_accounts.h"

#define SWEEP_SECONDS 60
#define SWEEP_AT_ONCE 50
#define ACCOUNTS_KEPT (3600 * (int64_t)G_USEC_PER_SEC) /* after they have been paid */

static bool drop_left(const struct worker_settings *settings, struct sql *db,
                      struct introspection *i, GError **error)
{
    g_autofree char *before = g_strdup(i->handles);
    bool changed;
    return g_str_equal(before, "[]") ||
           (course_drop_later(db, i, error) &&
            course_drop(settings, db, i, SNAPSHOT_NOT_USED, &changed, error) &&
            introspection_set_handles(db, i->id, before, i->handles, error));
}

struct giving_up {
    const char *id, *reason; /* reason NULL: cancelled */
    struct introspection *row;
};

/* Says so in the row, once. */
static bool give_up(struct sql *db, void *user, GError **error)
{
    struct giving_up *g = user;
    g_autoptr(GError) failure = NULL;
    g_clear_pointer(&g->row, introspection_free); /* of an attempt before this one */
    struct introspection *i = g->row = introspection_find(db, &caller_service, g->id, &failure);
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

bool introspect_abandon(struct job_run *run, const char *reason, GError **error)
{
    json_t *payload = json_loads(run->job->payload, 0, NULL);
    struct giving_up g = { .id = json_string_value(json_object_get(payload, "introspection")),
                           .reason = reason };
    bool ok = g.id == NULL || sql_transaction(run->db, give_up, &g, error);
    if (ok && g.row != NULL)
        ok = drop_left(run->settings, run->db, g.row, error);
    introspection_free(g.row);
    json_decref(payload);
    return ok;
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
    g_autoptr(GPtrArray) due = late_drops_due(db, SWEEP_AT_ONCE, error);
    for (guint n = 0; due != NULL && n < due->len; n++) {
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
    g_autoptr(GPtrArray) left = introspection_left(db, SWEEP_AT_ONCE, error);
    for (guint n = 0; left != NULL && n < left->len; n++) {
        struct introspection *i = g_ptr_array_index(left, n);
        g_autoptr(GError) failure = NULL;
        if (!drop_left(settings, db, i, &failure))
            log_line("warning", "introspection %s: drop: %s", i->id, failure->message);
    }
    return left != NULL && sweep_late(settings, db, error) &&
           rate_accounts_trim(db, store_now() - ACCOUNTS_KEPT, error);
}

const struct worker_duty introspect_sweep = { .name = "introspect.sweep",
                                              .seconds = SWEEP_SECONDS,
                                              .run = sweep };

#include "introspect/introspect.h"

#include "base/error.h"
#include "base/json_writer.h"
#include "introspect/course.h"
#include "introspect/tell.h"

/* What its reading loads, for limits: the storage of its first disk. "" when that cannot be told;
 * then the run itself will say why. g_free() */
static char *pool_of(const struct thing *t)
{
    static const struct snapshot_options usual = { 0 };
    json_t *where = json_loads(t->where, JSON_DECODE_ANY, NULL);
    const json_t *first = json_is_array(where) ? json_array_get(where, 0) : where;
    const char *location = json_string_value(first);
    const struct snapshot_driver *d = location != NULL ? snapshot_driver_of(location, NULL) : NULL;
    char *pool =
        d != NULL && d->check(location, NULL) && d->pool != NULL ? d->pool(location, &usual) : NULL;
    json_decref(where);
    return pool != NULL ? pool : g_strdup("");
}

bool introspect_possible(enum thing_kind kind, const struct thing *t, GError **error)
{
    static const char *const kinds[] = { "file", "rbd", NULL };
    if (kind != THING_IMAGE || g_strv_contains(kinds, t->kind))
        return true;
    if (g_str_equal(t->kind, "folder"))
        return fail_unsupported(error,
                                "image '%s' is a watched folder: its files are examined, "
                                "not it",
                                t->name);
    return fail_unsupported(error, "image '%s': images of kind '%s' are not examined", t->name,
                            t->kind);
}

/* One that waits already is the answer; what asks with more haste hurries it. */
static char *join_waiting(struct sql *db, const struct introspection_wish *wish, GError **error)
{
    g_autofree char *job = NULL;
    g_autofree char *id = introspection_waiting(db, wish, &job, error);
    return id != NULL && queue_urge(db, job, wish->priority, error) ? g_steal_pointer(&id) : NULL;
}

char *introspect_request(struct sql *db, const struct introspection_wish *wish, GError **error)
{
    g_autoptr(GError) failure = NULL;
    if (!introspect_possible(wish->kind, wish->thing, error))
        return NULL;
    char *waiting = join_waiting(db, wish, &failure);
    if (waiting != NULL || failure != NULL) {
        if (failure != NULL)
            g_propagate_error(error, g_steal_pointer(&failure));
        return waiting;
    }
    g_autofree char *id = introspection_add(db, wish, error);
    if (id == NULL)
        return NULL;
    g_autofree char *pool = pool_of(wish->thing);
    g_autofree char *payload = g_strdup_printf("{\"introspection\":\"%s\"}", id);
    /* Two runs of a thing would each read at its rate, and hold a snapshot; and the older view
     * might be the last to become a frame. */
    const struct job_options options = { .priority = wish->priority,
                                         .pool = pool,
                                         .alone = wish->thing->id };
    g_autofree char *job =
        queue_add(db, introspect_job_name, wish->thing->project, payload, &options, error);
    if (job == NULL || !introspection_set_job(db, id, job, error))
        return NULL;
    g_autoptr(introspection) i = introspection_find(db, &caller_service, id, error);
    return i != NULL && introspect_tell(db, i, "queued", error) ? g_steal_pointer(&id) : NULL;
}

bool introspect_cancel(struct sql *db, const struct introspection *i, GError **error)
{
    bool ended;
    if (i->state != INTROSPECTION_QUEUED && i->state != INTROSPECTION_RUNNING)
        return fail(error, ASSAY_ERROR_NOT_FOUND, "the introspection is not unfinished");
    if (!queue_cancel(db, i->job, &ended, error))
        return false;
    /* A worker that has the job, begun or not, writes to the row and ends it, once. What a dead one
     * left is cleared away after its job. */
    if (!ended)
        return true;
    g_autoptr(introspection) now = introspection_find(db, &caller_service, i->id, error);
    if (now == NULL)
        return false;
    now->state = INTROSPECTION_CANCELLED;
    now->finished = store_now();
    return introspection_save(db, now, error) && introspect_tell(db, now, "cancelled", error);
}

const struct job_kind introspect_job = { .name = introspect_job_name,
                                         .run = introspect_run,
                                         .abandon = introspect_abandon };

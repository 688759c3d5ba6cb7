#include "deliver/deliver.h"

#include <jansson.h>

#include "base/error.h"
#include "deliver/send.h"
#include "store/projects.h"

#define JOB "deliver"
#define EXTRA_ATTEMPTS                                                                             \
    7 /* with the usual five, and an hour between the last: two hours and a half */
#define BATCH       100
#define THREADS     4 /* others' servers take seconds to answer, or to be given up */
#define KEPT        (30 * 24 * 3600 * (int64_t)G_USEC_PER_SEC)
#define NEW_SECONDS 1
#define OLD_SECONDS 3600

/* --- the job -----------------------------------------------------------------------------------
 */

/* Identifier of the delivery; "" when the payload is none of ours. g_free() */
static char *delivery_of(const struct job *j)
{
    json_t *payload = json_loads(j->payload, 0, NULL);
    const char *id = json_string_value(json_object_get(payload, "delivery"));
    char *copy = g_strdup(id != NULL ? id : "");
    json_decref(payload);
    return copy;
}

static bool keep_success(struct sql *db, void *user, GError **error)
{
    return delivery_delivered(db, user, error);
}

static enum job_outcome done(struct job_run *run, struct delivery_run *end, GError **error)
{
    bool mine;
    if (!queue_done(run->db, run->job, NULL, end != NULL ? keep_success : NULL, end, &mine, error))
        return JOB_FAILED;
    return mine ? JOB_DONE : JOB_DROPPED;
}

static bool send(struct job_run *run, const struct delivery *d, int64_t *status, GError **error)
{
    g_autoptr(notification) n = notification_find(run->db, d->project, d->notification, error);
    g_autoptr(project) p =
        n != NULL ? project_find(run->db, &caller_service, d->project, error) : NULL;
    if (p == NULL)
        return false;
    if (!n->enabled)
        return fail(error, ASSAY_ERROR_INVALID, "the notification is not enabled");
    const struct message m = { .delivery = d, .project = p->name, .notification = n->name };
    return g_str_equal(n->kind, "webhook") ? send_webhook(run, n, &m, status, error)
                                           : send_email(run, n, &m, status, error);
}

/* *d NULL: it went with its notification, or goes by another job: nothing is to be done. */
static bool find(struct job_run *run, struct delivery **d, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *id = delivery_of(run->job);
    g_autoptr(delivery) found = delivery_find(run->db, NULL, id, &failure);
    *d = NULL;
    if (failure != NULL && !g_error_matches(failure, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    if (found != NULL && g_str_equal(found->state, "waiting") &&
        g_strcmp0(found->job, run->job->id) == 0)
        *d = g_steal_pointer(&found);
    return true;
}

static enum job_outcome run_job(struct job_run *run, GError **error)
{
    g_autoptr(delivery) d = NULL;
    if (!find(run, &d, error))
        return JOB_FAILED;
    if (d == NULL)
        return done(run, NULL, error);
    if (!run->wanted(run)) {
        (void)worker_stopped(error);
        return JOB_FAILED;
    }
    GError *failure = NULL;
    struct delivery_run end = { .id = d->id, .job = run->job->id, .attempt = run->job->attempt };
    if (send(run, d, &end.status, &failure))
        return done(run, &end, error);
    /* What keeps this from being written will keep the job's end from it, too, and is told there.
     */
    (void)delivery_failed(run->db, &end, failure->message, NULL);
    g_propagate_error(error, failure);
    return JOB_FAILED;
}

static bool abandon(struct job_run *run, const char *reason, GError **error)
{
    g_autofree char *id = delivery_of(run->job);
    return delivery_dead(run->db, id, run->job->id, reason != NULL ? reason : "cancelled", error);
}

const struct job_kind deliver_job = {
    .name = JOB, .run = run_job, .abandon = abandon, .threads = THREADS
};

/* --- duties ------------------------------------------------------------------------------------
 */

static bool queue_or_drop(struct sql *db, void *user, GError **error)
{
    const struct delivery *d = user;
    bool mine;
    g_autoptr(notification) n = notification_find(db, d->project, d->notification, error);
    if (n == NULL)
        return false;
    if (!message_reaches(d->kind, d->data, n->severity))
        return delivery_drop(db, d->id, error);
    const struct job_options options = { .priority = JOB_PRIORITY_INTERACTIVE,
                                         .extra_attempts = EXTRA_ATTEMPTS };
    g_autofree char *payload = g_strdup_printf("{\"delivery\":\"%s\"}", d->id);
    g_autofree char *job = queue_add(db, JOB, d->project, payload, &options, error);
    if (job == NULL || !delivery_set_job(db, d->id, job, &mine, error))
        return false;
    return mine || fail(error, ASSAY_ERROR_IO, "another process has queued it");
}

static bool run_new(const struct worker_settings *unused, struct sql *db, GError **error)
{
    guint count = BATCH;
    while (count == BATCH) {
        g_autoptr(GPtrArray) list = delivery_list_new(db, BATCH, error);
        if (list == NULL)
            return false;
        count = list->len;
        for (guint i = 0; i < count; i++) {
            struct delivery *d = g_ptr_array_index(list, i);
            if (!sql_transaction(db, queue_or_drop, d, error)) {
                g_prefix_error(error, "delivery %s: ", d->id);
                return false;
            }
        }
    }
    return true;
}

static bool run_expire(const struct worker_settings *unused, struct sql *db, GError **error)
{
    return delivery_expire(db, KEPT, error);
}

const struct worker_duty deliver_new = { .name = "deliver.new",
                                         .seconds = NEW_SECONDS,
                                         .run = run_new };
const struct worker_duty deliver_expire = { .name = "deliver.expire",
                                            .seconds = OLD_SECONDS,
                                            .run = run_expire };

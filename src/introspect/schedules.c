#include "introspect/introspect.h"

#define SECONDS 10
#define BATCH   100

struct asking {
    enum thing_kind kind;
    const struct thing *thing;
    int64_t now;
    bool only_count; /* the next time, and ask for nothing */
};

static bool ask(struct sql *db, void *user, GError **error)
{
    const struct asking *a = user;
    bool mine;
    if (!thing_set_due(db, a->kind, a->thing, a->now, &mine, error))
        return false;
    if (!mine || a->only_count)
        return true;
    const struct introspection_wish wish = { .kind = a->kind,
                                             .thing = a->thing,
                                             .requested_by = "schedule",
                                             .priority = JOB_PRIORITY_SCHEDULED };
    g_autofree char *id = introspect_request(db, &wish, error);
    return id != NULL;
}

/* A thing for which nothing can be asked must not come again at once, before all others. */
static bool ask_or_count(struct sql *db, struct asking *a, GError **error)
{
    /* What has never been counted is not due: it came with an older program's schedule. */
    a->only_count = a->thing->next_due == 0;
    if (sql_transaction(db, ask, a, error))
        return true;
    g_prefix_error(error, "%s %s: ", thing_kind_name(a->kind), a->thing->id);
    a->only_count = true;
    (void)sql_transaction(db, ask, a, NULL);
    return false;
}

static bool ask_for_kind(struct sql *db, enum thing_kind kind, int64_t now, GError **error)
{
    g_autoptr(GError) first = NULL;
    guint count = BATCH;
    while (count == BATCH && first == NULL) {
        g_autoptr(GPtrArray) due = thing_list_due(db, kind, now, BATCH, error);
        if (due == NULL)
            return false;
        count = due->len;
        for (guint i = 0; i < count; i++) {
            struct asking a = { .kind = kind, .thing = g_ptr_array_index(due, i), .now = now };
            (void)ask_or_count(db, &a, first == NULL ? &first : NULL);
        }
    }
    if (first != NULL)
        g_propagate_error(error, g_steal_pointer(&first));
    return first == NULL;
}

static bool run(const struct worker_settings *unused, struct sql *db, GError **error)
{
    int64_t now = store_now();
    return ask_for_kind(db, THING_NODE, now, error) && ask_for_kind(db, THING_IMAGE, now, error);
}

const struct worker_duty introspect_schedules = { .name = "schedules",
                                                  .seconds = SECONDS,
                                                  .run = run };

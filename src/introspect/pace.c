#include "introspect/pace.h"

#include "store/rate_accounts.h"

#define WAIT_HERE (2 * (int64_t)G_USEC_PER_SEC) /* a thread is not held for longer */
#define WAIT_STEP (50 * (int64_t)1000)          /* microseconds between two looks at the job */

static char *own_account(const struct course *c)
{
    return g_strdup_printf("%s:%s", thing_kind_name(c->row->kind), c->thing->id);
}

/* NULL: it has none. */
static char *pool_account(const struct course *c)
{
    g_autofree char *pool = course_pool(c, g_ptr_array_index(c->places, 0));
    return pool != NULL && pool[0] != '\0' ? g_strdup_printf("pool:%s", pool) : NULL;
}

/* The later of *moment and when the account is paid. */
static bool look(struct course *c, const char *account, int64_t *moment, GError **error)
{
    int64_t paid = 0;
    if (account == NULL)
        return true;
    if (!rate_account_paid(c->run->db, account, &paid, error))
        return false;
    *moment = MAX(*moment, paid);
    return true;
}

bool pace_wait(struct course *c, bool *later, GError **error)
{
    g_autofree char *own = own_account(c), *pool = pool_account(c);
    int64_t moment = 0;
    bool mine;
    *later = false;
    if (!look(c, own, &moment, error) || !look(c, pool, &moment, error))
        return false;
    if (moment <= store_now())
        return true;
    if (!course_step(c, "wait", error))
        return false;
    c->step_begun = 0; /* not one of those that are timed */
    if (moment > store_now() + WAIT_HERE) {
        *later = true;
        return queue_postpone(c->run->db, c->run->job, moment, &mine, error);
    }
    while (c->run->wanted(c->run) && store_now() < moment)
        g_usleep((gulong)CLAMP(moment - store_now(), 0, WAIT_STEP));
    return c->run->wanted(c->run) || worker_stopped(error);
}

void pace_begin(struct course *c)
{
    c->reading_began = store_now();
}

void pace_hold(struct course *c)
{
    c->hold_begun = g_get_monotonic_time();
}

void pace_release(struct course *c, bool held)
{
    if (held && c->hold_begun != 0)
        c->held += g_get_monotonic_time() - c->hold_begun;
    c->hold_begun = 0;
}

static bool charge(struct course *c, const char *account, int64_t cost, GError **error)
{
    return account == NULL || cost == 0 ||
           rate_account_charge(c->run->db, account, c->reading_began, cost, error);
}

bool pace_charge(struct course *c, GError **error)
{
    g_autofree char *own = own_account(c), *pool = pool_account(c);
    const unsigned percent = CLAMP(c->run->settings->snapshot_percent, 1, 100);
    uint64_t bytes, reads;
    if (c->reading_began == 0)
        return true;
    throttle_taken(c->rate, &bytes, &reads);
    int64_t reading = rate_cost(c->own_limit, bytes, reads);
    int64_t holding = c->held * 100 / percent;
    if (!charge(c, own, MAX(reading, holding), error) ||
        !charge(c, pool, rate_cost(c->pool_limit, bytes, reads), error))
        return false;
    c->reading_began = 0;
    return true;
}

#include "server/listeners.h"

#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/log.h"

#define SECOND    ((int64_t)G_USEC_PER_SEC)
#define POLL      (SECOND / 2)
#define LOOK_BACK (5 * SECOND)
#define LOOK_FAR_BACK                                                                              \
    (60 * SECOND)      /* as far as clocks of hosts may differ, or a transaction last */
#define FAR_EVERY   20 /* polls */
#define SIGHT_EVERY 10 /* polls, when there are no events */
#define PAGE        500

struct listeners {
    char *store;
    GMutex lock; /* of what follows */
    GCond changed;
    GThread *thread;
    GHashTable *all;   /* set of struct listener */
    GHashTable *known; /* set of identifiers of events, as far as the thread looks back */
    int64_t seen;      /* the store was looked at then; Unix microseconds */
    bool ending;
};

/* What one look at the store has brought. */
struct look {
    GPtrArray *events;  /* struct event */
    GHashTable *sights; /* token -> struct token_sight; NULL: not looked up */
    int64_t time;
};

struct listeners *listeners_new(const char *store)
{
    struct listeners *l = g_new0(struct listeners, 1);
    l->store = g_strdup(store);
    g_mutex_init(&l->lock);
    g_cond_init(&l->changed);
    l->all = g_hash_table_new(NULL, NULL);
    l->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return l;
}

void listeners_free(struct listeners *l)
{
    if (l == NULL)
        return;
    g_mutex_lock(&l->lock);
    l->ending = true;
    g_cond_broadcast(&l->changed);
    g_mutex_unlock(&l->lock);
    if (l->thread != NULL)
        (void)g_thread_join(l->thread);
    g_hash_table_unref(l->all);
    g_hash_table_unref(l->known);
    g_mutex_clear(&l->lock);
    g_cond_clear(&l->changed);
    g_free(l->store);
    g_free(l);
}

void listeners_lock(struct listeners *l)
{
    g_mutex_lock(&l->lock);
}

void listeners_unlock(struct listeners *l)
{
    g_mutex_unlock(&l->lock);
}

/* --- looking at the store, without the lock ----------------------------------------------------
 */

/* All events that were made within the time before now. */
static GPtrArray *events_since(struct sql *db, int64_t back, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func((GDestroyNotify)event_free);
    g_autofree char *after = store_id_at(store_now() - back);
    for (;;) {
        const struct store_page page = { .after = after, .limit = PAGE };
        g_autoptr(GPtrArray) some = event_list(db, &caller_service, NULL, &page, error);
        if (some == NULL)
            return NULL;
        bool more = some->len == PAGE;
        if (more) {
            const struct event *last = g_ptr_array_index(some, some->len - 1);
            g_free(after);
            after = g_strdup(last->id);
        }
        g_ptr_array_extend_and_steal(found, g_steal_pointer(&some));
        if (!more)
            return g_steal_pointer(&found);
    }
}

/* Each token that somebody listens with, once. */
static GPtrArray *tokens_of(struct listeners *l)
{
    g_autoptr(GHashTable) once = g_hash_table_new(g_str_hash, g_str_equal);
    GPtrArray *tokens = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter i;
    gpointer one;
    g_mutex_lock(&l->lock);
    g_hash_table_iter_init(&i, l->all);
    while (g_hash_table_iter_next(&i, &one, NULL)) {
        const char *token = ((struct listener *)one)->token;
        if (token != NULL && !g_hash_table_contains(once, token)) {
            g_ptr_array_add(tokens, g_strdup(token));
            (void)g_hash_table_add(once, (gpointer)g_ptr_array_index(tokens, tokens->len - 1));
        }
    }
    g_mutex_unlock(&l->lock);
    return tokens;
}

static void drop_known(struct listeners *l, GPtrArray *events)
{
    for (guint i = events->len; i > 0; i--) {
        const struct event *e = g_ptr_array_index(events, i - 1);
        if (g_hash_table_contains(l->known, e->id))
            (void)g_ptr_array_remove_index(events, i - 1);
    }
}

static bool look_at_store(struct listeners *l, struct sql *db, unsigned round, struct look *out,
                          GError **error)
{
    g_mutex_lock(&l->lock);
    int64_t back = (round % FAR_EVERY == 0 ? LOOK_FAR_BACK : LOOK_BACK) + store_now() - l->seen;
    g_mutex_unlock(&l->lock);
    out->time = store_now();
    out->events = events_since(db, back, error);
    if (out->events == NULL)
        return false;
    g_mutex_lock(&l->lock);
    drop_known(l, out->events);
    g_mutex_unlock(&l->lock);
    if (out->events->len == 0 && round % SIGHT_EVERY != 0)
        return true;
    /* After the events: what has been revoked before them is known here. */
    g_autoptr(GPtrArray) tokens = tokens_of(l);
    out->sights = token_sights(db, (const char *const *)tokens->pdata, tokens->len, error);
    return out->sights != NULL;
}

static void look_done(struct look *k)
{
    g_clear_pointer(&k->events, g_ptr_array_unref);
    g_clear_pointer(&k->sights, g_hash_table_unref);
}

/* --- telling, under the lock -------------------------------------------------------------------
 */

static void tell_one(struct listener *one, const struct look *k, int64_t now)
{
    struct token_sight *sight =
        one->token != NULL && k->sights != NULL ? g_hash_table_lookup(k->sights, one->token) : NULL;
    bool wake = false;
    if (sight != NULL) {
        token_sight_unref(one->sight);
        one->sight = token_sight_ref(sight);
        wake = !sight->valid;
    }
    for (guint i = 0; i < k->events->len; i++)
        wake |= one->heard(one, g_ptr_array_index(k->events, i));
    if (one->tick != NULL)
        wake |= one->tick(one, now);
    if (wake && one->waiter != NULL)
        http_wake(one->waiter);
}

static gboolean is_old(gpointer id, gpointer value, gpointer oldest)
{
    return strcmp(id, oldest) < 0;
}

static void tell(struct listeners *l, const struct look *k, unsigned round)
{
    /* Again: since the look, one may have joined that knows them. */
    drop_known(l, k->events);
    l->seen = MAX(l->seen, k->time);
    GHashTableIter i;
    gpointer one;
    int64_t now = g_get_monotonic_time();
    g_hash_table_iter_init(&i, l->all);
    while (g_hash_table_iter_next(&i, &one, NULL))
        tell_one(one, k, now);
    for (guint e = 0; e < k->events->len; e++)
        (void)g_hash_table_add(
            l->known, g_strdup(((const struct event *)g_ptr_array_index(k->events, e))->id));
    if (round % FAR_EVERY == 0) {
        g_autofree char *oldest = store_id_at(store_now() - 2 * LOOK_FAR_BACK);
        (void)g_hash_table_foreach_remove(l->known, is_old, oldest);
    }
}

/* --- the thread --------------------------------------------------------------------------------
 */

/* Sleeps until the next look; false at the end. *db is closed while nobody listens. */
static bool rest(struct listeners *l, struct sql **db)
{
    int64_t until = g_get_monotonic_time() + POLL;
    while (!l->ending && g_hash_table_size(l->all) > 0 &&
           g_cond_wait_until(&l->changed, &l->lock, until))
        ;
    if (!l->ending && g_hash_table_size(l->all) == 0) {
        sql_close(g_steal_pointer(db));
        while (!l->ending && g_hash_table_size(l->all) == 0)
            g_cond_wait(&l->changed, &l->lock);
    }
    return !l->ending;
}

static void *run(void *user)
{
    struct listeners *l = user;
    struct sql *db = NULL;
    bool failing = false;
    g_mutex_lock(&l->lock);
    for (unsigned round = 0; rest(l, &db); round++) {
        g_autoptr(GError) error = NULL;
        struct look k = { 0 };
        g_mutex_unlock(&l->lock);
        if (db == NULL)
            db = sql_open(l->store, &error);
        bool ok = db != NULL && look_at_store(l, db, round, &k, &error);
        if (!ok) {
            sql_close(g_steal_pointer(&db));
            if (!failing)
                log_line("warning", "events: %s", error->message);
            look_done(&k);
            k = (struct look){ .events = g_ptr_array_new() };
            round = FAR_EVERY - 1; /* what appeared meanwhile may be long ago */
        }
        failing = !ok;
        g_mutex_lock(&l->lock);
        tell(l, &k, round);
        look_done(&k);
    }
    g_mutex_unlock(&l->lock);
    sql_close(db);
    return NULL;
}

/* The first one: what is in the store already is not heard. Takes the lock on success. */
static bool begin(struct listeners *l, struct sql *db, GError **error)
{
    int64_t now = store_now();
    g_autoptr(GPtrArray) past = events_since(db, LOOK_FAR_BACK, error);
    if (past == NULL)
        return false;
    g_mutex_lock(&l->lock);
    if (g_hash_table_size(l->all) > 0)
        return true;
    l->seen = now;
    g_hash_table_remove_all(l->known);
    for (guint i = 0; i < past->len; i++)
        (void)g_hash_table_add(l->known,
                               g_strdup(((const struct event *)g_ptr_array_index(past, i))->id));
    return true;
}

bool listeners_join(struct listeners *l, struct sql *db, struct listener *one, GError **error)
{
    g_autoptr(GHashTable) sights = token_sights(db, &one->token, one->token != NULL ? 1 : 0, error);
    if (sights == NULL)
        return false;
    if (one->token != NULL)
        one->sight = token_sight_ref(g_hash_table_lookup(sights, one->token));
    g_mutex_lock(&l->lock);
    if (g_hash_table_size(l->all) == 0) {
        g_mutex_unlock(&l->lock);
        if (!begin(l, db, error)) /* takes the lock */
            return false;
    }
    guint count = g_hash_table_size(l->all);
    bool room = count < LIMIT_LISTENERS;
    if (room) {
        (void)g_hash_table_add(l->all, one);
        if (l->thread == NULL)
            l->thread = g_thread_new("events", run, l);
        g_cond_broadcast(&l->changed);
    }
    g_mutex_unlock(&l->lock);
    return room || fail_limit(error, "%u listen already", count);
}

void listeners_leave(struct listeners *l, struct listener *one)
{
    g_mutex_lock(&l->lock);
    (void)g_hash_table_remove(l->all, one);
    g_clear_pointer(&one->sight, token_sight_unref);
    g_cond_broadcast(&l->changed);
    g_mutex_unlock(&l->lock);
}

#include "block/throttle.h"

#include "base/error.h"

/* Virtual scheduling: a bucket is the moment up to which all that was taken would last at its rate.
 * A read may start when that moment is no more than a burst ahead (ITU-T I.371, annex A). */
struct bucket {
    uint64_t rate;  /* units a second; 0: no limit */
    uint64_t taken; /* units in all */
    double used_up; /* monotonic microseconds; a double, so that small costs add up */
};

struct throttle {
    gint refs;
    double burst; /* microseconds */
    GMutex lock;  /* of the buckets */
    struct bucket bytes, reads;
};

struct throttle *throttle_new(uint64_t bytes_per_second, uint32_t reads_per_second, int64_t burst)
{
    struct throttle *t = g_new0(struct throttle, 1);
    t->refs = 1;
    t->burst = (double)burst;
    t->bytes.rate = bytes_per_second;
    t->reads.rate = reads_per_second;
    g_mutex_init(&t->lock);
    return t;
}

struct throttle *throttle_ref(struct throttle *t)
{
    g_atomic_int_inc(&t->refs);
    return t;
}

void throttle_unref(struct throttle *t)
{
    if (t == NULL || !g_atomic_int_dec_and_test(&t->refs))
        return;
    g_mutex_clear(&t->lock);
    g_free(t);
}

static double cost(const struct bucket *b, uint64_t units)
{
    return b->rate == 0 ? 0 : (double)units * G_USEC_PER_SEC / (double)b->rate;
}

/* When the bucket lets through who comes now. */
static double start_of(const struct bucket *b, double burst, double now)
{
    return b->rate == 0 ? now : MAX(now, b->used_up - burst);
}

static void charge(struct bucket *b, double now, uint64_t units)
{
    b->taken += units;
    if (b->rate > 0)
        b->used_up = MAX(now, b->used_up) + cost(b, units);
}

static void give_back(struct bucket *b, uint64_t units)
{
    b->taken -= units;
    b->used_up -= cost(b, units);
}

gint64 throttle_take(struct throttle *t, gint64 now, uint64_t bytes)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&t->lock);
    double start =
        MAX(start_of(&t->bytes, t->burst, (double)now), start_of(&t->reads, t->burst, (double)now));
    charge(&t->bytes, (double)now, bytes);
    charge(&t->reads, (double)now, 1);
    return (gint64)start;
}

void throttle_return(struct throttle *t, uint64_t bytes)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&t->lock);
    give_back(&t->bytes, bytes);
    give_back(&t->reads, 1);
}

void throttle_taken(struct throttle *t, uint64_t *bytes, uint64_t *reads)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&t->lock);
    *bytes = t->bytes.taken;
    *reads = t->reads.taken;
}

/* --- the block ------------------------------------------------------------------------------- */

struct throttled {
    struct block block;
    struct block *under;
    GPtrArray *throttles; /* struct throttle *, owned references */
    GMutex lock;
    GCond ended;
    bool interrupted;
};

/* False: interrupted before that moment. */
static bool wait_until(struct throttled *t, gint64 moment)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&t->lock);
    while (!t->interrupted && g_get_monotonic_time() < moment)
        (void)g_cond_wait_until(&t->ended, &t->lock, moment);
    return !t->interrupted;
}

static bool throttled_read(struct block *b, uint64_t off, void *buf, size_t len, GError **error)
{
    struct throttled *t = (struct throttled *)b;
    gint64 now = g_get_monotonic_time(), start = now;
    for (guint i = 0; i < t->throttles->len; i++) {
        gint64 one = throttle_take(g_ptr_array_index(t->throttles, i), now, len);
        start = MAX(start, one);
    }
    if (wait_until(t, start))
        return block_read(t->under, off, buf, len, error);
    for (guint i = 0; i < t->throttles->len; i++)
        throttle_return(g_ptr_array_index(t->throttles, i), len);
    return fail(error, ASSAY_ERROR_IO, "%s: reading was interrupted", b->name);
}

static bool throttled_extent_at(struct block *b, uint64_t off, struct block_extent *out,
                                GError **error)
{
    return block_extent_at(((struct throttled *)b)->under, off, out, error);
}

static void throttled_interrupt(struct block *b)
{
    struct throttled *t = (struct throttled *)b;
    g_mutex_lock(&t->lock);
    t->interrupted = true;
    g_cond_broadcast(&t->ended);
    g_mutex_unlock(&t->lock);
    block_interrupt(t->under);
}

static void throttled_close(struct block *b)
{
    struct throttled *t = (struct throttled *)b;
    block_unref(t->under);
    g_ptr_array_unref(t->throttles);
    g_cond_clear(&t->ended);
    g_mutex_clear(&t->lock);
}

static const struct block_driver throttled_driver = {
    .name = "throttle",
    .description = "read no faster than its rates",
    .read = throttled_read,
    .extent_at = throttled_extent_at,
    .close = throttled_close,
    .interrupt = throttled_interrupt,
};

struct block *block_throttle_new(struct block *under, struct throttle *const *throttles,
                                 size_t count)
{
    struct throttled *t = block_alloc(sizeof *t, &throttled_driver, under->name, under->size);
    t->block.sector_size = under->sector_size;
    t->under = block_ref(under);
    t->throttles = g_ptr_array_new_with_free_func((GDestroyNotify)throttle_unref);
    for (size_t i = 0; i < count; i++) {
        if (throttles[i] != NULL)
            g_ptr_array_add(t->throttles, throttle_ref(throttles[i]));
    }
    g_mutex_init(&t->lock);
    g_cond_init(&t->ended);
    block_note_all(&t->block, under);
    return &t->block;
}

#include "introspect/rates.h"

#include "base/error.h"

#define BURST_SECONDS_USUAL 10
#define BURST_SECONDS_MAX   3600

struct limits {
    struct rate one, pool;
    int burst_seconds;
};

struct rates {
    GMutex lock; /* of what follows */
    struct limits limits;
    GHashTable *pools; /* name -> struct throttle, owned */
};

static bool read_number(const json_t *limits, const char *section, const char *name, uint64_t max,
                        uint64_t *out, GError **error)
{
    const json_t *value = json_object_get(json_object_get(limits, section), name);
    json_int_t n = json_integer_value(value);
    *out = (uint64_t)n;
    return value == NULL || (json_is_integer(value) && n > 0 && (uint64_t)n <= max) ||
           fail(error, ASSAY_ERROR_INVALID,
                "limits.%s.%s: not a number from 1 to %" G_GUINT64_FORMAT, section, name, max);
}

static bool read_rate(const json_t *limits, const char *section, struct rate *out, GError **error)
{
    const json_t *object = json_object_get(limits, section);
    const char *name;
    json_t *value;
    if (object != NULL && !json_is_object(object))
        return fail(error, ASSAY_ERROR_INVALID, "limits.%s: not a map", section);
    json_object_foreach((json_t *)object, name, value) {
        if (!g_str_equal(name, "bytes_per_second") && !g_str_equal(name, "iops"))
            return fail(error, ASSAY_ERROR_INVALID, "limits.%s.%s: there is no such setting",
                        section, name);
    }
    return read_number(limits, section, "bytes_per_second", INT64_MAX, &out->bytes, error) &&
           read_number(limits, section, "iops", INT32_MAX, &out->reads, error);
}

static bool read_burst(const json_t *limits, int *out, GError **error)
{
    const json_t *value = json_object_get(limits, "burst_seconds");
    json_int_t n = value != NULL ? json_integer_value(value) : BURST_SECONDS_USUAL;
    *out = (int)CLAMP(n, 0, BURST_SECONDS_MAX);
    return value == NULL || (json_is_integer(value) && n >= 0 && n <= BURST_SECONDS_MAX) ||
           fail(error, ASSAY_ERROR_INVALID, "limits.burst_seconds: not a number from 0 to %d",
                BURST_SECONDS_MAX);
}

static bool read_limits(const json_t *limits, struct limits *out, GError **error)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)limits, name, value) {
        if (!g_str_equal(name, "introspection") && !g_str_equal(name, "pool") &&
            !g_str_equal(name, "burst_seconds"))
            return fail(error, ASSAY_ERROR_INVALID, "limits.%s: there is no such setting", name);
    }
    return read_rate(limits, "introspection", &out->one, error) &&
           read_rate(limits, "pool", &out->pool, error) &&
           read_burst(limits, &out->burst_seconds, error);
}

struct rates *rates_new(const json_t *limits, GError **error)
{
    struct limits read = { 0 };
    if (!read_limits(limits, &read, error))
        return NULL;
    struct rates *r = g_new0(struct rates, 1);
    g_mutex_init(&r->lock);
    r->limits = read;
    r->pools =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)throttle_unref);
    return r;
}

static int64_t burst_of(const struct limits *l)
{
    return l->burst_seconds * (int64_t)G_USEC_PER_SEC;
}

static uint32_t reads_of(struct rate r)
{
    return (uint32_t)MIN(r.reads, UINT32_MAX);
}

static bool same_in_pools(const struct limits *a, const struct limits *b)
{
    return a->pool.bytes == b->pool.bytes && a->pool.reads == b->pool.reads &&
           a->burst_seconds == b->burst_seconds;
}

bool rates_set(struct rates *r, const json_t *limits, GError **error)
{
    struct limits read = { 0 };
    if (!read_limits(limits, &read, error))
        return false;
    g_mutex_lock(&r->lock);
    if (!same_in_pools(&r->limits, &read))
        g_hash_table_remove_all(r->pools); /* those that read now keep theirs */
    r->limits = read;
    g_mutex_unlock(&r->lock);
    return true;
}

static struct limits limits_now(struct rates *r)
{
    g_mutex_lock(&r->lock);
    struct limits now = r->limits;
    g_mutex_unlock(&r->lock);
    return now;
}

void rates_free(struct rates *r)
{
    if (r == NULL)
        return;
    g_hash_table_unref(r->pools);
    g_mutex_clear(&r->lock);
    g_free(r);
}

bool rate_is_none(struct rate r)
{
    return r.bytes == 0 && r.reads == 0;
}

static int64_t lasts(uint64_t units, uint64_t rate)
{
    double microseconds = rate == 0 ? 0 : (double)units * G_USEC_PER_SEC / (double)rate;
    return (int64_t)MIN(microseconds, (double)G_TIME_SPAN_DAY);
}

int64_t rate_cost(struct rate r, uint64_t bytes, uint64_t reads)
{
    return MAX(lasts(bytes, r.bytes), lasts(reads, r.reads));
}

/* The lower of two limits, of which 0 is none. */
static uint64_t lower(uint64_t limit, const json_t *wish)
{
    json_int_t n = json_integer_value(wish);
    return n <= 0 ? limit : limit == 0 ? (uint64_t)n : MIN(limit, (uint64_t)n);
}

struct rate rates_one(struct rates *r, const json_t *options)
{
    const struct rate one = limits_now(r).one;
    return (struct rate){ .bytes = lower(one.bytes, json_object_get(options, "bytes_per_second")),
                          .reads = lower(one.reads, json_object_get(options, "iops")) };
}

struct rate rates_pool(struct rates *r)
{
    return limits_now(r).pool;
}

struct throttle *rates_throttle(struct rates *r, struct rate rate)
{
    const struct limits now = limits_now(r);
    return throttle_new(rate.bytes, reads_of(rate), burst_of(&now));
}

struct throttle *rates_pool_throttle(struct rates *r, const char *pool)
{
    g_autoptr(GMutexLocker) locked G_GNUC_UNUSED = g_mutex_locker_new(&r->lock);
    if (pool[0] == '\0' || rate_is_none(r->limits.pool))
        return NULL;
    struct throttle *t = g_hash_table_lookup(r->pools, pool);
    if (t == NULL) {
        t = throttle_new(r->limits.pool.bytes, reads_of(r->limits.pool), burst_of(&r->limits));
        g_hash_table_insert(r->pools, g_strdup(pool), t);
    }
    return throttle_ref(t);
}

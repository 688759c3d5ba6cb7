#include "introspect/rates.h"

#include "base/error.h"

struct rate {
    uint64_t bytes, reads; /* a second; 0: no limit */
};

struct rates {
    struct rate one, pool;
    GMutex lock;
    GHashTable *pools; /* name -> struct throttle, owned; under the lock */
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

struct rates *rates_new(const json_t *limits, GError **error)
{
    g_autoptr(rates) r = g_new0(struct rates, 1);
    const char *name;
    json_t *value;
    g_mutex_init(&r->lock);
    r->pools =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)throttle_unref);
    json_object_foreach((json_t *)limits, name, value) {
        if (!g_str_equal(name, "introspection") && !g_str_equal(name, "pool")) {
            (void)fail(error, ASSAY_ERROR_INVALID, "limits.%s: there is no such setting", name);
            return NULL;
        }
    }
    return read_rate(limits, "introspection", &r->one, error) &&
                   read_rate(limits, "pool", &r->pool, error)
               ? g_steal_pointer(&r)
               : NULL;
}

void rates_free(struct rates *r)
{
    if (r == NULL)
        return;
    g_hash_table_unref(r->pools);
    g_mutex_clear(&r->lock);
    g_free(r);
}

struct throttle *rates_pool(struct rates *r, const char *pool)
{
    if (pool[0] == '\0' || (r->pool.bytes == 0 && r->pool.reads == 0))
        return NULL;
    g_mutex_lock(&r->lock);
    struct throttle *t = g_hash_table_lookup(r->pools, pool);
    if (t == NULL) {
        t = throttle_new(r->pool.bytes, (uint32_t)r->pool.reads);
        g_hash_table_insert(r->pools, g_strdup(pool), t);
    }
    t = throttle_ref(t);
    g_mutex_unlock(&r->lock);
    return t;
}

/* The lower of two limits, of which 0 is none. */
static uint64_t lower(uint64_t limit, const json_t *wish)
{
    json_int_t n = json_integer_value(wish);
    return n <= 0 ? limit : limit == 0 ? (uint64_t)n : MIN(limit, (uint64_t)n);
}

struct throttle *rates_one(const struct rates *r, const json_t *options)
{
    uint64_t bytes = lower(r->one.bytes, json_object_get(options, "bytes_per_second"));
    uint64_t reads = lower(r->one.reads, json_object_get(options, "iops"));
    return bytes > 0 || reads > 0 ? throttle_new(bytes, (uint32_t)MIN(reads, UINT32_MAX)) : NULL;
}

/* How fast disks are read: limits of each node or image, and of each pool of storage, which all
 * jobs share. From "limits" of the settings:
 *
 *     limits:
 *       introspection: {bytes_per_second: 50000000, iops: 500}
 *       pool: {bytes_per_second: 200000000, iops: 2000}
 *       burst_seconds: 10 */
#pragma once
#include <jansson.h>

#include "block/throttle.h"

typedef struct rates rates;
/* limits: may be NULL. ASSAY_ERROR_INVALID names what is wrong in it. */
struct rates *rates_new(const json_t *limits, GError **error);
/* Other limits, for who asks from now on: a pool's throttle is then another. On failure all stays.
 * Any thread, as all that follow. */
bool rates_set(struct rates *r, const json_t *limits, GError **error);
void rates_free(struct rates *r);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(rates, rates_free)

struct rate {
    uint64_t bytes, reads; /* a second; 0: no limit */
};
bool rate_is_none(struct rate r);
/* How long that much lasts; microseconds. */
int64_t rate_cost(struct rate r, uint64_t bytes, uint64_t reads);

/* Of one thing; its options ("bytes_per_second", "iops") can only lower it. */
struct rate rates_one(struct rates *r, const json_t *options);
/* Of each pool. */
struct rate rates_pool(struct rates *r);

/* What lets one introspection's reads through, and counts them. */
struct throttle *rates_throttle(struct rates *r, struct rate rate);
/* That of a pool, which all introspections of this process share; NULL: no limit. A reference. */
struct throttle *rates_pool_throttle(struct rates *r, const char *pool);

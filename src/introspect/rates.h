/* How fast disks are read: limits of each introspection, and of each pool of storage, which all
 * jobs of this process share. From "limits" of the settings:
 *
 *     limits:
 *       introspection: {bytes_per_second: 50000000, iops: 500}
 *       pool: {bytes_per_second: 200000000, iops: 2000} */
#pragma once
#include <jansson.h>

#include "block/throttle.h"

typedef struct rates rates;
/* limits: may be NULL. ASSAY_ERROR_INVALID names what is wrong in it. */
struct rates *rates_new(const json_t *limits, GError **error);
void rates_free(struct rates *r);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(rates, rates_free)

/* Of a pool, which is "" when it is not known: then NULL, as when there is no limit. A reference.
 */
struct throttle *rates_pool(struct rates *r, const char *pool);
/* Of one introspection; options of the thing ("bytes_per_second", "iops") can only lower it. NULL:
 * no limit. */
struct throttle *rates_one(const struct rates *r, const json_t *options);

/* Notifications of OpenStack start introspections: which, says the setting openstack.notifications,
 * a list of
 *     {url, queue, exchange, topic, projects: {TENANT: PROJECT}, locations: {EVENT: TEMPLATE}}. */
#pragma once
#include <jansson.h>

#include "queue/broker.h"
#include "store/store.h"

/* Whether the setting "openstack" (NULL: none) is well-formed. */
bool openstack_check(const json_t *openstack, GError **error);
/* Queue and binding of one of the list, which is well-formed. */
struct broker_queue openstack_queue(const json_t *source);

/* What became of a message. */
enum openstack_end {
    OPENSTACK_DONE,    /* an introspection was asked for */
    OPENSTACK_REPEAT,  /* it was known already */
    OPENSTACK_IGNORED, /* nothing that we were told to look at */
    OPENSTACK_REFUSED, /* malformed, or not allowed: *error says why */
    OPENSTACK_FAILED,  /* the store failed: to be tried again */
};
/* In one transaction of its own. body NULL: it was too large. */
enum openstack_end openstack_take(struct sql *db, const json_t *source, GBytes *body,
                                  GError **error);
/* Forgets messages that came longer ago than they are repeated. */
bool openstack_expire(struct sql *db, GError **error);

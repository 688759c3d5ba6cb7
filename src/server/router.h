/* From a method and a path to a handler, and everything that holds for every call: who asks,
 * whether they may, the body's form, transactions, repetitions, problems, ETags, log and metrics.
 */
#pragma once
#include "server/call.h"

/* Tables of routes, one a subject: each ends with a route without method. NULL-terminated. */
extern const struct route *const route_tables[];

/* Fills parameters of c (freed by route_clear()) and returns the route; NULL when there is none,
 * with the methods that the path has in *allow (g_free(); NULL: there is no such path). */
const struct route *route_find(const struct route *const *tables, const char *method,
                               const char *path, struct call *c, char **allow);
void route_clear(struct call *c);

/* Answers one request; an http_handler whose user is the struct server. */
void router_handle(const struct http_request *request, struct http_response *response, void *user);

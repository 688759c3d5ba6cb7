/* The API's description, api/openapi.yaml, which is built in. What it says and what the router does
 * are compared when the service starts; bodies of requests are checked against it. */
#pragma once
#include <jansson.h>

#include "server/call.h"

struct openapi;

/* Refuses a description that lacks a route, or describes one that there is not, or says otherwise
 * who may use it. tables: NULL-terminated, each ends with a route without method. */
struct openapi *openapi_load(const struct route *const *tables, GError **error);
void openapi_free(struct openapi *api);
/* The description as it was written, and as JSON. Borrowed. */
const char *openapi_yaml(const struct openapi *api);
const char *openapi_json(const struct openapi *api);
/* A page for people, without scripts. Borrowed. */
const char *openapi_page(const struct openapi *api);
/* Whether the call's body must be there, and whether it may. */
void openapi_wants_body(const struct openapi *api, const struct route *r, bool *may, bool *must);
/* ASSAY_ERROR_INVALID names the member that is wrong. */
bool openapi_check_body(const struct openapi *api, const struct route *r, const json_t *body,
                        GError **error);
/* ASSAY_ERROR_INVALID names a member of the query that the call does not know: without a word, a
 * filter that is misspelt would let everything through. */
bool openapi_check_query(const struct openapi *api, const struct route *r, GHashTable *query,
                         GError **error);
/* "viewer" ..., as x-access in the description. */
const char *access_name(enum access access);

/* Makes the page; GString for openapi.c. */
GString *openapi_page_make(const json_t *document);

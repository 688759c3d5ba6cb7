/* Calls of hooks: who made one, and what it is about. */
#pragma once
#include <jansson.h>
#include <stdint.h>

#include "server/http.h"

#define HOOK_TOLERANCE 300 /* seconds that a signed time may be away from now */

/* Whether a request was made by one who has the secret: one of
 *
 *     X-Hub-Signature-256: sha256=HEX           HMAC-SHA256 of the body, as GitHub sends it
 *     X-Assay-Signature: t=SECONDS,v1=HEX       ... of "SECONDS.", then the body
 *     Authorization: Bearer SECRET
 *
 * *signature: what a repeated call has in common with the first, NULL for the last form; g_free().
 * now: Unix seconds. Takes the same time whatever is wrong with a signature. */
bool hook_verify(const struct http_request *r, const char *secret, int64_t now, char **signature);

/* RFC 6901: "" the whole, "/a/0/b~1c". NULL when there is nothing; borrowed. */
const json_t *hook_pointer(const json_t *value, const char *pointer);
bool hook_pointer_valid(const char *pointer);

/* Who makes a call: by our own token or session, a Keystone token, or HIL's user and password. */
#pragma once
#include "server/call.h"

/* Fills c->caller, or makes the problem: 401, 403 (scope, page from elsewhere), 429 after too many
 * failures, 503 when the service that could tell does not answer. Not in a transaction. */
bool call_authenticate(struct call *c, GError **error);

/* For routes that name the project elsewhere than in their path: the caller by HTTP Basic with its
 * user and password of HIL, who then is operator of that project and sees no other. *tried: the
 * call has HTTP Basic and HIL is set; false without *error else. */
bool call_authenticate_hil(struct call *c, const char *project, bool *tried, GError **error);

/* User and password of HTTP Basic (RFC 7617); false when the call has none. seal_forget() both. */
bool call_basic(const struct http_request *request, char **user, char **password);

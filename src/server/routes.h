/* The tables of routes, one a subject and a file: routes_<subject>.c, and a line here and in
 * routes.c. */
#pragma once
#include "server/call.h"

extern const struct route routes_credentials[];
extern const struct route routes_events[];
extern const struct route routes_hooks[];
extern const struct route routes_introspections[];
extern const struct route routes_imports[];
extern const struct route routes_m2[];
extern const struct route routes_members[];
extern const struct route routes_notifications[];
extern const struct route routes_projects[];
extern const struct route routes_reports[];
extern const struct route routes_service[];
extern const struct route routes_sessions[];
extern const struct route routes_things[];
extern const struct route routes_tokens[];
extern const struct route routes_users[];
extern const struct route routes_vulnerabilities[];

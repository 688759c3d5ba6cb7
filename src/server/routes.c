#include "server/routes.h"

#include "server/router.h"

const struct route *const route_tables[] = {
    routes_service,
    routes_sessions,
    routes_users,
    routes_tokens,
    routes_projects,
    routes_members,
    routes_notifications,
    routes_credentials,
    routes_imports,
    routes_hooks,
    routes_things,
    routes_events,
    routes_introspections,
    routes_reports,
    routes_m2,
    routes_vulnerabilities,
    NULL,
};

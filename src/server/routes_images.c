#include "server/routes.h"
#include "server/thing_calls.h"

static bool list(struct call *c, GError **error)
{
    return thing_call_list(c, THING_IMAGE, error);
}

static bool create(struct call *c, GError **error)
{
    return thing_call_create(c, THING_IMAGE, error);
}

static bool show(struct call *c, GError **error)
{
    return thing_call_show(c, THING_IMAGE, error);
}

static bool change(struct call *c, GError **error)
{
    return thing_call_change(c, THING_IMAGE, error);
}

static bool delete (struct call *c, GError **error)
{
    return thing_call_delete(c, THING_IMAGE, error);
}

#define ALL "/v1/projects/{project}/images"
#define ONE ALL "/{image}"

const struct route routes_images[] = {
    { "GET", "/v1/images", ACCESS_USER, SCOPE_READ, list, 0 },
    { "GET", ALL, ACCESS_VIEWER, SCOPE_READ, list, 0 },
    { "POST", ALL, ACCESS_OPERATOR, SCOPE_WRITE, create, 0 },
    { "GET", ONE, ACCESS_VIEWER, SCOPE_READ, show, 0 },
    { "PATCH", ONE, ACCESS_OPERATOR, SCOPE_WRITE, change, 0 },
    { "DELETE", ONE, ACCESS_OPERATOR, SCOPE_WRITE, delete, 0 },
    { NULL },
};

#include "base/error.h"
#include "introspect/introspect.h"
#include "server/introspection_json.h"
#include "server/routes.h"

static bool ask(struct call *c, GError **error)
{
    enum thing_kind kind = (enum thing_kind)c->route->subject;
    g_autoptr(thing) t = thing_find(c->db, kind, &c->caller, c->project->id,
                                    call_parameter(c, thing_kind_name(kind)), error);
    if (t == NULL)
        return false;
    const struct introspection_wish wish = { .kind = kind,
                                             .thing = t,
                                             .deep = json_is_true(json_object_get(c->body, "deep")),
                                             .fresh =
                                                 json_is_true(json_object_get(c->body, "fresh")),
                                             .requested_by = c->caller.name,
                                             .priority = JOB_PRIORITY_INTERACTIVE };
    g_autofree char *id = introspect_request(c->db, &wish, error);
    g_autoptr(introspection) i =
        id != NULL ? introspection_find(c->db, &c->caller, id, error) : NULL;
    if (i == NULL)
        return false;
    call_created(c, "/v1/projects/%s/introspections/%s", i->project, i->id);
    c->response->status = 202;
    introspection_write(&c->out, NULL, i);
    return true;
}

static struct introspection *find(struct call *c, GError **error)
{
    g_autoptr(introspection) i =
        introspection_find(c->db, &c->caller, call_parameter(c, "introspection"), error);
    if (i == NULL || g_str_equal(i->project, c->project->id))
        return g_steal_pointer(&i);
    (void)fail(error, ASSAY_ERROR_NOT_FOUND, "no such introspection");
    return NULL;
}

static bool show(struct call *c, GError **error)
{
    g_autoptr(introspection) i = find(c, error);
    if (i == NULL)
        return false;
    introspection_write(&c->out, NULL, i);
    if (!c->request->waited)
        return true;
    http_set_header(c->response, "Preference-Applied", "wait");
    http_set_header(c->response, "Location", c->request->path);
    c->response->status = i->finished != 0 ? 200 : 202;
    return true;
}

/* Of a thing, a project, or all that the caller sees. */
static bool write_listed(struct call *c, const void *item, GError **error)
{
    introspection_write(&c->out, NULL, item);
    return true;
}

static bool list(struct call *c, GError **error)
{
    struct store_page page;
    enum thing_kind kind = (enum thing_kind)c->route->subject;
    const char *name = kind < THING_KIND_COUNT ? call_parameter(c, thing_kind_name(kind)) : NULL;
    g_autoptr(thing) t = NULL;
    if (!call_page(c, &page, error))
        return false;
    if (name != NULL) {
        t = thing_find(c->db, kind, &c->caller, c->project->id, name, error);
        if (t == NULL)
            return false;
    }
    g_autoptr(GPtrArray) all =
        introspection_list(c->db, &c->caller, c->project != NULL ? c->project->id : NULL,
                           t != NULL ? t->id : NULL, &page, error);
    return call_list(c, all, &page, write_listed, G_STRUCT_OFFSET(struct introspection, id), error);
}

static bool cancel(struct call *c, GError **error)
{
    g_autoptr(introspection) i = find(c, error);
    if (i == NULL)
        return false;
    if (i->finished != 0)
        return problem(error, 409, "the introspection has ended");
    if (!introspect_cancel(c->db, i, error))
        return false;
    g_autoptr(introspection) now = introspection_find(c->db, &c->caller, i->id, error);
    if (now == NULL)
        return false;
    introspection_write(&c->out, NULL, now);
    return true;
}

#define PROJECT "/v1/projects/{project}"
#define ONE     PROJECT "/introspections/{introspection}"

const struct route routes_introspections[] = {
    { "POST", PROJECT "/nodes/{node}/introspections", ACCESS_OPERATOR, SCOPE_WRITE, ask, 0,
      THING_NODE },
    { "GET", PROJECT "/nodes/{node}/introspections", ACCESS_VIEWER, SCOPE_READ, list, 0,
      THING_NODE },
    { "POST", PROJECT "/images/{image}/introspections", ACCESS_OPERATOR, SCOPE_WRITE, ask, 0,
      THING_IMAGE },
    { "GET", PROJECT "/images/{image}/introspections", ACCESS_VIEWER, SCOPE_READ, list, 0,
      THING_IMAGE },
    { "GET", "/v1/introspections", ACCESS_USER, SCOPE_READ, list, 0, THING_KIND_COUNT },
    { "GET", PROJECT "/introspections", ACCESS_VIEWER, SCOPE_READ, list, 0, THING_KIND_COUNT },
    { "GET", ONE, ACCESS_VIEWER, SCOPE_READ, show, 0 },
    { "POST", ONE "/cancel", ACCESS_OPERATOR, SCOPE_WRITE, cancel, 0 },
    { NULL },
};

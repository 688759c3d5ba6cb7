#include "server/routes.h"
#include "store/users.h"

static bool write_listed(struct call *c, const void *item, GError **error)
{
    const struct member *m = item;
    jw_object_begin(&c->out, NULL);
    jw_string(&c->out, "user", m->account);
    jw_string(&c->out, "name", m->name);
    jw_string(&c->out, "role", role_name(m->role));
    call_write_time(&c->out, "since", m->created);
    jw_object_end(&c->out);
    return true;
}

static bool list(struct call *c, GError **error)
{
    struct store_page page;
    if (!call_page(c, &page, error))
        return false;
    g_autoptr(GPtrArray) members = member_list(c->db, c->project->id, &page, error);
    return call_list(c, members, &page, write_listed, G_STRUCT_OFFSET(struct member, account),
                     error);
}

static bool set(struct call *c, GError **error)
{
    bool made;
    const char *role = call_text(c, "role");
    g_autoptr(user) u = user_find(c->db, call_parameter(c, "user"), error);
    if (u != NULL && u->external != NULL)
        return problem(error, 422, "%s gets its roles from the service that vouches for it",
                       u->name);
    if (u == NULL || !member_set(c->db, c->project->id, u->id, role_parse(role), &made, error))
        return false;
    if (made)
        call_created(c, "/v1/projects/%s/members/%s", c->project->id, u->id);
    jw_object_begin(&c->out, NULL);
    jw_string(&c->out, "user", u->id);
    jw_string(&c->out, "name", u->name);
    jw_string(&c->out, "role", role);
    jw_object_end(&c->out);
    return true;
}

static bool delete (struct call *c, GError **error)
{
    g_autoptr(user) u = user_find(c->db, call_parameter(c, "user"), error);
    return u != NULL && member_delete(c->db, c->project->id, u->id, error) && call_no_content(c);
}

const struct route routes_members[] = {
    { "GET", "/v1/projects/{project}/members", ACCESS_VIEWER, SCOPE_READ, list, 0 },
    { "PUT", "/v1/projects/{project}/members/{user}", ACCESS_OWNER, SCOPE_ADMIN, set, 0 },
    { "DELETE", "/v1/projects/{project}/members/{user}", ACCESS_OWNER, SCOPE_ADMIN, delete, 0 },
    { NULL },
};

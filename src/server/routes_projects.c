#include "server/routes.h"

static void write_project(struct json_writer *w, const struct project *p)
{
    jw_object_begin(w, NULL);
    jw_string(w, "id", p->id);
    jw_string(w, "name", p->name);
    jw_string(w, "description", p->description);
    call_write_json(w, "locations", p->locations);
    jw_string(w, "role", role_name(p->role));
    call_write_time(w, "created", p->created);
    jw_object_end(w);
}

static bool write_listed(struct call *c, const void *item, GError **error)
{
    write_project(&c->out, item);
    return true;
}

static bool list(struct call *c, GError **error)
{
    struct store_page page;
    if (!call_page(c, &page, error))
        return false;
    g_autoptr(GPtrArray) projects = project_list(c->db, &c->caller, &page, error);
    return call_list(c, projects, &page, write_listed, G_STRUCT_OFFSET(struct project, id), error);
}

static bool answer(struct call *c, const char *id, GError **error)
{
    g_autoptr(project) p = project_find(c->db, &c->caller, id, error);
    if (p == NULL)
        return false;
    write_project(&c->out, p);
    return call_version(c, p->version);
}

static bool create(struct call *c, GError **error)
{
    g_autofree char *locations = call_json(c, "locations");
    const struct project_values v = { .name = call_text(c, "name"),
                                      .description = call_text(c, "description"),
                                      .locations = locations };
    g_autofree char *id = project_create(c->db, &v, error);
    if (id == NULL)
        return false;
    call_created(c, "/v1/projects/%s", id);
    return answer(c, id, error);
}

static bool show(struct call *c, GError **error)
{
    write_project(&c->out, c->project);
    return call_version(c, c->project->version);
}

static bool change(struct call *c, GError **error)
{
    int64_t version;
    g_autofree char *locations = call_json(c, "locations");
    const struct project_values v = { .name = call_text(c, "name"),
                                      .description = call_text(c, "description"),
                                      .locations = locations };
    if ((v.name != NULL || v.locations != NULL) && !c->caller.admin)
        return problem(error, 403, "name and locations are for administrators to change");
    return call_if_match(c, &version, error) &&
           project_change(c->db, c->project->id, version, &v, error) &&
           answer(c, c->project->id, error);
}

static bool delete (struct call *c, GError **error)
{
    int64_t version;
    return call_if_match(c, &version, error) &&
           project_delete(c->db, c->project->id, version, error) && call_no_content(c);
}

const struct route routes_projects[] = {
    { "GET", "/v1/projects", ACCESS_USER, SCOPE_READ, list, 0 },
    { "POST", "/v1/projects", ACCESS_ADMIN, SCOPE_ADMIN, create, 0 },
    { "GET", "/v1/projects/{project}", ACCESS_VIEWER, SCOPE_READ, show, 0 },
    { "PATCH", "/v1/projects/{project}", ACCESS_OWNER, SCOPE_ADMIN, change, 0 },
    { "DELETE", "/v1/projects/{project}", ACCESS_ADMIN, SCOPE_ADMIN, delete, 0 },
    { NULL },
};

#include "server/routes.h"
#include "server/server.h"
#include "store/credentials.h"

/* NULL: the site's. */
static const char *owner_of(const struct call *c)
{
    return c->project != NULL ? c->project->id : NULL;
}

static void write_credential(struct json_writer *w, const struct credential *k)
{
    jw_object_begin(w, NULL);
    jw_string(w, "id", k->id);
    jw_string(w, "name", k->name);
    jw_string(w, "kind", k->kind);
    jw_string(w, "description", k->description);
    call_write_time(w, "created", k->created);
    call_write_time(w, "changed", k->changed);
    jw_object_end(w);
}

static bool write_listed(struct call *c, const void *item, GError **error)
{
    write_credential(&c->out, item);
    return true;
}

static bool list(struct call *c, GError **error)
{
    struct store_page page;
    if (!call_page(c, &page, error))
        return false;
    g_autoptr(GPtrArray) credentials = credential_list(c->db, owner_of(c), &page, error);
    return call_list(c, credentials, &page, write_listed, G_STRUCT_OFFSET(struct credential, id),
                     error);
}

static bool answer(struct call *c, const char *id, GError **error)
{
    g_autoptr(credential) k = credential_find(c->db, owner_of(c), id, error);
    if (k == NULL)
        return false;
    write_credential(&c->out, k);
    return call_version(c, k->version);
}

static struct credential_values values_of(const struct call *c)
{
    return (struct credential_values){ .name = call_text(c, "name"),
                                       .kind = call_text(c, "kind"),
                                       .description = call_text(c, "description"),
                                       .secret = call_text(c, "secret") };
}

static bool create(struct call *c, GError **error)
{
    const struct credential_values v = values_of(c);
    g_autofree char *id = credential_create(c->db, c->server->seal, owner_of(c), &v, error);
    if (id == NULL)
        return false;
    if (c->project != NULL)
        call_created(c, "/v1/projects/%s/credentials/%s", c->project->id, id);
    else
        call_created(c, "/v1/credentials/%s", id);
    return answer(c, id, error);
}

static bool show(struct call *c, GError **error)
{
    return answer(c, call_parameter(c, "credential"), error);
}

static bool change(struct call *c, GError **error)
{
    int64_t version;
    const struct credential_values v = values_of(c);
    g_autoptr(credential) k =
        credential_find(c->db, owner_of(c), call_parameter(c, "credential"), error);
    return k != NULL && call_if_match(c, &version, error) &&
           credential_change(c->db, c->server->seal, owner_of(c), k->id, version, &v, error) &&
           answer(c, k->id, error);
}

static bool delete (struct call *c, GError **error)
{
    int64_t version;
    g_autoptr(credential) k =
        credential_find(c->db, owner_of(c), call_parameter(c, "credential"), error);
    return k != NULL && call_if_match(c, &version, error) &&
           credential_delete(c->db, owner_of(c), k->id, version, error) && call_no_content(c);
}

#define SITE "/v1/credentials"
#define ALL  "/v1/projects/{project}/credentials"

const struct route routes_credentials[] = {
    { "GET", SITE, ACCESS_AUDITOR, SCOPE_READ, list, 0 },
    { "POST", SITE, ACCESS_ADMIN, SCOPE_ADMIN, create, 0 },
    { "GET", SITE "/{credential}", ACCESS_AUDITOR, SCOPE_READ, show, 0 },
    { "PATCH", SITE "/{credential}", ACCESS_ADMIN, SCOPE_ADMIN, change, 0 },
    { "DELETE", SITE "/{credential}", ACCESS_ADMIN, SCOPE_ADMIN, delete, 0 },
    { "GET", ALL, ACCESS_VIEWER, SCOPE_READ, list, 0 },
    { "POST", ALL, ACCESS_OWNER, SCOPE_ADMIN, create, 0 },
    { "GET", ALL "/{credential}", ACCESS_VIEWER, SCOPE_READ, show, 0 },
    { "PATCH", ALL "/{credential}", ACCESS_OWNER, SCOPE_ADMIN, change, 0 },
    { "DELETE", ALL "/{credential}", ACCESS_OWNER, SCOPE_ADMIN, delete, 0 },
    { NULL },
};

#include "server/routes.h"
#include "store/users.h"

static bool answer(struct call *c, const char *id, GError **error);

static void write_user(struct json_writer *w, const struct user *u)
{
    jw_object_begin(w, NULL);
    jw_string(w, "id", u->id);
    jw_string(w, "name", u->name);
    jw_string(w, "site_role", u->site[0] != '\0' ? u->site : NULL);
    jw_bool(w, "disabled", u->disabled);
    jw_string(w, "external", u->external);
    call_write_time(w, "created", u->created);
    jw_object_end(w);
}

static bool write_listed(struct call *c, const void *item, GError **error)
{
    write_user(&c->out, item);
    return true;
}

static bool list(struct call *c, GError **error)
{
    struct store_page page;
    if (!call_page(c, &page, error))
        return false;
    g_autoptr(GPtrArray) users = user_list(c->db, &page, error);
    return call_list(c, users, &page, write_listed, G_STRUCT_OFFSET(struct user, id), error);
}

/* The site's role in a body: absent NULL, null "". */
static const char *site_role(const struct call *c)
{
    const json_t *role = json_object_get(c->body, "site_role");
    return json_is_null(role) ? "" : json_string_value(role);
}

static bool create(struct call *c, GError **error)
{
    const char *site = site_role(c);
    g_autofree char *id =
        user_create(c->db, call_text(c, "name"), c->hash, site != NULL ? site : "", error);
    if (id == NULL)
        return false;
    call_created(c, "/v1/users/%s", id);
    return answer(c, id, error);
}

static bool answer(struct call *c, const char *id, GError **error)
{
    g_autoptr(user) u = user_find(c->db, id, error);
    if (u == NULL)
        return false;
    write_user(&c->out, u);
    return call_version(c, u->version);
}

static bool show(struct call *c, GError **error)
{
    return answer(c, call_parameter(c, "user"), error);
}

static bool change(struct call *c, GError **error)
{
    int64_t version;
    const json_t *disabled = json_object_get(c->body, "disabled");
    const struct user_change new = { .site = site_role(c),
                                     .hash = c->hash,
                                     .disabled = disabled == NULL ? -1 : json_is_true(disabled),
                                     .keep = c->caller.token };
    g_autoptr(user) u = user_find(c->db, call_parameter(c, "user"), error);
    if (u != NULL && u->external != NULL && (new.site != NULL || new.hash != NULL))
        return problem(error, 422, "%s can only be disabled here: another service vouches for it",
                       u->name);
    return u != NULL && call_if_match(c, &version, error) &&
           user_change(c->db, u->id, version, &new, error) && answer(c, u->id, error);
}

static bool delete (struct call *c, GError **error)
{
    int64_t version;
    g_autoptr(user) u = user_find(c->db, call_parameter(c, "user"), error);
    return u != NULL && call_if_match(c, &version, error) &&
           user_delete(c->db, u->id, version, error) && call_no_content(c);
}

static bool show_me(struct call *c, GError **error)
{
    return answer(c, c->caller.account, error);
}

struct renewal {
    const char *account;
    struct user_change change;
};

static bool renew(struct sql *db, void *user, GError **error)
{
    const struct renewal *r = user;
    return user_change(db, r->account, 0, &r->change, error);
}

/* A thief of a session must not become the owner of the account: the old password is asked for, and
 * guessing it counts as a failed login. So this makes its own transactions. */
static bool change_me(struct call *c, GError **error)
{
    g_autofree char *account =
        call_password(c, c->caller.name, call_text(c, "password"), 403, error);
    g_autofree char *hash =
        account != NULL ? call_hash(c, call_text(c, "new_password"), error) : NULL;
    struct renewal r = { .account = account,
                         .change = { .hash = hash, .disabled = -1, .keep = c->caller.token } };
    return hash != NULL && sql_transaction(c->db, renew, &r, error) && answer(c, account, error);
}

const struct route routes_users[] = {
    { "GET", "/v1/users", ACCESS_AUDITOR, SCOPE_READ, list, 0 },
    { "POST", "/v1/users", ACCESS_ADMIN, SCOPE_ADMIN, create, ROUTE_PASSWORD },
    { "GET", "/v1/users/{user}", ACCESS_AUDITOR, SCOPE_READ, show, 0 },
    { "PATCH", "/v1/users/{user}", ACCESS_ADMIN, SCOPE_ADMIN, change, ROUTE_PASSWORD },
    { "DELETE", "/v1/users/{user}", ACCESS_ADMIN, SCOPE_ADMIN, delete, 0 },
    { "GET", "/v1/me", ACCESS_USER, SCOPE_READ, show_me, 0 },
    { "POST", "/v1/me/password", ACCESS_USER, SCOPE_ADMIN, change_me, ROUTE_ALONE },
    { NULL },
};

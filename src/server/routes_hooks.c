#include "base/error.h"
#include "introspect/introspect.h"
#include "server/hook_call.h"
#include "server/routes.h"
#include "server/server.h"
#include "store/hooks.h"
#include "store/secret.h"

static void write_hook(struct json_writer *w, const struct hook *h, const char *secret)
{
    jw_object_begin(w, NULL);
    jw_string(w, "id", h->id);
    jw_string(w, "name", h->name);
    jw_string(w, "examines", thing_kind_name(h->kind));
    jw_string(w, "thing", h->thing);
    jw_string(w, "pointer", h->pointer);
    call_write_time(w, "created", h->created);
    jw_string_opt(w, "secret", secret);
    jw_object_end(w);
}

static bool write_listed(struct call *c, const void *item, GError **error)
{
    write_hook(&c->out, item, NULL);
    return true;
}

static bool list(struct call *c, GError **error)
{
    struct store_page page;
    if (!call_page(c, &page, error))
        return false;
    g_autoptr(GPtrArray) hooks = hook_list(c->db, c->project->id, &page, error);
    return call_list(c, hooks, &page, write_listed, G_STRUCT_OFFSET(struct hook, id), error);
}

static bool not_there(const GError *e)
{
    return g_error_matches(e, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND);
}

/* A misspelt name is told now, not when somebody calls. */
static bool thing_there(struct call *c, const struct hook_values *v, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(thing) t = v->thing != NULL ? thing_find(c->db, v->kind, &caller_service,
                                                       c->project->id, v->thing, &failure)
                                          : NULL;
    if (not_there(failure))
        return problem(error, 422, "thing: %s", failure->message);
    if (failure != NULL)
        g_propagate_error(error, g_steal_pointer(&failure));
    return t != NULL || v->thing == NULL;
}

static bool create(struct call *c, GError **error)
{
    g_autofree char *secret = secret_token_new("hook_");
    const struct hook_values v = {
        .name = call_text(c, "name"),
        .secret = secret,
        .kind = g_str_equal(call_text(c, "examines"), "node") ? THING_NODE : THING_IMAGE,
        .thing = call_text(c, "thing"),
        .pointer = call_text(c, "pointer"),
    };
    if ((v.thing == NULL) == (v.pointer == NULL))
        return problem(error, 422, "either thing or pointer says what is examined");
    if (v.pointer != NULL && !hook_pointer_valid(v.pointer))
        return problem(error, 422, "pointer: not a JSON pointer (RFC 6901)");
    if (!thing_there(c, &v, error))
        return false;
    g_autofree char *id = hook_create(c->db, c->server->seal, c->project->id, &v, error);
    g_autoptr(hook) h = id != NULL ? hook_find(c->db, c->project->id, id, error) : NULL;
    if (h == NULL)
        return false;
    call_created(c, "/v1/projects/%s/hooks/%s", c->project->id, id);
    write_hook(&c->out, h, secret);
    return call_version(c, h->version);
}

static bool show(struct call *c, GError **error)
{
    g_autoptr(hook) h = hook_find(c->db, c->project->id, call_parameter(c, "hook"), error);
    if (h == NULL)
        return false;
    write_hook(&c->out, h, NULL);
    return call_version(c, h->version);
}

static bool delete (struct call *c, GError **error)
{
    int64_t version;
    g_autoptr(hook) h = hook_find(c->db, c->project->id, call_parameter(c, "hook"), error);
    return h != NULL && call_if_match(c, &version, error) &&
           hook_delete(c->db, c->project->id, h->id, version, error) && call_no_content(c);
}

/* --- calling one -------------------------------------------------------------------------------
 */

struct asking {
    struct call *call;
    struct hook *hook;
    char *signature; /* NULL: the call bears none */
    const char *name;
    char *introspection;
    bool repeated;
};

/* Who calls has no other way to know whether there is such a hook than to have its secret. */
static bool refuse(GError **error)
{
    return problem(error, 401, "there is no such hook, or the signature is wrong");
}

static struct hook *find_hook(struct call *c, GError **error)
{
    g_autoptr(project) p =
        project_find(c->db, &caller_service, call_parameter(c, "project"), error);
    return p != NULL ? hook_find(c->db, p->id, call_parameter(c, "hook"), error) : NULL;
}

static bool prove(struct asking *a, GError **error)
{
    struct call *c = a->call;
    g_autoptr(GError) failure = NULL;
    a->hook = find_hook(c, &failure);
    char *secret =
        a->hook != NULL ? hook_secret(c->db, c->server->seal, a->hook->id, &failure) : NULL;
    if (secret == NULL) {
        if (not_there(failure))
            return refuse(error);
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    bool right = hook_verify(c->request, secret, store_now() / G_USEC_PER_SEC, &a->signature);
    seal_forget(secret);
    return right || refuse(error);
}

static bool name_thing(struct asking *a, GError **error)
{
    const struct hook *h = a->hook;
    a->name =
        h->pointer != NULL ? json_string_value(hook_pointer(a->call->body, h->pointer)) : h->thing;
    return a->name != NULL || problem(error, 422, "the body has no text at %s", h->pointer);
}

static bool ask(struct sql *db, void *user, GError **error)
{
    struct asking *a = user;
    const struct hook *h = a->hook;
    g_autoptr(GError) failure = NULL;
    g_clear_pointer(&a->introspection, g_free); /* of an attempt before this one */
    if (a->signature != NULL)
        a->introspection = hook_call_find(db, h->id, a->signature, &failure);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    a->repeated = a->introspection != NULL;
    if (a->repeated)
        return true;
    g_autoptr(thing) t = thing_find(db, h->kind, &caller_service, h->project, a->name, error);
    if (t == NULL)
        return false;
    g_autofree char *by = g_strconcat("hook:", h->name, NULL);
    const struct introspection_wish wish = {
        .kind = h->kind, .thing = t, .requested_by = by, .priority = JOB_PRIORITY_SCHEDULED
    };
    a->introspection = introspect_request(db, &wish, error);
    return a->introspection != NULL &&
           (a->signature == NULL ||
            hook_call_keep(db, h->id, a->signature, a->introspection, error));
}

static void answer(const struct asking *a)
{
    struct call *c = a->call;
    c->response->status = 202;
    if (a->repeated)
        http_set_header(c->response, "Idempotent-Replayed", "true");
    jw_object_begin(&c->out, NULL);
    jw_string(&c->out, "introspection", a->introspection);
    jw_string(&c->out, "project", a->hook->project);
    jw_string(&c->out, thing_kind_name(a->hook->kind), a->name);
    jw_object_end(&c->out);
}

static bool invoke(struct call *c, GError **error)
{
    struct asking a = { .call = c };
    bool ok = prove(&a, error) && name_thing(&a, error) && sql_transaction(c->db, ask, &a, error);
    if (ok) {
        answer(&a);
        worker_wake(c->server->worker);
    }
    hook_free(a.hook);
    g_free(a.signature);
    g_free(a.introspection);
    return ok;
}

#define ALL "/v1/projects/{project}/hooks"
#define ONE ALL "/{hook}"

const struct route routes_hooks[] = {
    { "GET", ALL, ACCESS_VIEWER, SCOPE_READ, list, 0 },
    { "POST", ALL, ACCESS_OWNER, SCOPE_ADMIN, create, ROUTE_SECRET },
    { "GET", ONE, ACCESS_VIEWER, SCOPE_READ, show, 0 },
    { "POST", ONE, ACCESS_ANYONE, 0, invoke, ROUTE_ALONE },
    { "DELETE", ONE, ACCESS_OWNER, SCOPE_ADMIN, delete, 0 },
    { NULL },
};

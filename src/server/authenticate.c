#include "server/authenticate.h"

#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/log.h"
#include "server/hil.h"
#include "server/keystone.h"
#include "server/server.h"
#include "store/outsiders.h"
#include "store/users.h"

#define COOKIE        "assay_session="
#define RETRY_SECONDS "5"

/* --- what the call brings ----------------------------------------------------------------------
 */

/* The token of a request; *cookie: it came by itself, with the browser. g_free() */
static char *token_of(const struct http_request *r, bool *cookie)
{
    const char *given = http_header(r, "authorization"), *cookies = http_header(r, "cookie");
    *cookie = false;
    if (given != NULL)
        return g_ascii_strncasecmp(given, "Bearer ", 7) == 0 ? g_strstrip(g_strdup(given + 7))
                                                             : NULL;
    g_auto(GStrv) parts = g_strsplit(cookies != NULL ? cookies : "", ";", -1);
    for (char **p = parts; *p != NULL; p++) {
        const char *one = g_strstrip(*p);
        if (g_str_has_prefix(one, COOKIE)) {
            *cookie = true;
            return g_strdup(one + strlen(COOKIE));
        }
    }
    return NULL;
}

bool call_basic(const struct http_request *r, char **user, char **password)
{
    const char *given = http_header(r, "authorization");
    if (given == NULL || g_ascii_strncasecmp(given, "Basic ", 6) != 0)
        return false;
    gsize len;
    g_autofree char *encoded = g_strstrip(g_strdup(given + 6));
    g_autofree guchar *raw = g_base64_decode(encoded, &len);
    char *text = g_strndup((const char *)raw, len);
    char *colon = strchr(text, ':');
    bool good = colon != NULL && g_utf8_validate(text, (gssize)len, NULL);
    if (good) {
        *user = g_strndup(text, (gsize)(colon - text));
        *password = g_strdup(colon + 1);
    }
    seal_forget(text);
    return good;
}

/* A page elsewhere can make a browser send the cookie, but cannot lie about where it is from. */
static bool same_origin(const struct http_request *r)
{
    const char *origin = http_header(r, "origin"), *host = http_header(r, "host");
    const char *name = origin != NULL ? strstr(origin, "://") : NULL;
    return origin == NULL || (name != NULL && g_strcmp0(name + 3, host) == 0);
}

static bool has_scope(const struct call *c, GError **error)
{
    if ((c->caller.scopes & c->route->scope) != 0)
        return true;
    g_autofree char *scope = scopes_text(c->route->scope);
    return problem(error, 403, "the token has not the scope '%s'", scope);
}

/* --- failures ----------------------------------------------------------------------------------
 */

static bool may_try(struct call *c, const char *name, GError **error)
{
    int64_t wait;
    if (!login_wait(c->db, name, c->request->remote, &wait, error))
        return false;
    if (wait == 0)
        return true;
    g_autofree char *after = g_strdup_printf("%" G_GINT64_FORMAT, wait);
    http_set_header(c->response, "Retry-After", after);
    return problem(error, 429, "too many failed logins; wait %s seconds", after);
}

static bool unreachable(struct call *c, const char *service, GError *why, GError **error)
{
    log_line("warning", "%s: %s", service, why->message);
    g_error_free(why);
    http_set_header(c->response, "Retry-After", RETRY_SECONDS);
    return problem(error, 503, "%s does not answer; try again", service);
}

/* --- Keystone ----------------------------------------------------------------------------------
 */

/* The identifier of the project here, "" for none; NULL on failure. g_free() */
static char *find_project(struct call *c, const struct keystone_identity *i, GError **error)
{
    const char *const names[] = { i->project, i->project_name };
    for (size_t n = 0; n < G_N_ELEMENTS(names); n++) {
        g_autoptr(GError) failure = NULL;
        g_autoptr(project) p =
            names[n] != NULL ? project_find(c->db, &caller_service, names[n], &failure) : NULL;
        if (p != NULL)
            return g_strdup(p->id);
        if (failure != NULL && !g_error_matches(failure, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND)) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return NULL;
        }
    }
    return g_strdup("");
}

static char *find_or_make_project(struct call *c, const struct keystone_identity *i, GError **error)
{
    char *found = find_project(c, i, error);
    if (found == NULL || *found != '\0' || i->project == NULL || i->role == ROLE_NONE ||
        !keystone_creates_projects(c->server->keystone))
        return found;
    g_free(found);
    g_autofree char *about = g_strdup_printf("of Keystone's project %s", i->project);
    const struct project_values by_name = { .name = i->project_name, .description = about };
    const struct project_values by_id = { .name = i->project, .description = about };
    char *made = i->project_name != NULL ? project_create(c->db, &by_name, NULL) : NULL;
    if (made == NULL) /* its name is none for us */
        made = project_create(c->db, &by_id, NULL);
    return made != NULL ? made : find_project(c, i, error); /* another call has made it */
}

static bool by_identity(struct call *c, const struct keystone_identity *i, GError **error)
{
    g_autoptr(GError) failure = NULL;
    const struct outsider who = { "keystone", i->user, i->user_name };
    if (!outsider_account(c->db, &who, &c->caller, &failure)) {
        if (failure == NULL)
            return problem(error, 401, "the user has been disabled here");
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    c->caller.granted = find_or_make_project(c, i, error);
    if (c->caller.granted == NULL)
        return false;
    c->caller.role = i->role;
    c->caller.vouched = i->believed;
    if (i->role == ROLE_NONE) {
        g_free(c->caller.granted);
        c->caller.granted = g_strdup("");
    }
    c->caller.token = g_strdup("");
    c->caller.admin = i->admin;
    c->caller.auditor = i->auditor;
    c->caller.scopes = SCOPES_ALL;
    return true;
}

static bool is_plain(const char *token)
{
    for (const char *p = token; *p != '\0'; p++) {
        if (*p <= ' ' || *p > '~')
            return false;
    }
    return *token != '\0';
}

static bool by_keystone(struct call *c, const char *token, GError **error)
{
    GError *why = NULL;
    struct keystone *k = c->server->keystone;
    struct keystone_identity *i = keystone_remembered(k, token);
    if (i == NULL) {
        enum keystone_answer answer = KEYSTONE_INVALID;
        if (!may_try(c, NULL, error))
            return false;
        if (is_plain(token))
            answer = keystone_ask(k, c->db, c->server->seal, token, &i, &why);
        if (answer == KEYSTONE_UNREACHABLE)
            return unreachable(c, "Keystone", why, error);
        if (answer == KEYSTONE_INVALID)
            return login_failed(c->db, NULL, c->request->remote, error) &&
                   problem(error, 401, "the token is unknown to Keystone or has expired");
    }
    bool ok = by_identity(c, i, error);
    keystone_identity_unref(i);
    return ok;
}

/* --- HIL ---------------------------------------------------------------------------------------
 */

static bool ask_hil(struct call *c, const struct hil_question *q, GError **error)
{
    GError *why = NULL;
    g_autofree char *subject = g_strdup_printf("hil:%s", q->user);
    if (hil_remembers(c->server->hil, c->server->seal, q) != 0)
        return true;
    if (!may_try(c, subject, error))
        return false;
    switch (hil_ask(c->server->hil, c->server->seal, q, &why)) {
    case HIL_YES:
        login_succeeded(c->db, subject, c->request->remote);
        return true;
    case HIL_NO_PROJECT:
        return problem(error, 404, "no such project '%s'", call_parameter(c, "project"));
    case HIL_UNREACHABLE:
        return unreachable(c, "HIL", why, error);
    case HIL_NO:
        break;
    }
    return login_failed(c->db, subject, c->request->remote, error) &&
           problem(error, 401, "HIL does not accept the user and password for the project");
}

static bool by_hil(struct call *c, const char *user, const char *password, const char *name,
                   GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(project) p = project_find(c->db, &caller_service, name, NULL);
    const struct hil_question q = { user, password, p != NULL ? p->name : name };
    const struct outsider who = { "hil", user, user };
    if (!ask_hil(c, &q, error))
        return false;
    if (!outsider_account(c->db, &who, &c->caller, &failure)) {
        if (failure == NULL)
            return problem(error, 401, "the user has been disabled here");
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    c->caller.granted = g_strdup(p != NULL ? p->id : "");
    c->caller.role = ROLE_OPERATOR;
    c->caller.vouched = hil_remembers(c->server->hil, c->server->seal, &q);
    c->caller.token = g_strdup("");
    c->caller.scopes = SCOPE_READ | SCOPE_WRITE;
    return true;
}

bool call_authenticate_hil(struct call *c, const char *project, bool *tried, GError **error)
{
    char *user = NULL, *password = NULL;
    *tried = c->server->hil != NULL && call_basic(c->request, &user, &password);
    if (!*tried)
        return false;
    caller_done(&c->caller);
    bool ok =
        strlen(user) <= LIMIT_OUTSIDER && g_utf8_validate(user, -1, NULL) && *user != '\0'
            ? by_hil(c, user, password, project, error)
            : problem(error, 401, "HIL does not accept the user and password for the project");
    g_free(user);
    seal_forget(password);
    return ok;
}

/* --- all ---------------------------------------------------------------------------------------
 */

static bool by_token(struct call *c, const char *token, GError **error)
{
    g_autoptr(GError) failure = NULL;
    if (token_authenticate(c->db, token, &c->caller, &failure))
        return true;
    if (failure == NULL)
        return problem(error, 401, "the token is unknown or has expired");
    g_propagate_error(error, g_steal_pointer(&failure));
    return false;
}

bool call_authenticate(struct call *c, GError **error)
{
    bool cookie, basic = false;
    const char *project = call_parameter(c, "project");
    const char *keystone = http_header(c->request, "x-auth-token");
    g_autofree char *token = token_of(c->request, &cookie);
    if (c->route->access == ACCESS_ANYONE)
        return true;
    if (http_header(c->request, "authorization") == NULL && keystone != NULL &&
        c->server->keystone != NULL)
        return by_keystone(c, keystone, error) && has_scope(c, error);
    if (token == NULL && project != NULL) {
        if (call_authenticate_hil(c, project, &basic, error))
            return has_scope(c, error);
        if (basic)
            return false;
    }
    if (token == NULL)
        return problem(error, 401, "log in, or send a token");
    if (!by_token(c, token, error))
        return false;
    if (cookie && !g_str_equal(c->route->method, "GET") && !same_origin(c->request))
        return problem(error, 403, "asked by a page from elsewhere");
    return has_scope(c, error);
}

#include "server/routes.h"
#include "server/server.h"

static void set_cookie(struct call *c, const char *token, int64_t seconds)
{
    g_autofree char *cookie = g_strdup_printf(
        "assay_session=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%" G_GINT64_FORMAT "%s",
        token, seconds, c->request->secure ? "; Secure" : "");
    http_set_header(c->response, "Set-Cookie", cookie);
}

/* Makes its own transactions: a failed login is counted, and hashing must not hold others up. */
static bool login(struct call *c, GError **error)
{
    int64_t seconds = g_atomic_int_get(&c->server->session_seconds);
    g_autofree char *account =
        call_password(c, call_text(c, "name"), call_text(c, "password"), 401, error);
    if (account == NULL)
        return false;
    int64_t expires = store_now() + seconds * (int64_t)G_USEC_PER_SEC;
    const struct token_new new = { .account = account,
                                   .name = "login",
                                   .scopes = SCOPES_ALL,
                                   .session = true,
                                   .expires = expires };
    g_autofree char *token = token_create(c->db, &new, NULL, error);
    if (token == NULL)
        return false;
    set_cookie(c, token, seconds);
    http_set_header(c->response, "Cache-Control", "no-store");
    jw_object_begin(&c->out, NULL);
    jw_string(&c->out, "token", token);
    call_write_time(&c->out, "expires", expires);
    jw_object_end(&c->out);
    return true;
}

static bool logout(struct call *c, GError **error)
{
    if (!token_delete(c->db, c->caller.account, c->caller.token, error))
        return false;
    set_cookie(c, "", 0);
    return call_no_content(c);
}

const struct route routes_sessions[] = {
    { "POST", "/v1/login", ACCESS_ANYONE, 0, login, ROUTE_ALONE },
    { "POST", "/v1/logout", ACCESS_USER, SCOPES_ALL, logout, 0 },
    { NULL },
};

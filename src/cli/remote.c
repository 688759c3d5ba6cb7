#include "cli/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/http_client.h"
#include "base/limits.h"

#define USUAL_SERVER    "http://127.0.0.1:8080"
#define TIMEOUT_SECONDS 300

static char *server, *ca_file;

const GOptionEntry remote_options[] = {
    { "server", 0, 0, G_OPTION_ARG_STRING, &server,
      "Address of the service (default: $ASSAY_SERVER, else that of the login)", "URL" },
    { 0 },
};

const GOptionEntry remote_ca_options[] = {
    { "ca-file", 0, 0, G_OPTION_ARG_FILENAME, &ca_file,
      "Certificates that vouch for the service (default: $ASSAY_CA_FILE, else the system's)",
      "FILE" },
    { 0 },
};

/* --- the login that is kept --------------------------------------------------------------------
 */

struct login {
    char *server, *token;
};

static void login_done(struct login *l)
{
    g_free(l->server);
    g_free(l->token);
}

/* g_free() */
static char *login_file(void)
{
    return g_build_filename(g_get_user_config_dir(), "assay", "login.json", NULL);
}

static struct login login_read(void)
{
    g_autofree char *file = login_file();
    json_t *kept = json_load_file(file, 0, NULL);
    struct login l = { g_strdup(json_string_value(json_object_get(kept, "server"))),
                       g_strdup(json_string_value(json_object_get(kept, "token"))) };
    json_decref(kept);
    return l;
}

static bool login_write(const char *to, const char *token, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *file = login_file(), *folder = g_path_get_dirname(file);
    json_t *kept = json_pack("{s:s, s:s}", "server", to, "token", token);
    char *text = json_dumps(kept, JSON_INDENT(2));
    bool ok = g_mkdir_with_parents(folder, 0700) == 0 || fail_errno(error, errno, "%s", folder);
    if (ok &&
        !g_file_set_contents_full(file, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, &failure))
        ok = fail(error, ASSAY_ERROR_IO, "%s", failure->message);
    free(text);
    json_decref(kept);
    return ok;
}

/* --- calls -------------------------------------------------------------------------------------
 */

static bool understand(const char *what, unsigned status, const GString *text, json_t **answer,
                       GError **error)
{
    json_t *value = text->len > 0 ? json_loadb(text->str, text->len, 0, NULL) : NULL;
    const char *detail = json_string_value(json_object_get(value, "detail"));
    bool ok = status >= 200 && status < 300;
    if (ok && text->len > 0 && value == NULL)
        ok = fail(error, ASSAY_ERROR_CORRUPT, "%s: the answer is not JSON; is it assay?", what);
    else if (!ok)
        (void)fail(error, status == 404 ? ASSAY_ERROR_NOT_FOUND : ASSAY_ERROR_INVALID, "%s%s",
                   detail != NULL ? detail : what,
                   detail != NULL ? (status == 401 ? " (see 'assay login --help')" : "")
                                  : ": refused; is it assay?");
    if (ok && answer != NULL)
        *answer = json_incref(value);
    json_decref(value);
    return ok;
}

/* What is asked of a service. */
struct wanted {
    const char *method, *path;
    const char *accept, *last; /* headers; NULL */
    const json_t *body;        /* NULL */
    remote_receive receive;    /* NULL: the answer is collected */
    void *user;
};

static bool ask(const char *base, const char *token, const struct wanted *w,
                struct http_answer *got, GError **error)
{
    g_autofree char *url = g_strconcat(base, w->path, NULL);
    g_autoptr(GPtrArray) headers = g_ptr_array_new_with_free_func(g_free);
    char *sent = w->body != NULL ? json_dumps(w->body, JSON_COMPACT) : NULL;
    g_ptr_array_add(headers, g_strdup("Content-Type: application/json"));
    if (token != NULL)
        g_ptr_array_add(headers, g_strconcat("Authorization: Bearer ", token, NULL));
    if (w->accept != NULL)
        g_ptr_array_add(headers, g_strconcat("Accept: ", w->accept, NULL));
    if (w->last != NULL)
        g_ptr_array_add(headers, g_strconcat("Last-Event-ID: ", w->last, NULL));
    g_ptr_array_add(headers, NULL);
    const struct http_call call = { .method = w->method,
                                    .url = url,
                                    .headers = (const char *const *)headers->pdata,
                                    .body = sent,
                                    .len = sent != NULL ? strlen(sent) : 0,
                                    .ca_file =
                                        ca_file != NULL ? ca_file : g_getenv("ASSAY_CA_FILE"),
                                    .seconds = TIMEOUT_SECONDS,
                                    .max = LIMIT_REMOTE_ANSWER,
                                    .received = w->receive,
                                    .received_user = w->user };
    bool ok = http_client_call(&call, got, error);
    free(sent);
    return ok;
}

static bool request(const char *base, const char *token, const char *method, const char *path,
                    const json_t *body, json_t **answer, GError **error)
{
    const struct wanted w = { .method = method, .path = path, .body = body };
    struct http_answer got = { 0 };
    bool ok =
        ask(base, token, &w, &got, error) && understand(base, got.status, got.body, answer, error);
    http_answer_done(&got);
    return ok;
}

/* Where to, without a slash at the end. g_free() */
static char *address(const struct login *l, const char *given)
{
    const char *from = given != NULL                      ? given
                       : server != NULL                   ? server
                       : g_getenv("ASSAY_SERVER") != NULL ? g_getenv("ASSAY_SERVER")
                       : l->server != NULL                ? l->server
                                                          : USUAL_SERVER;
    char *url = g_strdup(from);
    for (size_t len = strlen(url); len > 0 && url[len - 1] == '/';)
        url[--len] = '\0';
    return url;
}

/* The login, the service's address, and the token for it (borrowed from either). */
static const char *credentials(struct login *l, char **base)
{
    *l = login_read();
    *base = address(l, NULL);
    const char *token = g_getenv("ASSAY_TOKEN");
    /* A session is told to nobody but the service that it is of. */
    return token == NULL && g_strcmp0(*base, l->server) == 0 ? l->token : token;
}

bool remote_call(const char *method, const char *path, const json_t *body, json_t **answer,
                 GError **error)
{
    struct login l;
    g_autofree char *base = NULL;
    const char *token = credentials(&l, &base);
    bool ok = request(base, token, method, path, body, answer, error);
    login_done(&l);
    return ok;
}

static bool ask_plainly(const struct wanted *w, struct http_answer *got, GError **error)
{
    struct login l;
    g_autofree char *base = NULL;
    const char *token = credentials(&l, &base);
    bool ok = ask(base, token, w, got, error);
    /* What is not a success is a problem, which is JSON. */
    if (ok && (got->status < 200 || got->status >= 300))
        ok = understand(base, got->status, got->body, NULL, error);
    login_done(&l);
    return ok;
}

GString *remote_text(const char *path, GError **error)
{
    const struct wanted w = { .method = "GET", .path = path };
    struct http_answer got = { 0 };
    GString *text = ask_plainly(&w, &got, error)
                        ? g_string_new_len(got.body->str, (gssize)got.body->len)
                        : NULL;
    http_answer_done(&got);
    return text;
}

bool remote_stream(const char *path, const char *last, remote_receive receive, void *user,
                   GError **error)
{
    const struct wanted w = { .method = "GET",
                              .path = path,
                              .accept = "text/event-stream",
                              .last = last,
                              .receive = receive,
                              .user = user };
    struct http_answer got = { 0 };
    bool ok = ask_plainly(&w, &got, error);
    http_answer_done(&got);
    return ok;
}

json_t *remote_list(const char *path, GError **error)
{
    return remote_member_list(path, "items", error);
}

json_t *remote_member_list(const char *path, const char *member, GError **error)
{
    json_t *all = json_array();
    g_autofree char *after = g_strdup("");
    for (;;) {
        json_t *page = NULL;
        g_autofree char *next =
            g_strdup_printf("%s%climit=500%s", path, strchr(path, '?') != NULL ? '&' : '?', after);
        if (!remote_call("GET", next, NULL, &page, error))
            break;
        const char *more = json_string_value(json_object_get(page, "next"));
        (void)json_array_extend(all, json_object_get(page, member));
        g_free(after);
        after = more != NULL ? remote_path("&after=%s", more) : NULL;
        json_decref(page);
        if (after == NULL)
            return all;
    }
    json_decref(all);
    return NULL;
}

char *remote_path(const char *format, ...)
{
    GString *path = g_string_new(NULL);
    va_list args;
    va_start(args, format);
    for (const char *f = format; *f != '\0'; f++) {
        if (f[0] == '%' && f[1] == 's') {
            g_string_append_uri_escaped(path, va_arg(args, const char *), NULL, FALSE);
            f++;
        } else {
            g_string_append_c(path, *f);
        }
    }
    va_end(args);
    return g_string_free(path, FALSE);
}

bool remote_login(const char *to, const char *name, const char *password, GError **error)
{
    json_t *answer = NULL, *body = json_pack("{s:s, s:s}", "name", name, "password", password);
    struct login l = login_read();
    g_autofree char *base = address(&l, to);
    bool ok = body != NULL || fail(error, ASSAY_ERROR_INVALID, "name or password: not UTF-8");
    if (ok && request(base, NULL, "POST", "/v1/login", body, &answer, error)) {
        const char *token = json_string_value(json_object_get(answer, "token"));
        ok = token != NULL ? login_write(base, token, error)
                           : fail(error, ASSAY_ERROR_CORRUPT, "%s: no token in the answer", base);
    } else {
        ok = false;
    }
    json_decref(answer);
    json_decref(body);
    login_done(&l);
    return ok;
}

bool remote_logout(GError **error)
{
    struct login l = login_read();
    g_autofree char *file = login_file();
    bool ok = l.token != NULL || fail(error, ASSAY_ERROR_NOT_FOUND, "not logged in");
    ok = ok && request(l.server, l.token, "POST", "/v1/logout", NULL, NULL, error);
    if (l.token != NULL)
        (void)g_remove(file); /* also when the service has forgotten it */
    login_done(&l);
    return ok;
}

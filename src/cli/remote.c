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

static bool request(const char *base, const char *token, const char *method, const char *path,
                    const json_t *body, json_t **answer, GError **error)
{
    g_autofree char *url = g_strconcat(base, path, NULL);
    g_autofree char *bearer =
        token != NULL ? g_strconcat("Authorization: Bearer ", token, NULL) : NULL;
    const char *headers[] = { "Content-Type: application/json", bearer, NULL };
    char *sent = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    const struct http_call call = { .method = method,
                                    .url = url,
                                    .headers = headers,
                                    .body = sent,
                                    .len = sent != NULL ? strlen(sent) : 0,
                                    .ca_file = ca_file != NULL ? ca_file
                                                               : g_getenv("ASSAY_CA_FILE"),
                                    .seconds = TIMEOUT_SECONDS,
                                    .max = LIMIT_REMOTE_ANSWER };
    struct http_answer got = { 0 };
    bool ok = http_client_call(&call, &got, error) &&
              understand(base, got.status, got.body, answer, error);
    http_answer_done(&got);
    free(sent);
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

bool remote_call(const char *method, const char *path, const json_t *body, json_t **answer,
                 GError **error)
{
    struct login l = login_read();
    g_autofree char *base = address(&l, NULL);
    const char *token = g_getenv("ASSAY_TOKEN");
    /* A session is told to nobody but the service that it is of. */
    if (token == NULL && g_strcmp0(base, l.server) == 0)
        token = l.token;
    bool ok = request(base, token, method, path, body, answer, error);
    login_done(&l);
    return ok;
}

json_t *remote_list(const char *path, GError **error)
{
    json_t *all = json_array();
    g_autofree char *after = g_strdup("");
    for (;;) {
        json_t *page = NULL;
        g_autofree char *next = g_strdup_printf("%s%climit=500%s", path,
                                                strchr(path, '?') != NULL ? '&' : '?', after);
        if (!remote_call("GET", next, NULL, &page, error))
            break;
        const char *more = json_string_value(json_object_get(page, "next"));
        (void)json_array_extend(all, json_object_get(page, "items"));
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

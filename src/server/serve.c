#include "server/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/autoclose.h"
#include "base/error.h"
#include "base/log.h"
#include "server/http.h"
#include "server/notify.h"
#include "server/router.h"
#include "server/server.h"
#include "server/work.h"

/* Together they must stay below 10 seconds. */
#define STOP_MICROSECONDS      (6 * (int64_t)G_USEC_PER_SEC)
#define STOP_WORK_MICROSECONDS (3 * (int64_t)G_USEC_PER_SEC)
#define TIDY_SECONDS           60

/* Texts of certificate and key; NULL both without TLS. */
static bool read_tls(const struct settings *s, char **certificate, char **key, GError **error)
{
    g_autoptr(GError) failure = NULL;
    *certificate = *key = NULL;
    if (s->certificate == NULL)
        return true;
    if (g_file_get_contents(s->certificate, certificate, NULL, &failure) &&
        g_file_get_contents(s->key, key, NULL, &failure))
        return true;
    g_clear_pointer(certificate, g_free);
    return fail(error, ASSAY_ERROR_IO, "TLS: %s", failure->message);
}

static struct http_server *start_http(const struct settings *s, struct server *server,
                                      struct http_server *inherit, GError **error)
{
    g_autofree char *certificate = NULL, *key = NULL;
    if (!settings_valid(s, error) || !read_tls(s, &certificate, &key, error))
        return NULL;
    const struct http_options o = { .listen = s->listen,
                                    .certificate = certificate,
                                    .key = key,
                                    .proxies = (const char *const *)s->proxies,
                                    .threads = (unsigned)s->threads,
                                    .handler = router_handle,
                                    .user = server };
    return http_start(&o, inherit, error);
}

bool serve_check(const struct settings *s, GError **error)
{
    g_autofree char *certificate = NULL, *key = NULL;
    struct keystone *keystone = NULL;
    struct hil *hil = NULL;
    struct openapi *api = openapi_load(route_tables, error);
    bool ok = api != NULL && settings_valid(s, error) && settings_files_there(s, error) &&
              read_tls(s, &certificate, &key, error) &&
              server_outside(s->keystone, s->hil, &keystone, &hil, error);
    keystone_free(keystone);
    hil_free(hil);
    openapi_free(api);
    return ok;
}

static bool make_folder(const char *store, GError **error)
{
    if (!g_str_has_prefix(store, "sqlite:"))
        return true;
    g_autofree char *folder = g_path_get_dirname(store + strlen("sqlite:"));
    return g_mkdir_with_parents(folder, 0700) == 0 || fail_errno(error, errno, "%s", folder);
}

/* A password that the administrator has chosen: the first line of the file, when it is there. */
static bool chosen_password(const char *file, char **password, GError **error)
{
    g_autoptr(GError) failure = NULL;
    *password = NULL;
    if (file == NULL || !g_file_test(file, G_FILE_TEST_EXISTS))
        return true;
    if (!g_file_get_contents(file, password, NULL, &failure))
        return fail(error, ASSAY_ERROR_IO, "%s", failure->message);
    (*password)[strcspn(*password, "\r\n")] = '\0';
    return strlen(*password) >= 8 ||
           fail(error, ASSAY_ERROR_INVALID, "%s: a password has 8 characters or more", file);
}

static bool tell_password(const char *file, const char *password, GError **error)
{
    if (file == NULL) {
        (void)printf("administrator: admin\npassword: %s\n", password);
        (void)fflush(stdout);
        return true;
    }
    autoclose int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    g_autofree char *line = g_strconcat(password, "\n", NULL);
    ssize_t len = (ssize_t)strlen(line);
    return (fd >= 0 && write(fd, line, (size_t)len) == len) ||
           fail_errno(error, errno, "password of the administrator: %s", file);
}

static bool first_start(const struct settings *s, struct server *server, GError **error)
{
    g_autofree char *chosen = NULL, *password = NULL;
    if (!chosen_password(s->admin_password_file, &chosen, error) ||
        !server_first_start(server, chosen, &password, error))
        return false;
    return password == NULL || chosen != NULL ||
           tell_password(s->admin_password_file, password, error);
}

/* What runs, and how its settings are made. */
struct service {
    serve_settings make;
    void *user;
    const struct settings *begun; /* those of the start */
    struct server *server;
    struct work *work;
    struct http_server *http;
};

/* On failure all stays as it was. */
static void reload(struct service *v)
{
    g_autoptr(GError) error = NULL;
    notify_manager("RELOADING=1");
    g_autoptr(settings) s = v->make(v->user, &error);
    struct http_server *new = s != NULL ? start_http(s, v->server, v->http, &error) : NULL;
    if (new == NULL) {
        log_line("error", "reload: %s; the old settings stay", error->message);
    } else {
        server_renew(v->server, (int64_t)s->session_hours * 3600, s->storage);
        work_renew(v->work, v->begun, s);
        settings_tell_changed(v->begun, s, false);
        http_stop(v->http, STOP_MICROSECONDS);
        v->http = new;
        log_line("info", "settings read again");
    }
    notify_manager("READY=1");
}

/* Until SIGTERM or SIGINT. */
static void wait_for_signals(const sigset_t *set, struct service *v)
{
    const struct timespec interval = { .tv_sec = TIDY_SECONDS };
    for (;;) {
        int signal = sigtimedwait(set, NULL, &interval);
        if (signal == SIGTERM || signal == SIGINT)
            return;
        if (signal == SIGHUP)
            reload(v);
        g_autoptr(GError) error = NULL;
        if (signal < 0 && errno == EAGAIN && !server_tidy(v->server, &error))
            log_line("warning", "tidying: %s", error->message);
    }
}

bool serve_store_there(const char *store, GError **error)
{
    const char *path = g_str_has_prefix(store, "sqlite:") ? store + strlen("sqlite:") : NULL;
    return path == NULL || g_file_test(path, G_FILE_TEST_EXISTS) ||
           fail(error, ASSAY_ERROR_NOT_FOUND, "store %s: is not there; assay serve makes it", path);
}

bool serve_rotate_key(const struct settings *s, unsigned *sealed, GError **error)
{
    g_autofree char *file = settings_key_file(s);
    if (!serve_store_there(s->store, error))
        return false;
    g_autoptr(sql) db = store_open(s->store, error);
    return db != NULL && seal_rotate(db, file, sealed, error);
}

void serve_block_signals(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGTERM);
    (void)sigaddset(set, SIGINT);
    (void)sigaddset(set, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

bool serve_run(serve_settings make, void *user, GError **error)
{
    sigset_t set;
    g_autoptr(settings) s = make(user, error);
    if (s == NULL || !settings_valid(s, error) || !make_folder(s->store, error))
        return false;
    serve_block_signals(&set);
    g_autofree char *key_file = settings_key_file(s);
    const struct server_options options = { .store = s->store,
                                            .advisories = s->advisories,
                                            .metrics_token_file = s->metrics_token_file,
                                            .key_file = key_file,
                                            .keystone = s->keystone,
                                            .hil = s->hil,
                                            .storage = s->storage,
                                            .session_seconds = (int64_t)s->session_hours * 3600 };
    struct service v = { make, user, s, server_new(&options, error), NULL, NULL };
    if (v.server != NULL && first_start(s, v.server, error))
        v.work = work_start(s, error);
    if (v.work != NULL) {
        v.server->worker = work_worker(v.work);
        v.server->watch = work_watch(v.work);
        v.http = start_http(s, v.server, NULL, error);
    }
    if (v.http != NULL) {
        log_line("info", "listening on %s://%s", s->certificate != NULL ? "https" : "http",
                 http_address(v.http));
        notify_manager("READY=1");
        wait_for_signals(&set, &v);
        notify_manager("STOPPING=1");
        log_line("info", "stopping");
        worker_leave(v.server->worker);
        http_stop(v.http, STOP_MICROSECONDS);
    }
    work_stop(v.work, STOP_WORK_MICROSECONDS);
    server_free(v.server);
    return v.http != NULL;
}

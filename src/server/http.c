#include "server/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/autoclose.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/number.h"

#define IDLE_SECONDS 60
#define BACKLOG      1024
#define BLOCK_BYTES  16384

struct http_server {
    struct MHD_Daemon *daemon;
    http_handler handler;
    void *user;
    char *address;
    GStrv proxies;
    bool tls;
    GMutex lock; /* of the rest */
    GCond idle;
    unsigned running; /* requests begun and not answered */
    bool stopping;
    GHashTable *waiters; /* of streams and pauses */
};

struct http_waiter {
    struct http_server *server;
    struct MHD_Connection *connection;
    struct http_stream stream;
    struct http_pause pause; /* or this; neither is used when the other is */
    bool suspended, woken;   /* under the server's lock */
};

/* One request, while it is received and answered. */
struct exchange {
    struct http_server *server;
    GByteArray *body; /* NULL once the handler was given it */
    bool too_large;
    struct http_waiter *waiter; /* of a pause that has not ended */
    char *id;                   /* that the request was given before its pause */
};

const char *http_header(const struct http_request *r, const char *lower_name)
{
    return g_hash_table_lookup(r->headers, lower_name);
}

const char *http_query(const struct http_request *r, const char *name)
{
    return g_hash_table_lookup(r->query, name);
}

void http_response_init(struct http_response *r)
{
    *r = (struct http_response){ .status = 200,
                                 .headers = g_ptr_array_new_with_free_func(g_free),
                                 .body = g_string_new(NULL) };
}

void http_response_done(struct http_response *r)
{
    g_ptr_array_unref(r->headers);
    g_string_free(r->body, TRUE);
}

void http_response_clear(struct http_response *r)
{
    http_response_done(r);
    http_response_init(r);
}

void http_set_header(struct http_response *r, const char *name, const char *value)
{
    for (guint i = 0; i < r->headers->len; i += 2) {
        if (g_ascii_strcasecmp(g_ptr_array_index(r->headers, i), name) == 0) {
            g_free(g_ptr_array_index(r->headers, i + 1));
            g_ptr_array_index(r->headers, i + 1) = g_strdup(value);
            return;
        }
    }
    g_ptr_array_add(r->headers, g_strdup(name));
    g_ptr_array_add(r->headers, g_strdup(value));
}

/* --- streams and pauses -------------------------------------------------------------------------
 * A connection without anything to send is suspended, so that its thread does not poll it. Waking
 * and falling asleep meet under the server's lock: what is woken before it sleeps does not sleep.
 */

static struct http_waiter *waiter_new(struct http_server *s, struct MHD_Connection *c)
{
    struct http_waiter *w = g_new0(struct http_waiter, 1);
    w->server = s;
    w->connection = c;
    g_mutex_lock(&s->lock);
    g_hash_table_add(s->waiters, w);
    g_mutex_unlock(&s->lock);
    return w;
}

/* Nobody but done(), which follows, knows the waiter any more. */
static void waiter_forget(struct http_waiter *w)
{
    g_mutex_lock(&w->server->lock);
    g_hash_table_remove(w->server->waiters, w);
    g_mutex_unlock(&w->server->lock);
}

/* False: it was woken already, or the server ends. */
static bool fall_asleep(struct http_waiter *w)
{
    g_mutex_lock(&w->server->lock);
    bool sleeps = !w->woken && !w->server->stopping;
    if (sleeps) {
        w->suspended = true;
        MHD_suspend_connection(w->connection);
    }
    g_mutex_unlock(&w->server->lock);
    return sleeps;
}

static ssize_t stream_read(void *user, uint64_t position, char *buf, size_t max)
{
    struct http_waiter *w = user;
    struct http_server *s = w->server;
    g_mutex_lock(&s->lock);
    w->woken = false;
    bool stopping = s->stopping;
    g_mutex_unlock(&s->lock);
    ssize_t n = stopping ? -1 : w->stream.read(w->stream.user, buf, max);
    if (n < 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (n == 0)
        (void)fall_asleep(w);
    return n;
}

static void stream_done(void *user)
{
    struct http_waiter *w = user;
    waiter_forget(w);
    w->stream.done(w->stream.user);
    g_free(w);
}

static void wake_locked(struct http_waiter *w)
{
    w->woken = true;
    if (w->suspended) {
        w->suspended = false;
        MHD_resume_connection(w->connection);
    }
}

void http_wake(struct http_waiter *w)
{
    g_mutex_lock(&w->server->lock);
    wake_locked(w);
    g_mutex_unlock(&w->server->lock);
}

static struct MHD_Response *stream_response(struct http_server *s, struct MHD_Connection *c,
                                            const struct http_stream *stream)
{
    struct http_waiter *w = waiter_new(s, c);
    w->stream = *stream;
    w->stream.begun(w->stream.user, w);
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, stream_read, w,
                                             stream_done);
}

/* Whether the connection sleeps now; else the pause is over. */
static bool pause_begin(struct exchange *x, struct MHD_Connection *c,
                        const struct http_pause *pause)
{
    x->waiter = waiter_new(x->server, c);
    x->waiter->pause = *pause;
    pause->begun(pause->user, x->waiter);
    return fall_asleep(x->waiter);
}

/* The path that is to be asked for; g_free() */
static char *pause_end(struct exchange *x)
{
    struct http_waiter *w = g_steal_pointer(&x->waiter);
    waiter_forget(w);
    w->pause.done(w->pause.user);
    char *path = w->pause.path;
    g_free(w);
    return path;
}

/* --- requests ----------------------------------------------------------------------------------
 */

static enum MHD_Result collect_header(void *user, enum MHD_ValueKind kind, const char *name,
                                      const char *value)
{
    g_autofree char *lower = g_ascii_strdown(name, -1);
    if (!g_hash_table_contains(user, lower))
        (void)g_hash_table_insert(user, g_steal_pointer(&lower),
                                  g_strdup(value != NULL ? value : ""));
    return MHD_YES;
}

static enum MHD_Result collect_query(void *user, enum MHD_ValueKind kind, const char *name,
                                     const char *value)
{
    (void)g_hash_table_insert(user, g_strdup(name), g_strdup(value != NULL ? value : ""));
    return MHD_YES;
}

/* g_free() */
static char *address_text(const struct sockaddr *a, bool with_port)
{
    char text[INET6_ADDRSTRLEN] = "";
    uint16_t port = 0;
    if (a->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)a;
        (void)inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
        port = ntohs(in->sin_port);
    } else if (a->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const void *)a;
        (void)inet_ntop(AF_INET6, &in->sin6_addr, text, sizeof text);
        port = ntohs(in->sin6_port);
    }
    if (!with_port)
        return g_strdup(text);
    return g_strdup_printf(a->sa_family == AF_INET6 ? "[%s]:%u" : "%s:%u", text, port);
}

/* Who asks: the last address that a trusted proxy has added, else the peer's. g_free() */
static char *remote_of(const struct http_server *s, struct MHD_Connection *c, GHashTable *headers,
                       bool *secure)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    char *peer = info != NULL ? address_text(info->client_addr, false) : g_strdup("");
    const char *forwarded = g_hash_table_lookup(headers, "x-forwarded-for");
    *secure = s->tls;
    if (s->proxies == NULL || !g_strv_contains((const char *const *)s->proxies, peer))
        return peer;
    *secure = g_strcmp0(g_hash_table_lookup(headers, "x-forwarded-proto"), "https") == 0;
    if (forwarded == NULL)
        return peer;
    const char *last = strrchr(forwarded, ',');
    g_free(peer);
    return g_strstrip(g_strndup(last != NULL ? last + 1 : forwarded, INET6_ADDRSTRLEN));
}

static const char *header_of(const struct http_response *r, const char *name)
{
    for (guint i = 0; i < r->headers->len; i += 2) {
        if (g_ascii_strcasecmp(g_ptr_array_index(r->headers, i), name) == 0)
            return g_ptr_array_index(r->headers, i + 1);
    }
    return NULL;
}

static enum MHD_Result send_response(struct http_server *s, struct MHD_Connection *c,
                                     struct http_response *response)
{
    struct MHD_Response *r;
    if (response->stream != NULL) {
        r = stream_response(s, c, response->stream);
    } else {
        gsize len = response->body->len;
        /* libmicrohttpd frees with free(), which is what g_free() is. */
        r = MHD_create_response_from_buffer(len, g_string_free(response->body, FALSE),
                                            MHD_RESPMEM_MUST_FREE);
        response->body = g_string_new(NULL);
    }
    for (guint i = 0; i < response->headers->len; i += 2)
        (void)MHD_add_response_header(r, g_ptr_array_index(response->headers, i),
                                      g_ptr_array_index(response->headers, i + 1));
    enum MHD_Result queued = MHD_queue_response(c, response->status, r);
    MHD_destroy_response(r);
    return queued;
}

/* What a request is answered with, or a pause. `later` is the path that a pause has left; NULL. */
static void call_handler(struct exchange *x, struct MHD_Connection *c, const char *path,
                         const char *method, const char *later, struct http_response *response)
{
    struct http_server *s = x->server;
    g_autoptr(GHashTable) headers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(GHashTable) query = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(GBytes) body = x->body != NULL ? g_byte_array_free_to_bytes(g_steal_pointer(&x->body))
                                             : g_bytes_new(NULL, 0);
    bool secure;
    (void)MHD_get_connection_values(c, MHD_HEADER_KIND, collect_header, headers);
    if (later == NULL)
        (void)MHD_get_connection_values(c, MHD_GET_ARGUMENT_KIND, collect_query, query);
    else if (x->id != NULL)
        (void)g_hash_table_insert(headers, g_strdup("x-request-id"), g_strdup(x->id));
    g_autofree char *remote = remote_of(s, c, headers, &secure);
    const struct http_request request = { .method = later != NULL ? "GET" : method,
                                          .path = later != NULL ? later : path,
                                          .remote = remote,
                                          .secure = secure,
                                          .body = body,
                                          .too_large = x->too_large && later == NULL,
                                          .waited = later != NULL,
                                          .headers = headers,
                                          .query = query };
    http_response_init(response);
    s->handler(&request, response, s->user);
}

static enum MHD_Result answer(struct exchange *x, struct MHD_Connection *c, const char *path,
                              const char *method)
{
    struct http_response response;
    g_autofree char *later = x->waiter != NULL ? pause_end(x) : NULL;
    call_handler(x, c, path, method, later, &response);
    if (response.pause != NULL && later == NULL) {
        x->id = g_strdup(header_of(&response, "X-Request-Id"));
        bool sleeps = pause_begin(x, c, response.pause);
        http_response_done(&response);
        /* What was woken before it slept goes on at once. */
        return sleeps ? MHD_YES : answer(x, c, path, method);
    }
    enum MHD_Result queued = send_response(x->server, c, &response);
    http_response_done(&response);
    return queued;
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *c, const char *path,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **state)
{
    struct http_server *s = user;
    struct exchange *x = *state;
    if (x == NULL) {
        *state = x = g_new0(struct exchange, 1);
        x->server = s;
        x->body = g_byte_array_new();
        g_mutex_lock(&s->lock);
        s->running++;
        g_mutex_unlock(&s->lock);
        return MHD_YES;
    }
    if (*size > 0) {
        if (x->too_large || *size > LIMIT_HTTP_BODY - x->body->len)
            x->too_large = true; /* the rest is read and dropped, so that the client hears why */
        else
            (void)g_byte_array_append(x->body, (const guint8 *)data, (guint)*size);
        *size = 0;
        return MHD_YES;
    }
    return x->body != NULL || x->waiter != NULL ? answer(x, c, path, method) : MHD_NO;
}

static void on_completed(void *user, struct MHD_Connection *c, void **state,
                         enum MHD_RequestTerminationCode code)
{
    struct http_server *s = user;
    struct exchange *x = *state;
    if (x == NULL)
        return;
    g_mutex_lock(&s->lock);
    if (--s->running == 0)
        g_cond_broadcast(&s->idle);
    g_mutex_unlock(&s->lock);
    if (x->body != NULL)
        g_byte_array_unref(x->body);
    if (x->waiter != NULL)
        g_free(pause_end(x));
    g_free(x->id);
    g_free(x);
    *state = NULL;
}

/* --- the server --------------------------------------------------------------------------------
 */

static bool parse_address(const char *text, struct sockaddr_storage *out, socklen_t *len,
                          GError **error)
{
    const char *colon = strrchr(text, ':');
    uint64_t port;
    g_autofree char *host = colon != NULL ? g_strndup(text, (gsize)(colon - text)) : NULL;
    *out = (struct sockaddr_storage){ 0 };
    if (colon != NULL && parse_u64(colon + 1, strlen(colon + 1), &port) && port <= G_MAXUINT16) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)out;
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
        size_t n = strlen(host);
        if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
            v4->sin_family = AF_INET;
            v4->sin_port = htons((uint16_t)port);
            *len = sizeof *v4;
            return true;
        }
        if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
            host[n - 1] = '\0';
            if (inet_pton(AF_INET6, host + 1, &v6->sin6_addr) == 1) {
                v6->sin6_family = AF_INET6;
                v6->sin6_port = htons((uint16_t)port);
                *len = sizeof *v6;
                return true;
            }
        }
    }
    return fail(error, ASSAY_ERROR_INVALID, "listen '%s': not ADDRESS:PORT or [ADDRESS]:PORT",
                text);
}

bool http_listen_valid(const char *text, GError **error)
{
    struct sockaddr_storage address;
    socklen_t len;
    return parse_address(text, &address, &len, error);
}

static int listen_on(const char *text, GError **error)
{
    struct sockaddr_storage address;
    socklen_t len = 0;
    int on = 1;
    if (!parse_address(text, &address, &len, error))
        return -1;
    autoclose int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, BACKLOG) != 0) {
        (void)fail_errno(error, errno, "listen %s", text);
        return -1;
    }
    return take_fd(&fd);
}

static void server_free(struct http_server *s)
{
    g_hash_table_unref(s->waiters);
    g_strfreev(s->proxies);
    g_mutex_clear(&s->lock);
    g_cond_clear(&s->idle);
    g_free(s->address);
    g_free(s);
}

static void quiet(void *user, const char *format, va_list args)
{
}

static void quiesce(struct http_server *s, bool close_socket)
{
    int fd = MHD_quiesce_daemon(s->daemon);
    if (fd >= 0 && close_socket)
        (void)close(fd);
}

struct http_server *http_start(const struct http_options *o, struct http_server *inherit,
                               GError **error)
{
    struct sockaddr_storage bound;
    socklen_t len = sizeof bound;
    struct MHD_OptionItem tls[] = { { MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)o->certificate },
                                    { MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)o->key },
                                    { MHD_OPTION_END, 0, NULL } };
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    if (o->certificate != NULL && MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES) {
        (void)fail_unsupported(error, "TLS: libmicrohttpd was built without it");
        return NULL;
    }
    int fd = inherit == NULL
                 ? listen_on(o->listen, error)
                 : fcntl(MHD_get_daemon_info(inherit->daemon, MHD_DAEMON_INFO_LISTEN_FD)->listen_fd,
                         F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return NULL;
    struct http_server *s = g_new0(struct http_server, 1);
    g_mutex_init(&s->lock);
    g_cond_init(&s->idle);
    s->waiters = g_hash_table_new(NULL, NULL);
    s->handler = o->handler;
    s->user = o->user;
    s->proxies = g_strdupv((GStrv)o->proxies);
    s->tls = o->certificate != NULL;
    if (getsockname(fd, (struct sockaddr *)&bound, &len) == 0)
        s->address = address_text((struct sockaddr *)&bound, true);
    s->daemon = MHD_start_daemon(
        flags | (s->tls ? MHD_USE_TLS : 0), 0, NULL, NULL, on_request, s,
        MHD_OPTION_EXTERNAL_LOGGER, quiet, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_THREAD_POOL_SIZE, o->threads, MHD_OPTION_CONNECTION_LIMIT,
        MAX(LIMIT_HTTP_CONNECTIONS, o->threads), MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)LIMIT_HTTP_MEMORY, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, s, MHD_OPTION_ARRAY, s->tls ? tls : tls + 2, MHD_OPTION_END);
    if (s->daemon == NULL) {
        (void)fail(error, ASSAY_ERROR_INVALID, "listen %s: %s", s->address,
                   s->tls ? "the certificate and key cannot be used" : "cannot be served");
        (void)close(fd);
        server_free(s);
        return NULL;
    }
    if (inherit != NULL)
        quiesce(inherit, true);
    return s;
}

const char *http_address(const struct http_server *s)
{
    return s->address;
}

void http_stop(struct http_server *s, int64_t microseconds)
{
    if (s == NULL)
        return;
    int64_t deadline = g_get_monotonic_time() + microseconds;
    GHashTableIter i;
    gpointer waiter;
    quiesce(s, true);
    g_mutex_lock(&s->lock);
    s->stopping = true;
    g_hash_table_iter_init(&i, s->waiters);
    while (g_hash_table_iter_next(&i, &waiter, NULL))
        wake_locked(waiter);
    while (s->running > 0 && g_cond_wait_until(&s->idle, &s->lock, deadline))
        ;
    g_mutex_unlock(&s->lock);
    MHD_stop_daemon(s->daemon);
    server_free(s);
}

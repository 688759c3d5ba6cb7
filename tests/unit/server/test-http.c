#include "server/http.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/number.h"

/* What the handler does is told by the path. */
struct bench {
    struct http_server *server;
    GMutex lock;
    GCond changed;
    struct http_waiter *waiter;
    unsigned begun, pieces;
    bool done, release;
};

static void stream_begun(void *user, struct http_waiter *waiter)
{
    struct bench *b = user;
    g_mutex_lock(&b->lock);
    b->waiter = waiter;
    g_cond_broadcast(&b->changed);
    g_mutex_unlock(&b->lock);
}

static ssize_t stream_read(void *user, char *buf, size_t max)
{
    struct bench *b = user;
    ssize_t n = 0;
    g_mutex_lock(&b->lock);
    if (b->pieces > 0) {
        b->pieces--;
        buf[0] = 'x';
        n = 1;
    }
    g_mutex_unlock(&b->lock);
    return n;
}

static void stream_done(void *user)
{
    struct bench *b = user;
    g_mutex_lock(&b->lock);
    b->done = true;
    b->waiter = NULL;
    g_cond_broadcast(&b->changed);
    g_mutex_unlock(&b->lock);
}

static void handle(const struct http_request *q, struct http_response *r, void *user)
{
    struct bench *b = user;
    if (g_str_equal(q->path, "/stream")) {
        static struct http_stream stream;
        stream = (struct http_stream){ stream_begun, stream_read, stream_done, b };
        r->stream = &stream;
    } else if (g_str_equal(q->path, "/pause")) {
        static struct http_pause pause;
        pause = (struct http_pause){ stream_begun, stream_done, b, g_strdup("/later") };
        http_set_header(r, "X-Request-Id", "first");
        r->pause = &pause;
    } else if (g_str_equal(q->path, "/slow")) {
        g_mutex_lock(&b->lock);
        b->begun++;
        g_cond_broadcast(&b->changed);
        while (!b->release)
            g_cond_wait(&b->changed, &b->lock);
        g_mutex_unlock(&b->lock);
        g_string_append(r->body, "slow");
    } else {
        gsize len;
        const char *body = g_bytes_get_data(q->body, &len);
        g_string_append_printf(r->body, "%s %s a=%s x=%s from=%s large=%d body=", q->method,
                               q->path, http_query(q, "a"), http_header(q, "x-test"), q->remote,
                               q->too_large);
        if (q->waited)
            g_string_append_printf(r->body, "waited %s ", http_header(q, "x-request-id"));
        g_string_append_len(r->body, body, (gssize)len);
    }
}

static void setup(struct bench *b, const void *unused)
{
    GError *error = NULL;
    static const char *const proxies[] = { "127.0.0.1", NULL };
    const struct http_options o = {
        .listen = "127.0.0.1:0", .threads = 3, .handler = handle, .user = b, .proxies = proxies
    };
    b->server = http_start(&o, NULL, &error);
    g_assert_no_error(error);
}

static void teardown(struct bench *b, const void *unused)
{
    http_stop(b->server, 0);
}

static int ask(const struct bench *b, const char *text)
{
    struct sockaddr_in to = { .sin_family = AF_INET };
    uint64_t port;
    const char *digits = strrchr(http_address(b->server), ':') + 1;
    g_assert_true(parse_u64(digits, strlen(digits), &port));
    to.sin_port = htons((uint16_t)port);
    g_assert_cmpint(inet_pton(AF_INET, "127.0.0.1", &to.sin_addr), ==, 1);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&to, sizeof to), ==, 0);
    size_t len = strlen(text);
    g_assert_cmpint(write(fd, text, len), ==, (ssize_t)len);
    return fd;
}

/* Until the other end closes; g_free() */
static char *rest(int fd)
{
    GString *text = g_string_new(NULL);
    char piece[4096];
    for (ssize_t n; (n = read(fd, piece, sizeof piece)) > 0;)
        g_string_append_len(text, piece, n);
    (void)close(fd);
    return g_string_free(text, FALSE);
}

static void test_a_request_is_told_whole(struct bench *b, const void *unused)
{
    g_autofree char *got = rest(ask(b, "POST /p%20q?a=1%2B2&a=3 HTTP/1.1\r\nHost: x\r\n"
                                       "X-Test: yes\r\nX-Forwarded-For: 1.1.1.1, 192.0.2.7\r\n"
                                       "Connection: close\r\nContent-Length: 4\r\n\r\nbody"));
    g_assert_nonnull(strstr(got, "POST /p q a="));
    g_assert_nonnull(strstr(got, "x=yes from=192.0.2.7 large=0 body=body"));
}

static void test_a_large_body_is_dropped_and_told(struct bench *b, const void *unused)
{
    int fd = ask(b, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                    "Content-Length: 5000000\r\n\r\n");
    g_autofree char *zeros = g_malloc0(5000000);
    for (size_t sent = 0; sent < 5000000;) {
        ssize_t n = write(fd, zeros, 5000000 - sent);
        g_assert_cmpint(n, >, 0);
        sent += (size_t)n;
    }
    g_autofree char *got = rest(fd);
    g_assert_nonnull(strstr(got, "large=1 body="));
}

static void test_a_stream_sleeps_and_is_woken(struct bench *b, const void *unused)
{
    char piece[4096];
    size_t seen = 0;
    int fd = ask(b, "GET /stream HTTP/1.0\r\n\r\n");
    g_mutex_lock(&b->lock);
    while (b->waiter == NULL)
        g_cond_wait(&b->changed, &b->lock);
    g_mutex_unlock(&b->lock);
    for (unsigned i = 0; i < 100; i++) {
        g_mutex_lock(&b->lock);
        b->pieces++;
        g_mutex_unlock(&b->lock);
        http_wake(b->waiter);
        for (bool got = false; !got;) {
            ssize_t n = read(fd, piece, sizeof piece);
            g_assert_cmpint(n, >, 0);
            got = memchr(piece, 'x', (size_t)n) != NULL && piece[n - 1] == 'x';
            seen += got;
        }
    }
    g_assert_cmpuint(seen, ==, 100);
    /* The end of the server is the end of the stream. */
    http_stop(b->server, 10 * G_USEC_PER_SEC);
    g_assert_true(b->done);
    g_assert_cmpint(read(fd, piece, sizeof piece), <=, 0);
    (void)close(fd);
    b->server = NULL;
}

static int ask_for_a_pause(struct bench *b)
{
    int fd = ask(b, "POST /pause?a=1 HTTP/1.1\r\nHost: x\r\nX-Test: yes\r\n"
                    "Connection: close\r\nContent-Length: 4\r\n\r\nbody");
    g_mutex_lock(&b->lock);
    while (b->waiter == NULL)
        g_cond_wait(&b->changed, &b->lock);
    g_mutex_unlock(&b->lock);
    return fd;
}

static void test_a_pause_holds_no_thread_and_ends_with_another_call(struct bench *b,
                                                                    const void *unused)
{
    int paused = ask_for_a_pause(b);
    for (unsigned i = 0; i < 10; i++) { /* more than there are threads */
        g_autofree char *other = rest(ask(b, "GET / HTTP/1.0\r\n\r\n"));
        g_assert_nonnull(strstr(other, "GET / "));
    }
    http_wake(b->waiter);
    g_autofree char *got = rest(paused);
    g_assert_nonnull(strstr(got, "GET /later a=(null) x=yes from=127.0.0.1 large=0 body=waited "
                                 "first "));
    g_assert_true(b->done);
}

static void test_a_pause_ends_with_the_server(struct bench *b, const void *unused)
{
    int paused = ask_for_a_pause(b);
    http_stop(b->server, 10 * G_USEC_PER_SEC);
    b->server = NULL;
    g_assert_true(b->done);
    g_autofree char *got = rest(paused);
    g_assert_nonnull(strstr(got, "GET /later"));
}

static void *stop(void *user)
{
    struct bench *b = user;
    http_stop(b->server, 60 * G_USEC_PER_SEC);
    return NULL;
}

static void test_what_is_running_is_finished_before_the_end(struct bench *b, const void *unused)
{
    int fd = ask(b, "GET /slow HTTP/1.0\r\n\r\n");
    g_mutex_lock(&b->lock);
    while (b->begun == 0)
        g_cond_wait(&b->changed, &b->lock);
    g_mutex_unlock(&b->lock);
    GThread *ending = g_thread_new("stop", stop, b);
    g_mutex_lock(&b->lock);
    b->release = true;
    g_cond_broadcast(&b->changed);
    g_mutex_unlock(&b->lock);
    (void)g_thread_join(ending);
    b->server = NULL;
    g_autofree char *got = rest(fd);
    g_assert_true(g_str_has_suffix(got, "slow"));
}

static void test_addresses_are_checked(void)
{
    static const char *const bad[] = { "",          "8080",        "localhost:8080",
                                       "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000",
                                       "[::1:80",   "300.0.0.1:80" };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        const struct http_options o = { .listen = bad[i], .threads = 1, .handler = handle };
        g_assert_null(http_start(&o, NULL, &error));
        g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_INVALID);
    }
}

#define ADD(title, function)                                                                       \
    g_test_add("/server/http/" title, struct bench, NULL, setup, function, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("a request is told whole", test_a_request_is_told_whole);
    ADD("a large body is dropped and told", test_a_large_body_is_dropped_and_told);
    ADD("a stream sleeps and is woken", test_a_stream_sleeps_and_is_woken);
    ADD("a pause holds no thread and ends with another call",
        test_a_pause_holds_no_thread_and_ends_with_another_call);
    ADD("a pause ends with the server", test_a_pause_ends_with_the_server);
    ADD("what is running is finished before the end",
        test_what_is_running_is_finished_before_the_end);
    g_test_add_func("/server/http/addresses are checked", test_addresses_are_checked);
    return g_test_run();
}

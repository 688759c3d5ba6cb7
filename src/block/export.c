/* The threads and sockets of an export: one thread takes requests, a few answer them. */
#include "block/export.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/autoclose.h"
#include "base/error.h"
#include "base/limits.h"
#include "block/export_session.h"

/* That read at once. */
#define THREADS 4

struct block_export {
    struct export_session session;
    struct block *block;
    int fd;
    GThread *taker;
    GThreadPool *answerers;
    GMutex lock;
    GCond fewer;
    unsigned waiting; /* requests taken and not answered yet */
    gint closing;     /* atomic */
};

static bool socket_get(void *ctx, void *buf, size_t len)
{
    const struct block_export *e = ctx;
    for (uint8_t *at = buf; len > 0;) {
        ssize_t n = recv(e->fd, at, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

static bool socket_put(void *ctx, const void *buf, size_t len)
{
    const struct block_export *e = ctx;
    for (const uint8_t *at = buf; len > 0;) {
        ssize_t n = send(e->fd, at, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            /* Half an answer is out: nothing after it would make sense. */
            (void)shutdown(e->fd, SHUT_RDWR);
            return false;
        }
        at += n;
        len -= (size_t)n;
    }
    return true;
}

/* A thread of the pool: answers one request. */
static void answer(void *data, void *user)
{
    struct block_export *e = user;
    g_autofree struct export_request *r = data;
    if (g_atomic_int_get(&e->closing) == 0)
        export_answer(&e->session, r);
    g_mutex_lock(&e->lock);
    e->waiting--;
    g_cond_signal(&e->fewer);
    g_mutex_unlock(&e->lock);
}

static void *take(void *data)
{
    struct block_export *e = data;
    struct export_request r;
    if (!export_handshake(&e->session))
        (void)shutdown(e->fd, SHUT_RDWR);
    while (export_take(&e->session, &r)) {
        g_mutex_lock(&e->lock);
        while (e->waiting >= LIMIT_NBD_REQUESTS)
            g_cond_wait(&e->fewer, &e->lock);
        e->waiting++;
        g_mutex_unlock(&e->lock);
        (void)g_thread_pool_push(e->answerers, g_memdup2(&r, sizeof r), NULL);
    }
    return NULL;
}

struct block_export *block_export_new(struct block *b, int *client, GError **error)
{
    int pair[2];
    GError *thread_error = NULL;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        (void)fail_errno(error, errno, "%s: exporting", b->name);
        return NULL;
    }
    autoclose int theirs = pair[1];
    g_autoptr(block_export) e = g_new0(struct block_export, 1);
    e->fd = pair[0];
    e->block = block_ref(b);
    g_mutex_init(&e->lock);
    g_cond_init(&e->fewer);
    export_session_init(&e->session, b,
                        (struct export_line){ .get = socket_get, .put = socket_put, .ctx = e });
    /* Not exclusive: its threads are started when there is something to do. */
    e->answerers = g_thread_pool_new(answer, e, THREADS, FALSE, NULL);
    e->taker = g_thread_try_new("nbd export", take, e, &thread_error);
    if (e->taker == NULL) {
        (void)fail(error, ASSAY_ERROR_IO, "%s: exporting: %s", b->name, thread_error->message);
        g_error_free(thread_error);
        return NULL;
    }
    *client = take_fd(&theirs);
    return g_steal_pointer(&e);
}

void block_export_free(struct block_export *e)
{
    if (e == NULL)
        return;
    g_atomic_int_set(&e->closing, 1);
    (void)shutdown(e->fd, SHUT_RDWR);
    block_interrupt(e->block);
    if (e->taker != NULL)
        (void)g_thread_join(e->taker);
    g_thread_pool_free(e->answerers, FALSE, TRUE);
    (void)close(e->fd);
    export_session_clear(&e->session);
    g_cond_clear(&e->fewer);
    g_mutex_clear(&e->lock);
    block_unref(e->block);
    g_free(e);
}

GError *block_export_error(struct block_export *e)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&e->session.lock);
    return e->session.failed != NULL ? g_error_copy(e->session.failed) : NULL;
}

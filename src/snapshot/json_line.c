#include "snapshot/json_line.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/limits.h"

#define READ_BYTES 65536

void json_line_init(struct json_line *l, int fd, const char *name)
{
    *l = (struct json_line){ .fd = fd, .name = g_strdup(name), .in = g_byte_array_new() };
}

void json_line_done(struct json_line *l)
{
    if (l->fd >= 0)
        (void)close(l->fd);
    l->fd = -1;
    g_clear_pointer(&l->name, g_free);
    g_clear_pointer(&l->in, g_byte_array_unref);
}

void json_line_allow(struct json_line *l, unsigned milliseconds)
{
    l->deadline = g_get_monotonic_time() + (gint64)milliseconds * 1000;
}

static bool wait_for(struct json_line *l, short events, GError **error)
{
    struct pollfd p = { .fd = l->fd, .events = events };
    for (;;) {
        gint64 left = l->deadline - g_get_monotonic_time();
        int ready = left > 0 ? poll(&p, 1, (int)(left / 1000) + 1) : 0;
        if (ready > 0)
            return true;
        if (ready == 0)
            return fail(error, ASSAY_ERROR_IO, "%s: does not answer", l->name);
        if (errno != EINTR)
            return fail_errno(error, errno, "%s", l->name);
    }
}

/* One piece of the text; the descriptor goes with the first byte. Returns what was taken, -1 with
 * *error. */
static ssize_t send_piece(struct json_line *l, const char *text, size_t len, int passed,
                          GError **error)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct iovec bytes = { .iov_base = (void *)text, .iov_len = len };
    struct msghdr message = { .msg_iov = &bytes, .msg_iovlen = 1 };
    if (passed >= 0) {
        control.header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
                                           .cmsg_level = SOL_SOCKET,
                                           .cmsg_type = SCM_RIGHTS };
        memcpy(CMSG_DATA(&control.header), &passed, sizeof passed);
        message.msg_control = &control;
        message.msg_controllen = sizeof control;
    }
    for (;;) {
        ssize_t n = sendmsg(l->fd, &message, MSG_NOSIGNAL);
        if (n >= 0)
            return n;
        if (errno == EAGAIN && !wait_for(l, POLLOUT, error))
            return -1;
        if (errno != EAGAIN && errno != EINTR) {
            (void)fail_errno(error, errno, "%s", l->name);
            return -1;
        }
    }
}

bool json_line_send(struct json_line *l, const char *before, const json_t *value, int passed,
                    GError **error)
{
    char *dumped = json_dumps(value, JSON_COMPACT);
    g_autofree char *text = g_strdup_printf("%s%s\n", before, dumped);
    size_t len = strlen(text);
    free(dumped);
    for (size_t sent = 0; sent < len;) {
        ssize_t n = send_piece(l, text + sent, len - sent, sent == 0 ? passed : -1, error);
        if (n < 0)
            return false;
        sent += (size_t)n;
    }
    return true;
}

static bool receive(struct json_line *l, GError **error)
{
    guint before = l->in->len;
    if (before >= LIMIT_MONITOR_LINE)
        return fail_limit(error, "%s: a line of more than %u bytes", l->name, LIMIT_MONITOR_LINE);
    g_byte_array_set_size(l->in, before + READ_BYTES);
    for (;;) {
        ssize_t n = recv(l->fd, l->in->data + before, READ_BYTES, 0);
        g_byte_array_set_size(l->in, before + (n > 0 ? (guint)n : 0));
        if (n > 0)
            return true;
        if (n == 0)
            return fail(error, ASSAY_ERROR_IO, "%s: has ended the connection", l->name);
        if (errno == EAGAIN && !wait_for(l, POLLIN, error))
            return false;
        if (errno != EAGAIN && errno != EINTR)
            return fail_errno(error, errno, "%s", l->name);
        g_byte_array_set_size(l->in, before + READ_BYTES);
    }
}

/* Where the byte is, from `from` on, receiving until it comes. */
static bool find_byte(struct json_line *l, uint8_t byte, guint *at, GError **error)
{
    guint from = 0;
    for (;;) {
        const uint8_t *found =
            l->in->len > from ? memchr(l->in->data + from, byte, l->in->len - from) : NULL;
        if (found != NULL) {
            *at = (guint)(found - l->in->data);
            return true;
        }
        from = l->in->len;
        if (!receive(l, error))
            return false;
    }
}

json_t *json_line_next(struct json_line *l, GError **error)
{
    guint end;
    if (!find_byte(l, '\n', &end, error))
        return NULL;
    json_error_t problem;
    json_t *value = json_loadb((const char *)l->in->data, end, JSON_DECODE_ANY, &problem);
    g_byte_array_remove_range(l->in, 0, end + 1);
    if (value == NULL)
        (void)fail_corrupt(error, "%s: its answer is not JSON, at byte %d of the line", l->name,
                           problem.position);
    return value;
}

bool json_line_skip_to(struct json_line *l, uint8_t byte, GError **error)
{
    guint at;
    if (!find_byte(l, byte, &at, error))
        return false;
    g_byte_array_remove_range(l->in, 0, at + 1);
    return true;
}

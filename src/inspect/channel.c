#include "inspect/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/limits.h"

bool channel_send(int fd, const void *bytes, size_t len, const int *fds, size_t fd_count,
                  GError **error)
{
    struct iovec iov = { .iov_base = (void *)bytes, .iov_len = len };
    union {
        char space[CMSG_SPACE(sizeof(int) * CHANNEL_MAX_FDS)];
        struct cmsghdr align;
    } control;
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
    if (fd_count > CHANNEL_MAX_FDS)
        return fail_limit(error, "more than %d disks in one target", CHANNEL_MAX_FDS);
    if (fd_count > 0) {
        memset(&control, 0, sizeof control);
        msg.msg_control = control.space;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * fd_count);
    }
    ssize_t n;
    do
        n = sendmsg(fd, &msg, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)len)
        return fail_errno(error, n < 0 ? errno : EMSGSIZE, "talking to the inspector");
    return true;
}

bool channel_receive(int fd, void *bytes, size_t *len, int *fds, size_t *fd_count, GError **error)
{
    struct iovec iov = { .iov_base = bytes, .iov_len = CHANNEL_MAX_PACKET };
    union {
        char space[CMSG_SPACE(sizeof(int) * CHANNEL_MAX_FDS)];
        struct cmsghdr align;
    } control;
    struct msghdr msg = { .msg_iov = &iov,
                          .msg_iovlen = 1,
                          .msg_control = control.space,
                          .msg_controllen = sizeof control.space };
    ssize_t n;
    do
        n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return fail_errno(error, errno, "control channel");
    *fd_count = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c != NULL; c = CMSG_NXTHDR(&msg, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
            *fd_count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            memcpy(fds, CMSG_DATA(c), *fd_count * sizeof(int));
        }
    }
    *len = (size_t)n;
    if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        for (size_t i = 0; i < *fd_count; i++)
            (void)close(fds[i]);
        return fail_corrupt(error, "control channel: a packet was too large");
    }
    return true;
}

void channel_reader_clear(struct channel_reader *r)
{
    g_clear_pointer(&r->pending, g_byte_array_unref);
}

bool channel_reader_feed(struct channel_reader *r, const void *bytes, size_t len,
                         channel_message_func func, void *user, GError **error)
{
    if (r->pending == NULL)
        r->pending = g_byte_array_new();
    g_byte_array_append(r->pending, bytes, (guint)len);
    struct cursor c = cursor_of(r->pending->data, r->pending->len);
    size_t done = 0;
    for (;;) {
        uint8_t kind;
        uint32_t size;
        struct cursor payload;
        if (!rd_u8(&c, &kind) || !rd_le32(&c, &size))
            break;
        if (size > LIMIT_FRAME_RECORD)
            return fail_corrupt(error, "the inspector sent a record of %u bytes", size);
        if (!rd_sub(&c, size, &payload))
            break;
        if (!func(kind, payload, user, error))
            return false;
        done = c.pos;
    }
    if (done > 0)
        g_byte_array_remove_range(r->pending, 0, (guint)done);
    return true;
}

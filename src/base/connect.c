#include "base/connect.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/autoclose.h"
#include "base/error.h"
#include "base/no_links.h"

static bool wait_connected(int fd, const char *where, GError **error)
{
    struct pollfd p = { .fd = fd, .events = POLLOUT };
    int broken = 0;
    socklen_t len = sizeof broken;
    int ready;
    do
        ready = poll(&p, 1, CONNECT_MILLISECONDS);
    while (ready < 0 && errno == EINTR);
    if (ready == 0)
        return fail(error, ASSAY_ERROR_IO, "%s: no answer for %d seconds", where,
                    CONNECT_MILLISECONDS / 1000);
    if (ready < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &broken, &len) != 0)
        return fail_errno(error, errno, "%s", where);
    return broken == 0 || fail_errno(error, broken, "%s", where);
}

static int connect_address(const struct sockaddr *address, socklen_t len, int family,
                           const char *where, GError **error)
{
    autoclose int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        (void)fail_errno(error, errno, "%s", where);
        return -1;
    }
    if (connect(fd, address, len) != 0) {
        if (errno == ECONNREFUSED && family == AF_UNIX) {
            (void)fail(error, ASSAY_ERROR_NOT_FOUND, "%s: nobody listens there", where);
            return -1;
        }
        if (errno != EINPROGRESS) {
            (void)fail_errno(error, errno, "%s", where);
            return -1;
        }
        if (!wait_connected(fd, where, error))
            return -1;
    }
    return take_fd(&fd);
}

/* path: where it is; name: for messages. */
static int connect_to(const char *path, const char *name, GError **error)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof address.sun_path) {
        (void)fail(error, ASSAY_ERROR_INVALID, "%s: too long for the name of a socket", name);
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path));
    return connect_address((const struct sockaddr *)&address, sizeof address, AF_UNIX, name, error);
}

int connect_unix(const char *path, GError **error)
{
    return connect_to(path, path, error);
}

int connect_unix_without_links(const char *path, GError **error)
{
    struct stat st;
    if (!path_is_plain(path, error))
        return -1;
    autoclose int folder = open_folder_of(path, error);
    if (folder < 0)
        return -1;
    /* What was looked at is what is connected to, also when the name changes hands meanwhile. */
    autoclose int held = openat(folder, path_last_part(path), O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (held < 0 || fstat(held, &st) != 0) {
        (void)fail_errno(error, errno, "%s", path);
        return -1;
    }
    if (!S_ISSOCK(st.st_mode)) {
        (void)fail(error, ASSAY_ERROR_DENIED, "%s is %s", path,
                   S_ISLNK(st.st_mode) ? "a symbolic link, which is not followed" : "no socket");
        return -1;
    }
    g_autofree char *same = g_strdup_printf("/proc/self/fd/%d", held);
    return connect_to(same, path, error);
}

int connect_tcp(const char *host, int port, GError **error)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
    g_autofree char *service = g_strdup_printf("%d", port);
    g_autofree char *where = g_strdup_printf("%s port %d", host, port);
    int r = getaddrinfo(host, service, &hints, &found);
    if (r != 0) {
        (void)fail(error, ASSAY_ERROR_IO, "%s: %s", where, gai_strerror(r));
        return -1;
    }
    int fd = -1;
    for (const struct addrinfo *a = found; a != NULL && fd < 0; a = a->ai_next) {
        g_clear_error(error); /* the last address's failure is told */
        fd = connect_address(a->ai_addr, a->ai_addrlen, a->ai_family, where, error);
    }
    freeaddrinfo(found);
    return fd;
}

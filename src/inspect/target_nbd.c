/* Connections to NBD servers. The inspector, which speaks the protocol, cannot make them itself. */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/autoclose.h"
#include "base/error.h"
#include "inspect/target.h"

#define CONNECT_MILLISECONDS 30000
#define NBD_PORT             10809

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
        if (errno != EINPROGRESS) {
            (void)fail_errno(error, errno, "%s", where);
            return -1;
        }
        if (!wait_connected(fd, where, error))
            return -1;
    }
    return take_fd(&fd);
}

static int connect_unix(const char *path, GError **error)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof address.sun_path) {
        (void)fail(error, ASSAY_ERROR_INVALID, "%s: too long for the name of a socket", path);
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path));
    return connect_address((const struct sockaddr *)&address, sizeof address, AF_UNIX, path, error);
}

static int connect_tcp(const char *host, int port, GError **error)
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

int target_nbd_connect(const char *url, char **export_name, GError **error)
{
    g_autoptr(GError) malformed = NULL;
    g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_NONE, &malformed);
    if (uri == NULL) {
        (void)fail(error, ASSAY_ERROR_INVALID, "%s: %s", url, malformed->message);
        return -1;
    }
    const char *path = g_uri_get_path(uri), *host = g_uri_get_host(uri);
    int fd = -1;
    if (g_str_equal(g_uri_get_scheme(uri), "nbd+unix")) {
        const char *query = g_uri_get_query(uri);
        g_autoptr(GHashTable) values =
            query != NULL ? g_uri_parse_params(query, -1, "&", G_URI_PARAMS_NONE, NULL) : NULL;
        const char *socket_path = values != NULL ? g_hash_table_lookup(values, "socket") : NULL;
        if (socket_path == NULL)
            (void)fail(error, ASSAY_ERROR_INVALID, "%s: no ?socket=PATH in it", url);
        else
            fd = connect_unix(socket_path, error);
    } else if (host == NULL || host[0] == '\0') {
        (void)fail(error, ASSAY_ERROR_INVALID, "%s: no host in it", url);
    } else {
        fd = connect_tcp(host, g_uri_get_port(uri) > 0 ? g_uri_get_port(uri) : NBD_PORT, error);
    }
    if (fd >= 0)
        *export_name = g_strdup(path[0] == '/' ? path + 1 : path);
    else if (error != NULL)
        g_prefix_error(error, "%s: ", url);
    return fd;
}

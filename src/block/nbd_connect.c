#include "block/nbd_connect.h"

#include "base/connect.h"
#include "base/error.h"

#define NBD_PORT 10809

void nbd_place_clear(struct nbd_place *p)
{
    g_clear_pointer(&p->host, g_free);
    g_clear_pointer(&p->socket, g_free);
    g_clear_pointer(&p->export_name, g_free);
}

static bool parse_socket(const char *url, const char *query, struct nbd_place *out, GError **error)
{
    g_autoptr(GHashTable) values =
        query != NULL ? g_uri_parse_params(query, -1, "&", G_URI_PARAMS_NONE, NULL) : NULL;
    const char *path = values != NULL ? g_hash_table_lookup(values, "socket") : NULL;
    if (path == NULL)
        return fail(error, ASSAY_ERROR_INVALID, "%s: no ?socket=PATH in it", url);
    out->socket = g_strdup(path);
    return true;
}

bool nbd_place_parse(const char *url, struct nbd_place *out, GError **error)
{
    g_autoptr(GError) malformed = NULL;
    g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_NONE, &malformed);
    if (uri == NULL)
        return fail(error, ASSAY_ERROR_INVALID, "%s: %s", url, malformed->message);
    const char *path = g_uri_get_path(uri), *host = g_uri_get_host(uri);
    struct nbd_place p = { 0 };
    if (g_str_equal(g_uri_get_scheme(uri), "nbd+unix")) {
        if (!parse_socket(url, g_uri_get_query(uri), &p, error))
            return false;
    } else if (!g_str_equal(g_uri_get_scheme(uri), "nbd")) {
        return fail(error, ASSAY_ERROR_INVALID, "%s: neither nbd:// nor nbd+unix://", url);
    } else if (host == NULL || host[0] == '\0') {
        return fail(error, ASSAY_ERROR_INVALID, "%s: no host in it", url);
    } else {
        p.host = g_strdup(host);
        p.port = g_uri_get_port(uri) > 0 ? g_uri_get_port(uri) : NBD_PORT;
    }
    p.export_name = g_strdup(path[0] == '/' ? path + 1 : path);
    *out = p;
    return true;
}

int block_nbd_connect(const char *url, char **export_name, GError **error)
{
    struct nbd_place p;
    if (!nbd_place_parse(url, &p, error))
        return -1;
    int fd = p.socket != NULL ? connect_unix(p.socket, error) : connect_tcp(p.host, p.port, error);
    if (fd >= 0)
        *export_name = g_steal_pointer(&p.export_name);
    else
        g_prefix_error(error, "%s: ", url);
    nbd_place_clear(&p);
    return fd;
}

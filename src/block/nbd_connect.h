/* Where an NBD server is: nbd://HOST[:PORT]/EXPORT or nbd+unix:///EXPORT?socket=PATH.
 *
 * Connecting is apart from speaking the protocol (block_nbd_new()), since the inspector may only do
 * the latter. */
#pragma once
#include <glib.h>
#include <stdbool.h>

struct nbd_place {
    char *host; /* NULL: a socket of this host */
    int port;
    char *socket;      /* path; NULL: TCP */
    char *export_name; /* "" for the default export */
};
/* ASSAY_ERROR_INVALID says what is wrong; out holds nothing then. */
bool nbd_place_parse(const char *url, struct nbd_place *out, GError **error);
void nbd_place_clear(struct nbd_place *p);

/* A socket connected to the server; -1 with *error. *export_name: g_free(). */
int block_nbd_connect(const char *url, char **export_name, GError **error);

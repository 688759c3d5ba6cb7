/* Connections to servers, made with patience that has an end. */
#pragma once
#include <glib.h>

#define CONNECT_MILLISECONDS 30000

/* A stream socket that is connected, close-on-exec and never waits (O_NONBLOCK); -1 with *error.
 * ASSAY_ERROR_NOT_FOUND when there is no such socket or nobody listens on it (any more). */
int connect_unix(const char *path, GError **error);
/* As connect_unix() for a path that somebody else has named: plain (no_links.h), through no
 * symbolic link. */
int connect_unix_without_links(const char *path, GError **error);
int connect_tcp(const char *host, int port, GError **error);

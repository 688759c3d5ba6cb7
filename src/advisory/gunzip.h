/* Unpacking gzip piece by piece, with the checksum checked (libarchive's own filter does not). */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

struct gunzip;

/* Gives the next packed bytes, borrowed; *len 0: the end. */
typedef bool (*gunzip_source)(void *user, const void **bytes, size_t *len, GError **error);

struct gunzip *gunzip_new(gunzip_source source, void *user);
void gunzip_free(struct gunzip *g);
typedef struct gunzip gunzip; /* for g_autoptr(gunzip) */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gunzip, gunzip_free)

/* The next bytes, borrowed until the next call; *len 0: the end. Members one behind the other are
 * one stream (RFC 1952, section 2.2); what follows the last one is ignored. */
bool gunzip_read(struct gunzip *g, const void **bytes, size_t *len, GError **error);

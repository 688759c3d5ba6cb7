/* Media types of contents, as libmagic tells them. */
#pragma once
#include <glib.h>
#include <stddef.h>

#include "fs/fs.h"

/* As many bytes of a file's beginning as are looked at. */
#define MEDIA_HEAD (256u << 10)

/* One for each thread. */
struct media;

/* Loads the database of types: open files before the sandbox closes. ASSAY_ERROR_IO. */
struct media *media_new(GError **error);
/* Accepts NULL. */
void media_free(struct media *m);
/* The type of contents that begin like this ("text/plain"); len is less than MEDIA_HEAD only when
 * they end there. pie: what media_is_pie() said. g_free(); never NULL. */
char *media_type(struct media *m, const void *head, size_t len, bool pie);

/* A program that may be loaded anywhere, which only its dynamic section tells from a library.
 * Damage counts as no. head: the first bytes of the file, all if there are fewer than MEDIA_HEAD.
 */
bool media_is_pie(struct tree_file *f, const void *head, size_t len);

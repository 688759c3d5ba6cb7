/* Cuts a stream of bytes into documents without keeping more than one of them.
 *
 * Bytes go in as they come (splitter_push), complete documents come out (the function given). A
 * document longer than LIMIT_ADVISORY_RECORD is dropped and reported as broken; where the form
 * allows (JSON lines) the next document is found again after a broken one. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#include "advisory/feed.h"

struct splitter;

/* key: member's name for FEED_JSON_MEMBERS, else NULL. broken: why the document cannot be used
 * (then text is what there is of it, maybe nothing); NULL: it is complete. text is NUL-terminated.
 * False ends the splitting, with *error set. */
typedef bool (*splitter_func)(const char *key, const char *text, size_t len, const char *broken,
                              void *user, GError **error);

/* element: for FEED_XML. */
struct splitter *splitter_new(enum feed_form form, const char *element, splitter_func func,
                              void *user);
void splitter_free(struct splitter *s);
typedef struct splitter splitter; /* for g_autoptr(splitter) */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(splitter, splitter_free)

bool splitter_push(struct splitter *s, const char *bytes, size_t len, GError **error);
/* The stream ends: what is left is the last document, or a broken one. */
bool splitter_finish(struct splitter *s, GError **error);

/* The whole of `assay serve`, from settings to the end: it returns when it was told to stop. */
#pragma once
#include <signal.h>

#include "server/settings.h"

/* Makes the settings anew, for SIGHUP; NULL with *error keeps the old ones. */
typedef struct settings *(*serve_settings)(void *user, GError **error);

/* What would be done at start, without doing it: settings, certificate and key, the API's
 * description. */
bool serve_check(const struct settings *s, GError **error);
/* SIGTERM and SIGINT stop it within 10 seconds, SIGHUP reads settings again. Prints the password of
 * the first start to standard output, unless the settings name a file for it. */
bool serve_run(serve_settings make, void *user, GError **error);

/* Another key for the store's secrets, beside whatever runs; *sealed: how many there are. */
bool serve_rotate_key(const struct settings *s, unsigned *sealed, GError **error);

/* Whether a store that has to be there is: a file that is misspelt would be made. */
bool serve_store_there(const char *store, GError **error);
/* Shared with `assay worker`: SIGTERM, SIGINT and SIGHUP wait for the thread that asks, SIGPIPE is
 * ignored. Before there are threads. */
void serve_block_signals(sigset_t *set);

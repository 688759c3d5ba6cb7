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

/* Shared with `assay worker`: the folder of a store in a file is made for it; SIGTERM, SIGINT and
 * SIGHUP wait for the thread that asks, SIGPIPE is ignored. Before there are threads. */
bool serve_make_folder(const char *store, GError **error);
void serve_block_signals(sigset_t *set);

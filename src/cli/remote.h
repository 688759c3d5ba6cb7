/* Calls of a service's REST API, for the commands that need one.
 *
 * The service is --server, else ASSAY_SERVER, else that of the login; the token is ASSAY_TOKEN,
 * else the login's, which is kept (mode 0600) in the user's configuration folder. */
#pragma once
#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

#include "cli/cli.h"

/* --server; --ca-file. */
extern const GOptionEntry remote_options[], remote_ca_options[];

/* One call. body (borrowed) may be NULL. *answer (may be NULL) is a new reference, NULL without a
 * body. Errors say what the service said. */
bool remote_call(const char *method, const char *path, const json_t *body, json_t **answer,
                 GError **error);
/* What a GET of path answers, as it is. */
GString *remote_text(const char *path, GError **error);
/* Events as they come (text/event-stream), after `last` (NULL: from now on), until receive() returns
 * false or the service ends the stream. */
typedef bool (*remote_receive)(const char *bytes, size_t len, void *user);
bool remote_stream(const char *path, const char *last, remote_receive receive, void *user,
                   GError **error);
/* All items of a list, over all its pages; a new reference. */
json_t *remote_list(const char *path, GError **error);
/* The same when they are another member than "items". */
json_t *remote_member_list(const char *path, const char *member, GError **error);
/* "/v1/projects/%s/nodes" with each argument escaped. g_free() */
char *remote_path(const char *format, ...);

/* Logs in, and keeps the session for later commands. */
bool remote_login(const char *server, const char *name, const char *password, GError **error);
/* Ends the session and forgets it. */
bool remote_logout(GError **error);

/* --- for commands: these print --------------------------------------------------------------- */

/* --format. */
extern const GOptionEntry remote_format_options[];
/* One call whose answer, if it has a body, is printed. Takes body (may be NULL) over. */
enum cli_status remote_do(const char *method, const char *path, json_t *body);
/* A list as a table of those members. columns ends with NULL. */
enum cli_status remote_show_list(const char *path, const char *const *columns);
/* A list that is a member of an answer, over all its pages. */
enum cli_status remote_show_member_list(const char *path, const char *member,
                                        const char *const *columns);
/* The same, with a row for each of what the list `inner` of its items holds; "thing" is then the
 * item's name. NULL: a row for each item. */
enum cli_status remote_show_inner_list(const char *path, const char *member, const char *inner,
                                       const char *const *columns);
/* Adds texts under a name, unless they are NULL. */
void remote_add_text(json_t *body, const char *name, const char *text);
void remote_add_texts(json_t *body, const char *name, char **texts);
/* An object of "NAME=VALUE" texts; false with a message for one that is not. */
bool remote_add_labels(json_t *body, const char *name, char **texts);
/* Whether there are from least to most arguments; else a message. */
bool remote_arguments(const char *command, int argc, int least, int most);

/* Having nodes and images examined by a service, and reading what it then knows; for the commands
 * that do both. */
#pragma once
#include "cli/remote.h"

#include "cli/fail_on.h"

struct examine_wish {
    const char *project, *name;
    bool image, deep, fresh;
};
/* Asks for it; the introspection's address, g_free(). *introspection: a new reference. */
char *examine_ask(const struct examine_wish *wish, json_t **introspection, GError **error);
/* Until it has ended; tells the step on a terminal. A new reference to the introspection. */
json_t *examine_wait(const char *path, GError **error);
/* "/v1/projects/P/nodes/N/report" of a node or image; g_free() */
char *examine_path(const struct examine_wish *wish, const char *what);
/* Its report as the API tells it; a new reference. */
json_t *examine_report(const struct examine_wish *wish, GError **error);
/* The exit status that a report means. */
enum cli_status examine_status(const json_t *report, const struct fail_on *fail_on);

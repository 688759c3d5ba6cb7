/* What the commands that look at targets share. */
#pragma once
#include "cli/cli.h"
#include "inspect/inspect.h"

/* --input-format, --allow-backing, --timeout, --memory, --quiet. */
extern const GOptionEntry cli_target_options[];

/* --volume, --system, --together, for commands whose arguments are targets and a path. */
extern const GOptionEntry cli_place_options[];
/* Where the options and the path, the last of the arguments, say. */
struct inspect_place cli_place(int argc, char **argv);
/* The number of arguments is right: a target and a path, or several targets with --together. */
bool cli_place_given(int argc);

/* The values given. False after a clear line. default_timeout: seconds when none was given. */
bool cli_target_settings(struct inspect_options *out, unsigned default_timeout);
/* Opens the names as one target. */
struct inspect_target *cli_target_open(char **names, size_t count,
                                       const struct inspect_options *options, GError **error);
/* Takes a progress line off the terminal. */
void cli_progress_clear(void);

/* One line for a failure, which it frees: names the target where the message does not. CLI_ERROR.
 */
enum cli_status cli_target_fail(const struct inspect_target *t, GError *error);

/* For inspect_list() and inspect_copy(): says on standard error what could not be looked at; user
 * is a bool that becomes true. */
void cli_show_coverage(const struct frame_coverage *c, void *user);
/* One line for each thing that could not be looked at. */
void cli_warn_coverage(const struct frame *f);

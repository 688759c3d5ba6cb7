/* Lines of standard input, each to be answered. */
#pragma once
#include <stddef.h>

#include "cli/cli.h"

/* text is NUL-terminated, without the newline, and the function's to change; where ("standard
 * input, line 3") begins its messages. Anything but CLI_OK ends the reading. */
typedef enum cli_status (*cli_line_func)(const char *where, char *text, void *user);

/* Calls func for each line of at most max bytes; a last one without newline counts. CLI_ERROR,
 * after a message, for longer lines, NUL bytes, and when reading fails. */
enum cli_status cli_each_line(size_t max, cli_line_func func, void *user);

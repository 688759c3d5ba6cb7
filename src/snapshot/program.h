/* Running a program of the host, without a shell. */
#pragma once
#include <glib.h>
#include <stdbool.h>

/* Runs argv (NULL-terminated; argv[0] is looked for in PATH) and waits for it to end, at most so
 * many milliseconds; then it and what it started are killed. *output: its standard output,
 * g_free(); output NULL: nobody wants it. When it fails: ASSAY_ERROR_IO with the first line that it
 * wrote to standard error. ASSAY_ERROR_UNSUPPORTED when there is no such program. */
bool program_run(char *const *argv, unsigned milliseconds, char **output, GError **error);

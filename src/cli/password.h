/* Asking for a password. */
#pragma once
#include <glib.h>

/* From the first line of a file, or of standard input, whose terminal does not show it then. NULL
 * with *error when there is none. */
char *password_read(const char *file, const char *prompt, GError **error);

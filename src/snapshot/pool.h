/* The storage that reading a file loads, found without touching it: asked for in transactions,
 * which must not wait for a server that is away. */
#pragma once
#include <glib.h>

/* "file:SERVER:/EXPORT" of a network filesystem, which is the same for all hosts; else "file:" with
 * the number of the filesystem's device, or of the block device itself. "file" when that cannot be
 * told. The file need not be there. g_free() */
char *pool_of_file(const char *path);
/* By the text of a /proc/PID/mountinfo. */
char *pool_of_file_in(const char *mountinfo, const char *path);

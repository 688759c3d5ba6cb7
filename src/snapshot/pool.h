/* The storage that reading a file loads. */
#pragma once

/* "file:SERVER:/EXPORT" of a network filesystem, which is the same for all hosts; else "file:" with
 * the device's number. "file" when there is no such file here. g_free() */
char *pool_of_file(const char *path);

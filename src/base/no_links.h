/* Opening a path that someone else has named, so that no symbolic link can lead it elsewhere. */
#pragma once
#include <glib.h>
#include <stdbool.h>

/* An absolute path in its shortest form: no empty, "." or ".." part, no trailing '/', not "/"
 * itself. ASSAY_ERROR_INVALID says what is wrong. */
bool path_is_plain(const char *path, GError **error);
/* The folder of a plain path (O_PATH), reached without following any symbolic link; -1 with *error.
 * ASSAY_ERROR_DENIED names the link that is in the way. */
int open_folder_of(const char *path, GError **error);
/* The last part of a plain path; points into it. */
const char *path_last_part(const char *path);
/* A file or block device at a plain path, for reading, never waiting for a writer. *folder is the
 * folder it lies in, as open_folder_of(). Anything but a file or block device is refused. */
int open_without_links(const char *path, int *folder, GError **error);

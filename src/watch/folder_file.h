/* What a file in a watched folder is to us: whether its name is wanted, what its contents are known
 * by, and what it is called as an image. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <sys/stat.h>

/* Location of a watched folder: a path, and optionally a last part with '*' or '?', which names of
 * files must match. *path: the folder with '/' and anything behind it, as open_folder_of() wants
 * it; *pattern: NULL: all files. g_free() both */
bool folder_location(const char *location, char **path, char **pattern, GError **error);
/* Whether a file of that name is looked at: not hidden, not one that programs use for what is
 * incomplete (.part, .tmp...), a text that can be stored, matching the pattern (NULL: any). */
bool folder_wants(const char *pattern, const char *name);
/* By inode, size and time of change of the contents. Not by the device: its number is another one
 * after the next mount of a network filesystem. g_free() */
char *folder_identity(const struct stat *st);
/* A name for the image of a file: its own, made valid. g_free() */
char *folder_image_name(const char *name);

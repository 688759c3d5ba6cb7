/* What the store is told of files in a watched folder. */
#pragma once
#include "store/watched.h"

struct found_file {
    const struct thing *folder; /* id, project, name */
    const char *location;       /* of the file */
    const char *name;           /* in the folder */
    const char *identity;
    const struct watched_file *before; /* what is known under this name; NULL: nothing */
    const struct watched_file
        *moved; /* what it was called before, when it was only renamed; NULL */
};

/* A complete file becomes an image, or that of its name or of its name before, and an introspection
 * is asked for unless its contents are known. One transaction. Returns what is known of it now;
 * NULL with *error. */
struct watched_file *folder_take(struct sql *db, const struct found_file *f, GError **error);
/* A file is no longer there: its image stays and is labelled. One transaction. */
bool folder_file_gone(struct sql *db, const struct thing *folder, const struct watched_file *f,
                      GError **error);

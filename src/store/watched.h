/* Watched folders: which process looks after one, and the files that were found in it. */
#pragma once
#include "store/things.h"

/* An image of the kind "folder" is claimed by at most one process at a time. */
/* *mine: worker holds it until now + lease (microseconds). Else *holder (g_free()) does. */
bool watched_claim(struct sql *db, const char *folder, const char *worker, int64_t lease,
                   bool *mine, char **holder, GError **error);
/* Takes it away from a holder that is known to have ended. */
bool watched_release(struct sql *db, const char *folder, const char *holder, GError **error);

struct watched_file {
    char *name;     /* in the folder */
    char *identity; /* of its contents, when it was taken */
    char *image;    /* identifier of the image that it became, which may be deleted by now */
    bool gone;
};
void watched_file_free(struct watched_file *f);

/* All images of the kind "folder". */
GPtrArray *watched_folders(struct sql *db, GError **error);
/* All files of a folder. */
GPtrArray *watched_files(struct sql *db, const char *folder, GError **error);
/* Adds a file, or changes the one of its name. */
bool watched_keep(struct sql *db, const char *folder, const struct watched_file *f, GError **error);
bool watched_forget(struct sql *db, const char *folder, const char *name, GError **error);

/* The bytes behind the paths given to import: files, folders, zip and tar archives, each also
 * compressed (gzip, zstd, xz, bzip2), to a depth of LIMIT_FEED_NESTING.
 *
 * Every member of an archive and every file of a folder is one stream. Links are not followed. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct input_stream {
    const char *name;   /* "folder/feed.zip: member.json", for messages */
    const char *source; /* path of the file on disk it comes from */
    const char *sha256; /* of that file, hex */
    int64_t date;       /* when the file or member was changed, Unix seconds; 0 unknown */
    uint64_t bytes;     /* read so far of that file, packed */
    void *reader;
};

/* The next bytes, borrowed until the next call. *len 0: the end. False: damaged or unreadable. */
bool input_read(struct input_stream *s, const void **bytes, size_t *len, GError **error);

struct input_functions {
    /* One stream. Need not be read to its end. False ends, with *error set. */
    bool (*stream)(struct input_stream *s, void *user, GError **error);
    /* A folder before its files: true when it was dealt with as a whole; may be NULL. */
    bool (*folder)(const char *path, bool *done, void *user, GError **error);
    void *user;
};
/* Files of a folder come sorted by name. */
bool input_each(const char *path, const struct input_functions *f, GError **error);

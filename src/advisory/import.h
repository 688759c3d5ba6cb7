/* Importing advisory data into the database, whatever the form it comes in. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct import_options {
    const char *feed;           /* read everything as this driver's; NULL: by content */
    int64_t now;                /* Unix seconds */
    const char *const *sources; /* what to call each path; NULL: as it is */
    const char *const *meta;    /* keys and values in turn to keep in the database; a NULL value
                                   forgets the key */
    unsigned meta_count;        /* of pairs */
    const char *keyring; /* for gpgv: whose signatures APT mirrors must have; NULL: not checked */
    /* What people should know although the import goes on: one line. May be NULL. */
    void (*warn)(const char *message, void *user);
    /* A malformed record, a file that is no feed: one line. May be NULL. */
    void (*note)(const char *message, void *user);
    /* Called often: what is being read, bytes read of it, records so far. May be NULL. */
    void (*progress)(const char *source, uint64_t bytes, uint64_t records, void *user);
    void *user;
};

struct import_feed {
    char *name;
    uint64_t records;  /* now in the database */
    uint64_t incoming; /* of this import */
    uint64_t malformed;
    bool refused; /* too much of it is malformed; what the database had of it stays */
};

struct import_result {
    GArray *feeds;    /* struct import_feed, in order of appearance */
    uint64_t unknown; /* streams that are no feed */
};
void import_result_done(struct import_result *r);

/* Reads paths (NULL-terminated): files, folders, archives, and folders that are APT mirrors; and
 * replaces the database at db_path as a whole, or leaves it as it is. A path that holds nothing
 * recognised, or damaged archives, fail. result is filled even on failure; import_result_done()
 * frees. */
bool advisory_import(const char *db_path, char *const *paths, const struct import_options *options,
                     struct import_result *result, GError **error);

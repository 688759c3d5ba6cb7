/* Bringing the database up to date from the feeds' public places, or a mirror of them. */
#pragma once
#include <glib.h>
#include <stdbool.h>

#include "advisory/import.h"

struct update_options {
    struct import_options import;
    const char *mirror; /* URL or folder that keeps files as "<host>/<path>"; NULL: the originals */
    /* As in fetch.h; may be NULL. */
    void (*progress)(const char *url, uint64_t bytes, uint64_t total, void *user);
    void *user;
};

struct update_item {
    const char *name; /* of the download; static */
    bool unchanged;
    char *failure; /* NULL: fetched */
};

struct update_result {
    GArray *items; /* struct update_item */
    struct import_result import;
};
void update_result_done(struct update_result *r);

/* names: systems ("debian") or single downloads ("debian-osv"), NULL-terminated; none: those that
 * were fetched before. What can be fetched is imported, even if others fail: their items say why.
 * Fails, leaving the database as it is, when nothing can be reached, a name is not known, or the
 * import fails. */
bool advisory_update(const char *db_path, char *const *names, const struct update_options *options,
                     struct update_result *result, GError **error);

/* One package database being read: counts what was found, and says what was not. */
#pragma once
#include "inspect/inspection.h"

struct package_database {
    struct inspection *in;
    const char *path;  /* in the root; borrowed */
    uint64_t packages; /* emitted */
    uint64_t faults;   /* entries that could not be read */
};

/* Where a database is, symlinks followed. False when it is not there; what else hinders becomes
 * coverage. */
bool package_database_locate(struct inspection *in, const char *path, struct root_place *out);
/* Emits the package with the database's path. */
void package_database_add(struct package_database *db, struct frame_package *p);
/* An entry that could not be read; the rest goes on. Takes the error. */
void package_database_fault(struct package_database *db, GError *error);
/* Ends with the coverage of the whole. error: why reading ended early, taken; NULL. */
void package_database_done(struct package_database *db, GError *error);

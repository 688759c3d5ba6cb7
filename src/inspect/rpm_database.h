/* RPM databases: three ways in which rpm keeps the headers of what is installed.
 *
 * A driver is one file that fills one struct rpm_backend and one line in rpm_database.c. Drivers
 * see blocks, not paths. Each header is given out once; damage is told and passed over. */
#pragma once
#include "base/error.h"
#include "block/block.h"

struct rpm_sink {
    /* One header blob; bytes are valid during the call. False ends the reading. */
    bool (*header)(void *user, uint64_t id, const uint8_t *bytes, size_t len);
    /* Something could not be read; the rest goes on. Takes the error. */
    void (*fault)(void *user, GError *error);
    void *user;
};

/* What belongs to a database. */
struct rpm_files {
    struct block *main;
    struct block *log;     /* "<file>-wal"; NULL */
    struct block *journal; /* "<file>-journal"; NULL */
};

struct rpm_backend {
    const char *name;
    const char *description;
    const char *file; /* in the database's folder */
    bool logged;      /* log and journal mean something */
    /* False with *error when the database as a whole cannot be read; what was given out before
     * stays. Reads no more bytes than the files have. */
    bool (*each)(const struct rpm_files *files, const struct rpm_sink *sink, GError **error);
};

/* NULL-terminated, in the order in which rpm looks for them. */
extern const struct rpm_backend *const rpm_backends[];

/* --- for drivers --------------------------------------------------------------------------------
 */

void rpm_sink_fault(const struct rpm_sink *sink, enum assay_error code, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

extern const struct rpm_backend rpm_sqlite, rpm_ndb, rpm_bdb;

/* The store: everything that a service keeps, in one database.
 *
 * Each subject has its own file and its own part of the schema; the parts are numbered steps that
 * are applied once, in order, when a store is opened by a newer program. A program older than the
 * store refuses it. */
#pragma once
#include "store/sql.h"

/* Opens the database and brings its schema up to date; several programs may do so at once. */
struct sql *store_open(const char *url, GError **error);

/* A new identifier: 26 characters that sort by time of making (ULID). g_free() */
char *store_id_new(void);
/* Now, Unix microseconds. */
int64_t store_now(void);

/* One step of the schema: statements as for sql_script(). */
struct store_step {
    const char *name; /* of the subject, for messages */
    const char *statements;
};
/* In order of application; only ever appended to. NULL-terminated by name. */
extern const struct store_step store_steps[];

/* The store: everything that a service keeps, in one database.
 *
 * Each subject has its own file and its own part of the schema; the parts are numbered steps that
 * are applied once, in order, when a store is opened by a newer program. A program older than the
 * store refuses it. */
#pragma once
#include "store/sql.h"

/* Opens the database and brings its schema up to date; several programs may do so at once. */
struct sql *store_open(const char *url, GError **error);

/* A new identifier: 26 characters that sort by time of making (ULID), those of one process always.
 * g_free() */
char *store_id_new(void);
/* Not after any identifier made at that time (Unix microseconds) or later; g_free() */
char *store_id_at(int64_t time);
/* When an identifier was made, to the millisecond; false when it is none. */
bool store_id_time(const char *id, int64_t *time);
/* Now, Unix microseconds. */
int64_t store_now(void);

/* One step of the schema: statements as for sql_script(). */
struct store_step {
    const char *name; /* of the subject, for messages */
    const char *statements;
};
/* In order of application; only ever appended to. NULL-terminated by name. */
extern const struct store_step store_steps[];

/* What those who ask can do something about; all else is SQL_ERROR or ASSAY_ERROR. */
#define STORE_ERROR (store_error_quark())
GQuark store_error_quark(void);
enum store_error {
    STORE_ERROR_TAKEN,   /* there is another of that name */
    STORE_ERROR_CHANGED, /* it is not the version that was asked for */
    STORE_ERROR_IN_USE,  /* something else needs it */
};

/* A name that people and addresses can carry: letters, digits, ".", "_", "-", at most 128, a letter
 * or digit first; and nothing that could be an identifier. */
bool store_name_valid(const char *what, const char *name, GError **error);
/* Makes of a broken constraint the message that there is such a thing already. Returns false. */
bool store_taken(GError **error, const char *what, const char *name);
/* After an UPDATE or DELETE of one row by id and version: whether it touched one; else why not. */
bool store_touched(uint64_t changed, bool exists, const char *what, GError **error);

/* A page of a list, in order of identifiers. */
struct store_page {
    const char *after; /* the last identifier of the page before; "" for the first page */
    int64_t limit;
};
/* For a list that begins with the newest: what is on the page comes before this. */
const char *store_page_before(const struct store_page *page);

/* The tables of the advisory database, and the few calls of SQLite that reader and writer share. */
#pragma once
#include <glib.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#define DB_FORMAT      1          /* PRAGMA user_version */
#define DB_APPLICATION 0x61737379 /* PRAGMA application_id, "assy" */

/*  feed           one row a feed: what it is, where from, how many, how old
 *                 (data_date: of the newest record; source_date: of the files, for feeds whose
 *                 records have none)
 *  meta           what `db update` must remember
 *  ecosystem      numbers of ecosystem keys
 *  covers         which feeds speak about an ecosystem, and how much
 *  affected       statement blobs (statement.h), one a package and feed
 *  string         versions and module streams, numbered within a feed
 *  advisory       DSA, RHSA...: which CVEs, rating, title
 *  vulnerability  what a feed says about a CVE as such
 *  exploited      CISA KEV
 *  epss           scores in millionths */
extern const char db_schema_sql[];

/* Sets *error from the connection: CORRUPT for damage, IO for a full disk and the like. False. */
bool db_fail(sqlite3 *sql, const char *path, GError **error);
bool db_exec(sqlite3 *sql, const char *path, const char *statements, GError **error);
/* NULL with *error set when it cannot be prepared. */
sqlite3_stmt *db_prepare(sqlite3 *sql, const char *path, const char *statement, GError **error);
/* One integer; false with *error set. */
bool db_integer(sqlite3 *sql, const char *path, const char *query, int64_t *out, GError **error);

static inline void db_finalize_cleanup(sqlite3_stmt **s)
{
    sqlite3_finalize(*s);
}
#define autofinalize __attribute__((cleanup(db_finalize_cleanup)))

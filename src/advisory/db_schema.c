#include "advisory/db_schema.h"

#include "base/error.h"

const char db_schema_sql[] =
    "CREATE TABLE feed(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, source TEXT, sha256 TEXT,"
    " records INTEGER, malformed INTEGER, data_date INTEGER, source_date INTEGER,"
    " imported INTEGER);"
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;"
    "CREATE TABLE ecosystem(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE covers(ecosystem INTEGER, feed INTEGER, statements INTEGER,"
    " PRIMARY KEY(ecosystem, feed)) WITHOUT ROWID;"
    "CREATE TABLE affected(ecosystem INTEGER, package TEXT, feed INTEGER, statements BLOB,"
    " PRIMARY KEY(ecosystem, package, feed)) WITHOUT ROWID;"
    "CREATE TABLE string(feed INTEGER, id INTEGER, text TEXT, PRIMARY KEY(feed, id)) WITHOUT ROWID;"
    "CREATE TABLE advisory(feed INTEGER, id INTEGER, name TEXT, severity INTEGER,"
    " published INTEGER, modified INTEGER, title TEXT, cves BLOB, vectors BLOB,"
    " PRIMARY KEY(feed, id)) WITHOUT ROWID;"
    "CREATE INDEX advisory_name ON advisory(name);"
    "CREATE TABLE vulnerability(cve INTEGER, feed INTEGER, severity INTEGER, published INTEGER,"
    " modified INTEGER, title TEXT, vectors BLOB, PRIMARY KEY(cve, feed)) WITHOUT ROWID;"
    "CREATE TABLE exploited(cve INTEGER, feed INTEGER, added INTEGER, due INTEGER,"
    " ransomware INTEGER, PRIMARY KEY(cve, feed)) WITHOUT ROWID;"
    "CREATE TABLE epss(cve INTEGER, feed INTEGER, score INTEGER, percentile INTEGER,"
    " PRIMARY KEY(cve, feed)) WITHOUT ROWID;";

bool db_fail(sqlite3 *sql, const char *path, GError **error)
{
    int code = sqlite3_errcode(sql) & 0xff;
    enum assay_error kind = code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? ASSAY_ERROR_CORRUPT
                            : code == SQLITE_TOOBIG                         ? ASSAY_ERROR_LIMIT
                                                                            : ASSAY_ERROR_IO;
    return fail(error, kind, "%s: %s", path, sqlite3_errmsg(sql));
}

bool db_exec(sqlite3 *sql, const char *path, const char *statements, GError **error)
{
    return sqlite3_exec(sql, statements, NULL, NULL, NULL) == SQLITE_OK ||
           db_fail(sql, path, error);
}

sqlite3_stmt *db_prepare(sqlite3 *sql, const char *path, const char *statement, GError **error)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v3(sql, statement, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL) != SQLITE_OK)
        (void)db_fail(sql, path, error);
    return s;
}

bool db_integer(sqlite3 *sql, const char *path, const char *query, int64_t *out, GError **error)
{
    autofinalize sqlite3_stmt *s = db_prepare(sql, path, query, error);
    if (s == NULL)
        return false;
    if (sqlite3_step(s) != SQLITE_ROW)
        return db_fail(sql, path, error);
    *out = sqlite3_column_int64(s, 0);
    return true;
}

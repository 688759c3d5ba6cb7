/* SQL over SQLite or PostgreSQL: one connection, one thread, one dialect for both.
 *
 * Statements are written once. Parameters are $1, $2...; what the two systems spell differently is
 * written as @BLOB@ (a column of bytes), @SERIAL@ (a primary key that the database counts up) and
 * @CLUSTERED@ (behind a table that is nothing but its primary key). Times are Unix microseconds in
 * BIGINT, truth values BIGINT 0 or 1, JSON is TEXT.
 *
 *     struct sql_rows *rows = sql_query(db, &error, "SELECT id, size FROM image WHERE project =
 * $1", "s", project); while (sql_rows_next(rows, &error)) ... sql_text(rows, 0) ... sql_int(rows,
 * 1) */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct sql sql;
typedef struct sql_rows sql_rows;

/* "sqlite:PATH" (made when it is not there, mode 0600) or a PostgreSQL URI "postgresql://...". */
struct sql *sql_open(const char *url, GError **error);
/* Whether the URL is of such a form; it need not be there. */
bool sql_url_valid(const char *url, GError **error);
/* Accepts NULL. An open transaction is rolled back. */
void sql_close(struct sql *db);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sql, sql_close)
/* "sqlite", "postgresql". */
const char *sql_dialect(const struct sql *db);

/* One statement. types has a letter for each parameter: 's' const char * (NULL allowed), 'i'
 * int64_t, 'd' double, 'b' GBytes * (NULL allowed). *changed (may be NULL): rows touched. */
bool sql_run(struct sql *db, uint64_t *changed, GError **error, const char *statement,
             const char *types, ...);
/* Several statements without parameters, separated by semicolons. */
bool sql_script(struct sql *db, const char *statements, GError **error);

/* Rows of a statement; NULL on failure. Free before the next statement of the connection. */
struct sql_rows *sql_query(struct sql *db, GError **error, const char *statement, const char *types,
                           ...);
/* False at the end, and on failure with *error. */
bool sql_rows_next(struct sql_rows *rows, GError **error);
/* Values of the current row, valid until the next one; NULL, 0 and NULL for SQL's NULL. */
const char *sql_text(struct sql_rows *rows, unsigned column);
int64_t sql_int(struct sql_rows *rows, unsigned column);
double sql_double(struct sql_rows *rows, unsigned column);
GBytes *sql_blob(struct sql_rows *rows, unsigned column); /* a new reference */
bool sql_is_null(struct sql_rows *rows, unsigned column);
void sql_rows_free(struct sql_rows *rows);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sql_rows, sql_rows_free)

/* The whole numbers of the first row, of which there are `count`; 0 when there is no row. */
bool sql_numbers(struct sql *db, int64_t *out, unsigned count, GError **error,
                 const char *statement, const char *types, ...);

/* --- many rows at once --------------------------------------------------------------------------
 */

struct sql_value {
    char type; /* as in types; NULL values have pointer NULL */
    union {
        const char *text;
        int64_t number;
        double real;
        GBytes *blob;
    };
};
/* Adds rows: values holds `columns` values for each. head: "INSERT INTO table (a, b)"; tail: what
 * follows the rows, "" or " ON CONFLICT ...". As few statements as suit the database. */
bool sql_insert(struct sql *db, GError **error, const char *head, const char *tail,
                unsigned columns, const struct sql_value *values, size_t rows);
/* How many keys one statement should look up (sql_query_keys()). */
unsigned sql_batch(const struct sql *db);
/* The same for a statement that only reads, by itself: outside a transaction each takes locks. */
unsigned sql_lookup(const struct sql *db);
/* Rows of a statement with "IN (@KEYS@)": values holds `fixed` parameters $1, $2..., then count
 * keys, at most sql_batch() or sql_lookup(). */
struct sql_rows *sql_query_keys(struct sql *db, GError **error, const char *statement,
                                const struct sql_value *values, unsigned fixed, unsigned count);
/* The same for a statement that only changes things. */
bool sql_run_keys(struct sql *db, GError **error, const char *statement,
                  const struct sql_value *values, unsigned fixed, unsigned count);

/* The same for rows of values, at most sql_batch(): "@ROWS@" stands for VALUES with `columns`
 * columns, column1, column2..., as in "(a, b) IN (@ROWS@)" or "FROM (@ROWS@) AS v". */
struct sql_rows *sql_query_rows(struct sql *db, GError **error, const char *statement,
                                unsigned columns, const struct sql_value *values, unsigned rows);
/* For a statement that only changes things, and any number of rows. */
bool sql_run_rows(struct sql *db, GError **error, const char *statement, unsigned columns,
                  const struct sql_value *values, size_t rows);

/* Runs body in a transaction that sees no other's half-done work, and again from the start when the
 * database asks for that (SQLite: busy; PostgreSQL: serialization failure, deadlock), so body must
 * have no effects elsewhere. body's failure rolls back. Not to be nested. */
typedef bool (*sql_body)(struct sql *db, void *user, GError **error);
bool sql_transaction(struct sql *db, sql_body body, void *user, GError **error);

/* Why a statement failed, for those who can do something about it. */
#define SQL_ERROR (sql_error_quark())
GQuark sql_error_quark(void);
enum sql_error {
    SQL_ERROR_FAILED,   /* anything else; the message says what */
    SQL_ERROR_CONFLICT, /* a uniqueness or other constraint */
    SQL_ERROR_RETRY,    /* the transaction must be run again */
    SQL_ERROR_LOST,     /* no connection to the server */
};

/* --- drivers -------------------------------------------------------------------------------------
 */

struct sql_driver {
    const char *name;
    const char *prefix;    /* of URLs */
    const char *blob_type; /* what @BLOB@ stands for */
    const char *serial;    /* @SERIAL@ */
    const char *clustered; /* @CLUSTERED@ */
    unsigned batch;        /* rows that are best handled by one statement */
    unsigned lookup;       /* keys that are best looked up by one statement outside a transaction */
    const char *begin;     /* statement that begins a transaction */
    struct sql *(*open)(const char *url, GError **error);
    bool (*script)(struct sql *db, const char *statements, GError **error);
    struct sql_rows *(*query)(struct sql *db, const char *statement, const struct sql_value *values,
                              unsigned count, uint64_t *changed, GError **error);
    bool (*next)(struct sql_rows *rows, GError **error);
    const char *(*text)(struct sql_rows *rows, unsigned column);
    int64_t (*number)(struct sql_rows *rows, unsigned column);
    double (*real)(struct sql_rows *rows, unsigned column);
    GBytes *(*blob)(struct sql_rows *rows, unsigned column);
    bool (*is_null)(struct sql_rows *rows, unsigned column);
    void (*rows_free)(struct sql_rows *rows);
    void (*close)(struct sql *db);
};
extern const struct sql_driver sql_driver_sqlite;
extern const struct sql_driver sql_driver_postgres;

/* First members of the drivers' own structs. */
struct sql {
    const struct sql_driver *drv;
    bool in_transaction;
};
struct sql_rows {
    struct sql *db;
};

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "store/sql.h"

#define BUSY_MILLISECONDS 10000

struct sqlite {
    struct sql base;
    sqlite3 *handle;
    GHashTable *prepared; /* statement -> sqlite3_stmt *, owned; kept for the next time */
};

struct sqlite_rows {
    struct sql_rows base;
    sqlite3_stmt *stmt;
    char *key;        /* of prepared: put back when done */
    bool begun, row;  /* the first step has been taken; it gave a row */
    GPtrArray *blobs; /* GBytes * that statements point into */
};

static bool fail_sqlite(struct sqlite *s, GError **error)
{
    int code = sqlite3_errcode(s->handle);
    int kind = (code & 0xff) == SQLITE_CONSTRAINT                               ? SQL_ERROR_CONFLICT
               : (code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED ? SQL_ERROR_RETRY
                                                                                : SQL_ERROR_FAILED;
    g_set_error(error, SQL_ERROR, kind, "store: %s", sqlite3_errmsg(s->handle));
    return false;
}

static void finalize(void *stmt)
{
    (void)sqlite3_finalize(stmt);
}

static void close_(struct sql *db)
{
    struct sqlite *s = (struct sqlite *)db;
    g_hash_table_unref(s->prepared);
    (void)sqlite3_close(s->handle);
    g_free(s);
}

static bool script(struct sql *db, const char *statements, GError **error)
{
    struct sqlite *s = (struct sqlite *)db;
    return sqlite3_exec(s->handle, statements, NULL, NULL, NULL) == SQLITE_OK ||
           fail_sqlite(s, error);
}

/* SQLite would make the file readable to all that the umask lets. But a file that it has open must
 * not be opened and closed beside it: that takes the locks of the whole process away (fcntl(2)), and
 * another process then takes itself for the last, and removes the log that this one writes on
 * (https://sqlite.org/howtocorrupt.html, 2.2). So an empty file is made under another name, closed,
 * and only then put in place. */
static bool make_file(const char *path, GError **error)
{
    if (access(path, F_OK) == 0)
        return true;
    g_autofree char *part = g_strdup_printf("%s.XXXXXX", path);
    int fd = g_mkstemp_full(part, O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_errno(error, errno, "%s", path);
    (void)close(fd);
    bool ok = link(part, path) == 0 || errno == EEXIST || fail_errno(error, errno, "%s", path);
    (void)unlink(part);
    return ok;
}

static struct sql *open_(const char *url, GError **error)
{
    const char *path = url + strlen(sql_driver_sqlite.prefix);
    if (!make_file(path, error))
        return NULL;
    struct sqlite *s = g_new0(struct sqlite, 1);
    s->base.drv = &sql_driver_sqlite;
    s->prepared = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, finalize);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    bool ok = sqlite3_open_v2(path, &s->handle, flags, NULL) == SQLITE_OK || fail_sqlite(s, error);
    if (ok) {
        (void)sqlite3_busy_timeout(s->handle, BUSY_MILLISECONDS);
        (void)sqlite3_extended_result_codes(s->handle, 0);
        ok = script(&s->base,
                    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
                    "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF",
                    error);
    }
    if (ok)
        return &s->base;
    g_prefix_error(error, "%s: ", path);
    close_(&s->base);
    return NULL;
}

static bool bind(struct sqlite *s, struct sqlite_rows *rows, const struct sql_value *values,
                 unsigned count, GError **error)
{
    for (unsigned i = 0; i < count; i++) {
        const struct sql_value *v = &values[i];
        char name[16];
        (void)g_snprintf(name, sizeof name, "$%u", i + 1);
        int at = sqlite3_bind_parameter_index(rows->stmt, name);
        int r = SQLITE_OK;
        if (at == 0)
            continue; /* the statement does not use it */
        if (v->type == 'i') {
            r = sqlite3_bind_int64(rows->stmt, at, v->number);
        } else if (v->type == 'd') {
            r = sqlite3_bind_double(rows->stmt, at, v->real);
        } else if (v->type == 's' && v->text != NULL) {
            r = sqlite3_bind_text64(rows->stmt, at, v->text, strlen(v->text), SQLITE_TRANSIENT,
                                    SQLITE_UTF8);
        } else if (v->type == 'b' && v->blob != NULL) {
            gsize len;
            const void *data = g_bytes_get_data(v->blob, &len);
            g_ptr_array_add(rows->blobs, g_bytes_ref(v->blob));
            r = sqlite3_bind_blob64(rows->stmt, at, len > 0 ? data : "", len, SQLITE_STATIC);
        } else {
            r = sqlite3_bind_null(rows->stmt, at);
        }
        if (r != SQLITE_OK)
            return fail_sqlite(s, error);
    }
    return true;
}

static void rows_free(struct sql_rows *base)
{
    struct sqlite_rows *rows = (struct sqlite_rows *)base;
    struct sqlite *s = (struct sqlite *)base->db;
    if (rows->stmt != NULL) {
        (void)sqlite3_reset(rows->stmt);
        (void)sqlite3_clear_bindings(rows->stmt);
        g_hash_table_replace(s->prepared, g_steal_pointer(&rows->key), rows->stmt);
    }
    g_ptr_array_unref(rows->blobs);
    g_free(rows->key);
    g_free(rows);
}

static bool prepare(struct sqlite *s, struct sqlite_rows *rows, const char *statement,
                    GError **error)
{
    gpointer key, kept;
    if (g_hash_table_steal_extended(s->prepared, statement, &key, &kept)) {
        rows->key = key;
        rows->stmt = kept;
        return true;
    }
    rows->key = g_strdup(statement);
    return sqlite3_prepare_v3(s->handle, statement, -1, SQLITE_PREPARE_PERSISTENT, &rows->stmt,
                              NULL) == SQLITE_OK ||
           fail_sqlite(s, error);
}

static bool step(struct sqlite *s, struct sqlite_rows *rows, GError **error)
{
    int r = sqlite3_step(rows->stmt);
    if (r != SQLITE_ROW && r != SQLITE_DONE)
        return fail_sqlite(s, error);
    rows->row = r == SQLITE_ROW;
    return true;
}

static struct sql_rows *query(struct sql *db, const char *statement, const struct sql_value *values,
                              unsigned count, uint64_t *changed, GError **error)
{
    struct sqlite *s = (struct sqlite *)db;
    struct sqlite_rows *rows = g_new0(struct sqlite_rows, 1);
    rows->base.db = db;
    rows->blobs = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    if (!prepare(s, rows, statement, error) || !bind(s, rows, values, count, error) ||
        !step(s, rows, error)) {
        rows_free(&rows->base);
        return NULL;
    }
    if (changed != NULL)
        *changed = (uint64_t)sqlite3_changes64(s->handle);
    return &rows->base;
}

static bool next(struct sql_rows *base, GError **error)
{
    struct sqlite_rows *rows = (struct sqlite_rows *)base;
    if (rows->begun && rows->row && !step((struct sqlite *)base->db, rows, error))
        rows->row = false;
    rows->begun = true;
    return rows->row;
}

static const char *text(struct sql_rows *base, unsigned column)
{
    return (const char *)sqlite3_column_text(((struct sqlite_rows *)base)->stmt, (int)column);
}

static int64_t number(struct sql_rows *base, unsigned column)
{
    return sqlite3_column_int64(((struct sqlite_rows *)base)->stmt, (int)column);
}

static double real(struct sql_rows *base, unsigned column)
{
    return sqlite3_column_double(((struct sqlite_rows *)base)->stmt, (int)column);
}

static bool is_null(struct sql_rows *base, unsigned column)
{
    return sqlite3_column_type(((struct sqlite_rows *)base)->stmt, (int)column) == SQLITE_NULL;
}

static GBytes *blob(struct sql_rows *base, unsigned column)
{
    sqlite3_stmt *stmt = ((struct sqlite_rows *)base)->stmt;
    if (is_null(base, column))
        return NULL;
    const void *data = sqlite3_column_blob(stmt, (int)column);
    return g_bytes_new(data, (gsize)sqlite3_column_bytes(stmt, (int)column));
}

const struct sql_driver sql_driver_sqlite = {
    .name = "sqlite",
    .prefix = "sqlite:",
    .blob_type = "BLOB",
    .serial = "INTEGER PRIMARY KEY AUTOINCREMENT",
    .clustered = "WITHOUT ROWID",
    .batch = 1, /* there is no way to the database to be saved, and statements stay prepared */
    .lookup = 50,
    /* At once for writing: two readers that both want to write would block each other. */
    .begin = "BEGIN IMMEDIATE",
    .open = open_,
    .script = script,
    .query = query,
    .next = next,
    .text = text,
    .number = number,
    .real = real,
    .blob = blob,
    .is_null = is_null,
    .rows_free = rows_free,
    .close = close_,
};

/* rpm's SQLite database, the default since rpm 4.16: a table Packages (hnum INTEGER PRIMARY KEY,
 * blob BLOB). The blobs are read by themselves, not as columns of a query: so damage in one row
 * stays in that row, and no row is held in memory twice. */
#include "base/checked.h"
#include "base/cursor.h"
#include "base/error.h"
#include "base/limits.h"
#include "inspect/block_vfs.h"
#include "inspect/rpm_database.h"
#include "inspect/sqlite_log.h"

struct reader {
    const struct rpm_sink *sink;
    const char *name; /* of the database, for messages */
    struct block_vfs *vfs;
    sqlite3 *db;
    sqlite3_blob *blob; /* moved from row to row; NULL before the first and after trouble */
    uint64_t budget;    /* bytes that may still be read: more would be rows that share pages */
    uint64_t rows;
    bool ended; /* by the sink, or a limit */
};

static bool blob_seek(struct reader *r, int64_t row)
{
    if (r->blob != NULL && sqlite3_blob_reopen(r->blob, row) == SQLITE_OK)
        return true;
    (void)sqlite3_blob_close(r->blob);
    r->blob = NULL;
    if (sqlite3_blob_open(r->db, "main", "Packages", "blob", row, 0, &r->blob) == SQLITE_OK)
        return true;
    r->blob = NULL;
    return false;
}

static void row_fault(struct reader *r, int64_t row)
{
    GError *error = NULL;
    g_autofree char *doing = g_strdup_printf("header %" G_GINT64_FORMAT, row);
    (void)block_vfs_fail(r->vfs, r->db, doing, &error);
    r->sink->fault(r->sink->user, error);
    (void)sqlite3_blob_close(r->blob);
    r->blob = NULL;
}

static void end_with_limit(struct reader *r, const char *what)
{
    rpm_sink_fault(r->sink, ASSAY_ERROR_LIMIT, "%s: %s", r->name, what);
    r->ended = true;
}

static void read_row(struct reader *r, int64_t row)
{
    if (!blob_seek(r, row)) {
        row_fault(r, row);
        return;
    }
    size_t len = (size_t)sqlite3_blob_bytes(r->blob);
    if (len > LIMIT_RPM_HEADER) {
        rpm_sink_fault(r->sink, ASSAY_ERROR_LIMIT, "%s: header %" G_GINT64_FORMAT " of %zu bytes",
                       r->name, row, len);
        return;
    }
    if (!checked_sub(r->budget, (uint64_t)len, &r->budget)) {
        rpm_sink_fault(r->sink, ASSAY_ERROR_CORRUPT, "%s: headers of more bytes than the file",
                       r->name);
        r->ended = true;
        return;
    }
    g_autofree uint8_t *bytes = g_try_malloc(len + 1);
    if (bytes == NULL)
        end_with_limit(r, "no memory for a header");
    else if (sqlite3_blob_read(r->blob, bytes, (int)len, 0) != SQLITE_OK)
        row_fault(r, row);
    else if (!r->sink->header(r->sink->user, (uint64_t)row, bytes, len))
        r->ended = true;
}

/* Reads rows in the order of the statement, which has one parameter: *last, where it begins or
 * ends. True when all have been seen. *last becomes the row seen last. */
static bool read_rows(struct reader *r, const char *sql, int64_t *last, bool forward,
                      GError **error)
{
    sqlite3_stmt *rows = NULL;
    int step = SQLITE_ERROR;
    int64_t before = 0;
    bool first = true;
    if (sqlite3_prepare_v2(r->db, sql, -1, &rows, NULL) == SQLITE_OK &&
        sqlite3_bind_int64(rows, 1, *last) == SQLITE_OK)
        step = sqlite3_step(rows);
    while (step == SQLITE_ROW && !r->ended) {
        int64_t row = sqlite3_column_int64(rows, 0);
        if (!first && (forward ? row <= before : row >= before)) {
            sqlite3_finalize(rows);
            return fail_corrupt(
                error, "%s: reading Packages: row %" G_GINT64_FORMAT " after %" G_GINT64_FORMAT,
                r->name, row, before);
        }
        first = false;
        before = row;
        *last = row;
        if (++r->rows > LIMIT_PACKAGES)
            end_with_limit(r, "too many packages");
        else
            read_row(r, row);
        step = sqlite3_step(rows);
    }
    bool ok = step == SQLITE_DONE || r->ended;
    if (!ok)
        (void)block_vfs_fail(r->vfs, r->db, "reading Packages", error);
    sqlite3_finalize(rows);
    return ok;
}

static bool read_all(struct reader *r, GError **error)
{
    int64_t last = G_MININT64;
    if (read_rows(r, "SELECT rowid FROM Packages WHERE rowid > ?1 ORDER BY rowid", &last, true,
                  error))
        return true;
    /* A page of the table is damaged: what lies behind it can still be reached from the end. */
    (void)read_rows(r, "SELECT rowid FROM Packages WHERE rowid > ?1 ORDER BY rowid DESC", &last,
                    false, NULL);
    return false;
}

/* The bytes that the file should have, after its first page (SQLite's "Database File Format", 1.3);
 * 0 when it does not tell. With a log the file may well lag behind. */
static uint64_t proper_size(const struct rpm_files *files)
{
    uint8_t head[100];
    struct cursor c = cursor_of(head, sizeof head);
    uint16_t page = 0;
    uint32_t changes = 1, valid_for = 0, pages = 0;
    if ((files->log != NULL && files->log->size > 0) ||
        (files->journal != NULL && files->journal->size > 0) || files->main->size < sizeof head ||
        !block_read(files->main, 0, head, sizeof head, NULL))
        return 0;
    (void)rd_be16_at(&c, 16, &page);
    (void)rd_be32_at(&c, 24, &changes);
    (void)rd_be32_at(&c, 28, &pages);
    (void)rd_be32_at(&c, 92, &valid_for);
    uint64_t size = (uint64_t)(page == 1 ? 65536 : page) * pages;
    return changes == valid_for && size <= LIMIT_PACKAGE_DB ? size : 0;
}

static bool read_database(struct reader *r, uint64_t size, GError **error)
{
    uint64_t there = r->budget;
    block_vfs_lengthen(r->vfs, size);
    r->db = block_vfs_open(r->vfs, error);
    if (r->db == NULL || !read_all(r, error))
        return false;
    return there >= size ||
           fail_corrupt(error, "%s: %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " bytes", r->name,
                        there, size);
}

static bool sqlite_each(const struct rpm_files *files, const struct rpm_sink *sink, GError **error)
{
    struct reader r = {
        .sink = sink,
        .name = files->main->name,
        .vfs = block_vfs_new(files->main, files->log, files->journal),
        .budget = files->main->size + (files->log != NULL ? files->log->size : 0) +
                  (files->journal != NULL ? files->journal->size : 0),
    };
    GError *log_error = NULL;
    if (files->log != NULL && !sqlite_log_check(files->log, &log_error))
        sink->fault(sink->user, log_error);
    bool ok = read_database(&r, proper_size(files), error);
    (void)sqlite3_blob_close(r.blob);
    (void)sqlite3_close(r.db);
    block_vfs_free(r.vfs);
    return ok;
}

const struct rpm_backend rpm_sqlite = {
    .name = "sqlite",
    .description = "SQLite, rpm 4.16 and later",
    .file = "rpmdb.sqlite",
    .logged = true,
    .each = sqlite_each,
};

/* Databases are written by SQLite itself, into files of the test. */
#include <glib/gstdio.h>
#include <sqlite3.h>

#include "rpm-image.h"

struct files {
    char *folder, *main, *log, *journal;
};

static void files_init(struct files *f)
{
    f->folder = g_dir_make_tmp("assay-XXXXXX", NULL);
    f->main = g_build_filename(f->folder, "db", NULL);
    f->log = g_strconcat(f->main, "-wal", NULL);
    f->journal = g_strconcat(f->main, "-journal", NULL);
}

static void files_done(struct files *f)
{
    (void)g_unlink(f->main);
    (void)g_unlink(f->log);
    (void)g_unlink(f->journal);
    g_autofree char *index = g_strconcat(f->main, "-shm", NULL);
    (void)g_unlink(index);
    (void)g_rmdir(f->folder);
    g_free(f->folder);
    g_free(f->main);
    g_free(f->log);
    g_free(f->journal);
}

static sqlite3 *open_db(const struct files *f)
{
    sqlite3 *db = NULL;
    g_assert_cmpint(sqlite3_open(f->main, &db), ==, SQLITE_OK);
    return db;
}

static void run(sqlite3 *db, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        g_error("%s: %s", sql, message);
}

#define TABLE "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL);"

static GBytes *contents(const char *path)
{
    char *bytes;
    gsize len;
    if (!g_file_get_contents(path, &bytes, &len, NULL))
        return NULL;
    return g_bytes_new_take(bytes, len);
}

static struct block *file_block(const char *path)
{
    g_autoptr(GBytes) bytes = contents(path);
    g_autofree char *name = g_path_get_basename(path);
    return bytes != NULL
               ? memory_block(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), name)
               : NULL;
}

/* Reads what is in the files at this moment, as on a disk that was copied while in use. */
static struct harvest *read_files(const struct files *f)
{
    struct harvest *h = harvest_new();
    const struct rpm_sink sink = { harvest_header, harvest_fault, h };
    struct rpm_files files = { file_block(f->main), file_block(f->log), file_block(f->journal) };
    GError *error = NULL;
    if (!rpm_sqlite.each(&files, &sink, &error))
        harvest_fault(h, error);
    block_unref(files.main);
    block_unref(files.log);
    block_unref(files.journal);
    return h;
}

static void expect(const struct files *f, const char *headers, const char *faults)
{
    struct harvest *h = read_files(f);
    g_assert_cmpstr(h->headers->str, ==, headers);
    if (!g_pattern_match_simple(faults, h->faults->str))
        g_error("%s", h->faults->str);
    harvest_free(h);
}

static struct harvest *harvest_log(GBytes *main, const uint8_t *log, size_t len)
{
    struct harvest *h = harvest_new();
    const struct rpm_sink sink = { harvest_header, harvest_fault, h };
    struct rpm_files files = {
        .main = memory_block(g_bytes_get_data(main, NULL), g_bytes_get_size(main), "db"),
        .log = memory_block(log, len, "db-wal"),
    };
    GError *error = NULL;
    if (!rpm_sqlite.each(&files, &sink, &error))
        harvest_fault(h, error);
    block_unref(files.main);
    block_unref(files.log);
    return h;
}

static void test_rows(void)
{
    struct files f;
    files_init(&f);
    sqlite3 *db = open_db(&f);
    run(db, TABLE "INSERT INTO Packages VALUES (1, zeroblob(10)), (3, zeroblob(9000)), (4, x'01')");
    sqlite3_close(db);
    expect(&f, "1:10 3:9000 4:1 ", "");
    files_done(&f);
}

static void test_log(void)
{
    struct files f;
    files_init(&f);
    sqlite3 *db = open_db(&f);
    run(db, TABLE "INSERT INTO Packages VALUES (1, zeroblob(10))");
    run(db, "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;"
            "INSERT INTO Packages VALUES (2, zeroblob(20000)); DELETE FROM Packages WHERE hnum=1");
    expect(&f, "2:20000 ", "");
    (void)g_unlink(f.log);
    expect(&f, "1:10 ", "");
    sqlite3_close(db);
    files_done(&f);
}

/* Transactions that a damaged log hides are told of; the torn end of a log is not. */
static void test_damaged_log(void)
{
    struct files f;
    files_init(&f);
    sqlite3 *db = open_db(&f);
    run(db, "PRAGMA page_size=512;" TABLE);
    run(db,
        "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;"
        "INSERT INTO Packages VALUES (1, x'01'); INSERT INTO Packages VALUES (2, zeroblob(900));"
        "INSERT INTO Packages VALUES (3, x'03')");
    g_autoptr(GBytes) main_bytes = contents(f.main), log_bytes = contents(f.log);
    sqlite3_close(db);
    size_t len = g_bytes_get_size(log_bytes);
    g_autofree uint8_t *bytes = g_memdup2(g_bytes_get_data(log_bytes, NULL), len);
    for (size_t cut = 0; cut <= 536; cut += 67) { /* within the last frame */
        struct harvest *h = harvest_log(main_bytes, bytes, len - cut);
        g_assert_cmpstr(h->headers->str, ==, cut == 0 ? "1:1 2:900 3:1 " : "1:1 2:900 ");
        g_assert_cmpstr(h->faults->str, ==, "");
        harvest_free(h);
    }
    for (size_t i = 0; i < len; i += 3) {
        bytes[i] ^= 0x40;
        struct harvest *h = harvest_log(main_bytes, bytes, len);
        if (!g_str_equal(h->headers->str, "1:1 2:900 3:1 "))
            g_assert_cmpuint(h->faults->len, >, 0);
        harvest_free(h);
        bytes[i] ^= 0x40;
    }
    files_done(&f);
}

/* A transaction that was under way when the disk was copied never happened. */
static void test_journal(void)
{
    struct files f;
    files_init(&f);
    sqlite3 *db = open_db(&f);
    run(db, TABLE "INSERT INTO Packages VALUES (1, zeroblob(20000)), (2, zeroblob(20000))");
    run(db, "PRAGMA cache_size=2; BEGIN; DELETE FROM Packages WHERE hnum=1;"
            "INSERT INTO Packages VALUES (3, randomblob(90000))");
    g_assert_true(g_file_test(f.journal, G_FILE_TEST_EXISTS));
    expect(&f, "1:20000 2:20000 ", "");
    sqlite3_close(db);
    files_done(&f);
}

static void test_not_a_table(void)
{
    static const char *const schemas[] = {
        "CREATE TABLE T (hnum, blob); CREATE VIEW Packages AS SELECT hnum, blob FROM T",
        "CREATE TABLE Other (hnum INTEGER PRIMARY KEY, blob BLOB)",
        "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB) WITHOUT ROWID",
        "CREATE VIRTUAL TABLE Packages USING fts3(blob)",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(schemas); i++) {
        struct files f;
        files_init(&f);
        sqlite3 *db = open_db(&f);
        run(db, schemas[i]);
        sqlite3_close(db);
        expect(&f, "", "db: reading Packages: *");
        files_done(&f);
    }
}

/* Another column than a stored one cannot be opened; the rest is still read. */
static void test_computed(void)
{
    struct files f;
    files_init(&f);
    sqlite3 *db = open_db(&f);
    run(db, "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, a, blob AS (zeroblob(a)));"
            "INSERT INTO Packages (hnum, a) VALUES (1, 100000000)");
    sqlite3_close(db);
    expect(&f, "", "*header 1*");
    files_done(&f);
}

static void test_wrong_values(void)
{
    struct files f;
    files_init(&f);
    sqlite3 *db = open_db(&f);
    run(db, "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob);"
            "INSERT INTO Packages VALUES (1, 5), (2, x'0102'), (3, NULL), (4, 'text')");
    sqlite3_close(db);
    expect(&f, "2:2 4:4 ", "*header 1*header 3*");
    files_done(&f);
}

/* One byte after the other of a database is turned over: nothing crashes, and what is not touched
 * is found. */
static void test_damage(void)
{
    struct files f;
    files_init(&f);
    sqlite3 *db = open_db(&f);
    run(db, "PRAGMA page_size=512;" TABLE "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i+1 "
            "FROM n WHERE i<60) INSERT INTO Packages SELECT i, zeroblob(i*20) FROM n");
    sqlite3_close(db);
    g_autoptr(GBytes) good = contents(f.main);
    size_t len = g_bytes_get_size(good), whole = 0, some = 0;
    g_autofree uint8_t *bytes = g_memdup2(g_bytes_get_data(good, NULL), len);
    for (size_t i = 0; i < len; i += 7) {
        bytes[i] ^= 0xff;
        struct harvest *h = harvest(&rpm_sqlite, bytes, len);
        guint found = g_hash_table_size(h->blobs);
        whole += found == 60;
        some += found > 0;
        harvest_free(h);
        bytes[i] ^= 0xff;
    }
    g_assert_cmpuint(whole, >, len / 7 / 2);
    g_assert_cmpuint(some, >, len / 7 * 9 / 10);
    for (size_t cut = 0; cut < len; cut += 700)
        harvest_free(harvest(&rpm_sqlite, bytes, cut));
    struct harvest *most = harvest(&rpm_sqlite, bytes, len / 10 * 9);
    g_assert_cmpuint(g_hash_table_size(most->blobs), >, 40);
    g_assert_cmpuint(most->faults->len, >, 0);
    harvest_free(most);
    files_done(&f);
}

static void test_torture(void)
{
    struct files f;
    files_init(&f);
    sqlite3 *db = open_db(&f);
    run(db, "PRAGMA page_size=512;" TABLE "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i+1 "
            "FROM n WHERE i<30) INSERT INTO Packages SELECT i, zeroblob(i*50) FROM n");
    sqlite3_close(db);
    g_autoptr(GBytes) bytes = contents(f.main);
    torture(&rpm_sqlite, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    files_done(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rpm-sqlite/every row of Packages is given out", test_rows);
    g_test_add_func("/rpm-sqlite/a log that was not checkpointed counts", test_log);
    g_test_add_func("/rpm-sqlite/a damaged log is told of", test_damaged_log);
    g_test_add_func("/rpm-sqlite/a transaction that did not end is undone", test_journal);
    g_test_add_func("/rpm-sqlite/only a real table is read", test_not_a_table);
    g_test_add_func("/rpm-sqlite/no expression of the schema runs", test_computed);
    g_test_add_func("/rpm-sqlite/a row that holds no blob is told", test_wrong_values);
    g_test_add_func("/rpm-sqlite/damage hides only what it touches", test_damage);
    g_test_add_func("/rpm-sqlite/what cannot be read is told", test_torture);
    return g_test_run();
}

#include "inspect/block_vfs.h"

#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/limits.h"

#define PAGE_SIZE 4096u /* what is kept of writes */
#define FILE_NAME "database"

/* One of the three files. */
struct vfs_file {
    const char *name;
    struct block *under; /* borrowed; NULL: not there, or empty */
    bool exists;
    uint64_t size;       /* bytes, as SQLite sees it */
    uint64_t under_size; /* bytes of under that still show: less after it was cut */
    GHashTable *pages;   /* uint64_t index -> PAGE_SIZE bytes: what was written */
};

enum { FILE_MAIN, FILE_LOG, FILE_JOURNAL, FILE_COUNT };

struct block_vfs {
    sqlite3_vfs vfs;
    char *name;
    struct vfs_file files[FILE_COUNT];
    GError *error; /* of the first block that could not be read */
    uint64_t kept; /* bytes in pages */
    unsigned ticks;
};

/* What SQLite holds of an open file. */
struct handle {
    sqlite3_file base;
    struct block_vfs *vfs;
    struct vfs_file *file;
};

static void file_init(struct vfs_file *f, const char *name, struct block *under)
{
    *f = (struct vfs_file){
        .name = name,
        .under = under,
        .exists = under != NULL,
        .size = under != NULL ? under->size : 0,
        .under_size = under != NULL ? under->size : 0,
        .pages = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free),
    };
}

/* --- reading and writing ------------------------------------------------------------------------
 */

/* The bytes below, with zeros where there are none. */
static bool under_read(struct block_vfs *v, const struct vfs_file *f, uint64_t off, uint8_t *buf,
                       size_t len)
{
    size_t n = off < f->under_size ? (size_t)min_u64(len, f->under_size - off) : 0;
    GError *error = NULL;
    memset(buf + n, 0, len - n);
    if (n == 0 || block_read(f->under, off, buf, n, &error))
        return true;
    if (v->error == NULL)
        v->error = error;
    else
        g_error_free(error);
    return false;
}

static bool file_read(struct block_vfs *v, const struct vfs_file *f, uint64_t off, uint8_t *buf,
                      size_t len)
{
    if (!under_read(v, f, off, buf, len))
        return false;
    if (g_hash_table_size(f->pages) == 0)
        return true;
    while (len > 0) {
        uint64_t index = off / PAGE_SIZE;
        size_t skip = (size_t)(off % PAGE_SIZE), n = (size_t)min_u64(len, PAGE_SIZE - skip);
        const uint8_t *page = g_hash_table_lookup(f->pages, &index);
        if (page != NULL)
            memcpy(buf, page + skip, n);
        buf += n;
        off += n;
        len -= n;
    }
    return true;
}

static int vfs_read(sqlite3_file *base, void *buf, int amount, sqlite3_int64 offset)
{
    struct handle *h = (struct handle *)base;
    uint64_t off = (uint64_t)offset, size = h->file->size;
    size_t len = (size_t)amount, n = off < size ? (size_t)min_u64(len, size - off) : 0;
    memset((uint8_t *)buf + n, 0, len - n);
    if (n > 0 && !file_read(h->vfs, h->file, off, buf, n))
        return SQLITE_IOERR_READ;
    return n == len ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static uint8_t *page_to_write(struct block_vfs *v, struct vfs_file *f, uint64_t index)
{
    uint8_t *page = g_hash_table_lookup(f->pages, &index);
    if (page != NULL)
        return page;
    if (v->kept + PAGE_SIZE > LIMIT_JOURNAL_OVERLAY)
        return NULL;
    page = g_malloc(PAGE_SIZE);
    if (!under_read(v, f, index * PAGE_SIZE, page, PAGE_SIZE)) {
        g_free(page);
        return NULL;
    }
    g_hash_table_insert(f->pages, g_memdup2(&index, sizeof index), page);
    v->kept += PAGE_SIZE;
    return page;
}

static int vfs_write(sqlite3_file *base, const void *bytes, int amount, sqlite3_int64 offset)
{
    struct handle *h = (struct handle *)base;
    const uint8_t *from = bytes;
    uint64_t off = (uint64_t)offset, end = off + (uint64_t)amount;
    while (off < end) {
        size_t skip = (size_t)(off % PAGE_SIZE), n = (size_t)min_u64(end - off, PAGE_SIZE - skip);
        uint8_t *page = page_to_write(h->vfs, h->file, off / PAGE_SIZE);
        if (page == NULL)
            return SQLITE_FULL;
        memcpy(page + skip, from, n);
        from += n;
        off += n;
    }
    h->file->size = MAX(h->file->size, end);
    return SQLITE_OK;
}

static gboolean page_is_past(gpointer key, gpointer value, gpointer size)
{
    return *(const uint64_t *)key * PAGE_SIZE >= *(const uint64_t *)size;
}

static int vfs_truncate(sqlite3_file *base, sqlite3_int64 length)
{
    struct handle *h = (struct handle *)base;
    struct vfs_file *f = h->file;
    uint64_t size = (uint64_t)length, index = size / PAGE_SIZE;
    guint gone = g_hash_table_foreach_remove(f->pages, page_is_past, &size);
    uint8_t *last = g_hash_table_lookup(f->pages, &index);
    if (last != NULL)
        memset(last + size % PAGE_SIZE, 0, PAGE_SIZE - size % PAGE_SIZE);
    h->vfs->kept -= (uint64_t)gone * PAGE_SIZE;
    f->size = MIN(f->size, size);
    f->under_size = MIN(f->under_size, size);
    return SQLITE_OK;
}

static int vfs_file_size(sqlite3_file *base, sqlite3_int64 *size)
{
    *size = (sqlite3_int64)((struct handle *)base)->file->size;
    return SQLITE_OK;
}

/* --- what a file on a disk would do besides -----------------------------------------------------
 */

static int vfs_close(sqlite3_file *base)
{
    return SQLITE_OK;
}

static int vfs_sync(sqlite3_file *base, int flags)
{
    return SQLITE_OK;
}

static int vfs_lock(sqlite3_file *base, int level)
{
    return SQLITE_OK; /* nobody else has the file open */
}

static int vfs_check_lock(sqlite3_file *base, int *held)
{
    *held = 0;
    return SQLITE_OK;
}

static int vfs_control(sqlite3_file *base, int op, void *arg)
{
    return SQLITE_NOTFOUND;
}

static int vfs_sector_size(sqlite3_file *base)
{
    return 512;
}

static int vfs_traits(sqlite3_file *base)
{
    return 0;
}

/* Version 1: no shared memory. In exclusive mode SQLite keeps the log's index on its heap. */
static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = vfs_close,
    .xRead = vfs_read,
    .xWrite = vfs_write,
    .xTruncate = vfs_truncate,
    .xSync = vfs_sync,
    .xFileSize = vfs_file_size,
    .xLock = vfs_lock,
    .xUnlock = vfs_lock,
    .xCheckReservedLock = vfs_check_lock,
    .xFileControl = vfs_control,
    .xSectorSize = vfs_sector_size,
    .xDeviceCharacteristics = vfs_traits,
};

static struct vfs_file *vfs_find(sqlite3_vfs *vfs, const char *name)
{
    struct block_vfs *v = vfs->pAppData;
    for (size_t i = 0; name != NULL && i < G_N_ELEMENTS(v->files); i++) {
        if (g_str_equal(v->files[i].name, name))
            return &v->files[i];
    }
    return NULL;
}

static int vfs_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *base, int flags,
                    int *flags_out)
{
    struct handle *h = (struct handle *)base;
    struct vfs_file *f = vfs_find(vfs, name);
    memset(h, 0, sizeof *h);
    if (f == NULL || (!f->exists && (flags & SQLITE_OPEN_CREATE) == 0))
        return SQLITE_CANTOPEN; /* temporary files too, which have no name */
    f->exists = true;
    h->vfs = vfs->pAppData;
    h->file = f;
    h->base.pMethods = &methods;
    if (flags_out != NULL)
        *flags_out = flags;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    struct vfs_file *f = vfs_find(vfs, name);
    if (f == NULL || !f->exists)
        return SQLITE_IOERR_DELETE_NOENT;
    f->exists = false;
    f->size = f->under_size = 0;
    g_hash_table_remove_all(f->pages);
    return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
    const struct vfs_file *f = vfs_find(vfs, name);
    *out = f != NULL && f->exists;
    return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
    g_strlcpy(out, name, (gsize)size);
    return SQLITE_OK;
}

static int vfs_randomness(sqlite3_vfs *vfs, int size, char *out)
{
    memset(out, 0, (size_t)size);
    return size;
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
    return microseconds;
}

static int vfs_time(sqlite3_vfs *vfs, double *days)
{
    *days = 2440587.5; /* 1970 as a Julian day: nothing depends on it */
    return SQLITE_OK;
}

struct block_vfs *block_vfs_new(struct block *main, struct block *log, struct block *journal)
{
    struct block_vfs *v = g_new0(struct block_vfs, 1);
    file_init(&v->files[FILE_MAIN], FILE_NAME, main);
    file_init(&v->files[FILE_LOG], FILE_NAME "-wal", log);
    file_init(&v->files[FILE_JOURNAL], FILE_NAME "-journal", journal);
    v->name = g_strdup_printf("block-%p", (void *)v);
    v->vfs = (sqlite3_vfs){
        .iVersion = 1,
        .szOsFile = sizeof(struct handle),
        .mxPathname = 64,
        .zName = v->name,
        .pAppData = v,
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_path,
        .xRandomness = vfs_randomness,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_time,
    };
    sqlite3_vfs_register(&v->vfs, 0);
    return v;
}

void block_vfs_lengthen(struct block_vfs *v, uint64_t size)
{
    v->files[FILE_MAIN].size = MAX(v->files[FILE_MAIN].size, size);
}

void block_vfs_free(struct block_vfs *v)
{
    if (v == NULL)
        return;
    sqlite3_vfs_unregister(&v->vfs);
    for (size_t i = 0; i < G_N_ELEMENTS(v->files); i++)
        g_hash_table_unref(v->files[i].pages);
    g_clear_error(&v->error);
    g_free(v->name);
    g_free(v);
}

/* --- connections --------------------------------------------------------------------------------
 */

#define TICK_STEPS 10000  /* of SQLite's machine */
#define TICKS_MAX  10000u /* a million packages need a thousand */

static int tick(void *user)
{
    struct block_vfs *v = user;
    return ++v->ticks > TICKS_MAX;
}

/* Only what reading a table needs; a schema that calls functions is none of rpm's. */
static int authorize(void *user, int action, const char *a, const char *b, const char *c,
                     const char *d)
{
    return action == SQLITE_SELECT || action == SQLITE_READ ? SQLITE_OK : SQLITE_DENY;
}

static void set_up(sqlite3 *db, struct block_vfs *v)
{
    static const struct {
        int option, value;
    } configs[] = {
        { SQLITE_DBCONFIG_DEFENSIVE, 1 },        { SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
        { SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 },   { SQLITE_DBCONFIG_ENABLE_VIEW, 0 },
        { SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1 },
    };
    static const struct {
        int id, value;
    } limits[] = {
        { SQLITE_LIMIT_LENGTH, LIMIT_RPM_HEADER },
        { SQLITE_LIMIT_SQL_LENGTH, 100000 },
        { SQLITE_LIMIT_COLUMN, 100 },
        { SQLITE_LIMIT_EXPR_DEPTH, 20 },
        { SQLITE_LIMIT_COMPOUND_SELECT, 3 },
        { SQLITE_LIMIT_VDBE_OP, 25000 },
        { SQLITE_LIMIT_FUNCTION_ARG, 8 },
        { SQLITE_LIMIT_ATTACHED, 0 },
        { SQLITE_LIMIT_TRIGGER_DEPTH, 1 },
        { SQLITE_LIMIT_WORKER_THREADS, 0 },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(configs); i++)
        (void)sqlite3_db_config(db, configs[i].option, configs[i].value, (int *)NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(limits); i++)
        (void)sqlite3_limit(db, limits[i].id, limits[i].value);
    sqlite3_progress_handler(db, TICK_STEPS, tick, v);
}

sqlite3 *block_vfs_open(struct block_vfs *v, GError **error)
{
    sqlite3 *db = NULL;
    int r =
        sqlite3_open_v2(FILE_NAME, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_PRIVATECACHE, v->name);
    if (r == SQLITE_OK) {
        set_up(db, v);
        r = sqlite3_exec(db,
                         "PRAGMA locking_mode=EXCLUSIVE; PRAGMA temp_store=MEMORY;"
                         "PRAGMA cell_size_check=ON; PRAGMA mmap_size=0; PRAGMA query_only=ON;",
                         NULL, NULL, NULL);
    }
    if (r == SQLITE_OK) {
        sqlite3_set_authorizer(db, authorize, v);
        return db;
    }
    (void)block_vfs_fail(v, db, "opening", error);
    (void)sqlite3_close(db);
    return NULL;
}

bool block_vfs_fail(struct block_vfs *v, sqlite3 *db, const char *doing, GError **error)
{
    const char *name = v->files[FILE_MAIN].under->name, *said = sqlite3_errmsg(db);
    if (v->error != NULL) {
        g_propagate_error(error, g_steal_pointer(&v->error));
        g_prefix_error(error, "%s: %s: ", name, doing);
        return false;
    }
    switch (sqlite3_errcode(db) & 0xff) {
    case SQLITE_NOMEM:
    case SQLITE_FULL:
    case SQLITE_TOOBIG:
    case SQLITE_INTERRUPT: /* by tick() */
        return fail_limit(error, "%s: %s: %s", name, doing, said);
    default:
        return fail_corrupt(error, "%s: %s: %s", name, doing, said);
    }
}

#include "config.h"

#if HAVE_POSTGRESQL
#include <libpq-fe.h>
#include <string.h>

#include "base/error.h"
#include "base/number.h"
#include "store/sql.h"

#define NUMBER_BYTES 32

struct postgres {
    struct sql base;
    PGconn *handle;
};

struct postgres_rows {
    struct sql_rows base;
    PGresult *result;
    int row; /* current; -1 before the first */
};

/* PostgreSQL, "Appendix A. PostgreSQL Error Codes". */
static int kind_of(const PGconn *handle, const char *state)
{
    if (PQstatus(handle) == CONNECTION_BAD || g_str_has_prefix(state, "08") ||
        g_str_has_prefix(state, "57P"))
        return SQL_ERROR_LOST;
    if (g_str_has_prefix(state, "23"))
        return SQL_ERROR_CONFLICT;
    return g_str_equal(state, "40001") || g_str_equal(state, "40P01") ? SQL_ERROR_RETRY
                                                                      : SQL_ERROR_FAILED;
}

static bool fail_postgres(struct postgres *p, const PGresult *result, GError **error)
{
    const char *state = result != NULL ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    g_autofree char *message = g_strstrip(g_strdup(PQerrorMessage(p->handle)));
    char *line = strchr(message, '\n');
    if (line != NULL)
        *line = '\0'; /* the others repeat the statement */
    g_set_error(error, SQL_ERROR, kind_of(p->handle, state != NULL ? state : ""), "store: %s",
                message);
    return false;
}

static void quiet(void *user, const char *message)
{
}

static void close_(struct sql *db)
{
    PQfinish(((struct postgres *)db)->handle);
    g_free(db);
}

static bool script(struct sql *db, const char *statements, GError **error)
{
    struct postgres *p = (struct postgres *)db;
    PGresult *r = PQexec(p->handle, statements);
    bool ok = PQresultStatus(r) == PGRES_COMMAND_OK || PQresultStatus(r) == PGRES_TUPLES_OK ||
              fail_postgres(p, r, error);
    PQclear(r);
    return ok;
}

static struct sql *open_(const char *url, GError **error)
{
    struct postgres *p = g_new0(struct postgres, 1);
    p->base.drv = &sql_driver_postgres;
    p->handle = PQconnectdb(url);
    (void)PQsetNoticeProcessor(p->handle, quiet, NULL);
    bool ok = PQstatus(p->handle) == CONNECTION_OK || fail_postgres(p, NULL, error);
    if (ok)
        return &p->base;
    close_(&p->base);
    return NULL;
}

static void rows_free(struct sql_rows *base)
{
    struct postgres_rows *rows = (struct postgres_rows *)base;
    PQclear(rows->result);
    g_free(rows);
}

static struct sql_rows *query(struct sql *db, const char *statement, const struct sql_value *values,
                              unsigned count, uint64_t *changed, GError **error)
{
    struct postgres *p = (struct postgres *)db;
    g_autofree const char **texts = g_new0(const char *, count + 1);
    g_autofree int *lengths = g_new0(int, count + 1), *formats = g_new0(int, count + 1);
    g_autofree char *numbers = g_malloc(((size_t)count + 1) * NUMBER_BYTES);
    for (unsigned i = 0; i < count; i++) {
        const struct sql_value *v = &values[i];
        char *number = numbers + (size_t)i * NUMBER_BYTES;
        texts[i] = number;
        if (v->type == 'i') {
            (void)g_snprintf(number, NUMBER_BYTES, "%" G_GINT64_FORMAT, v->number);
        } else if (v->type == 'd') {
            (void)g_ascii_dtostr(number, NUMBER_BYTES, v->real);
        } else if (v->type == 's') {
            texts[i] = v->text;
        } else if (v->blob == NULL) {
            texts[i] = NULL;
        } else {
            gsize len;
            texts[i] = g_bytes_get_data(v->blob, &len);
            texts[i] = texts[i] != NULL ? texts[i] : "";
            if (len > G_MAXINT) {
                (void)fail_limit(error, "store: a value of %zu bytes", len);
                return NULL;
            }
            lengths[i] = (int)len;
            formats[i] = 1;
        }
    }
    PGresult *r = PQexecParams(p->handle, statement, (int)count, NULL, texts, lengths, formats, 0);
    if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK) {
        (void)fail_postgres(p, r, error);
        PQclear(r);
        return NULL;
    }
    const char *touched = PQcmdTuples(r);
    if (changed != NULL && !parse_u64(touched, strlen(touched), changed))
        *changed = 0;
    struct postgres_rows *rows = g_new0(struct postgres_rows, 1);
    rows->base.db = db;
    rows->result = r;
    rows->row = -1;
    return &rows->base;
}

static bool next(struct sql_rows *base, GError **error)
{
    struct postgres_rows *rows = (struct postgres_rows *)base;
    return ++rows->row < PQntuples(rows->result);
}

static bool is_null(struct sql_rows *base, unsigned column)
{
    const struct postgres_rows *rows = (struct postgres_rows *)base;
    return PQgetisnull(rows->result, rows->row, (int)column) != 0;
}

static const char *text(struct sql_rows *base, unsigned column)
{
    const struct postgres_rows *rows = (struct postgres_rows *)base;
    return is_null(base, column) ? NULL : PQgetvalue(rows->result, rows->row, (int)column);
}

static int64_t number(struct sql_rows *base, unsigned column)
{
    const char *value = text(base, column);
    int64_t n;
    return value != NULL && parse_i64(value, strlen(value), &n) ? n : 0;
}

static double real(struct sql_rows *base, unsigned column)
{
    const char *value = text(base, column);
    return value != NULL ? g_ascii_strtod(value, NULL) : 0;
}

static GBytes *blob(struct sql_rows *base, unsigned column)
{
    const char *value = text(base, column);
    size_t len;
    if (value == NULL)
        return NULL;
    unsigned char *plain = PQunescapeBytea((const unsigned char *)value, &len);
    GBytes *bytes = g_bytes_new(plain, plain != NULL ? len : 0);
    PQfreemem(plain);
    return bytes;
}

const struct sql_driver sql_driver_postgres = {
    .name = "postgresql",
    .prefix = "postgresql:",
    .blob_type = "BYTEA",
    .serial = "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
    .clustered = "",
    .batch = 200, /* each statement is a way to the server and back */
    .lookup = 200,
    .begin = "BEGIN ISOLATION LEVEL SERIALIZABLE",
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
#endif

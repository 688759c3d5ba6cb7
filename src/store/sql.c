#include "store/sql.h"

#include <stdarg.h>
#include <string.h>

#include "base/error.h"
#include "config.h"

#define PARAMETERS_MAX 32
#define ATTEMPTS       20

static const struct sql_driver *const drivers[] = {
    &sql_driver_sqlite,
#if HAVE_POSTGRESQL
    &sql_driver_postgres,
#endif
};

G_DEFINE_QUARK(assay - sql - error - quark, sql_error)

static const struct sql_driver *driver_of(const char *url, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(drivers); i++) {
        const char *prefix = drivers[i]->prefix;
        if (g_str_has_prefix(url, prefix) && url[strlen(prefix)] != '\0')
            return drivers[i];
    }
    /* What follows the scheme may hold a password. */
    const char *colon = strchr(url, ':');
    int known = colon != NULL && colon - url < 16 ? (int)(colon - url) + 1 : 0;
    (void)fail(error, ASSAY_ERROR_UNSUPPORTED, "store '%.*s': not sqlite:PATH%s", known, url,
               HAVE_POSTGRESQL ? " or postgresql://..." : ", PostgreSQL is not built in");
    return NULL;
}

bool sql_url_valid(const char *url, GError **error)
{
    return driver_of(url, error) != NULL;
}

struct sql *sql_open(const char *url, GError **error)
{
    const struct sql_driver *drv = driver_of(url, error);
    struct sql *db = drv != NULL ? drv->open(url, error) : NULL;
    if (db != NULL)
        db->drv = drv;
    return db;
}

void sql_close(struct sql *db)
{
    if (db == NULL)
        return;
    if (db->in_transaction)
        (void)db->drv->script(db, "ROLLBACK", NULL);
    db->drv->close(db);
}

const char *sql_dialect(const struct sql *db)
{
    return db->drv->name;
}

/* The statement in the driver's spelling. g_free() */
static char *spell(const struct sql *db, const char *statement)
{
    const struct {
        const char *word, *meaning;
    } words[] = {
        { "@BLOB@", db->drv->blob_type },
        { "@SERIAL@", db->drv->serial },
        { "@CLUSTERED@", db->drv->clustered },
    };
    char *spelled = g_strdup(statement);
    for (size_t i = 0; i < G_N_ELEMENTS(words) && strchr(spelled, '@') != NULL; i++) {
        g_auto(GStrv) parts = g_strsplit(spelled, words[i].word, -1);
        g_free(spelled);
        spelled = g_strjoinv(words[i].meaning, parts);
    }
    return spelled;
}

static unsigned collect(struct sql_value *values, const char *types, va_list args)
{
    unsigned n = 0;
    for (const char *t = types; *t != '\0'; t++, n++) {
        g_assert(n < PARAMETERS_MAX);
        values[n] = (struct sql_value){ .type = *t };
        switch (*t) {
        case 's':
            values[n].text = va_arg(args, const char *);
            break;
        case 'i':
            values[n].number = va_arg(args, int64_t);
            break;
        case 'd':
            values[n].real = va_arg(args, double);
            break;
        case 'b':
            values[n].blob = va_arg(args, GBytes *);
            break;
        default:
            g_assert_not_reached();
        }
    }
    return n;
}

bool sql_run(struct sql *db, uint64_t *changed, GError **error, const char *statement,
             const char *types, ...)
{
    struct sql_value values[PARAMETERS_MAX];
    uint64_t touched = 0;
    va_list args;
    va_start(args, types);
    unsigned count = collect(values, types, args);
    va_end(args);
    g_autofree char *spelled = spell(db, statement);
    g_autoptr(sql_rows) rows = db->drv->query(db, spelled, values, count, &touched, error);
    if (rows == NULL)
        return false;
    g_autoptr(GError) failure = NULL;
    while (db->drv->next(rows, &failure))
        ;
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    if (changed != NULL)
        *changed = touched;
    return true;
}

bool sql_script(struct sql *db, const char *statements, GError **error)
{
    g_autofree char *spelled = spell(db, statements);
    return db->drv->script(db, spelled, error);
}

static struct sql_rows *query(struct sql *db, GError **error, const char *statement,
                              const char *types, va_list args)
{
    struct sql_value values[PARAMETERS_MAX];
    unsigned count = collect(values, types, args);
    g_autofree char *spelled = spell(db, statement);
    return db->drv->query(db, spelled, values, count, NULL, error);
}

struct sql_rows *sql_query(struct sql *db, GError **error, const char *statement, const char *types,
                           ...)
{
    va_list args;
    va_start(args, types);
    struct sql_rows *rows = query(db, error, statement, types, args);
    va_end(args);
    return rows;
}

bool sql_numbers(struct sql *db, int64_t *out, unsigned count, GError **error,
                 const char *statement, const char *types, ...)
{
    va_list args;
    va_start(args, types);
    g_autoptr(sql_rows) rows = query(db, error, statement, types, args);
    va_end(args);
    g_autoptr(GError) failure = NULL;
    bool found = rows != NULL && sql_rows_next(rows, &failure);
    for (unsigned i = 0; i < count; i++)
        out[i] = found ? sql_int(rows, i) : 0;
    bool ok = rows != NULL && failure == NULL;
    if (failure != NULL)
        g_propagate_error(error, g_steal_pointer(&failure));
    return ok;
}

unsigned sql_batch(const struct sql *db)
{
    return db->drv->batch;
}

unsigned sql_lookup(const struct sql *db)
{
    return db->drv->lookup;
}

static void add_parameters(GString *text, unsigned first, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        g_string_append_printf(text, "%s$%u", i > 0 ? ", " : "", first + i);
}

struct sql_rows *sql_query_keys(struct sql *db, GError **error, const char *statement,
                                const struct sql_value *values, unsigned fixed, unsigned count)
{
    g_assert(count > 0 && count <= MAX(db->drv->batch, db->drv->lookup));
    g_autoptr(GString) list = g_string_new(NULL);
    add_parameters(list, fixed + 1, count);
    g_auto(GStrv) parts = g_strsplit(statement, "@KEYS@", -1);
    g_autofree char *text = g_strjoinv(list->str, parts);
    return db->drv->query(db, text, values, fixed + count, NULL, error);
}

bool sql_run_keys(struct sql *db, GError **error, const char *statement,
                  const struct sql_value *values, unsigned fixed, unsigned count)
{
    struct sql_rows *rows = sql_query_keys(db, error, statement, values, fixed, count);
    sql_rows_free(rows);
    return rows != NULL;
}

static const char *type_name(const struct sql *db, char type)
{
    return type == 'i'   ? "BIGINT"
           : type == 'd' ? "DOUBLE PRECISION"
           : type == 'b' ? db->drv->blob_type
                         : "TEXT";
}

/* The first row says of which types the columns are: PostgreSQL would take all for texts. */
static void add_first_row(GString *text, const struct sql *db, const struct sql_value *values,
                          unsigned columns)
{
    g_string_append(text, "VALUES (");
    for (unsigned i = 0; i < columns; i++)
        g_string_append_printf(text, "%sCAST($%u AS %s)", i > 0 ? ", " : "", i + 1,
                               type_name(db, values[i].type));
    g_string_append_c(text, ')');
}

struct sql_rows *sql_query_rows(struct sql *db, GError **error, const char *statement,
                                unsigned columns, const struct sql_value *values, unsigned rows)
{
    g_assert(rows > 0 && rows <= db->drv->batch);
    g_autoptr(GString) list = g_string_new(NULL);
    add_first_row(list, db, values, columns);
    for (unsigned i = 1; i < rows; i++) {
        g_string_append(list, ", (");
        add_parameters(list, i * columns + 1, columns);
        g_string_append_c(list, ')');
    }
    g_auto(GStrv) parts = g_strsplit(statement, "@ROWS@", -1);
    g_autofree char *text = g_strjoinv(list->str, parts);
    return db->drv->query(db, text, values, rows * columns, NULL, error);
}

bool sql_run_rows(struct sql *db, GError **error, const char *statement, unsigned columns,
                  const struct sql_value *values, size_t rows)
{
    for (size_t done = 0, some; done < rows; done += some) {
        some = MIN(rows - done, (size_t)db->drv->batch);
        struct sql_rows *run =
            sql_query_rows(db, error, statement, columns, values + done * columns, (unsigned)some);
        sql_rows_free(run);
        if (run == NULL)
            return false;
    }
    return true;
}

bool sql_insert(struct sql *db, GError **error, const char *head, const char *tail,
                unsigned columns, const struct sql_value *values, size_t rows)
{
    for (size_t done = 0, some; done < rows; done += some) {
        some = MIN(rows - done, (size_t)db->drv->batch);
        g_autoptr(GString) text = g_string_new(head);
        for (unsigned i = 0; i < some; i++) {
            g_string_append(text, i > 0 ? ", (" : " VALUES (");
            add_parameters(text, i * columns + 1, columns);
            g_string_append_c(text, ')');
        }
        g_string_append(text, tail);
        g_autoptr(sql_rows) inserted = db->drv->query(db, text->str, values + done * columns,
                                                      (unsigned)some * columns, NULL, error);
        if (inserted == NULL)
            return false;
    }
    return true;
}

bool sql_rows_next(struct sql_rows *rows, GError **error)
{
    return rows->db->drv->next(rows, error);
}

const char *sql_text(struct sql_rows *rows, unsigned column)
{
    return rows->db->drv->text(rows, column);
}

int64_t sql_int(struct sql_rows *rows, unsigned column)
{
    return rows->db->drv->number(rows, column);
}

double sql_double(struct sql_rows *rows, unsigned column)
{
    return rows->db->drv->real(rows, column);
}

GBytes *sql_blob(struct sql_rows *rows, unsigned column)
{
    return rows->db->drv->blob(rows, column);
}

bool sql_is_null(struct sql_rows *rows, unsigned column)
{
    return rows->db->drv->is_null(rows, column);
}

void sql_rows_free(struct sql_rows *rows)
{
    if (rows != NULL)
        rows->db->drv->rows_free(rows);
}

static bool attempt(struct sql *db, sql_body body, void *user, GError **error)
{
    if (!db->drv->script(db, db->drv->begin, error))
        return false;
    db->in_transaction = true;
    bool ok = body(db, user, error) && db->drv->script(db, "COMMIT", error);
    db->in_transaction = false;
    if (!ok)
        (void)db->drv->script(db, "ROLLBACK", NULL);
    return ok;
}

bool sql_transaction(struct sql *db, sql_body body, void *user, GError **error)
{
    g_assert(!db->in_transaction);
    for (unsigned i = 1;; i++) {
        g_autoptr(GError) failure = NULL;
        if (attempt(db, body, user, &failure))
            return true;
        if (!g_error_matches(failure, SQL_ERROR, SQL_ERROR_RETRY) || i == ATTEMPTS) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return false;
        }
        /* Grows, and differs between those who got into each other's way. */
        g_usleep((gulong)g_random_int_range(500, 1000) * i);
    }
}

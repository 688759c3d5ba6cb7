#include "store/store.h"

#include <string.h>
#include <sys/random.h>

#include "base/error.h"

#define NAME_MAX_BYTES 128
#define ID_BYTES       26

static const char id_digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

G_DEFINE_QUARK(assay - store - error - quark, store_error)

static bool applied_steps(struct sql *db, int64_t *count, GError **error)
{
    g_autoptr(sql_rows) rows = sql_query(db, error, "SELECT count(*) FROM schema_step", "");
    if (rows == NULL || !sql_rows_next(rows, error))
        return false;
    *count = sql_int(rows, 0);
    return true;
}

static bool migrate(struct sql *db, void *user, GError **error)
{
    int64_t done, known = 0;
    while (store_steps[known].name != NULL)
        known++;
    if (!applied_steps(db, &done, error))
        return false;
    if (done > known)
        return fail(error, ASSAY_ERROR_UNSUPPORTED,
                    "store: made by a newer assay (%" G_GINT64_FORMAT
                    " steps, this one knows %" G_GINT64_FORMAT ")",
                    done, known);
    for (; done < known; done++) {
        const struct store_step *s = &store_steps[done];
        if (!sql_script(db, s->statements, error) ||
            !sql_run(db, NULL, error,
                     "INSERT INTO schema_step (number, name, applied) VALUES ($1, $2, $3)", "isi",
                     done, s->name, store_now())) {
            g_prefix_error(error, "schema of %s: ", s->name);
            return false;
        }
    }
    return true;
}

static bool make_table(struct sql *db, void *user, GError **error)
{
    return sql_script(db,
                      "CREATE TABLE IF NOT EXISTS schema_step ("
                      "number BIGINT PRIMARY KEY, name TEXT NOT NULL, applied BIGINT NOT NULL)",
                      error);
}

struct sql *store_open(const char *url, GError **error)
{
    g_autoptr(sql) db = sql_open(url, error);
    g_autoptr(GError) raced = NULL;
    if (db == NULL)
        return NULL;
    /* Two that make the same table at the same time: one of them fails, and it is there. */
    if (!sql_transaction(db, make_table, NULL, &raced) &&
        !g_error_matches(raced, SQL_ERROR, SQL_ERROR_CONFLICT)) {
        g_propagate_error(error, g_steal_pointer(&raced));
        return NULL;
    }
    return sql_transaction(db, migrate, NULL, error) ? g_steal_pointer(&db) : NULL;
}

int64_t store_now(void)
{
    return g_get_real_time();
}

/* What this process's last identifier was made of: those of one millisecond count on from each other,
 * so that events have the order in which they were told. */
static struct {
    GMutex lock;
    uint64_t time;
    uint8_t noise[10];
} last_id;

static void next_id(uint64_t *time, uint8_t noise[10])
{
    int i = 9;
    g_mutex_lock(&last_id.lock);
    if (*time > last_id.time) {
        if (getrandom(last_id.noise, sizeof last_id.noise, 0) != (ssize_t)sizeof last_id.noise)
            g_error("no random numbers"); /* does not happen for so few bytes, getrandom(2) */
        last_id.noise[0] &= 0x7f; /* leaves room for counting */
        last_id.time = *time;
    } else {
        while (i >= 0 && ++last_id.noise[i] == 0)
            i--;
    }
    *time = last_id.time;
    memcpy(noise, last_id.noise, sizeof last_id.noise);
    g_mutex_unlock(&last_id.lock);
}

/* ULID: 48 bits of milliseconds, 80 random bits, in Crockford's base 32. */
static char *make_id(uint64_t time, const uint8_t noise[10])
{
    char *id = g_malloc(ID_BYTES + 1);
    for (int i = 9; i >= 0; i--, time >>= 5)
        id[i] = id_digits[time & 31];
    for (int half = 0; half < 2; half++) {
        uint64_t bits = 0;
        for (int i = 0; i < 5; i++)
            bits = bits << 8 | noise[5 * half + i];
        for (int i = 7; i >= 0; i--, bits >>= 5)
            id[10 + 8 * half + i] = id_digits[bits & 31];
    }
    id[ID_BYTES] = '\0';
    return id;
}

char *store_id_new(void)
{
    uint8_t noise[10];
    uint64_t time = (uint64_t)store_now() / 1000;
    next_id(&time, noise);
    return make_id(time, noise);
}

char *store_id_at(int64_t time)
{
    static const uint8_t none[10];
    return make_id((uint64_t)MAX(time, 0) / 1000, none);
}

bool store_id_time(const char *id, int64_t *time)
{
    int64_t milliseconds = 0;
    if (strlen(id) != ID_BYTES || strspn(id, id_digits) != ID_BYTES || id[0] > '7')
        return false;
    for (int i = 0; i < 10; i++)
        milliseconds = milliseconds << 5 | (int64_t)(strchr(id_digits, id[i]) - id_digits);
    *time = milliseconds * 1000;
    return true;
}

const char *store_page_before(const struct store_page *page)
{
    return page->after[0] != '\0' ? page->after : "Z"; /* identifiers begin with 0 to 7 */
}

bool store_name_valid(const char *what, const char *name, GError **error)
{
    size_t len = strlen(name);
    bool good = len > 0 && len <= NAME_MAX_BYTES && g_ascii_isalnum(name[0]);
    for (size_t i = 0; good && i < len; i++)
        good = g_ascii_isalnum(name[i]) || strchr("._-", name[i]) != NULL;
    if (!good)
        return fail(error, ASSAY_ERROR_INVALID,
                    "name of a %s: letters, digits, '.', '_', '-', at most %d, a letter or digit "
                    "first",
                    what, NAME_MAX_BYTES);
    if (len == ID_BYTES && strspn(name, id_digits) == len)
        return fail(error, ASSAY_ERROR_INVALID, "name of a %s: looks like an identifier", what);
    return true;
}

bool store_taken(GError **error, const char *what, const char *name)
{
    if (error != NULL && g_error_matches(*error, SQL_ERROR, SQL_ERROR_CONFLICT)) {
        g_clear_error(error);
        g_set_error(error, STORE_ERROR, STORE_ERROR_TAKEN, "there is a %s '%s' already", what,
                    name);
    }
    return false;
}

bool store_touched(uint64_t changed, bool exists, const char *what, GError **error)
{
    if (changed == 1)
        return true;
    if (!exists)
        return fail(error, ASSAY_ERROR_NOT_FOUND, "no such %s", what);
    g_set_error(error, STORE_ERROR, STORE_ERROR_CHANGED, "the %s has changed meanwhile", what);
    return false;
}

#include "base/error.h"
#include "store/secret.h"
#include "store/users.h"

/* Failures within a window of time before no further attempt is looked at: for one user from one
 * address, for an address, for a user from anywhere. The last is high: who knows a name must not
 * easily lock its owner out. */
#define WINDOW          (INT64_C(300) * G_USEC_PER_SEC)
#define FAILURES_BOTH   5
#define FAILURES_SOURCE 30
#define FAILURES_NAME   100

struct subject {
    char *text;
    int64_t failures;
};

#define SUBJECTS 3

/* Without a name only the one of the address has a text. */
static void subjects_of(struct subject s[SUBJECTS], const char *name, const char *address)
{
    memset(s, 0, SUBJECTS * sizeof s[0]);
    s[1] = (struct subject){ g_strdup(address), FAILURES_SOURCE };
    if (name == NULL)
        return;
    /* The name is a stranger's: hashed, it has a known length. */
    g_autofree char *who = secret_digest(name, strlen(name));
    s[0] = (struct subject){ g_strdup_printf("%s %s", who, address), FAILURES_BOTH };
    s[2] = (struct subject){ g_steal_pointer(&who), FAILURES_NAME };
}

static void subjects_done(struct subject s[SUBJECTS])
{
    for (int i = 0; i < SUBJECTS; i++)
        g_free(s[i].text);
}

/* *wait: seconds until the subject's window has passed, when it has used up its failures. */
static bool look(struct sql *db, const struct subject *s, int64_t *wait, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(sql_rows) rows =
        sql_query(db, error,
                  "SELECT since FROM login_failure WHERE subject = $1 AND failures >= $2"
                  " AND since > $3",
                  "sii", s->text, s->failures, store_now() - WINDOW);
    if (rows == NULL)
        return false;
    if (sql_rows_next(rows, &failure))
        *wait = MAX(*wait, (sql_int(rows, 0) + WINDOW - store_now()) / G_USEC_PER_SEC + 1);
    if (failure != NULL)
        g_propagate_error(error, g_steal_pointer(&failure));
    return error == NULL || *error == NULL;
}

static bool count_failures(struct sql *db, void *user, GError **error)
{
    const struct subject *s = user;
    int64_t now = store_now();
    if (!sql_run(db, NULL, error, "DELETE FROM login_failure WHERE since <= $1", "i", now - WINDOW))
        return false;
    for (int i = 0; i < SUBJECTS; i++) {
        if (s[i].text != NULL &&
            !sql_run(db, NULL, error,
                     "INSERT INTO login_failure (subject, failures, since) VALUES ($1, 1, $2)"
                     " ON CONFLICT (subject) DO UPDATE SET failures = login_failure.failures + 1",
                     "si", s[i].text, now))
            return false;
    }
    return true;
}

/* Identifier and hash of a user who may log in; both NULL when there is none. */
static bool find(struct sql *db, const char *name, char **id, char **hash, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(sql_rows) rows = sql_query(
        db, error, "SELECT id, password FROM account WHERE name = $1 AND disabled = 0", "s", name);
    if (rows == NULL)
        return false;
    if (sql_rows_next(rows, &failure)) {
        *id = g_strdup(sql_text(rows, 0));
        *hash = g_strdup(sql_text(rows, 1));
    }
    if (failure == NULL)
        return true;
    g_propagate_error(error, g_steal_pointer(&failure));
    return false;
}

bool login_wait(struct sql *db, const char *name, const char *address, int64_t *wait,
                GError **error)
{
    bool ok = true;
    struct subject s[SUBJECTS];
    *wait = 0;
    subjects_of(s, name, address);
    for (int i = 0; ok && i < SUBJECTS; i++)
        ok = s[i].text == NULL || look(db, &s[i], wait, error);
    subjects_done(s);
    return ok;
}

bool login_failed(struct sql *db, const char *name, const char *address, GError **error)
{
    struct subject s[SUBJECTS];
    subjects_of(s, name, address);
    bool ok = sql_transaction(db, count_failures, s, error);
    subjects_done(s);
    return ok;
}

void login_succeeded(struct sql *db, const char *name, const char *address)
{
    struct subject s[SUBJECTS];
    subjects_of(s, name, address);
    (void)sql_run(db, NULL, NULL, "DELETE FROM login_failure WHERE subject = $1", "s", s[0].text);
    subjects_done(s);
}

char *user_login(struct sql *db, const char *name, const char *password, const char *address,
                 int64_t *wait, GError **error)
{
    g_autofree char *id = NULL, *hash = NULL;
    if (!login_wait(db, name, address, wait, error) || *wait != 0 ||
        !find(db, name, &id, &hash, error))
        return NULL;
    if (secret_check_password(hash, password)) {
        login_succeeded(db, name, address);
        return g_steal_pointer(&id);
    }
    (void)login_failed(db, name, address, error);
    return NULL;
}

#include "store/requests.h"

#define KEPT (INT64_C(86400) * G_USEC_PER_SEC)

void request_answer_done(struct request_answer *a)
{
    g_free(a->digest);
    g_free(a->location);
    g_free(a->etag);
    g_free(a->body);
    *a = (struct request_answer){ 0 };
}

bool request_find(struct sql *db, const char *account, const char *key, bool *found,
                  struct request_answer *out, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(sql_rows) rows = sql_query(db, error,
                                         "SELECT digest, status, location, etag, body FROM request"
                                         " WHERE account = $1 AND idempotency = $2",
                                         "ss", account, key);
    if (rows == NULL)
        return false;
    *found = sql_rows_next(rows, &failure);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    if (*found)
        *out = (struct request_answer){ .digest = g_strdup(sql_text(rows, 0)),
                                        .status = (unsigned)sql_int(rows, 1),
                                        .location = g_strdup(sql_text(rows, 2)),
                                        .etag = g_strdup(sql_text(rows, 3)),
                                        .body = g_strdup(sql_text(rows, 4)) };
    return true;
}

bool request_keep(struct sql *db, const char *account, const char *key,
                  const struct request_answer *a, GError **error)
{
    return sql_run(db, NULL, error,
                   "INSERT INTO request (account, idempotency, digest, status, location, etag,"
                   " body, created) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                   "sssisssi", account, key, a->digest, (int64_t)a->status, a->location, a->etag,
                   a->body, store_now());
}

bool request_expire(struct sql *db, GError **error)
{
    return sql_run(db, NULL, error, "DELETE FROM request WHERE created < $1", "i",
                   store_now() - KEPT);
}

/* Answers to calls that must not be done twice, by the key that their caller chose
 * (Idempotency-Key). Kept in the transaction of the call itself: a call is done and its answer
 * kept, or neither. */
#pragma once
#include "store/store.h"

struct request_answer {
    char *digest; /* of what was asked */
    unsigned status;
    char *location, *etag; /* NULL: none */
    char *body;
};
void request_answer_done(struct request_answer *a);

/* *found false: there is none. */
bool request_find(struct sql *db, const char *account, const char *key, bool *found,
                  struct request_answer *out, GError **error);
bool request_keep(struct sql *db, const char *account, const char *key,
                  const struct request_answer *answer, GError **error);
/* Those older than a day. */
bool request_expire(struct sql *db, GError **error);

#include "store/rate_accounts.h"

#include "base/error.h"

bool rate_account_paid(struct sql *db, const char *name, int64_t *moment, GError **error)
{
    return sql_numbers(db, moment, 1, error, "SELECT paid FROM rate_account WHERE name = $1", "s",
                       name);
}

bool rate_account_charge(struct sql *db, const char *name, int64_t began, int64_t microseconds,
                         GError **error)
{
    return sql_run(db, NULL, error,
                   "INSERT INTO rate_account (name, paid) VALUES ($1, $2)"
                   " ON CONFLICT (name) DO UPDATE SET paid = $4 +"
                   " CASE WHEN rate_account.paid > $3 THEN rate_account.paid ELSE $3 END",
                   "siii", name, began + microseconds, began, microseconds);
}

bool rate_accounts_trim(struct sql *db, int64_t before, GError **error)
{
    return sql_run(db, NULL, error, "DELETE FROM rate_account WHERE paid < $1", "i", before);
}

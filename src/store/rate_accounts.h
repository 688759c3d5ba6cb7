/* What reading has taken from a rate (of a node, of a pool of storage), for all processes: so that
 * whoever reads next waits until it is paid for, before a snapshot is made rather than while one is
 * held. An account is the moment at which all that was read would have been read at its rate. */
#pragma once
#include "store/store.h"

/* Unix microseconds; 0: nothing was read. */
bool rate_account_paid(struct sql *db, const char *name, int64_t *moment, GError **error);
/* Reading began at that moment (Unix microseconds), and lasts so many microseconds at the rate. */
bool rate_account_charge(struct sql *db, const char *name, int64_t began, int64_t microseconds,
                         GError **error);
/* Forgets accounts that had been paid before that moment. */
bool rate_accounts_trim(struct sql *db, int64_t before, GError **error);

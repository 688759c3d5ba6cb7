/* Users that another service vouches for (Keystone, HIL). They have an account, so that what they
 * ask for has a name and can be repeated, and so that an administrator can shut one out; but no
 * password, no tokens and no memberships: their rights come with each call and are not in the
 * store.
 */
#pragma once
#include "store/caller.h"
#include "store/store.h"

struct outsider {
    const char *service;    /* "keystone", "hil" */
    const char *identifier; /* of the user there, for ever the same */
    const char *name;       /* for people */
};
/* Fills account and name of out, making the account at first sight. False without *error when it
 * has been disabled here. Not in a transaction. */
bool outsider_account(struct sql *db, const struct outsider *who, struct caller *out,
                      GError **error);

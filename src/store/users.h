/* Users: people and programs that may ask. */
#pragma once
#include "store/store.h"

struct user {
    char *id, *name;
    char *site; /* "" (none), "auditor", "admin" */
    char *external; /* "keystone:ID": another service vouches for it (outsiders.h); NULL */
    bool disabled;
    int64_t created, version;
};
typedef struct user user;
void user_free(struct user *u);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(user, user_free)

/* Returns the identifier; g_free(). hash: secret_hash_password(), which takes long and is therefore
 * made before the transaction; NULL: no login with a password. */
char *user_create(struct sql *db, const char *name, const char *hash, const char *site,
                  GError **error);
/* By identifier or name; NULL with ASSAY_ERROR_NOT_FOUND. */
struct user *user_find(struct sql *db, const char *id_or_name, GError **error);
GPtrArray *user_list(struct sql *db, const struct store_page *page, GError **error);

struct user_change {
    const char *site, *hash; /* NULL: stays; hash as for user_create() */
    int disabled;                /* -1: stays */
    const char *keep;            /* token that outlives a change of the password; NULL */
};
/* version 0: any. A new password ends all sessions but one. Refuses to take the last administrator
 * away. In a transaction of the caller's. */
bool user_change(struct sql *db, const char *id, int64_t version, const struct user_change *change,
                 GError **error);
/* The same for deletion. */
bool user_delete(struct sql *db, const char *id, int64_t version, GError **error);
bool user_count(struct sql *db, int64_t *count, GError **error);

/* Failed attempts are counted for a name (NULL: none) and an address. *wait says for how many
 * seconds no further one is looked at; 0: go on. */
bool login_wait(struct sql *db, const char *name, const char *address, int64_t *wait,
                GError **error);
/* Not in a transaction. */
bool login_failed(struct sql *db, const char *name, const char *address, GError **error);
void login_succeeded(struct sql *db, const char *name, const char *address);

/* The identifier when name and password are right, NULL without *error when not; takes as long
 * either way. address: of the client. After too many failures *wait says for how many seconds no
 * further attempt is looked at. */
char *user_login(struct sql *db, const char *name, const char *password, const char *address,
                 int64_t *wait, GError **error);

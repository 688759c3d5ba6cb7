/* Credentials: secrets that the service presents to others, kept sealed. Those of a project are for
 * its nodes; those of the site (project NULL) are for the service's settings. What is shown of one
 * never holds the secret. */
#pragma once
#include "store/caller.h"
#include "store/seal.h"

struct credential {
    char *id, *name;
    char *kind; /* password, token, key */
    char *description;
    int64_t created, changed, version; /* changed: when the secret was last given */
};
typedef struct credential credential;
void credential_free(struct credential *c);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(credential, credential_free)

struct credential_values {
    const char *name, *kind, *description, *secret; /* NULL: stays (change) */
};
/* Returns the identifier; g_free(). All values are given but description. */
char *credential_create(struct sql *db, struct seal *seal, const char *project,
                        const struct credential_values *values, GError **error);
/* By identifier or name; NULL with ASSAY_ERROR_NOT_FOUND. */
struct credential *credential_find(struct sql *db, const char *project, const char *id_or_name,
                                   GError **error);
GPtrArray *credential_list(struct sql *db, const char *project, const struct store_page *page,
                           GError **error);
/* version 0: any. */
bool credential_change(struct sql *db, struct seal *seal, const char *project, const char *id,
                       int64_t version, const struct credential_values *values, GError **error);
bool credential_delete(struct sql *db, const char *project, const char *id, int64_t version,
                       GError **error);
/* The secret itself, by identifier or name; NULL with *error. seal_forget() */
char *credential_secret(struct sql *db, struct seal *seal, const char *project,
                        const char *id_or_name, GError **error);

/* Hooks: addresses at which other systems ask for introspections, each with a secret of its own. */
#pragma once
#include "store/caller.h"
#include "store/seal.h"
#include "store/things.h"

struct hook {
    char *id, *project, *name;
    enum thing_kind kind; /* what it has examined */
    char *thing;          /* its name, always the same; NULL: pointer says */
    char *pointer;        /* where in the body its name is, RFC 6901; NULL */
    int64_t created, version;
};
typedef struct hook hook;
void hook_free(struct hook *h);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(hook, hook_free)

struct hook_values {
    const char *name, *secret;
    enum thing_kind kind;
    const char *thing, *pointer; /* one of them */
};
/* Returns the identifier; g_free(). */
char *hook_create(struct sql *db, struct seal *seal, const char *project,
                  const struct hook_values *values, GError **error);
/* By identifier or name; NULL with ASSAY_ERROR_NOT_FOUND. */
struct hook *hook_find(struct sql *db, const char *project, const char *id_or_name, GError **error);
GPtrArray *hook_list(struct sql *db, const char *project, const struct store_page *page,
                     GError **error);
/* version 0: any. */
bool hook_delete(struct sql *db, const char *project, const char *id, int64_t version,
                 GError **error);
/* seal_forget() */
char *hook_secret(struct sql *db, struct seal *seal, const char *id, GError **error);

/* What a signed call led to; NULL without *error: there was none with that signature. g_free() */
char *hook_call_find(struct sql *db, const char *hook, const char *signature, GError **error);
bool hook_call_keep(struct sql *db, const char *hook, const char *signature,
                    const char *introspection, GError **error);
/* Forgets calls of longer ago than a day. */
bool hook_call_expire(struct sql *db, GError **error);

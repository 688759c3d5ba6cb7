/* Tokens: what a caller proves itself with. A session is one that a login made. The token itself is
 * told once; only its SHA-256 is kept (it has 256 random bits, so no slow hash is needed). */
#pragma once
#include "store/caller.h"
#include "store/store.h"

struct token {
    char *id, *name, *scopes;
    bool session;
    int64_t created, expires, used; /* Unix microseconds; 0: never */
};
typedef struct token token;
void token_free(struct token *t);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(token, token_free)

struct token_new {
    const char *account, *name;
    unsigned scopes;
    bool session;
    int64_t expires; /* 0: never */
};
/* *id (g_free()) may be NULL. Returns the token; g_free(). */
char *token_create(struct sql *db, const struct token_new *new, char **id, GError **error);

/* Who the token speaks for; false without *error when it is unknown, has expired, or its user is
 * disabled. Notes the use, to the minute. */
bool token_authenticate(struct sql *db, const char *secret, struct caller *out, GError **error);
void caller_done(struct caller *c);

/* What who holds a token sees at this moment. */
struct token_sight {
    bool valid;           /* false: the token is unknown or has expired, or its user is disabled */
    bool all;             /* sees all projects */
    GHashTable *projects; /* set of identifiers, of those that it is a member of */
};
typedef struct token_sight token_sight;
/* Of one for whom another service vouches: all, or the project alone ("" for none). */
struct token_sight *token_sight_granted(bool all, const char *project);
/* Reference-counted, not atomically. */
struct token_sight *token_sight_ref(struct token_sight *s);
void token_sight_unref(struct token_sight *s);
/* Of tokens (identifiers), each once: identifier -> struct token_sight, for every one of them. */
GHashTable *token_sights(struct sql *db, const char *const *tokens, size_t count, GError **error);

/* Of one user. */
GPtrArray *token_list(struct sql *db, const char *account, const struct store_page *page,
                      GError **error);
bool token_delete(struct sql *db, const char *account, const char *id, GError **error);
/* Those that have expired. */
bool token_expire(struct sql *db, GError **error);

/* On whose behalf something is asked. Every question for lists and things takes one, and its SQL
 * itself looks only at what that caller may see. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* What a token may be used for. */
enum scope {
    SCOPE_READ = 1 << 0,
    SCOPE_WRITE = 1 << 1,
    SCOPE_ADMIN = 1 << 2, /* users, projects, tokens */
};
#define SCOPES_ALL (SCOPE_READ | SCOPE_WRITE | SCOPE_ADMIN)

/* Role in a project; each may what those before it may. */
enum role { ROLE_NONE, ROLE_VIEWER, ROLE_OPERATOR, ROLE_OWNER, ROLE_COUNT };

struct caller {
    char *account, *name; /* identifier, and the user's name */
    char *token;          /* identifier of what proved it */
    bool admin, auditor;  /* of the whole site; an admin is an auditor, too */
    bool session;         /* by a login, not an API token */
    unsigned scopes;
    /* For one that another service vouches for (outsiders.h): the only project that it sees, by
     * identifier, "" for none, and its role there. NULL: by its memberships. */
    char *granted;
    enum role role;
    int64_t vouched; /* then it has to be asked again; Unix microseconds */
};

/* Condition on a column that holds a project's identifier. $2 says what the caller sees: 1 all, 2
 * the project $1, else those that the account $1 is a member of. CALLER_VALUES(caller) gives both.
 */
#define CALLER_SEES(column)                                                                        \
    "($2 = 1 OR ($2 = 2 AND " column " = $1) OR"                                                   \
    " ($2 = 0 AND " column " IN (SELECT project FROM member WHERE account = $1)))"
#define CALLER_VALUES(caller) caller_subject(caller), caller_sight(caller)
const char *caller_subject(const struct caller *c);
int64_t caller_sight(const struct caller *c);

/* The service itself, which sees everything: for what nobody asks for, jobs and duties. */
extern const struct caller caller_service;

/* "viewer" ...; NULL for ROLE_NONE. */
const char *role_name(enum role role);
/* ROLE_NONE for unknown words. */
enum role role_parse(const char *name);
/* Words separated by blanks; false for an unknown one. */
bool scopes_parse(const char *words, unsigned *out);
/* g_free() */
char *scopes_text(unsigned scopes);

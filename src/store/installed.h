/* What is installed on things, each kept once however many have it.
 *
 *     node, image ── subject ──< carried >── installed ──< finding >── vulnerability
 *                                               └── context
 *
 * A context is what matching looks at in an operating system. An installed row is a package of one
 * version in one context: judging it is judging it for every thing that carries it. So ten thousand
 * nodes with mostly the same packages cost little more than ten, and the way from a vulnerability
 * to the things that have it is two indexes.
 *
 * Contexts, installed rows and vulnerabilities say nothing about who has them, and are added before
 * anything refers to them. Contexts and installed rows are removed by facts_sweep() when nothing
 * does any more. Vulnerabilities stay: what was told of a thing holds their numbers, and there are
 * no more of them than advisories have named. */
#pragma once
#include "base/arena.h"
#include "store/sql.h"

/* --- advisories --------------------------------------------------------------------------------
 */

/* A state of the advisory database that something was judged by. */
struct advisories {
    int64_t number;  /* 0: none */
    int64_t written; /* when the database file was written, Unix microseconds */
};
/* digest tells databases of different content apart; feeds is JSON. Makes its own transaction. */
bool advisories_register(struct sql *db, const char *digest, int64_t written, const char *feeds,
                         struct advisories *out, GError **error);
/* The ones written last, of all that were registered. number 0: there are none. */
bool advisories_current(struct sql *db, struct advisories *out, GError **error);

/* --- contexts and installed rows ----------------------------------------------------------------
 */

/* os: JSON. pro: it has Ubuntu Pro. Returns its number, -1 with *error. Makes its own transaction.
 */
int64_t context_intern(struct sql *db, const char *os, bool pro, GError **error);
struct context {
    int64_t number;
    char *os;
    bool pro;
    bool complete; /* there were advisories for it, and it is not past its end of life */
};
/* All of them: number -> struct context. */
GHashTable *context_load(struct sql *db, GError **error);
bool context_set_complete(struct sql *db, int64_t number, bool complete, GError **error);

enum installed_field {
    INSTALLED_TYPE,
    INSTALLED_NAME,
    INSTALLED_VERSION,
    INSTALLED_ARCH,
    INSTALLED_SOURCE,
    INSTALLED_SOURCE_VERSION,
    INSTALLED_SOURCE_RPM,
    INSTALLED_VENDOR,
    INSTALLED_ORIGIN,
    INSTALLED_MODULE,
    INSTALLED_FIELDS
};
struct installed {
    int64_t number, context;
    int64_t advisories;                   /* number of those that it was judged by; 0: never */
    const char *fields[INSTALLED_FIELDS]; /* UTF-8; type, name and version are never NULL */
};
/* Finds the rows, adds those that are missing, and sets number and advisories of each. Makes its
 * own transactions. */
bool installed_intern(struct sql *db, struct installed *rows, size_t count, GError **error);
/* Rows not judged by these advisories, with numbers above after, in order, at most limit; texts are
 * in the arena. A GArray of struct installed. */
GArray *installed_unjudged(struct sql *db, int64_t advisories, int64_t after, int64_t limit,
                           struct arena *arena, GError **error);
/* By numbers, in no order. */
GArray *installed_load(struct sql *db, const GArray *numbers, struct arena *arena, GError **error);

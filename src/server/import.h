/* Making nodes of what HIL and M2 know. What is found is fetched first, then put into the store in
 * one transaction; the same again changes nothing.
 *
 * A node that an import has made is known by its source. One that is not there any more gets the
 * label "import.gone", and loses it when it comes back; nothing is deleted. A node that somebody
 * made by hand is left alone. */
#pragma once
#include "server/call.h"

struct import_node {
    char *name;
    char *location; /* of its disk; NULL: not known */
    json_t *labels; /* texts; names begin with "hil." or "nic." */
};

/* user and password: of HIL; NULL for the database of M2. Each returns struct import_node, in any
 * order, at most LIMIT_IMPORT; NULL with *error. */
struct import_wish {
    const char *project; /* its name there */
    const char *user, *password;
    const char *disk; /* location, in which "{node}" is the name; NULL: as M2's database says */
};
GPtrArray *import_from_hil(struct server *s, const struct import_wish *w, GError **error);
GPtrArray *import_from_m2(struct server *s, const struct import_wish *w, GError **error);
GPtrArray *import_from_database(struct server *s, const struct import_wish *w, GError **error);

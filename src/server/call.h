/* One call of the API: what a handler is given, and what it answers with.
 *
 * A handler returns true with a response, or false with an error, which the router makes a problem
 * (RFC 9457). Handlers of calls that change something run in a transaction and may be run again, so
 * they have no effects but in the store.
 *
 *     static bool show(struct call *c, GError **error)
 *     {
 *         g_autoptr(thing) t = thing_find(c->db, ..., call_parameter(c, "node"), error);
 *         if (t == NULL)
 *             return false;
 *         write_node(&c->out, NULL, t);
 *         return call_version(c, t->version);
 *     } */
#pragma once
#include <jansson.h>

#include "base/json_writer.h"
#include "server/http.h"
#include "store/projects.h"
#include "store/tokens.h"

/* Who may make a call. Below ACCESS_AUDITOR the word is the role in the project that the path
 * names; an auditor may all that a viewer may, an admin everything. */
enum access {
    ACCESS_ANYONE,
    ACCESS_USER, /* whoever has proved who it is */
    ACCESS_VIEWER,
    ACCESS_OPERATOR,
    ACCESS_OWNER,
    ACCESS_AUDITOR,
    ACCESS_ADMIN,
    ACCESS_COUNT
};

struct call;
struct route {
    const char *method, *pattern; /* "/v1/projects/{project}/nodes/{node}" */
    enum access access;
    enum scope scope; /* that the token must have; of no meaning for ACCESS_ANYONE */
    bool (*handler)(struct call *c, GError **error);
    unsigned flags;
    int subject; /* the handler's own: which of the things that it knows */
};
#define ROUTE_ALONE     (1u << 0) /* changes things, but makes its own transactions */
#define ROUTE_SECRET    (1u << 1) /* the answer holds a secret and is not kept for repetitions */
#define ROUTE_STORELESS (1u << 2) /* for ACCESS_ANYONE: answers without the store; db is NULL */

#define ROUTE_FORM      (1u << 3) /* the body is a form, which the handler reads itself */
#define ROUTE_PASSWORD  (1u << 4) /* "password" of the body is hashed before the transaction */

#define CALL_PARAMETERS 4

struct server;
struct call {
    struct server *server;
    const struct http_request *request;
    struct http_response *response; /* status 200 unless the handler says otherwise */
    const struct route *route;
    char *id; /* of the request */
    struct sql *db;
    struct caller caller;
    struct project *project; /* that {project} names, seen by the caller; NULL without */
    char *hash;              /* with ROUTE_PASSWORD: of the body's password; NULL without */
    json_t *body;            /* checked against the API's description; NULL without */
    struct json_writer out;  /* the body of the answer */
    struct {
        const char *name; /* not terminated: of the pattern */
        size_t len;
        char *value;
    } parameters[CALL_PARAMETERS];
    unsigned parameter_count;
};

/* Errors with an HTTP status of their own. */
#define PROBLEM (problem_quark())
GQuark problem_quark(void);
bool problem(GError **error, unsigned status, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* A parameter of the path; never NULL for one that the pattern has. */
const char *call_parameter(const struct call *c, const char *name);
/* Members of the body; NULL when they are not there. */
const char *call_text(const struct call *c, const char *name);
/* JSON of a member, one line; NULL when it is not there. g_free() */
char *call_json(const struct call *c, const char *name);
/* The page that the query asks for. page->after points into the request. */
bool call_page(const struct call *c, struct store_page *page, GError **error);

/* Lists: {"items": [...], "next": "..."}. The caller asks the store for limit + 1 rows: when there
 * are more than limit, last (the identifier of item number limit) begins the next page. */
void call_list_begin(struct call *c);
void call_list_end(struct call *c, const char *last);
/* Number of items of the page among those found, and whether there are more. */
guint call_list_count(const GPtrArray *found, const struct store_page *page);
/* All of it, of what the store has found (NULL: *error is set). write writes one item; next: where
 * its struct has the text (char *) that begins the next page (G_STRUCT_OFFSET). */
typedef bool (*call_item)(struct call *c, const void *item, GError **error);
bool call_list(struct call *c, const GPtrArray *found, const struct store_page *page,
               call_item write, glong next, GError **error);

/* ETag of a version; returns true, so that a handler can end with it. */
bool call_version(struct call *c, int64_t version);
/* The same for a body, written already, that also holds what changes without the version. */
bool call_version_and_content(struct call *c, int64_t version);
/* The version that If-Match asks for; 0: any. */
bool call_if_match(const struct call *c, int64_t *version, GError **error);
/* 201 with Location. */
void call_created(struct call *c, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* 204. Returns true. */
bool call_no_content(struct call *c);

/* Hashes a password, which must not be done in a transaction: others would wait for it. g_free();
 * NULL with *error, 503 when too many are being hashed. */
char *call_hash(struct call *c, const char *password, GError **error);
/* Checks a name and password (user_login()): the account's identifier; g_free(). NULL with *error:
 * `wrong` as the status when they are wrong, 429 and 503 when there were too many attempts. */
char *call_password(struct call *c, const char *name, const char *password, unsigned wrong,
                    GError **error);

/* RFC 3339 of Unix microseconds; null for 0. */
void call_write_time(struct json_writer *w, const char *key, int64_t microseconds);
/* JSON text that the store holds. */
void call_write_json(struct json_writer *w, const char *key, const char *json);

/* The service behind HTTP: the store's connections, the API's description, metrics. */
#pragma once
#include "advisory/database.h"
#include "server/hil.h"
#include "server/keystone.h"
#include "server/metrics.h"
#include "server/openapi.h"
#include "server/report_cache.h"
#include "store/seal.h"
#include "store/sql.h"

struct server_options {
    const char *store;              /* URL */
    const char *metrics_token_file; /* NULL: /metrics is open to all */
    const char *key_file;           /* that secrets in the store are sealed with */
    int64_t session_seconds;        /* how long a login holds */
    const char *advisories;         /* path of the database; NULL: the usual one */
    const json_t *storage;          /* as snapshot.h has it; NULL: none */
    const json_t *keystone, *hil;   /* settings as keystone.h and hil.h have them; NULL: none */
};

struct server {
    char *store;
    char *advisories;          /* path of the database */
    struct seal *seal;         /* secrets in the store */
    struct keystone *keystone; /* NULL: not set */
    struct hil *hil;           /* NULL: not set */
    gint session_seconds;      /* atomic */
    struct openapi *api;
    struct metrics *metrics;
    char *metrics_token; /* SHA-256 of it; NULL: open */
    struct report_cache *reports;
    struct listeners *listeners; /* to events */
    struct worker
        *worker; /* of this process, told of new jobs; NULL; set before calls are answered */
    struct watch *watch; /* ..., whose counts /metrics tells; NULL */
    gint hashing;        /* atomic: passwords being hashed */
    GMutex lock;
    json_t *storage; /* NULL: not set; under the lock */
    GPtrArray *idle; /* connections to the store; under the lock */
};

/* Opens the store, making or updating it, and checks the API's description. */
struct server *server_new(const struct server_options *options, GError **error);
void server_free(struct server *s);
/* The services that vouch for callers, from their settings, touching nothing; NULL where a setting
 * is.
 */
bool server_outside(const json_t *keystone, const json_t *hil, struct keystone **k, struct hil **h,
                    GError **error);

/* Other settings of what may change while it answers. Any thread. */
void server_renew(struct server *s, int64_t session_seconds, const json_t *storage);
/* json_decref(); NULL: not set. Any thread. */
json_t *server_storage(struct server *s);

/* A connection for one thread for the time being. */
struct sql *server_borrow(struct server *s, GError **error);
/* Takes it back; broken: it is closed instead. Accepts NULL. */
void server_return(struct server *s, struct sql *db, bool broken);

/* The advisories of now, opened for the caller; NULL without *error when there are none. */
struct advisory_db *server_advisories(const struct server *s, GError **error);
/* The report of a kept frame by the advisories of now; files: as report_cache_get(). */
struct shared_report *server_report(struct server *s, struct sql *db, const struct kept_frame *f,
                                    bool files, GError **error);

/* Hashing a password takes 64 MiB and tens of milliseconds, which anybody can ask for: only so many
 * at once. False: too many, and nothing is to be ended. */
bool server_hash_begin(struct server *s);
void server_hash_end(struct server *s);

/* Forgets what has expired: tokens, answers kept for repetitions. For every few minutes. */
bool server_tidy(struct server *s, GError **error);

/* When there are no users yet, makes the administrator "admin". *password is its password, to be
 * told once (g_free()); NULL when there were users. given: to be used instead of a random one;
 * NULL. */
bool server_first_start(struct server *s, const char *given, char **password, GError **error);

/* The database, open for reading: what matching, look-up and export share. */
#pragma once
#include <sqlite3.h>

#include "advisory/database.h"
#include "advisory/db_schema.h"
#include "advisory/statement.h"

struct db_feed {
    struct advisory_feed info;
    int64_t id;
    int64_t date;       /* what its data are as of, as far as known; for weighing feeds */
    const char *vendor; /* static */
    GPtrArray *strings; /* char * by number, filled as they are asked for; owned */
};

/* One vector of a vulnerability or advisory. */
struct db_vector {
    const char *source; /* NULL: not said */
    const char *vector; /* NULL: words only */
    enum severity severity;
};

enum { DB_VECTORS = 8 };

/* What a feed says about an advisory. Kept while the database is open. */
struct db_advisory {
    const char *name, *title;
    enum severity severity;
    int64_t published, modified;
    const uint32_t *cves;
    unsigned cve_count;
    struct db_vector vectors[DB_VECTORS]; /* the worst of what it is about */
    unsigned vector_count;
};

struct advisory_db {
    char *path;
    sqlite3 *sql;
    GPtrArray *feeds;           /* struct db_feed *, sorted by name */
    GPtrArray *infos;           /* struct advisory_feed *, the same order */
    GHashTable *feeds_by_id;    /* int64_t * -> struct db_feed * */
    GHashTable *ecosystems;     /* char * -> number */
    GPtrArray *ecosystem_names; /* char * by number - 1 */
    GHashTable *advisories;     /* "feed id << 32 | number" (int64_t *) -> struct db_advisory * */
    GStringChunk *strings;      /* all texts handed out */
    struct arena *lists;        /* and lists of them */
    sqlite3_stmt *affected, *string, *advisory, *vulnerability, *exploited, *epss, *covers,
        *by_name;
    struct match_memo *memo; /* match.c */
};

/* Number of an ecosystem key; 0: the database has nothing about it. */
uint32_t db_ecosystem(const struct advisory_db *db, const char *key);
struct db_feed *db_feed_by_id(const struct advisory_db *db, int64_t id);
/* A string of a feed; NULL for 0 and for numbers that are not there. Valid while db is open. */
const char *db_string(struct advisory_db *db, struct db_feed *f, uint32_t number);
/* NULL with *error set. Valid while db is open. */
const struct db_advisory *db_advisory(struct advisory_db *db, struct db_feed *f, uint32_t number,
                                      GError **error);
/* The CVEs of any advisory of this name in any feed, added to a GArray of uint32_t. */
bool db_cves_of_name(struct advisory_db *db, const char *name, GArray *out, GError **error);

/* A text kept by `db update`; NULL: none. g_free(). */
char *db_meta(struct advisory_db *db, const char *key);

/* The statements about a package; func is called once a feed. */
typedef bool (*db_affected_func)(struct db_feed *f, const void *blob, size_t len, void *user,
                                 GError **error);
bool db_affected(struct advisory_db *db, uint32_t ecosystem, const char *package,
                 db_affected_func func, void *user, GError **error);

struct db_vulnerability {
    struct db_feed *feed;
    enum severity severity;
    int64_t published, modified;
    const char *title;
    struct db_vector vectors[DB_VECTORS];
    unsigned vector_count;
};
/* What feeds say about a CVE, added to a GArray of struct db_vulnerability. */
bool db_vulnerabilities(struct advisory_db *db, uint32_t cve, GArray *out, GError **error);
/* KEV and EPSS of a CVE, into a finding. */
bool db_scores(struct advisory_db *db, uint32_t cve, struct finding *out, GError **error);

void match_memo_free(struct match_memo *memo);

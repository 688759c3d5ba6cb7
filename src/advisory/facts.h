/* What is in the database, one fact at a time: for looking things up and for export. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "advisory/database.h"

/* A statement of a feed about a package. Strings are valid during the call. */
struct advisory_statement {
    const char *feed, *ecosystem, *package;
    const char *id;       /* CVE, or the advisory's own */
    const uint32_t *cves; /* what an advisory is about (cve.h) */
    unsigned cve_count;
    const char *introduced, *fixed, *last_affected, *module;
    enum finding_state state;
    enum severity severity; /* of the statement, else of the advisory */
};
typedef bool (*advisory_statement_func)(const struct advisory_statement *s, void *user,
                                        GError **error);

/* Which statements: all that are given must fit; none given: every one. */
struct advisory_filter {
    bool by_cve;
    uint32_t cve;         /* the CVE itself, and advisories about it */
    const char *advisory; /* of this name */
    const char *package;
};
/* In order of ecosystem number, package and feed. func returning false ends with its error. */
bool advisory_each_statement(struct advisory_db *db, const struct advisory_filter *filter,
                             advisory_statement_func func, void *user, GError **error);

struct advisory_vector {
    const char *source, *vector; /* NULL: not said */
    enum severity severity;
};
/* What a feed says about a CVE, or an advisory as such. */
struct advisory_record {
    const char *feed, *id, *title;
    const uint32_t *cves; /* of an advisory */
    unsigned cve_count;
    enum severity severity;
    int64_t published, modified;
    struct advisory_vector vectors[8];
    unsigned vector_count;
};
typedef bool (*advisory_record_func)(const struct advisory_record *r, void *user, GError **error);
/* filter: by_cve (what is said about the CVE, and advisories about it), or advisory, or neither. */
bool advisory_each_record(struct advisory_db *db, const struct advisory_filter *filter,
                          advisory_record_func func, void *user, GError **error);

/* KEV and EPSS. cve 0: every one. epss < 0, kev_added 0: none. */
struct advisory_score {
    uint32_t cve;
    double epss, epss_percentile;
    bool known_exploited, ransomware;
    int64_t kev_added, kev_due;
};
typedef bool (*advisory_score_func)(const struct advisory_score *s, void *user, GError **error);
bool advisory_each_score(struct advisory_db *db, uint32_t cve, advisory_score_func func, void *user,
                         GError **error);

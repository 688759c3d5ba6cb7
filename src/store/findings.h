/* What is known of the things that were examined: findings, counted and looked up from both sides.
 *
 * Every list shows a caller what of it lies in the caller's projects, and nothing else. Severities
 * and states are numbers of enum severity and enum finding_state (advisory/): severity_name(),
 * finding_state_name(). How it is kept: store/installed.h. */
#pragma once
#include "store/things.h"

/* --- what is known of a thing ------------------------------------------------------------------
 */

/* By its newest frame and the newest advisories. */
struct thing_facts {
    char *thing, *frame; /* identifiers */
    int64_t examined;    /* when the frame was kept, Unix microseconds */
    int64_t judged;      /* when it was judged last; 0: not yet, for want of advisories */
    char *summary;       /* JSON object: "os", "systems", "packages", "vulnerable_packages",
                            "advisories", "findings", "fixable", "known_exploited", "by_severity",
                            "complete" */
    char *advisories;    /* JSON array of the feeds it was judged by: "name", "data_date",
                            "imported"; "[]" */
};
typedef struct thing_facts thing_facts;
void thing_facts_free(struct thing_facts *f);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(thing_facts, thing_facts_free)

/* NULL with ASSAY_ERROR_NOT_FOUND when the thing was never examined. */
struct thing_facts *thing_facts_find(struct sql *db, const struct caller *caller, const char *thing,
                                     GError **error);
/* Of those among the things (identifiers) that were examined: thing -> struct thing_facts. */
GHashTable *thing_facts_of(struct sql *db, const struct caller *caller, const char *const *things,
                           size_t count, GError **error);

/* How far what the caller sees is known: what is not in a list of findings may still have them. */
struct thing_coverage {
    int64_t things;     /* nodes, and images of the kinds that are examined */
    int64_t incomplete; /* of them, those that could not be examined or judged completely */
    int64_t unexamined; /* of them, those that never were examined */
};
/* project NULL: all. */
bool thing_coverage(struct sql *db, const struct caller *caller, const char *project,
                    struct thing_coverage *out, GError **error);

/* --- vulnerabilities ----------------------------------------------------------------------------
 */

/* A CVE, or an advisory that is about none, that concerns something the caller sees. */
struct vulnerability {
    char *id;         /* "CVE-2024-3094" */
    char *title;      /* NULL */
    int64_t severity; /* the worst of what is said about the things */
    int64_t things;   /* how many nodes and images that the caller sees have it */
    int64_t fixable;  /* of them, those for which there is a fix */
    bool known_exploited, ransomware;
    int64_t kev_due;              /* Unix seconds; 0 none */
    double epss, epss_percentile; /* < 0: none */
    char *cursor;                 /* page->after for the page behind it */
};
typedef struct vulnerability vulnerability;
void vulnerability_free(struct vulnerability *v);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(vulnerability, vulnerability_free)

struct vulnerability_filter {
    const char *project;  /* identifier; NULL: all */
    int64_t min_severity; /* 0: all */
    bool exploited;       /* only those known to be exploited */
    bool fixable;         /* only those for which there is a fix */
};
/* Worst first: exploited, severity, EPSS, id. The counts may lag behind by some seconds. */
GPtrArray *vulnerability_list(struct sql *db, const struct caller *caller,
                              const struct vulnerability_filter *filter,
                              const struct store_page *page, GError **error);
/* By its own identifier; NULL with ASSAY_ERROR_NOT_FOUND when nothing that the caller sees has it.
 */
struct vulnerability *vulnerability_find(struct sql *db, const struct caller *caller,
                                         const char *id, GError **error);

struct affected_package {
    char *id;                    /* of the vulnerability: differs when an advisory was asked for */
    char *name, *version, *arch; /* arch NULL: not known */
    int64_t severity, state;
    char *fixed;      /* version that mends it; NULL */
    char *advisories; /* "DSA-5000-1 DLA-...", separated by blanks; NULL */
};
struct affected_thing {
    enum thing_kind kind;
    char *id, *name, *project;
    int64_t severity;    /* the worst of its packages' */
    GPtrArray *packages; /* struct affected_package */
};
typedef struct affected_thing affected_thing;
void affected_thing_free(struct affected_thing *t);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(affected_thing, affected_thing_free)

/* Which nodes and images have a vulnerability, now: id is a CVE, or the name of an advisory or an
 * alias ("DSA-5000-1", "GHSA-..."). project NULL: all. In order of identifiers. */
GPtrArray *vulnerability_things(struct sql *db, const struct caller *caller, const char *id,
                                const char *project, const struct store_page *page, GError **error);
/* How many there are. -1 with *error. */
int64_t vulnerability_count_things(struct sql *db, const struct caller *caller, const char *id,
                                   const char *project, GError **error);

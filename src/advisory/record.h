/* Records: the common shape into which every feed's records are turned before they are stored.
 *
 * A driver fills one struct record at a time and hands it to a sink; strings are borrowed from the
 * driver during the call. A record is either about one CVE (its id is the CVE), or an advisory
 * (DSA-…, RHSA-…) that names the CVEs it is about. Reuse one struct: record_clear() keeps its
 * memory. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "advisory/finding.h"

struct record_statement {
    const char *ecosystem; /* canonical key, ecosystem.h */
    const char *package;
    /* Vulnerable from introduced (NULL: always) up to, not including, fixed, or up to and including
     * last_affected; neither: all versions. */
    const char *introduced, *fixed, *last_affected;
    const char *module; /* RPM module streams, separated by commas: "nodejs:18"; NULL */
    enum finding_state state;
    enum severity severity;
};

struct record_vector {
    const char *source; /* who scored: "nvd", "cisa", "cna"…; NULL: not said */
    const char *vector; /* as written, with or without its "CVSS:…" prefix; NULL: words only */
    enum severity severity; /* said in words beside the vector */
};

struct record {
    const char *feed;            /* where it belongs; NULL: the driver's name */
    const char *id;              /* "CVE-2024-6387" or the advisory's own */
    GArray *cves;                /* uint32_t, cve.h: what an advisory is about */
    const char *title;           /* first sentence of what it says; NULL */
    int64_t published, modified; /* Unix seconds; 0 unknown */
    enum severity severity;      /* by who publishes the feed */
    GArray *vectors;             /* struct record_vector */
    GArray *statements;          /* struct record_statement */
    bool withdrawn;              /* takes back an earlier record with this id */

    bool known_exploited, ransomware; /* CISA KEV; id is the CVE */
    int64_t kev_added, kev_due;
    double epss, epss_percentile; /* < 0: none; id is the CVE */
};

void record_init(struct record *r);
void record_clear(struct record *r);
void record_done(struct record *r);

/* Adds a statement: state FIXED when fixed is given, else AFFECTED. The pointer is valid until the
 * next one is added. */
struct record_statement *record_add(struct record *r, const char *ecosystem, const char *package,
                                    const char *introduced, const char *fixed);
void record_add_vector(struct record *r, const char *source, const char *vector,
                       enum severity severity);
/* Adds the CVE if the text is one; says whether it was. */
bool record_add_cve(struct record *r, const char *text);

struct record_sink {
    /* Stores a record. False ends the import (disk full...), with *error set. */
    bool (*emit)(const struct record *r, void *user, GError **error);
    void *user;
};

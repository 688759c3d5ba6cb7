/* Findings: what the advisories say about the facts of a frame. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "advisory/severity.h"
#include "frame/frame.h"

enum finding_state {
    FINDING_AFFECTED, /* no fix published */
    FINDING_FIXED,    /* affected as installed; fixed_version mends it */
    FINDING_WILL_NOT_FIX,
    FINDING_DEFERRED, /* postponed, minor, "no-dsa" */
    FINDING_UNDER_INVESTIGATION,
    FINDING_END_OF_LIFE,
    FINDING_NOT_AFFECTED, /* by VEX only; always suppressed */
    FINDING_STATE_COUNT
};

/* One vulnerability (or advisory without one) in one package of one system. The struct is in the
 * report's arena, its texts belong to the open database, package and system to the frame. */
struct finding {
    const struct frame_system *system;
    const struct frame_package *package;
    const char *id;                /* CVE id if there is one, else the advisory's own */
    const char *const *aliases;    /* other names, NULL-terminated, sorted; NULL */
    const char *const *advisories; /* DSA-5000-1, RHSA-..., NULL-terminated, sorted; NULL */
    const char *feed;              /* which feed said so */
    const char *title;             /* first sentence of summary or details; NULL */
    enum finding_state state;
    const char *fixed_version; /* of the binary package's version scheme; NULL if none */
    const char *matched_name, *matched_version; /* what was compared (source package) */
    enum severity severity;
    const char *severity_source; /* "debian", "nvd", "cvss3.1"...; NULL */
    double cvss_score;           /* < 0: none */
    const char *cvss_vector;
    double epss, epss_percentile;     /* < 0: none */
    bool known_exploited, ransomware; /* CISA KEV */
    int64_t kev_due;                  /* Unix seconds; 0 none */
    int64_t published, modified;      /* Unix seconds; 0 unknown */
    const char *const *urls;          /* at most a few; NULL */
    const char *suppressed_by;        /* file and rule that hides it; NULL: shown */
    const char *suppressed_reason;
};

/* The order of a package's findings, worst first: exploited, severity, score, then id. For sorting
 * arrays of findings. */
int finding_compare(const void *a, const void *b);

const char *finding_state_name(enum finding_state state);

/* Reports: findings and coverage for people and programs. */
#pragma once
#include <stdio.h>

#include "advisory/database.h"
#include "advisory/finding.h"
#include "frame/frame.h"

typedef struct report report;

/* The whole result of scanning one target. */
struct report {
    struct arena *arena;
    struct frame *frame;           /* owned */
    GPtrArray *findings;           /* struct finding, in arena; suppressed ones included */
    GPtrArray *coverage;           /* struct frame_coverage: the frame's and the matching's */
    const GPtrArray *feeds;        /* struct advisory_feed; borrowed from the open database; may be
                                      NULL (no database) */
    int64_t now;                   /* Unix seconds */
};

struct report_options {
    bool show_suppressed;
    bool colour;               /* table only */
    unsigned width;            /* table: columns of the terminal; 0: no limit */
    enum severity min_severity; /* leave out what is below */
};

struct report_format {
    const char *name; /* "table", "json", "sarif", "html", "csv", "junit", "cyclonedx", "spdx" */
    const char *description;
    const char *media_type;
    /* Deterministic. reports: struct report *, one per target. */
    bool (*write)(const GPtrArray *reports, const struct report_options *options, FILE *out,
                  GError **error);
    bool files; /* tells of the frame's files, too */
};

/* NULL-terminated. */
extern const struct report_format *const report_formats[];
const struct report_format *report_format_find(const char *name);

/* Takes the frame. Coverage begins as the frame's. now is frame_now(), not when the frame was made:
 * a stored one is judged by what holds today. */
struct report *report_new(struct frame *f);
void report_free(struct report *r);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(report, report_free)

/* Counts for the summary line ("359 packages, 8 vulnerable, 10 advisories"). An advisory that is
 * found in several packages counts once, with its worst severity. */
struct report_summary {
    uint64_t systems, packages, vulnerable_packages;
    uint64_t findings;   /* pairs of package and advisory that are shown */
    uint64_t advisories; /* of them, by id */
    uint64_t fixable, known_exploited, by_severity[SEVERITY_COUNT]; /* of advisories */
    uint64_t suppressed; /* findings; counted whether or not they are shown */
    uint64_t hidden;     /* findings below min_severity, not suppressed */
};
void report_summarize(const struct report *r, const struct report_options *options,
                      struct report_summary *out);

/* True when any coverage entry is partial or unreadable, or when there were no advisories at all:
 * the exit status is then 3, unless findings make it 1. */
bool report_incomplete(const struct report *r);

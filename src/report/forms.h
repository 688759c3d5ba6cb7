/* The forms that formats.c lists, and what they share. */
#pragma once
#include "report/report.h"

#define REPORT_SCHEMA "assay.report/1"

extern const struct report_format report_format_csv;
extern const struct report_format report_format_cyclonedx;
extern const struct report_format report_format_html;
extern const struct report_format report_format_json;
extern const struct report_format report_format_junit;
extern const struct report_format report_format_sarif;
extern const struct report_format report_format_spdx;
extern const struct report_format report_format_table;

/* Whether the options leave a finding in. */
bool finding_shown(const struct finding *f, const struct report_options *options);
/* Worst first: severity, known exploited, EPSS, then by id. */
int finding_badness_compare(const struct finding *a, const struct finding *b);
/* What the frame calls the packages of a system: "Debian GNU/Linux 12 (bookworm)". g_free(). */
char *system_title(const struct frame_system *s);
/* "read", "no advisories for ...": why nothing is said about a system; NULL when it was judged. */
const char *system_not_judged(const struct report *r, const struct frame_system *s);

/* The shown findings of one system in order of package, worst first. g_ptr_array_unref(). */
GPtrArray *findings_of(const struct report *r, const struct frame_system *s,
                       const struct report_options *options);

/* Packages of one source that the same advisories concern. */
struct finding_group {
    GPtrArray *packages; /* struct frame_package, by name */
    GPtrArray *findings; /* struct finding of the first of them, worst first */
    const char *fix;     /* the newest fixed version of all; NULL when nothing is fixed */
};
/* Worst first. g_ptr_array_unref(). */
GPtrArray *finding_groups(const struct report *r, const struct frame_system *s,
                          const struct report_options *options);

/* What a person is told about the fix: "yes", "none yet", "won't fix"... Static string. */
const char *finding_fix_label(const struct finding *f);
/* "94.1%", "<0.1%", "" when there is none. g_free(). */
char *finding_epss_text(const struct finding *f);

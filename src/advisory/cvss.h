/* Common Vulnerability Scoring System: scores from vectors of versions 2, 3.0, 3.1 and 4.0, by
 * FIRST's specifications. Thread-safe. */
#pragma once
#include <glib.h>
#include <stdbool.h>

#include "advisory/severity.h"

struct cvss {
    const char *version; /* "2.0", "3.0", "3.1", "4.0". Static string */
    double base;         /* 0.0 to 10.0, of the base metrics alone */
    double score;        /* of all metrics that the vector has: threat, temporal, environmental */
    enum severity severity; /* of score, on the scale of the version; 0.0 is negligible */
    const char *rating;     /* what that scale calls it: "none", "low"... Static string */
};

/* Metrics may come in any order; supplemental ones of version 4 do not count. Version 2 has no
 * prefix, or "CVSS:2.0/", and may stand in parentheses. ASSAY_ERROR_INVALID when a metric or value
 * is unknown, stands twice, or is missing; *out is not changed then. */
bool cvss_parse(const char *vector, struct cvss *out, GError **error);

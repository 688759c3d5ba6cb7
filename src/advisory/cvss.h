/* CVSS base scores from vectors: versions 2, 3.0, 3.1 and 4.0 (FIRST's specifications). */
#pragma once
#include <stdbool.h>

struct cvss {
    double score;        /* 0.0 to 10.0, of all metrics the vector has */
    const char *version; /* "2.0", "3.0", "3.1", "4.0". Static string */
};

/* False when the vector is not one: unknown or missing metrics, unknown version. */
bool cvss_parse(const char *vector, struct cvss *out);

/* What cvss.c asks of each version of CVSS: its metrics, and how values become a score. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { CVSS_METRICS_MAX = 40 };

struct cvss_metric {
    const char *name;
    const char *values; /* separated by blanks */
    bool mandatory;
};

struct cvss_driver {
    const char *version;
    const char *prefix;
    const char
        *undefined; /* value of an optional metric that says nothing, as if it was not there */
    bool bare;      /* vectors without the prefix are of this version */
    bool critical;  /* the rating scale has "none" and "critical" */
    const struct cvss_metric *metrics;
    unsigned count;
    /* values[i] is the place of the value of metrics[i] in its list; -1 when it is not there.
     * Scores are 0.0 to 10.0 with one decimal. */
    void (*score)(const int8_t *values, double *base, double *overall);
};

extern const struct cvss_driver cvss_driver_2;
extern const struct cvss_driver cvss_driver_30;
extern const struct cvss_driver cvss_driver_31;
extern const struct cvss_driver cvss_driver_4;

/* Any metric of [from, to) says something. */
static inline bool cvss_any(const int8_t *values, int from, int to)
{
    for (int i = from; i < to; i++)
        if (values[i] >= 0)
            return true;
    return false;
}

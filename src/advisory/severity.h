/* Severities, from what vendors call them and from CVSS scores. */
#pragma once
#include <stdbool.h>

enum severity {
    SEVERITY_UNKNOWN, /* nobody said */
    SEVERITY_NEGLIGIBLE,
    SEVERITY_LOW,
    SEVERITY_MEDIUM,
    SEVERITY_HIGH,
    SEVERITY_CRITICAL,
    SEVERITY_COUNT
};

/* "unknown", "negligible", "low", "medium", "high", "critical". Static string. */
const char *severity_name(enum severity severity);
/* Exactly one of those names. */
bool severity_parse(const char *name, enum severity *out);
/* What a vendor's word means, in any case: "Important" is high, "moderate" is medium,
 * "unimportant" and "untriaged" are negligible and unknown... SEVERITY_UNKNOWN for other words and
 * NULL. */
enum severity severity_of_word(const char *word);
/* CVSS's own rating scale (3.1, section 5): 0 is negligible to us, below 0 unknown. */
enum severity severity_of_score(double score);

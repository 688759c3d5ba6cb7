/* CVE identifiers as numbers: four bytes instead of fourteen, and sorted by year and number. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Accepts exactly "CVE-YYYY-N…" in its canonical form (N of four digits or more, no zeros in front
 * beyond four digits), 1990 to 2117, N below 2^24. Anything else is not a CVE to us and keeps its
 * text. */
bool cve_parse(const char *text, size_t len, uint32_t *out);

#define CVE_TEXT_MAX 24
/* Writes "CVE-2024-0001" and returns out. */
const char *cve_format(uint32_t cve, char out[static CVE_TEXT_MAX]);

/* Appends every CVE id that stands in a text as a word of its own to a GArray of uint32_t. */
void cve_find_all(const char *text, size_t len, GArray *out);
/* Sorts a GArray of uint32_t and drops repetitions. */
void cve_sort(GArray *cves);

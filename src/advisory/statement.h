/* Statements: what one feed says about one package of one ecosystem, packed into one blob.
 *
 * The database holds one row for each (ecosystem, package, feed), so that judging a package costs
 * one look-up an ecosystem key. The blob is a sequence of statements sorted by subject:
 *
 *     varint   subject minus the subject before it
 *     u8       state | severity << 3
 *     u8       which of the next four follow (bit 0 introduced ... bit 3 module)
 *     varint   introduced, fixed, last_affected, module: numbers of strings of the feed
 *
 * A blob read from a file is as hostile as any input. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"

/* A subject is a CVE (even: cve << 1) or an advisory of the feed (odd: number << 1 | 1). */
#define SUBJECT_CVE(cve)       ((uint64_t)(cve) << 1)
#define SUBJECT_ADVISORY(n)    ((uint64_t)(n) << 1 | 1)
#define SUBJECT_IS_ADVISORY(s) (((s)&1) != 0)
#define SUBJECT_NUMBER(s)      ((uint32_t)((s) >> 1))

struct statement {
    uint64_t subject;
    uint32_t introduced, fixed, last_affected; /* string numbers; 0: none */
    uint32_t module;                           /* RPM module streams "nodejs:18"; 0: none */
    uint8_t state;                             /* enum finding_state */
    uint8_t severity;                          /* enum severity */
};

/* Sorts the statements (GArray of struct statement), drops repetitions and appends the blob. */
void statements_encode(GArray *statements, GByteArray *out);

struct statement_reader {
    struct cursor cursor;
    uint64_t subject;
};
struct statement_reader statement_reader_of(const void *blob, size_t len);
/* False at the end and when the blob is damaged: then *damaged is set. */
bool statement_next(struct statement_reader *r, struct statement *out, bool *damaged);

/* What installed rows were found to have: writing it. (Reading it by rows: store/exposures.h; by
 * vulnerability, for callers: store/findings.h.) */
#pragma once
#include "store/installed.h"

/* What matching says of one installed row. */
struct judgement_row {
    int64_t installed;
    const char *id; /* of the vulnerability: a CVE, or an advisory's own */
    int64_t severity, state;
    const char *fixed;      /* NULL */
    const char *advisories; /* names, separated by blanks; NULL */
    const char *aliases;    /* the same; NULL */
    /* Of the vulnerability itself, whoever has it. */
    const char *title; /* NULL */
    bool known_exploited, ransomware;
    int64_t kev_due;          /* Unix seconds; 0 none */
    int64_t epss, percentile; /* millionths; -1 none */
};

/* Keeps judgements of many rows; remembers what it has seen of vulnerabilities between calls. */
struct judgement_writer;
/* refresh: what is said about vulnerabilities replaces what was said before, the first time that
 * one comes; else only new ones are noted. */
struct judgement_writer *judgement_writer_new(int64_t advisories, bool refresh);
void judgement_writer_free(struct judgement_writer *w);
typedef struct judgement_writer judgement_writer;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(judgement_writer, judgement_writer_free)
/* Makes the findings all that the rows have, and notes by which advisories. findings: struct
 * judgement_row of these rows, any order, each vulnerability at most once a row. Only what differs
 * is written. Makes its own transactions. */
bool judgements_write(struct sql *db, struct judgement_writer *w, const struct installed *rows,
                      size_t count, const GArray *findings, GError **error);

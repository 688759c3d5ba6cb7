/* Subjects: of each node and image that was examined, what it carries and what is known of it.
 *
 * A subject outlives its node or image until facts_sweep() has taken its traces away; nobody sees
 * it any more by then. */
#pragma once
#include "store/number_set.h"
#include "store/things.h"

/* What is told of one vulnerability of a subject: fits a number set, in order of vulnerabilities.
 */
#define TOLD(vulnerability, severity, fixable, exploited)                                          \
    ((uint64_t)(vulnerability) << 5 | (uint64_t)(severity) << 2 | (uint64_t)(fixable) << 1 |       \
     (uint64_t)(exploited))
#define TOLD_VULNERABILITY(told) ((int64_t)((told) >> 5))
#define TOLD_SEVERITY(told)      ((unsigned)((told) >> 2 & 7))
#define TOLD_FIXABLE(told)       (((told) >> 1 & 1) != 0)
#define TOLD_EXPLOITED(told)     (((told)&1) != 0)

struct subject {
    int64_t number; /* 0: not in the store yet */
    enum thing_kind kind;
    char *thing, *project; /* identifiers */
    char *name;            /* of the thing, where it was asked for; else NULL */
    char *frame;           /* identifier */
    int64_t examined;      /* when the frame was kept, Unix microseconds */
    char *facts;           /* JSON: what of the frame the summary needs (introspect/weigh.c) */
    char *contexts;        /* JSON array of numbers */
    GArray *installed;     /* number set */
    GArray *told;          /* number set of TOLD(): what was last said about it */
    int64_t advisories;    /* number of those it was judged by; 0: none */
    int64_t judged;        /* when, Unix microseconds */
    char *summary;         /* JSON */
    bool complete;         /* "complete" of the summary: all could be examined and judged */
};
typedef struct subject subject;
void subject_free(struct subject *s);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(subject, subject_free)

/* NULL with ASSAY_ERROR_NOT_FOUND when the thing was never examined. */
struct subject *subject_find(struct sql *db, const char *thing, GError **error);
/* Those not judged by these advisories, with numbers above after, in order, at most limit, whose
 * things still exist; with their names. */
GPtrArray *subject_unjudged(struct sql *db, int64_t advisories, int64_t after, int64_t limit,
                            GError **error);
/* Adds or replaces a subject and what it carries; sets its number. before: what was there, NULL
 * when nothing was. In a transaction of the caller's. */
bool subject_save(struct sql *db, struct subject *s, const struct subject *before, GError **error);
/* Keeps what is told of them (GPtrArray of struct subject) now, by which advisories, and when. */
bool subject_retell(struct sql *db, const GPtrArray *subjects, GError **error);
/* Notes that nothing about them has changed by these advisories. numbers: int64_t. */
bool subject_confirm(struct sql *db, const GArray *numbers, int64_t advisories, GError **error);
/* Name of the node or image of a subject. NULL when it is gone, or with *error. */
char *subject_name(struct sql *db, const struct subject *s, GError **error);

/* Brings the counts that vulnerability_list() shows up to what was told; at most limit subjects at
 * once, *left says whether there are more. Makes its own transaction; by one process at a time. */
bool facts_count(struct sql *db, int64_t limit, bool *left, GError **error);
/* Removes what nothing refers to any more, as far as it is older than age (microseconds), some of
 * it at a time; *left says whether to call again. Makes its own transactions. */
bool facts_sweep(struct sql *db, int64_t age, bool *left, GError **error);

/* Reports of kept frames, made once for all who ask for them: a page of findings, or a report in
 * another form, costs no judging again. A frame never changes, so a report holds until the advisory
 * database is another one, and, because dates count too (end of life), for some minutes.
 *
 * Any thread. Bounded: what was not asked for longest goes first.
 *
 *     g_autoptr(shared_report) s = report_cache_get(cache, db, frame, path, &error);
 *     if (s != NULL) ... shared_report_get(s)->findings ... */
#pragma once
#include "introspect/stored_report.h"

struct report_cache;
typedef struct report_cache report_cache;
struct report_cache *report_cache_new(void);
void report_cache_free(struct report_cache *c);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(report_cache, report_cache_free)

struct shared_report;
typedef struct shared_report shared_report;
/* By the advisories at path, which need not be there: then the report's coverage says so. files:
 * the frame's files are needed, too, which may be most of it. The caller must be allowed to see the
 * frame. */
struct shared_report *report_cache_get(struct report_cache *c, struct sql *db,
                                       const struct kept_frame *f, const char *path, bool files,
                                       GError **error);
/* Not to be changed; valid as long as s. */
struct report *shared_report_get(const struct shared_report *s);
void shared_report_unref(struct shared_report *s);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(shared_report, shared_report_unref)

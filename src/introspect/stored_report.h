/* Reports of frames that are kept, in all of the forms that report/ has. */
#pragma once
#include "report/report.h"
#include "store/frames.h"

/* The frame, judged by the advisories of now. advisories must stay open as long as the report is
 * used; NULL: none, which the report's coverage says. files: with its files, for forms that tell of
 * them. */
struct report *stored_report(struct sql *db, const struct kept_frame *f,
                             struct advisory_db *advisories, bool files, GError **error);

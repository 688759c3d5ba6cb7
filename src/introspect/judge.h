/* Judging: what the advisories say about a frame, kept in the store, and what that changes for the
 * thing whose frame it is.
 *
 *     g_autoptr(judging) j = judging_new(db, settings->advisories, frame, &error);
 *     ... in the transaction that keeps the frame:
 *     judging_keep(db, j, THING_NODE, node, frame_id, &judged, &error) */
#pragma once
#include "frame/frame.h"
#include "store/things.h"

typedef struct judging judging;
/* Matches what has not been matched before and keeps that: facts that things share, of which nobody
 * sees anything yet. Makes its own transactions; takes up to seconds; may be repeated. advisories:
 * path of the database, NULL: the usual one. When there is none, nothing is judged, which makes the
 * result incomplete. f may be freed afterwards. */
struct judging *judging_new(struct sql *db, const char *advisories, const struct frame *f,
                            GError **error);
void judging_free(struct judging *j);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(judging, judging_free)

struct judged {
    char *summary; /* JSON, as in struct thing_facts */
    char *changes; /* JSON: {"first": bool, "new": [...], "new_count", "gone": [...], "gone_count",
                      "worse": [...], "worse_count", "packages": {"added": [...], "removed": [...],
                      "changed": [...], and a _count of each}}; lists hold at most 100, or 50 of vulnerabilities, the worst */
    const char *coverage; /* "complete", "incomplete"; static */
};
/* Contents only; accepts a zeroed one. */
void judged_done(struct judged *judged);
/* Makes the frame (an identifier) the thing's newest one, and adds the event "findings.changed"
 * when there is something new or gone. In a transaction of the caller's; may be run again. */
bool judging_keep(struct sql *db, const struct judging *j, enum thing_kind kind,
                  const struct thing *t, const char *frame, struct judged *out, GError **error);
/* For a thing whose disk has not changed: what is known of it, and no changes. */
bool judging_repeat(struct sql *db, const char *thing, struct judged *out, GError **error);

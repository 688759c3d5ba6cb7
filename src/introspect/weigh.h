/* Weighing: what the findings of all that a thing carries come to, in a summary, and what is new or
 * gone since it was told last. */
#pragma once
#include <jansson.h>

#include "base/json_writer.h"
#include "store/exposures.h"
#include "store/subjects.h"

/* Room to work in; one for many things. */
struct scale;
typedef struct scale scale;
struct scale *scale_new(void);
void scale_free(struct scale *s);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(scale, scale_free)

/* What of a frame the summary needs, as JSON; g_free(). whole: all of it could be kept. */
struct frame;
char *weigh_frame(const struct frame *f, bool whole);

/* Sets s->told, s->summary and s->complete from what it carries. contexts: context_load(). */
bool weigh(struct scale *scale, struct subject *s, const struct exposures *exposures,
           GHashTable *contexts, GError **error);

/* What was told before (NULL: nothing) against what weigh() has just told of s. */
struct weigh_changes {
    guint added, gone, worse; /* vulnerabilities */
};
/* Writes the members "new", "gone", "worse" and their counts. */
bool weigh_write_changes(struct scale *scale, struct sql *db, struct wording *words,
                         const GArray *before, const struct subject *s, struct json_writer *w,
                         struct weigh_changes *out, GError **error);
/* Appends the event "findings.changed" (struct event) when there is a difference, for
 * event_add_all(); s is what weigh() has just weighed. cause: "introspection", "advisories".
 * s->name NULL: the thing is gone, and nobody is told. */
bool weigh_tell(struct scale *scale, struct sql *db, struct wording *words, const GArray *before,
                const struct subject *s, const char *cause, GPtrArray *events, GError **error);

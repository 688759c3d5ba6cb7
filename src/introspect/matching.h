/* Judging installed rows: matching them with the advisories and keeping what comes out. The one way
 * in which findings get into the store, for a new frame as for new advisories. */
#pragma once
#include "advisory/database.h"
#include "store/judgements.h"

struct matching;
typedef struct matching matching;
/* Opens the advisory database (path NULL: the usual one) and makes it known to the store. NULL
 * without *error when there is none. refresh: judgement_writer_new(). */
struct matching *matching_open(struct sql *db, const char *path, bool refresh, GError **error);
void matching_close(struct matching *m);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(matching, matching_close)

/* What it judges by; current: no newer ones are known to the store. */
const struct advisories *matching_advisories(const struct matching *m);
bool matching_is_current(const struct matching *m);

enum { MATCHING_ROWS = 2000 }; /* that are best judged at once */
/* Judges the rows, all of which are in contexts, and keeps their findings. */
bool matching_judge(struct matching *m, struct sql *db, GHashTable *contexts,
                    const struct installed *rows, size_t count, GError **error);
/* Whether the advisories have something to say about a context, as of now. */
bool matching_speaks_of(struct matching *m, const struct context *context, bool *speaks,
                        GError **error);

/* JSON of what matching looks at in a system, as context_intern() takes it. g_free() */
char *matching_context(const struct frame_os *os);

/* Suppressions: what people say about findings. VEX documents state which vulnerabilities do not
 * concern a product; ignore files state what the reader of a report does not want to see.
 *
 *     g_autoptr(suppressions) set = suppressions_new();
 *     if (!suppressions_load_vex(set, "product.vex.json", &error) ||
 *         !suppressions_load_ignore(set, ".assayignore", &error) ||
 *         !suppressions_apply(set, report->frame, report->now, report->arena, report->findings,
 *                             report->coverage, &error))
 *             ...
 *
 * Not thread-safe. What is matched and how: docs/suppression.md. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "advisory/finding.h"
#include "base/arena.h"

typedef struct suppressions suppressions;

struct suppressions *suppressions_new(void);
void suppressions_free(struct suppressions *s);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(suppressions, suppressions_free)

/* Adds the statements of a document: OpenVEX, CSAF or CycloneDX JSON, told by content; or of all
 * documents in a folder or archive, where files that are none are passed over. ASSAY_ERROR_CORRUPT
 * for damaged JSON or an unknown status, _UNSUPPORTED when path holds no such document. After an
 * error the set is good for nothing. */
bool suppressions_load_vex(struct suppressions *s, const char *path, GError **error);
/* Adds the rules of an ignore file. ASSAY_ERROR_INVALID names the line that is wrong. */
bool suppressions_load_ignore(struct suppressions *s, const char *path, GError **error);

/* Marks findings of the frame. Of VEX statements about the same finding the latest counts (of
 * equally late ones the one loaded last):
 *  - not_affected, fixed: the finding is suppressed, its state becomes FINDING_NOT_AFFECTED;
 *  - under_investigation: its state becomes FINDING_UNDER_INVESTIGATION;
 *  - affected: it stays, no longer under investigation.
 * A finding that is left and that a rule of an ignore file describes is suppressed. suppressed_by
 * and suppressed_reason belong to the set, which must live as long as the findings.
 *
 * Adds to coverage (struct frame_coverage, in arena): each file as READ, with what it did as the
 * reason; each rule that is past its day (now: Unix seconds) as SKIPPED. ASSAY_ERROR_LIMIT when the
 * arena is full. */
bool suppressions_apply(struct suppressions *s, const struct frame *f, int64_t now,
                        struct arena *arena, GPtrArray *findings, GPtrArray *coverage,
                        GError **error);

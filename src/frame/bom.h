/* Bills of materials: what the CycloneDX and SPDX forms share, and how reports add to them. */
#pragma once
#include <stdio.h>

#include "base/json_writer.h"
#include "frame/frame.h"

struct bom_target {
    const struct frame *frame;
    const GPtrArray *coverage; /* struct frame_coverage; the frame's, or a report's with more */
};

struct bom {
    const struct bom_target *targets;
    size_t target_count;
    const char *salt; /* goes into the document's id beside the frames; NULL */
    /* CycloneDX: adds members to the document. refs: package or os record -> its bom-ref. NULL. */
    void (*add_members)(struct json_writer *w, GHashTable *refs, void *user);
    /* SPDX: adds to a package's array of external references. NULL. */
    void (*add_references)(struct json_writer *w, const struct frame_package *p, void *user);
    void *user;
};

bool bom_write_cyclonedx(const struct bom *b, FILE *out, GError **error);
bool bom_write_spdx(const struct bom *b, FILE *out, GError **error);

/* A name-based UUID (RFC 9562, version 5) of everything in the frames, the form and the salt:
 * the same for the same content. NULL only with an error. g_free(). */
char *bom_uuid(const struct bom *b, const char *form, GError **error);
/* "unreadable filesystem disk0p2: encrypted". g_free(). */
char *bom_coverage_text(const struct frame_coverage *c);
/* Whether any coverage of the target is partial or unreadable. */
bool bom_incomplete(const struct bom_target *t);

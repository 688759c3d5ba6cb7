/* Forms in which frames are written and read. Writers are deterministic: same frame, same bytes. */
#pragma once
#include <stdio.h>

#include "frame/frame.h"

struct frame_format {
    const char *name; /* "json", "csv", "cyclonedx", "spdx" */
    const char *description;
    const char *media_type;
    bool (*write)(const struct frame *f, FILE *out, GError **error);
};

/* NULL-terminated. */
extern const struct frame_format *const frame_formats[];
/* NULL if unknown. */
const struct frame_format *frame_format_find(const char *name);

/* Reads our JSON form (docs/frame.schema.json). Bytes are hostile: limits as for any input. */
struct frame *frame_read_json(const char *name, const void *bytes, size_t len, GError **error);

/* Package URL of a package in a system: "pkg:deb/debian/bash@5.2.15-2%2Bb7?arch=amd64&distro=..."
 * (purl specification, with the distro qualifiers in common use). g_free(). */
char *frame_purl(const struct frame_os *os, const struct frame_package *p);

/* What changed from a to b, for people (text) or as JSON: packages added, removed, upgraded,
 * downgraded; users, groups, kernels, files added, removed, changed; coverage that differs.
 * *differ says whether anything did. */
bool frame_diff(const struct frame *a, const struct frame *b, bool json, FILE *out, bool *differ,
                GError **error);

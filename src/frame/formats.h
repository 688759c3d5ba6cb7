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

/* JSON Schema (2020-12) of our JSON form: what docs/frame.schema.json holds. */
bool frame_write_schema(FILE *out, GError **error);

/* Reads our JSON form (docs/frame.schema.json). Bytes are hostile: limits as for any input. */
struct frame *frame_read_json(const char *name, const void *bytes, size_t len, GError **error);
/* The same for who needs no records of files, which most of a frame may be: they are passed over. */
struct frame *frame_read_json_without_files(const char *name, const void *bytes, size_t len,
                                            GError **error);

/* Package URL of a package in a system: "pkg:deb/debian/bash@5.2.15-2%2Bb7?arch=amd64&distro=..."
 * (purl specification, with the distro qualifiers in common use). g_free(). */
char *frame_purl(const struct frame_os *os, const struct frame_package *p);

/* --- comparison (diff.c) ------------------------------------------------------------------------ */

struct frame_diff_options {
    bool json;       /* "assay.diff/1" instead of text for people */
    /* Order of two versions of a package type: below 0, 0, above 0. Tells upgrades from downgrades;
     * NULL: both are only "changed". */
    int (*compare_versions)(const char *type, const char *a, const char *b);
};

/* What changed from a to b: systems, their facts and what of them could be looked at. Times of
 * installation and inode change are passed over: two builds of the same thing differ in nothing
 * else. Systems are paired by root, or when there is one on each side. *differ says whether
 * anything changed. */
bool frame_diff(const struct frame *a, const struct frame *b,
                const struct frame_diff_options *options, FILE *out, bool *differ, GError **error);

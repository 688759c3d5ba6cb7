/* RPM headers: one installed package as the RPM database keeps it.
 *
 * A header is an index of typed entries followed by their data (rpm's "Package Format" document,
 * section Header; in the database without the magic in front):
 *
 *     be32 entries | be32 data bytes | entries * { be32 tag, type, offset, count } | data
 *
 * Entries of the package as it was built lie in a region, which the first entry describes; those
 * added when it was installed follow behind and win over the region's. A struct rpm_header borrows
 * the bytes, which must outlive it and everything that it gives out. Everything is checked when it
 * is asked for, so that one broken entry does not hide the others.
 *
 *     struct rpm_header h;
 *     if (rpm_header_parse(&h, bytes, len, &error))
 *         name = rpm_header_string(&h, RPM_TAG_NAME, &error); */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"

/* rpm's rpmtag.h. */
enum rpm_tag {
    RPM_TAG_IMAGE = 61,
    RPM_TAG_IMMUTABLE = 63,
    RPM_TAG_SIGPGP = 259,
    RPM_TAG_SIGGPG = 262,
    RPM_TAG_DSAHEADER = 267,
    RPM_TAG_RSAHEADER = 268,
    RPM_TAG_OPENPGP = 278, /* since rpm 6: base64 texts */
    RPM_TAG_NAME = 1000,
    RPM_TAG_VERSION = 1001,
    RPM_TAG_RELEASE = 1002,
    RPM_TAG_EPOCH = 1003,
    RPM_TAG_INSTALLTIME = 1008,
    RPM_TAG_SIZE = 1009,
    RPM_TAG_DISTRIBUTION = 1010,
    RPM_TAG_VENDOR = 1011,
    RPM_TAG_LICENSE = 1014,
    RPM_TAG_ARCH = 1022,
    RPM_TAG_SOURCERPM = 1044,
    RPM_TAG_DIRINDEXES = 1116,
    RPM_TAG_BASENAMES = 1117,
    RPM_TAG_DIRNAMES = 1118,
    RPM_TAG_LONGSIZE = 5009,
    RPM_TAG_MODULARITYLABEL = 5096,
    RPM_TAG_SOURCENEVR = 5120, /* since rpm 6 */
};

enum rpm_type {
    RPM_TYPE_NULL,
    RPM_TYPE_CHAR,
    RPM_TYPE_INT8,
    RPM_TYPE_INT16,
    RPM_TYPE_INT32,
    RPM_TYPE_INT64,
    RPM_TYPE_STRING,
    RPM_TYPE_BIN,
    RPM_TYPE_STRING_ARRAY,
    RPM_TYPE_I18NSTRING,
    RPM_TYPE_COUNT
};

struct rpm_header {
    struct cursor index; /* entries of 16 bytes */
    struct cursor data;
    uint32_t count; /* entries */
};

/* Checks the sizes and the region, not the entries. ASSAY_ERROR_CORRUPT names the offset within the
 * header, ASSAY_ERROR_LIMIT past LIMIT_RPM_HEADER. */
bool rpm_header_parse(struct rpm_header *h, const void *bytes, size_t len, GError **error);

/* The getters give NULL, or false, both when the tag is absent (*error stays as it was) and when
 * its entry is broken (*error is set). */

/* STRING, or the first of STRING_ARRAY and I18NSTRING (which is that of the C locale). */
const char *rpm_header_string(const struct rpm_header *h, enum rpm_tag tag, GError **error);
/* The first number of any of the integer types. */
bool rpm_header_number(const struct rpm_header *h, enum rpm_tag tag, uint64_t *out, GError **error);
/* The n-th number; false past the end, without *error. */
bool rpm_header_number_at(const struct rpm_header *h, enum rpm_tag tag, uint32_t n, uint64_t *out,
                          GError **error);
/* BIN. */
const uint8_t *rpm_header_bytes(const struct rpm_header *h, enum rpm_tag tag, size_t *len,
                                GError **error);

/* Texts of STRING_ARRAY and I18NSTRING, one after the other. */
struct rpm_strings {
    struct cursor data;
    uint32_t left, index; /* index: of the text that was given last */
    bool started;
};
/* False when absent or broken. */
bool rpm_header_strings(const struct rpm_header *h, enum rpm_tag tag, struct rpm_strings *out,
                        GError **error);
/* NULL at the end, and where the data ends too early. */
const char *rpm_strings_next(struct rpm_strings *s);

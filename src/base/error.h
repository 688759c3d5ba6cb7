/* The one error domain of assay.
 *
 * Functions that can fail return bool (or a pointer, NULL on failure) and take a GError ** last.
 * Messages name the object and, for bytes, the offset; outer layers add context with
 * g_prefix_error(). The code tells a report *why* something could not be looked at. */
#pragma once
#include <glib.h>
#include <stdbool.h>

enum assay_error {
    ASSAY_ERROR_CORRUPT,     /* the bytes contradict their format */
    ASSAY_ERROR_UNSUPPORTED, /* valid, but a feature we do not read (encryption, unknown bits) */
    ASSAY_ERROR_LIMIT,       /* a limit of base/limits.h or of the job was reached */
    ASSAY_ERROR_NOT_FOUND,
    ASSAY_ERROR_DENIED,      /* policy: a reference outside what the job may open */
    ASSAY_ERROR_IO,          /* the host failed to read or write */
    ASSAY_ERROR_INVALID,     /* what the user asked for makes no sense */
    ASSAY_ERROR_COUNT
};

#define ASSAY_ERROR (assay_error_quark())
GQuark assay_error_quark(void);

/* Sets *error and returns false, so that a parser can `return fail_corrupt(error, ...)`. */
bool fail(GError **error, enum assay_error code, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* As fail(), with errno's text appended after a colon. */
bool fail_errno(GError **error, int errnum, const char *format, ...) G_GNUC_PRINTF(3, 4);

#define fail_corrupt(error, ...)     fail(error, ASSAY_ERROR_CORRUPT, __VA_ARGS__)
#define fail_unsupported(error, ...) fail(error, ASSAY_ERROR_UNSUPPORTED, __VA_ARGS__)
#define fail_limit(error, ...)       fail(error, ASSAY_ERROR_LIMIT, __VA_ARGS__)

/* One word for a code ("corrupt", "unsupported", ...), used in coverage. Static string. */
const char *assay_error_name(int code);

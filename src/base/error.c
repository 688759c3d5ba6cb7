#include "base/error.h"

#include <errno.h>

G_DEFINE_QUARK(assay-error-quark, assay_error)

G_GNUC_PRINTF(4, 0)
static bool fail_va(GError **error, int code, const char *suffix, const char *format, va_list args)
{
    if (error == NULL)
        return false;
    g_autofree char *text = g_strdup_vprintf(format, args);
    g_set_error(error, ASSAY_ERROR, code, "%s%s%s", text, suffix ? ": " : "", suffix ? suffix : "");
    return false;
}

bool fail(GError **error, enum assay_error code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fail_va(error, (int)code, NULL, format, args);
    va_end(args);
    return false;
}

bool fail_errno(GError **error, int errnum, const char *format, ...)
{
    int code = errnum == ENOENT                        ? ASSAY_ERROR_NOT_FOUND
               : errnum == EACCES || errnum == EPERM ? ASSAY_ERROR_DENIED
                                                     : ASSAY_ERROR_IO;
    va_list args;
    va_start(args, format);
    (void)fail_va(error, code, g_strerror(errnum), format, args);
    va_end(args);
    return false;
}

const char *assay_error_name(int code)
{
    static const char *const names[ASSAY_ERROR_COUNT] = {
        [ASSAY_ERROR_CORRUPT] = "corrupt",     [ASSAY_ERROR_UNSUPPORTED] = "unsupported",
        [ASSAY_ERROR_LIMIT] = "limit",         [ASSAY_ERROR_NOT_FOUND] = "not found",
        [ASSAY_ERROR_DENIED] = "denied",       [ASSAY_ERROR_IO] = "i/o",
        [ASSAY_ERROR_INVALID] = "invalid",
    };
    return code >= 0 && code < ASSAY_ERROR_COUNT ? names[code] : "error";
}

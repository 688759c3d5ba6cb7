#include "inspect/rpm_database.h"

const struct rpm_backend *const rpm_backends[] = {
    &rpm_sqlite,
    &rpm_ndb,
    &rpm_bdb,
    NULL,
};

void rpm_sink_fault(const struct rpm_sink *sink, enum assay_error code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    sink->fault(sink->user, g_error_new_valist(ASSAY_ERROR, (gint)code, format, args));
    va_end(args);
}

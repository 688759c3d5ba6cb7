#include "report/forms.h"

const struct report_format *const report_formats[] = {
    &report_format_table,
    &report_format_json,
    NULL,
};

const struct report_format *report_format_find(const char *name)
{
    for (const struct report_format *const *f = report_formats; *f != NULL; f++) {
        if (g_str_equal((*f)->name, name))
            return *f;
    }
    return NULL;
}

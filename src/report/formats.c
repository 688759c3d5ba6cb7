#include "report/forms.h"

const struct report_format *const report_formats[] = {
    &report_format_table,     &report_format_json, &report_format_sarif,
    &report_format_html,      &report_format_csv,  &report_format_junit,
    &report_format_cyclonedx, &report_format_spdx, NULL,
};

const struct report_format *report_format_find(const char *name)
{
    for (const struct report_format *const *f = report_formats; *f != NULL; f++) {
        if (g_str_equal((*f)->name, name))
            return *f;
    }
    return NULL;
}

#include "frame/formats.h"

#include "frame/forms.h"

const struct frame_format *const frame_formats[] = {
    &frame_format_json, &frame_format_csv, &frame_format_cyclonedx, &frame_format_spdx, NULL,
};

const struct frame_format *frame_format_find(const char *name)
{
    for (const struct frame_format *const *f = frame_formats; *f != NULL; f++) {
        if (g_str_equal((*f)->name, name))
            return *f;
    }
    return NULL;
}

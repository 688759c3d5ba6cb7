/* Prints the made-up report, or its frame, in one format, for parsers of other languages:
 * report-sample report|frame FORMAT. */
#include "frame/formats.h"
#include "report/sample.h"

int main(int argc, char **argv)
{
    if (argc == 3 && g_str_equal(argv[1], "frame")) {
        g_autoptr(frame) f = sample_frame();
        const struct frame_format *format = frame_format_find(argv[2]);
        return format != NULL && format->write(f, stdout, NULL) ? 0 : 1;
    }
    if (argc != 3 || report_format_find(argv[2]) == NULL)
        return 2;
    size_t len;
    const struct report_options options = { .show_suppressed = true };
    g_autofree char *text = sample_written(argv[2], &options, &len);
    return fwrite(text, 1, len, stdout) == len ? 0 : 1;
}

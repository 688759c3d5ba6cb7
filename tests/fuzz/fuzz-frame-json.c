/* A frame from a file that is not ours. What is read must be written, and read again to the same
 * bytes; every form can be written of it; and it does not differ from itself. */
#include <stdlib.h>
#include <string.h>

#include "frame/formats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *written(const struct frame_format *format, const struct frame *f, size_t *len)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, len);
    if (!format->write(f, out, NULL))
        abort();
    (void)fclose(out);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(frame) f = frame_read_json("fuzz", data, size, NULL);
    if (f == NULL)
        return 0;
    for (const struct frame_format *const *format = frame_formats; *format != NULL; format++) {
        size_t len;
        free(written(*format, f, &len));
    }
    size_t len, again_len;
    char *text = written(frame_format_find("json"), f, &len);
    g_autoptr(frame) g = frame_read_json("again", text, len, NULL);
    if (g == NULL)
        abort();
    char *again = written(frame_format_find("json"), g, &again_len);
    if (len != again_len || memcmp(text, again, len) != 0)
        abort();
    bool differ = true;
    size_t diff_len;
    char *diff = NULL;
    FILE *out = open_memstream(&diff, &diff_len);
    if (!frame_diff(f, g, &(struct frame_diff_options){ 0 }, out, &differ, NULL) || differ)
        abort();
    (void)fclose(out);
    free(diff);
    free(text);
    free(again);
    return 0;
}

/* dpkg's status file: paragraphs, and the packages that they describe. The first byte chooses
 * whether they have to have a status. */
#include "inspect/dpkg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    /* At the very end of an allocation, so that a byte too far is seen. */
    g_autofree char *text = g_memdup2(data + 1, size - 1);
    const char *pos = text, *end = text != NULL ? text + size - 1 : NULL;
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    struct deb822_paragraph paragraph = {
        .fields = g_array_new(FALSE, FALSE, sizeof(struct deb822_field)),
    };
    while (text != NULL && deb822_next(&pos, end, &paragraph)) {
        struct frame_package p = { 0 };
        enum dpkg_verdict verdict = dpkg_package(&paragraph, data[0] & 1, &p, texts);
        g_assert(verdict == DPKG_MALFORMED || verdict == DPKG_NOT_INSTALLED ||
                 (p.name != NULL && p.version != NULL));
    }
    g_array_unref(paragraph.fields);
    return 0;
}

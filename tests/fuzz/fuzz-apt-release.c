/* Release, Packages and changelog texts of an APT mirror, all three out of the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "advisory/apt_release.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_memdup2(data, size);
    const char *bytes = text != NULL ? text : "";
    size_t len;
    g_autofree char *clear = apt_clear_text(bytes, size, &len);
    struct apt_release release;
    (void)apt_release_parse(clear, len, &release, NULL);
    for (guint i = 0; i < release.indexes->len; i++) {
        const struct apt_index *index = g_ptr_array_index(release.indexes, i);
        if (*index->path == '/' || strstr(index->path, "..") != NULL)
            abort();
    }
    apt_release_done(&release);
    struct apt_changelog log;
    apt_changelog_parse(bytes, size, &log);
    apt_changelog_done(&log);
    struct apt_stanza s;
    const char *pos = bytes;
    while (apt_next_stanza(&pos, bytes + size, &s)) {
        g_autofree char *source = apt_field_dup(&s, "Source");
        if (s.len == 0 || pos > bytes + size || (source != NULL && strlen(source) > s.len))
            abort();
    }
    return 0;
}

#include "inspect/rpm_source.h"

#include <glib.h>
#include <string.h>

size_t rpm_nvr_name(const char *nvr, size_t len)
{
    const char *release = memrchr(nvr, '-', len);
    const char *version = release != NULL ? memrchr(nvr, '-', (size_t)(release - nvr)) : NULL;
    return version != NULL ? (size_t)(version - nvr) : 0;
}

bool rpm_source_split(const char *file, size_t *name, size_t *nvr)
{
    static const char *const suffixes[] = { ".src.rpm", ".nosrc.rpm" };
    for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        if (!g_str_has_suffix(file, suffixes[i]))
            continue;
        *nvr = strlen(file) - strlen(suffixes[i]);
        *name = rpm_nvr_name(file, *nvr);
        return *name > 0;
    }
    return false;
}

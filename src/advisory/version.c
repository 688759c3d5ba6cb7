#include "advisory/version.h"

#include <glib.h>

#include "advisory/version_scheme.h"

static const struct {
    const char *name;
    int (*compare)(const char *a, const char *b);
} schemes[VERSION_SCHEME_COUNT] = {
    [VERSION_DPKG] = { "dpkg", version_compare_dpkg },
    [VERSION_RPM] = { "rpm", version_compare_rpm },
    [VERSION_APK] = { "apk", version_compare_apk },
    [VERSION_PACMAN] = { "pacman", version_compare_pacman },
};

int version_compare(enum version_scheme scheme, const char *a, const char *b)
{
    return schemes[scheme].compare(a, b);
}

const char *version_scheme_name(enum version_scheme scheme)
{
    return schemes[scheme].name;
}

bool version_scheme_parse(const char *name, enum version_scheme *out)
{
    for (int i = 0; i < VERSION_SCHEME_COUNT; i++) {
        if (g_str_equal(name, schemes[i].name)) {
            *out = (enum version_scheme)i;
            return true;
        }
    }
    return false;
}

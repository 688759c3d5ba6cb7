#include "advisory/version.h"

#include <glib.h>

#include "advisory/version_driver.h"

static const struct version_driver *const drivers[VERSION_SCHEME_COUNT] = {
    [VERSION_DPKG] = &version_driver_dpkg,
    [VERSION_RPM] = &version_driver_rpm,
    [VERSION_APK] = &version_driver_apk,
    [VERSION_PACMAN] = &version_driver_pacman,
};

int version_compare(enum version_scheme scheme, const char *a, const char *b)
{
    return drivers[scheme]->compare(a, b);
}

bool version_valid(enum version_scheme scheme, const char *version)
{
    return drivers[scheme]->valid(version);
}

const char *version_scheme_name(enum version_scheme scheme)
{
    return drivers[scheme]->name;
}

const char *version_scheme_description(enum version_scheme scheme)
{
    return drivers[scheme]->description;
}

static bool called(const struct version_driver *d, const char *name)
{
    if (g_ascii_strcasecmp(name, d->name) == 0)
        return true;
    for (const char *const *alias = d->aliases; alias != NULL && *alias != NULL; alias++)
        if (g_ascii_strcasecmp(name, *alias) == 0)
            return true;
    return false;
}

bool version_scheme_parse(const char *name, enum version_scheme *out)
{
    for (int i = 0; i < VERSION_SCHEME_COUNT; i++) {
        if (called(drivers[i], name)) {
            *out = (enum version_scheme)i;
            return true;
        }
    }
    return false;
}

/* Version comparison, as each package manager does it. */
#pragma once
#include <stdbool.h>

enum version_scheme {
    VERSION_DPKG, /* deb-version(7) */
    VERSION_RPM,  /* rpmvercmp with epoch and release */
    VERSION_APK,
    VERSION_PACMAN, /* vercmp(8) */
    VERSION_SCHEME_COUNT
};

/* Below 0, 0 or above 0. Total: any text has its place, malformed ones too. Thread-safe. */
int version_compare(enum version_scheme scheme, const char *a, const char *b);
/* "dpkg", "rpm", "apk", "pacman". Static string. */
const char *version_scheme_name(enum version_scheme scheme);
bool version_scheme_parse(const char *name, enum version_scheme *out);

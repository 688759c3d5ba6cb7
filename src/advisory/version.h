/* Version comparison, as each package manager does it.
 *
 * Thread-safe, without allocation: versions come from images and feeds and are compared by the
 * hundred thousand. */
#pragma once
#include <stdbool.h>

enum version_scheme {
    VERSION_DPKG,   /* deb-version(7) */
    VERSION_RPM,    /* rpm-version(7): epoch:version-release */
    VERSION_APK,    /* Alpine's apk-tools */
    VERSION_PACMAN, /* vercmp(8) */
    VERSION_SCHEME_COUNT
};

/* Below 0, 0 or above 0. Any text has its place, malformed ones too. The order is total, but for
 * pacman's own contradictions: a version without release equals all its releases, and separators
 * that stand together or at an end may go round in a circle ("1." < "1.0" < "1..a" < "1."). */
int version_compare(enum version_scheme scheme, const char *a, const char *b);
/* Whether the package manager would accept the text as a version. */
bool version_valid(enum version_scheme scheme, const char *version);

/* "dpkg", "rpm", "apk", "pacman". Static string. */
const char *version_scheme_name(enum version_scheme scheme);
/* One line for people. Static string. */
const char *version_scheme_description(enum version_scheme scheme);
/* A name or another word for the same, in any case: "deb", "debian", "redhat", "alpine",
 * "alpm"... */
bool version_scheme_parse(const char *name, enum version_scheme *out);

/* What a system is to the advisories: which ecosystem keys speak about it, how its versions
 * compare, which packages are the distribution's own. */
#pragma once
#include "advisory/db.h"
#include "advisory/version.h"
#include "frame/frame.h"

enum target_pocket {
    POCKET_MAIN,
    POCKET_PRO,    /* Ubuntu Pro (ESM): only for systems that have it */
    POCKET_FIPS,   /* only for packages whose version says so */
    POCKET_STREAM, /* Red Hat's longer support of one minor release: tells what is mended there */
    POCKET_EPEL,   /* Fedora's packages for Enterprise Linux: only those that are of it */
    POCKET_EXTRA,  /* Amazon's extras: other lines of packages that the release has too */
};

struct target_key {
    uint32_t ecosystem; /* number in the database */
    bool by_source;     /* look up the source package */
    enum target_pocket pocket;
};

struct target {
    char *label;        /* "Debian 12", for messages */
    const char *vendor; /* feed_vendor() of who speaks for it; static */
    const char *type;   /* purl type its packages have: "deb"... */
    enum version_scheme scheme;
    GArray *keys;                /* struct target_key; empty: the database has nothing about it */
    const struct distro *distro; /* NULL: not a distribution that is known */
};

/* Never NULL. */
struct target *target_new(const struct advisory_db *db, const struct frame_os *os);
void target_free(struct target *t);

/* The names under which a package is looked up, and the versions that are compared. */
struct target_package {
    const char *name, *version;          /* binary */
    const char *source, *source_version; /* source; NULL when not known */
    char *made_source, *made_version;    /* owned; what source fields may point to */
};
void target_package_init(struct target_package *out, const struct frame_package *p);
void target_package_done(struct target_package *p);

/* The package is one of EPEL's, by who packed it. */
bool target_is_epel(const struct target *t, const struct frame_package *p);

/* NULL when the package is the distribution's own, else who it comes from (a static string, or
 * borrowed from the package). */
const char *target_foreign(const struct target *t, const struct frame_package *p);

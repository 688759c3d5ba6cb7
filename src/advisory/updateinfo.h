/* What the feeds of dnf repositories have in common, as XML or JSON. */
#pragma once
#include "advisory/feed.h"

/* One package that mends something. Strings are kept in the context. */
struct updateinfo_package {
    const char *name, *epoch, *version, *release;
    const char *module; /* "nodejs:18"; NULL */
};

/* Names the ecosystem and the feed by the advisory's id and the package's release, whose tag names
 * the distribution's own ("ALSA-…" and ".el9" is AlmaLinux:9). False when they do not tell. */
bool updateinfo_identify(struct feed_context *c, const char *id, const char *release,
                         const char **ecosystem, const char **feed);
/* Adds the statement about a package to the context's record. */
void updateinfo_add(struct feed_context *c, const char *ecosystem,
                    const struct updateinfo_package *p);

/* What dpkg's status file says of a package. */
#pragma once
#include "frame/frame.h"
#include "inspect/deb822.h"

enum dpkg_verdict {
    DPKG_INSTALLED,     /* its files are there: installed, half-configured, triggers... */
    DPKG_NOT_INSTALLED, /* removed, only its configuration is left, or never there */
    DPKG_HALF,          /* half-installed or unpacked halfway: some of its files are there */
    DPKG_MALFORMED
};

/* Fills out, whose texts live in texts (g_free() func, cleared first) until the next call.
 * need_status: the state file has a Status field; the status.d files of distroless have none. */
enum dpkg_verdict dpkg_package(const struct deb822_paragraph *p, bool need_status,
                               struct frame_package *out, GPtrArray *texts);
/* Its name, version, source and architecture could be ones: dpkg would take them. */
bool dpkg_is_plausible(const struct frame_package *p);

/* What Ubuntu's tracker says, whether it comes as JSON or as the tracker's own text. */
#pragma once
#include "advisory/feed.h"

/* Adds what is said about a package in a release ("jammy", "esm-apps/jammy", "trusty/esm"): the
 * status ("released", "needed"...) and the note beside it (a version, a reason). Releases that no
 * package can be of (upstream, snap...) and statuses that say nothing (DNE) are left out. */
void ubuntu_add(struct feed_context *c, const char *package, const char *release,
                const char *status, const char *note);

/* What an RPM header says about its package. */
#pragma once
#include "base/arena.h"
#include "frame/frame.h"
#include "inspect/rpm_header.h"

/* Fills *out, with strings in the arena. ASSAY_ERROR_CORRUPT when name, version or release are
 * missing or an entry is broken; the message begins with the package's name if that is known.
 * ASSAY_ERROR_LIMIT when the arena is full. *pseudo: keys that rpm keeps as if they were packages
 * (gpg-pubkey). */
bool rpm_package_read(const struct rpm_header *h, struct arena *a, struct frame_package *out,
                      bool *pseudo, GError **error);

/* The release ("5.14.0-427.el9.x86_64") of the kernel whose image is in the package; NULL. In the
 * arena. */
const char *rpm_package_kernel(const struct rpm_header *h, struct arena *a);

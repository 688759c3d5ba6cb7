/* The list that Azure Linux leaves in images without an RPM database ("distroless"): a line for
 * each package, fields between tabs (Azure Linux, toolkit/docs/how_it_works/5_misc.md, "RPM
 * manifest file"):
 *
 *     name  version-release  install time  build time  vendor  epoch  size  arch  epoch or 0 source
 */
#pragma once
#include "base/arena.h"
#include "frame/frame.h"

/* Reads one line, without its end. Strings are in the arena. ASSAY_ERROR_CORRUPT when it is not of
 * that form. *pseudo as rpm_package_read(). */
bool rpm_manifest_line(const char *line, size_t len, struct arena *a, struct frame_package *out,
                       bool *pseudo, GError **error);

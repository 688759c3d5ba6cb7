/* pacman's description of an installed package: "%NAME%" and the like, each followed by lines of
 * values up to an empty one (libalpm, local database version 9). */
#pragma once
#include "base/arena.h"
#include "frame/frame.h"

/* Fills *out, with strings in the arena. ASSAY_ERROR_CORRUPT without name or version. */
bool pacman_parse(const char *text, size_t len, struct arena *a, struct frame_package *out,
                  GError **error);

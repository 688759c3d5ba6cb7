/* Which of a system's ecosystem keys speak about one of its packages. */
#pragma once
#include "advisory/judge.h"

bool pocket_applies(const struct judge *j, const struct frame_package *p,
                    const struct target_key *key);
/* Appends to use (of bool) for each key of the target whether it is about the line the package is
 * of. */
bool pocket_lines(const struct judge *j, const char *name, const char *version, GArray *use,
                  GError **error);

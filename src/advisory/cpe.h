/* CPE names of operating systems (NISTIR 7695): the URI form "cpe:/o:debian:debian_linux:12" and
 * the formatted string "cpe:2.3:o:debian:debian_linux:12:*:...". */
#pragma once
#include <stdbool.h>

#include "frame/frame.h"

/* The name is of the system, or of a part of it that is named as it is ("cpe:/a:redhat:
 * enterprise_linux:9::appstream" in a system that is "cpe:/o:redhat:enterprise_linux:9::baseos"):
 * vendor, product, version and update are the same where the name has them; "9" is every "9.x". */
bool cpe_is_system(const char *cpe, const struct frame_os *os);

/* Between find.c and assemble.c. */
#pragma once
#include "root/root.h"

/* Adds the mounts that the root's fstab names, found or not. */
void root_assemble(struct root *r, GPtrArray *filesystems);

/* What all fuzz targets of filesystems do with the tree they opened: everything, within bounds. */
#pragma once
#include "fs/fs.h"

/* Lists, stats, reads and looks up what can be reached from the root and from every subvolume, up
 * to a fixed number of objects and bytes. */
void walk_tree(struct tree *t);

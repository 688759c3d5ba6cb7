/* What the fuzz targets of the volume drivers do with disks. */
#pragma once
#include "block/block.h"

/* Scans the disks as one target and reads some bytes of everything found. */
void scan_disks(struct block *const *disks, size_t count);

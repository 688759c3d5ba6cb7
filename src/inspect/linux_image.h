/* Kernel images: which release is in there. */
#pragma once
#include "block/block.h"

/* The release that an x86 image's setup header names ("6.1.0-28-amd64"); g_free(). NULL for other
 * images and for broken ones. */
char *linux_image_release(struct block *image);

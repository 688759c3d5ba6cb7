/* The schemes: one line each, in the order of the table in volume.c. */
#pragma once
#include "volume/volume.h"

extern const struct volume_driver md_driver;
extern const struct volume_driver lvm2_driver;
extern const struct volume_driver gpt_driver;
extern const struct volume_driver mbr_driver;
extern const struct volume_driver named_driver;

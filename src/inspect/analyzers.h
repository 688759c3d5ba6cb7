/* The analyzers that analyzers.c lists; one file each. */
#pragma once
#include "inspect/inspection.h"

extern const struct analyzer analyze_apk;
extern const struct analyzer analyze_dpkg;
extern const struct analyzer analyze_files;
extern const struct analyzer analyze_kernel;
extern const struct analyzer analyze_os;
extern const struct analyzer analyze_pacman;
extern const struct analyzer analyze_rpm;
extern const struct analyzer analyze_users;

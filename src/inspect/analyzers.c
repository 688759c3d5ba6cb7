#include "inspect/analyzers.h"

const struct analyzer *const analyzers[] = {
    &analyze_os,
    &analyze_dpkg,
    &analyze_rpm,
    &analyze_apk,
    &analyze_pacman,
    &analyze_kernel,
    &analyze_users,
    &analyze_files,
    NULL,
};

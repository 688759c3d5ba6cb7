#include "inspect/analyzers.h"

const struct analyzer *const analyzers[] = {
    &analyze_os,
    &analyze_dpkg,
    &analyze_users,
    NULL,
};

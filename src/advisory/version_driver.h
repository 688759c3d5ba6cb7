/* What version.c asks of each scheme: one file and one line in its table. */
#pragma once
#include <stdbool.h>

struct version_driver {
    const char *name;
    const char *const *aliases; /* NULL-terminated; NULL: none */
    const char *description;    /* one line, no full stop */
    /* Orders any two texts; see version_compare(). Never NULL. */
    int (*compare)(const char *a, const char *b);
    /* See version_valid(). Never NULL. */
    bool (*valid)(const char *version);
};

extern const struct version_driver version_driver_apk;
extern const struct version_driver version_driver_dpkg;
extern const struct version_driver version_driver_pacman;
extern const struct version_driver version_driver_rpm;

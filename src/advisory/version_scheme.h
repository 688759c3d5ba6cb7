/* One function a scheme, listed in version.c. */
#pragma once

int version_compare_dpkg(const char *a, const char *b);
int version_compare_rpm(const char *a, const char *b);
int version_compare_apk(const char *a, const char *b);
int version_compare_pacman(const char *a, const char *b);

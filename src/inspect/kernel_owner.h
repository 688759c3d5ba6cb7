/* Which package a kernel belongs to, as far as the package databases tell while they are read. */
#pragma once
#include "inspect/inspection.h"

/* Kept in the inspection's arena, newest first. */
struct kernel_owner {
    struct kernel_owner *next;
    const char *release; /* "6.1.0-28-amd64" */
    const char *package;
};

/* The texts are copied. Nothing happens when the arena is full: the kernel then has no package. */
void kernel_owner_add(struct inspection *in, const char *release, const char *package);
/* NULL if nobody said. */
const char *kernel_owner_find(const struct inspection *in, const char *release);

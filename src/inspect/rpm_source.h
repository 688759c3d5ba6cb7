/* Names of source packages as rpm writes them. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* NAME-VERSION-RELEASE: the name's length; 0 if it is not of that form. */
size_t rpm_nvr_name(const char *nvr, size_t len);
/* "bash-5.1-1.el9.src.rpm": the lengths of "bash" and of "bash-5.1-1.el9". False if it is not of
 * that form, as "(none)". */
bool rpm_source_split(const char *file, size_t *name, size_t *nvr);

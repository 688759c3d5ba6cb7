/* Ecosystem keys: the names under which advisories are stored and looked up.
 *
 * They are OSV's ecosystem names without what does not tell releases apart: "Debian:12",
 * "Ubuntu:22.04", "Ubuntu:Pro:22.04", "Alpine:v3.20", "Red Hat:enterprise_linux:9",
 * "AlmaLinux:9", "SUSE:Linux Enterprise Server 15 SP5", "Amazon Linux:2023", "Arch Linux". Where a
 * feed speaks of source packages and the distribution otherwise of binary ones, the key ends in
 * ECOSYSTEM_SOURCE. */
#pragma once
#include <glib.h>
#include <stdbool.h>

#define ECOSYSTEM_SOURCE ":source"

/* The key for an ecosystem as OSV writes it; stored in strings. NULL: it names no product. */
const char *ecosystem_canonical(const char *osv, GStringChunk *strings);
/* "Red Hat:enterprise_linux:9" from "cpe:/o:redhat:enterprise_linux:9::baseos" or a CPE 2.3 name;
 * NULL when it is no Red Hat product. */
const char *ecosystem_of_redhat_cpe(const char *cpe, GStringChunk *strings);
/* "12" for "bookworm" (also "bookworm-security"...); NULL unknown. Static strings. */
const char *debian_release_of(const char *codename);
/* "22.04" for "jammy"; NULL unknown. */
const char *ubuntu_release_of(const char *codename);

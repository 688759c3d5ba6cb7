/* Reading one file out of a .deb, and whole files that may be compressed. */
#pragma once
#include <glib.h>
#include <stdbool.h>

/* The Debian changelog in a package (usr/share/doc/<package>/changelog.Debian.gz, or changelog.gz
 * of a native one), unpacked. NULL without an error when the package has none (its documentation
 * may be a link to another package's), NULL with one when the package is damaged. */
GBytes *deb_changelog(const char *path, GError **error);

/* A file of at most max bytes unpacked (gzip, xz, zstd, bzip2 or none). */
GBytes *file_unpacked(const char *path, gsize max, GError **error);

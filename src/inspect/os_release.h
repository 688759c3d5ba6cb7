/* os-release(5) and the older files that say which system this is: parsers without a system. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/* Values by name, quotes and escapes of the shell taken off; both owned. Lines that are no
 * assignments are passed over; the last of several wins. */
GHashTable *os_release_parse(const char *text, size_t len);

/* "CentOS release 6.10 (Final)" -> id "centos", version "6.10", codename "Final". Any of the three
 * may be NULL; g_free(). False when the line names no release. */
bool release_line_parse(const char *line, char **id, char **version, char **codename);

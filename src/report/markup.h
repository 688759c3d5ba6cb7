/* Text from outside inside of XML, HTML and links. */
#pragma once
#include <glib.h>
#include <stdbool.h>

#include "advisory/finding.h"

/* Escapes for element content and quoted attributes of XML 1.0 and HTML. Control characters and
 * bytes that are no UTF-8 appear as \xNN, as on a terminal: XML cannot carry them at all. NULL
 * appends nothing. */
void markup_append(GString *out, const char *text);
/* Appends format with every %s argument escaped; NULL arguments are empty. Only %s and %%. */
void markup_printf(GString *out, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Plain http or https address without anything that needs escaping: others are never linked. */
bool url_is_web(const char *url);
/* Where to read more: the first web address of the finding, else the CVE record. NULL if none.
 * g_free(). */
char *finding_url(const struct finding *f);
/* Percent-encodes a path for use as a URI reference relative to the root: "/a b" -> "a%20b".
 * g_free(). */
char *path_uri(const char *path);

/* Control files of Debian (deb822(5)): paragraphs of fields. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

struct deb822_field {
    const char *name, *value; /* not NUL-terminated; folded lines stay in value as they are */
    size_t name_len, value_len;
};
struct deb822_paragraph {
    GArray *fields; /* struct deb822_field */
    unsigned bad_lines;
};

/* Reads the next paragraph from *pos on; false at the end. fields is reused between calls. Lines
 * that are neither field, continuation nor comment are counted and passed over; those with control
 * characters, and of a field given before, are counted. */
bool deb822_next(const char **pos, const char *end, struct deb822_paragraph *p);
/* Names compare without case. NULL if absent; a field given twice counts as its first. */
const struct deb822_field *deb822_find(const struct deb822_paragraph *p, const char *name);
/* The value; NULL if absent or empty. g_free() */
char *deb822_get(const struct deb822_paragraph *p, const char *name);

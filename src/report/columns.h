/* Text in columns of a terminal. Widths count columns, as a terminal shows them, not bytes. */
#pragma once
#include <glib.h>

/* Columns of valid UTF-8: wide characters count two, combining ones none. */
unsigned columns_of(const char *text);
/* Appends text, cut to width with an ellipsis if it is longer. width 0: no limit. */
void columns_append_cut(GString *out, const char *text, unsigned width);
/* Appends blanks so that text of the given columns fills width. */
void columns_pad(GString *out, unsigned columns, unsigned width);
/* Appends words, breaking lines before width; further lines are indented. The cursor stands at
 * column `at`. width 0: no breaks. */
void columns_append_wrapped(GString *out, const char *text, unsigned at, unsigned indent,
                            unsigned width);

#include "report/columns.h"

#include <stdbool.h>
#include <string.h>

static unsigned columns_of_char(gunichar c)
{
    return g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
}

unsigned columns_of(const char *text)
{
    unsigned n = 0;
    for (; *text != '\0'; text = g_utf8_next_char(text))
        n += columns_of_char(g_utf8_get_char(text));
    return n;
}

void columns_append_cut(GString *out, const char *text, unsigned width)
{
    if (width == 0 || columns_of(text) <= width) {
        g_string_append(out, text);
        return;
    }
    unsigned used = 0;
    const char *p = text;
    for (; *p != '\0'; p = g_utf8_next_char(p)) {
        unsigned n = columns_of_char(g_utf8_get_char(p));
        if (used + n + 1 > width) /* one is the ellipsis's */
            break;
        used += n;
    }
    while (p > text && p[-1] == ' ')
        p--;
    g_string_append_len(out, text, p - text);
    g_string_append(out, "…");
}

void columns_pad(GString *out, unsigned columns, unsigned width)
{
    for (; columns < width; columns++)
        g_string_append_c(out, ' ');
}

/* Bytes of the longest beginning of a word that fits into the columns, at least one character. */
static size_t fitting(const char *word, size_t len, unsigned columns)
{
    const char *p = word;
    for (unsigned used = 0; p < word + len; p = g_utf8_next_char(p)) {
        used += columns_of_char(g_utf8_get_char(p));
        if (used > columns && p > word)
            break;
    }
    return (size_t)(p - word);
}

void columns_append_wrapped(GString *out, const char *text, unsigned at, unsigned indent,
                            unsigned width)
{
    unsigned room = width > indent ? width - indent : 1; /* of a whole line */
    for (bool first = true; *text != '\0'; first = false) {
        size_t len = strcspn(text, " ");
        g_autofree char *word = g_strndup(text, len);
        unsigned columns = columns_of(word), blank = first ? 0 : 1;
        if (width != 0 && at + blank + columns > width && (!first || at > indent)) {
            g_string_append_c(out, '\n');
            columns_pad(out, 0, indent);
            at = indent;
        } else if (!first) {
            g_string_append_c(out, ' ');
            at++;
        }
        if (width != 0 && columns > room) { /* longer than any line: broken within */
            len = fitting(text, len, room);
            g_string_append_len(out, text, (gssize)len);
            at = width;
            text += len;
            continue;
        }
        g_string_append(out, word);
        at += columns;
        text += len;
        text += strspn(text, " ");
    }
}

#include "cli/lines.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

/* Reads up to a newline or the end. False when the line is longer than max. */
static bool read_line(GString *line, size_t max, bool *ended)
{
    int c;
    g_string_truncate(line, 0);
    while ((c = getc_unlocked(stdin)) != EOF && c != '\n') {
        if (line->len == max)
            return false;
        g_string_append_c(line, (char)c);
    }
    *ended = c == EOF;
    return true;
}

enum cli_status cli_each_line(size_t max, cli_line_func func, void *user)
{
    g_autoptr(GString) line = g_string_new(NULL);
    bool ended = false;
    for (uint64_t number = 1; !ended; number++) {
        g_autofree char *where = g_strdup_printf("standard input, line %" G_GUINT64_FORMAT, number);
        if (!read_line(line, max, &ended))
            return cli_fail("%s: longer than %zu bytes", where, max);
        if (ended && line->len == 0)
            break;
        if (strlen(line->str) != line->len)
            return cli_fail("%s: has a NUL byte", where);
        enum cli_status status = func(where, line->str, user);
        if (status != CLI_OK)
            return status;
    }
    if (ferror(stdin))
        return cli_fail("standard input: %s", g_strerror(errno));
    return CLI_OK;
}

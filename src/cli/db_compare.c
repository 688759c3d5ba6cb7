#include <errno.h>
#include <string.h>

#include "advisory/version.h"
#include "base/limits.h"
#include "cli/commands.h"
#include "cli/lines.h"

static const char *sign(enum version_scheme scheme, const char *a, const char *b)
{
    int order = version_compare(scheme, a, b);
    return order < 0 ? "<" : order > 0 ? ">" : "=";
}

/* A<TAB>B */
static enum cli_status compare_line(const char *where, char *text, void *user)
{
    const enum version_scheme *scheme = user;
    char *tab = strchr(text, '\t');
    if (tab == NULL || strchr(tab + 1, '\t') != NULL)
        return cli_fail("%s: not two versions with a tab between them", where);
    *tab = '\0';
    (void)puts(sign(*scheme, text, tab + 1));
    return CLI_OK;
}

static enum cli_status compare_run(int argc, char **argv)
{
    enum version_scheme scheme;
    if (argc != 1 && argc != 3)
        return cli_fail("db compare: give a scheme and two versions, or a scheme and lines on "
                        "standard input");
    if (!version_scheme_parse(argv[0], &scheme)) {
        g_autoptr(GString) names = g_string_new(NULL);
        for (int i = 0; i < VERSION_SCHEME_COUNT; i++)
            g_string_append_printf(names, "%s%s", i > 0 ? ", " : "",
                                   version_scheme_name((enum version_scheme)i));
        return cli_fail("db compare: no version scheme '%s' (there are %s)", argv[0], names->str);
    }
    enum cli_status status = CLI_OK;
    if (argc == 3)
        (void)puts(sign(scheme, argv[1], argv[2]));
    else
        status = cli_each_line(LIMIT_VERSION_LINE, compare_line, &scheme);
    if (fflush(stdout) != 0)
        return cli_fail("standard output: %s", g_strerror(errno));
    return status;
}

const struct cli_command command_db_compare = {
    .name = "db compare",
    .summary = "Compare two versions as a package manager does",
    .usage = "[OPTION…] SCHEME [A B]",
    .description =
        "Prints <, = or >: whether A is older than B, as new, or newer. Without A and B, reads "
        "lines A<TAB>B from standard input and prints one answer a line.\n\nSchemes: dpkg "
        "(Debian, Ubuntu), rpm, apk (Alpine), pacman (Arch Linux); the names of the "
        "distributions are understood too.",
    .examples = "assay db compare dpkg 1.0~rc1 1.0\n  prints <\n"
                "assay db compare rpm < pairs.tsv\n  one answer for each line A<TAB>B",
    .run = compare_run,
};

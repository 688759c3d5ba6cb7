/* Help overview and man page, from the command table. */
#include <string.h>

#include "cli/cli.h"
#include "config.h"

static const char exit_statuses[] =
    "0  nothing found at or above --fail-on\n"
    "1  findings (or, for diff, differences)\n"
    "2  wrong usage or another error\n"
    "3  incomplete: something could not be looked at (yields to 1)\n";

void cli_print_help(FILE *out)
{
    (void)fprintf(out, "Usage: assay COMMAND [OPTION…] [ARGUMENT…]\n\n"
                       "Agentless assurance for clouds: examines disks and images from outside,\n"
                       "says what it found and what it could not look at.\n\nCommands:\n");
    for (const struct cli_command *const *c = cli_commands; *c != NULL; c++) {
        if (!(*c)->hidden)
            (void)fprintf(out, "  %-24s %s\n", (*c)->name, (*c)->summary);
    }
    (void)fprintf(out, "\nExit status:\n");
    g_auto(GStrv) lines = g_strsplit(exit_statuses, "\n", -1);
    for (char **line = lines; **line != '\0'; line++)
        (void)fprintf(out, "  %s\n", *line);
    (void)fprintf(out,
                  "\n'assay COMMAND --help' tells all about a command; 'man assay' about all.\n");
}

/* Text for roff: a line must not begin with a dot or quote, backslashes and dashes are escaped,
 * what is not ASCII is named (groff_char(7)). */
static void roff(FILE *out, const char *text)
{
    bool line_start = true;
    for (const char *c = text; *c != '\0'; c = g_utf8_next_char(c)) {
        if (line_start && (*c == '.' || *c == '\''))
            (void)fputs("\\&", out);
        if ((unsigned char)*c >= 0x80)
            (void)fprintf(out, "\\[u%04X]", g_utf8_get_char(c));
        else if (*c == '\\')
            (void)fputs("\\e", out);
        else if (*c == '-')
            (void)fputs("\\-", out);
        else
            (void)fputc(*c, out);
        line_start = *c == '\n';
    }
}

static void roff_option(FILE *out, const GOptionEntry *e)
{
    if (e->long_name == NULL || (e->flags & G_OPTION_FLAG_HIDDEN) || *e->long_name == '\0')
        return;
    (void)fputs(".TP\n", out);
    if (e->short_name != 0)
        (void)fprintf(out, "\\fB\\-%c\\fR, ", e->short_name);
    (void)fputs("\\fB\\-\\-", out);
    roff(out, e->long_name);
    (void)fputs("\\fR", out);
    if (e->arg_description != NULL)
        (void)fprintf(out, "=\\fI%s\\fR", e->arg_description);
    (void)fputc('\n', out);
    roff(out, e->description != NULL ? e->description : "");
    (void)fputs("\n", out);
}

void cli_print_man(FILE *out)
{
    (void)fprintf(out,
                  ".TH ASSAY 1 \"\" \"assay %s\" \"User Commands\"\n.SH NAME\n"
                  "assay \\- agentless assurance for clouds\n.SH SYNOPSIS\n"
                  ".B assay\n\\fICOMMAND\\fR [\\fIOPTION\\fR...] [\\fIARGUMENT\\fR...]\n"
                  ".SH DESCRIPTION\nExamines disks and images from outside, with no agent inside: "
                  "says what it found and what it could not look at.\n.SH COMMANDS\n",
                  ASSAY_VERSION);
    for (const struct cli_command *const *cp = cli_commands; *cp != NULL; cp++) {
        const struct cli_command *c = *cp;
        if (c->hidden)
            continue;
        (void)fprintf(out, ".SS assay %s ", c->name);
        roff(out, c->usage);
        (void)fputc('\n', out);
        roff(out, c->summary);
        (void)fputs(".\n", out);
        if (c->description != NULL) {
            g_auto(GStrv) paragraphs = g_strsplit(c->description, "\n\n", -1);
            for (char **p = paragraphs; *p != NULL; p++) {
                (void)fputs(".PP\n", out);
                roff(out, *p);
                (void)fputc('\n', out);
            }
        }
        for (const GOptionEntry *const *o = c->options; o != NULL && *o != NULL; o++) {
            for (const GOptionEntry *e = *o; e->long_name != NULL; e++)
                roff_option(out, e);
        }
        if (c->examples != NULL) {
            (void)fputs(".PP\nExamples:\n.PP\n.nf\n", out);
            roff(out, c->examples);
            (void)fputs("\n.fi\n", out);
        }
    }
    (void)fputs(".SH EXIT STATUS\n.nf\n", out);
    roff(out, exit_statuses);
    (void)fputs(".fi\n.SH ENVIRONMENT\n"
                ".TP\n.B ASSAY_DB\nThe advisory database, when \\-\\-db is not given.\n"
                ".TP\n.B NO_COLOR\nWhen set, no colour is used.\n"
                ".TP\n.B SOURCE_DATE_EPOCH\nThe time written into frames and reports, in seconds "
                "since 1970, for reproducible output.\n",
                out);
}

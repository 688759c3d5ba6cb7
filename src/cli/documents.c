/* Help overview, man page and shell completions, all from the command table. */
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
            (void)fprintf(out, "  %-14s %s\n", (*c)->name, (*c)->summary);
    }
    (void)fprintf(out, "\nExit status:\n");
    g_auto(GStrv) lines = g_strsplit(exit_statuses, "\n", -1);
    for (char **line = lines; **line != '\0'; line++)
        (void)fprintf(out, "  %s\n", *line);
    (void)fprintf(out, "\n'assay COMMAND --help' tells all about a command; 'man assay' about all.\n");
}

/* Text for roff: a line must not begin with a dot or quote, backslashes and dashes are escaped. */
static void roff(FILE *out, const char *text)
{
    bool line_start = true;
    for (const char *c = text; *c != '\0'; c++) {
        if (line_start && (*c == '.' || *c == '\''))
            (void)fputs("\\&", out);
        if (*c == '\\')
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

static void completion_options(FILE *out, const struct cli_command *c, const char *format)
{
    for (const GOptionEntry *const *o = c->options; o != NULL && *o != NULL; o++) {
        for (const GOptionEntry *e = *o; e->long_name != NULL; e++) {
            if (*e->long_name != '\0' && !(e->flags & G_OPTION_FLAG_HIDDEN)) {
                g_autofree char *text = g_strdup(e->description != NULL ? e->description : "");
                g_strdelimit(text, "'[]:\\", ' ');
                g_auto(GStrv) parts = g_strsplit(format, "%", -1);
                /* format: "…%n…" for the name, "%d" for the description */
                (void)fputs(parts[0], out);
                for (char **p = parts + 1; *p != NULL; p++)
                    (void)fprintf(out, "%s%s", **p == 'n' ? e->long_name : text, *p + 1);
            }
        }
    }
}

static void completion_bash(FILE *out)
{
    (void)fputs("# bash completion for assay\n_assay() {\n"
                "    local cur=${COMP_WORDS[COMP_CWORD]} one=${COMP_WORDS[1]} two=${COMP_WORDS[2]}\n"
                "    local words\n    case \"$one $two\" in\n",
                out);
    for (const struct cli_command *const *c = cli_commands; *c != NULL; c++) {
        bool pair = strchr((*c)->name, ' ') != NULL;
        if ((*c)->hidden || !pair)
            continue;
        (void)fprintf(out, "    \"%s\") words='", (*c)->name);
        completion_options(out, *c, "--%n ");
        (void)fputs("--help' ;;\n", out);
    }
    (void)fputs("    *) case \"$one\" in\n", out);
    for (const struct cli_command *const *c = cli_commands; *c != NULL; c++) {
        if ((*c)->hidden || strchr((*c)->name, ' ') != NULL)
            continue;
        (void)fprintf(out, "    %s) words='", (*c)->name);
        completion_options(out, *c, "--%n ");
        (void)fputs("--help' ;;\n", out);
    }
    (void)fputs("    esac ;;\n    esac\n    local commands='", out);
    for (const struct cli_command *const *c = cli_commands; *c != NULL; c++)
        if (!(*c)->hidden && strchr((*c)->name, ' ') == NULL)
            (void)fprintf(out, "%s ", (*c)->name);
    (void)fputs("db'\n    local db='", out);
    for (const struct cli_command *const *c = cli_commands; *c != NULL; c++)
        if (!(*c)->hidden && strncmp((*c)->name, "db ", 3) == 0)
            (void)fprintf(out, "%s ", (*c)->name + 3);
    (void)fputs("'\n    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                "        mapfile -t COMPREPLY < <(compgen -W \"$commands\" -- \"$cur\")\n"
                "    elif [ \"$one\" = db ] && [ \"$COMP_CWORD\" -eq 2 ]; then\n"
                "        mapfile -t COMPREPLY < <(compgen -W \"$db\" -- \"$cur\")\n"
                "    elif [[ $cur == -* ]]; then\n"
                "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
                "    else\n        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n    fi\n}\n"
                "complete -o filenames -F _assay assay\n",
                out);
}

static void completion_zsh(FILE *out)
{
    (void)fputs("#compdef assay\n_assay() {\n    local -a commands\n    commands=(\n", out);
    for (const struct cli_command *const *c = cli_commands; *c != NULL; c++)
        if (!(*c)->hidden)
            (void)fprintf(out, "        '%s:%s'\n", (*c)->name, (*c)->summary);
    (void)fputs("    )\n    if (( CURRENT == 2 )); then\n        _describe command commands\n"
                "        return\n    fi\n    case \"$words[2] $words[3]\" in\n",
                out);
    for (int pass = 0; pass < 2; pass++) {
        for (const struct cli_command *const *c = cli_commands; *c != NULL; c++) {
            bool pair = strchr((*c)->name, ' ') != NULL;
            if ((*c)->hidden || pair != (pass == 0))
                continue;
            (void)fprintf(out, pair ? "    '%s') _arguments " : "    '%s '*) _arguments ",
                          (*c)->name);
            completion_options(out, *c, "'--%n[%d]' ");
            (void)fputs("'*:file:_files' ;;\n", out);
        }
    }
    (void)fputs("    esac\n}\n_assay \"$@\"\n", out);
}

static void completion_fish(FILE *out)
{
    for (const struct cli_command *const *c = cli_commands; *c != NULL; c++) {
        if ((*c)->hidden)
            continue;
        g_auto(GStrv) words = g_strsplit((*c)->name, " ", 2);
        if (words[1] == NULL)
            (void)fprintf(out, "complete -c assay -n __fish_use_subcommand -a %s -d '%s'\n",
                          words[0], (*c)->summary);
        else
            (void)fprintf(out,
                          "complete -c assay -n '__fish_seen_subcommand_from %s' -a %s -d '%s'\n",
                          words[0], words[1], (*c)->summary);
        g_autofree char *format = g_strdup_printf(
            "complete -c assay -n '__fish_seen_subcommand_from %s' -l %%n -d '%%d'\n",
            words[1] != NULL ? words[1] : words[0]);
        completion_options(out, *c, format);
    }
}

bool cli_print_completion(const char *shell, FILE *out)
{
    if (g_str_equal(shell, "bash"))
        completion_bash(out);
    else if (g_str_equal(shell, "zsh"))
        completion_zsh(out);
    else if (g_str_equal(shell, "fish"))
        completion_fish(out);
    else
        return false;
    return true;
}

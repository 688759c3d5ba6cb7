#include <string.h>

#include "cli/commands.h"

static gboolean man;
static char *completion;

static const GOptionEntry entries[] = {
    { "man", 0, 0, G_OPTION_ARG_NONE, &man, "Print the man page (roff)", NULL },
    { "completion", 0, 0, G_OPTION_ARG_STRING, &completion,
      "Print a completion script for bash, zsh or fish", "SHELL" },
    { 0 },
};

static enum cli_status help_run(int argc, char **argv)
{
    if (man) {
        cli_print_man(stdout);
        return CLI_OK;
    }
    if (completion != NULL)
        return cli_print_completion(completion, stdout)
                   ? CLI_OK
                   : cli_fail("help: no completion for shell '%s'", completion);
    if (argc == 0) {
        cli_print_help(stdout);
        return CLI_OK;
    }
    g_autofree char *wanted = g_strjoinv(" ", argv);
    size_t len = strlen(wanted);
    bool found = false;
    for (const struct cli_command *const *c = cli_commands; *c != NULL; c++) {
        if (g_str_equal((*c)->name, wanted)) {
            g_autofree char *program = g_strdup_printf("assay %s", (*c)->name);
            g_autoptr(GOptionContext) context = cli_command_context(*c);
            g_set_prgname(program);
            g_autofree char *text = g_option_context_get_help(context, TRUE, NULL);
            (void)fputs(text, stdout);
            return CLI_OK;
        }
        if (strncmp((*c)->name, wanted, len) == 0 && (*c)->name[len] == ' ' && !(*c)->hidden) {
            (void)printf("  assay %-12s %s\n", (*c)->name, (*c)->summary);
            found = true;
        }
    }
    return found ? CLI_OK : cli_fail("help: no command '%s'", wanted);
}

const struct cli_command command_help = {
    .name = "help",
    .summary = "Explain assay or one of its commands",
    .usage = "[COMMAND]",
    .examples = "assay help scan\n  all about the command scan\n"
                "assay help --completion bash > /etc/bash_completion.d/assay\n"
                "  completion for bash",
    .options = (const GOptionEntry *const[]){ entries, NULL },
    .run = help_run,
};

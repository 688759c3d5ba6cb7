/* The command line: one file a subcommand, thin over the modules. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdio.h>

/* Exit statuses, the same for every command. */
enum cli_status {
    CLI_OK = 0,         /* nothing at or above --fail-on */
    CLI_FINDINGS = 1,   /* findings, or a difference (diff) */
    CLI_ERROR = 2,      /* usage or other error */
    CLI_INCOMPLETE = 3, /* something could not be looked at */
};

struct cli_command {
    const char *name;        /* "scan", "db import": two words for a command of a group */
    const char *summary;     /* one line, no full stop */
    const char *usage;       /* arguments: "[OPTION…] TARGET…" */
    const char *description; /* paragraphs for --help and the man page; NULL */
    const char *examples;    /* lines "assay …", each followed by a line "  what it does"; NULL */
    /* Each ends with an empty entry; the values are static variables of the command's file (or of
     * the file that offers a shared set). NULL-terminated list; NULL: none. */
    const GOptionEntry *const *options;
    /* argv holds what is left after options: argv[0] is the first argument. NULL-terminated. */
    enum cli_status (*run)(int argc, char **argv);
    bool hidden;
};

/* NULL-terminated, in order of --help. */
extern const struct cli_command *const cli_commands[];

/* Runs `assay argv[1] ...`; returns the exit status. */
int cli_main(int argc, char **argv);

/* Runs `bmi argv[1] ...`, what M2's command was. */
int bmi_main(int argc, char **argv);

/* One line "assay: message" on standard error, control characters made safe. CLI_ERROR. */
enum cli_status cli_fail(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* The same for a GError, which it frees. */
enum cli_status cli_fail_error(GError *error);

/* Where a command writes: standard output, or a file that appears whole or not at all. */
struct cli_output {
    FILE *file;
    char *path, *temporary; /* NULL for standard output */
};
/* path NULL or "-": standard output. */
bool cli_output_open(struct cli_output *o, const char *path, GError **error);
/* Flushes and puts the file in place; discards it when ok is false. */
bool cli_output_finish(struct cli_output *o, bool ok, GError **error);

/* --- documents made from the command table (documents.c, completion.c) ------------------------- */
void cli_print_help(FILE *out);
void cli_print_man(FILE *out);
/* shell: "bash", "zsh", "fish". False if unknown. */
bool cli_print_completion(const char *shell, FILE *out);
/* Help of one command; g_free(). */
GOptionContext *cli_command_context(const struct cli_command *c);

/* The command line: one file a subcommand, thin over the modules. */
#pragma once
#include <glib.h>
#include <stdbool.h>

/* Exit statuses, the same for every command. */
enum cli_status {
    CLI_OK = 0,         /* nothing at or above --fail-on */
    CLI_FINDINGS = 1,   /* findings, or a difference (diff) */
    CLI_ERROR = 2,      /* usage or other error */
    CLI_INCOMPLETE = 3, /* something could not be looked at */
};

struct cli_command {
    const char *name;    /* "scan", "db import": two words for a command of a group */
    const char *summary; /* one line */
    const char *usage;   /* arguments: "[OPTION…] TARGET…" */
    const char *description; /* paragraphs for --help and the man page; wrapped by us */
    const char *examples;    /* lines "assay …  # what it does", '\n' between */
    /* Ends with an empty entry; the values are static variables of the command's file. */
    const GOptionEntry *options;
    /* argv holds what is left after options; argv[0] is the first argument. */
    enum cli_status (*run)(int argc, char **argv);
};

/* NULL-terminated, in order of --help. */
extern const struct cli_command *const cli_commands[];

/* Runs `assay argv[1] ...`. */
int cli_main(int argc, char **argv);

/* One line "assay: message" on standard error. Returns CLI_ERROR. */
enum cli_status cli_fail(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* The same for a GError, which it frees. */
enum cli_status cli_fail_error(GError *error);

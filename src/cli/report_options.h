/* The options of the commands that print a report: `scan`, `introspect`, `report`. */
#pragma once
#include "cli/cli.h"
#include "cli/fail_on.h"

/* --format, --output, --severity, --fail-on. */
extern const GOptionEntry cli_report_options[];

/* Their values as they were given; NULL: not given. The options' own. */
struct cli_report_wish {
    const char *format, *output, *severity, *fail_on;
};
struct cli_report_wish cli_report_wish(void);
/* Columns of the terminal that the report goes to; 0: it goes to none, or none that says. */
unsigned cli_report_width(void);
/* Error before findings before incomplete before nothing. */
enum cli_status cli_worse(enum cli_status a, enum cli_status b);

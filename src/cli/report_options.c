#include "cli/report_options.h"

#include <sys/ioctl.h>
#include <unistd.h>

static char *format, *output, *severity, *failing;

const GOptionEntry cli_report_options[] = {
    { "format", 0, 0, G_OPTION_ARG_STRING, &format,
      "table (default), json, sarif, html, csv, junit, cyclonedx or spdx", "FORMAT" },
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &output, "Write to FILE", "FILE" },
    { "severity", 0, 0, G_OPTION_ARG_STRING, &severity, "Show only findings this severe or more",
      "SEVERITY" },
    { "fail-on", 0, 0, G_OPTION_ARG_STRING, &failing,
      "Which findings give status 1: any (default), none, a severity or worse, kev, epss:0.5; "
      "several with commas",
      "WHAT" },
    { 0 },
};

struct cli_report_wish cli_report_wish(void)
{
    return (struct cli_report_wish){
        .format = format, .output = output, .severity = severity, .fail_on = failing
    };
}

unsigned cli_report_width(void)
{
    struct winsize size;
    if (output != NULL || !isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
        return 0;
    return size.ws_col;
}

enum cli_status cli_worse(enum cli_status a, enum cli_status b)
{
    static const int rank[] = {
        [CLI_OK] = 0, [CLI_INCOMPLETE] = 1, [CLI_FINDINGS] = 2, [CLI_ERROR] = 3
    };
    return rank[a] >= rank[b] ? a : b;
}

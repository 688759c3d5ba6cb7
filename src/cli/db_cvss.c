#include <errno.h>
#include <string.h>

#include "advisory/cvss.h"
#include "base/limits.h"
#include "cli/commands.h"
#include "cli/lines.h"

static enum cli_status print_score(const char *where, char *vector, void *user)
{
    (void)user;
    struct cvss cvss;
    g_autoptr(GError) error = NULL;
    char digits[32];
    if (!cvss_parse(vector, &cvss, &error))
        return cli_fail("%s: %s", where, error->message);
    (void)printf("%s\t%s\n", g_ascii_formatd(digits, sizeof digits, "%.1f", cvss.score),
                 cvss.rating);
    return CLI_OK;
}

static enum cli_status cvss_run(int argc, char **argv)
{
    enum cli_status status = CLI_OK;
    for (int i = 0; i < argc && status == CLI_OK; i++)
        status = print_score("db cvss", argv[i], NULL);
    if (argc == 0)
        status = cli_each_line(LIMIT_CVSS_VECTOR, print_score, NULL);
    if (fflush(stdout) != 0)
        return cli_fail("standard output: %s", g_strerror(errno));
    return status;
}

const struct cli_command command_db_cvss = {
    .name = "db cvss",
    .summary = "Score CVSS vectors",
    .usage = "[OPTION…] [VECTOR…]",
    .description =
        "Prints for each vector its score and, behind a tab, the word for it: none, low, medium, "
        "high or critical. Without VECTOR, reads one a line from standard input.\n\n"
        "Versions 2.0 (low, medium and high only), 3.0, 3.1 and 4.0. The score is of all metrics "
        "that stand in the vector: threat, temporal and environmental ones too.",
    .examples = "assay db cvss CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H\n"
                "  prints 9.8 and critical\n"
                "assay db cvss < vectors\n  one answer a line",
    .run = cvss_run,
};

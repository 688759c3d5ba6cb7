#include <locale.h>
#include <string.h>

#include "cli/cli.h"
#include "inspect/inspect.h"

int main(int argc, char **argv)
{
    if (argc > 0 && strcmp(argv[0], INSPECTOR_ARGV0) == 0)
        inspector_main();
    /* UTF-8 for messages; numbers are written independent of the locale everywhere. */
    (void)setlocale(LC_CTYPE, "");
    return cli_main(argc, argv);
}

#include <locale.h>

#include "cli/cli.h"

int main(int argc, char **argv)
{
    /* UTF-8 for messages; numbers are written independent of the locale everywhere. */
    (void)setlocale(LC_CTYPE, "");
    return cli_main(argc, argv);
}

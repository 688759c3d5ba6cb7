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
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    const char *name = slash != NULL ? slash + 1 : argc > 0 ? argv[0] : "";
    return strcmp(name, "bmi") == 0 ? bmi_main(argc, argv) : cli_main(argc, argv);
}

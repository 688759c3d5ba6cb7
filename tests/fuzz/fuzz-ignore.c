/* Ignore files, applied to findings in three packages. */
#include <glib.h>
#include <stdint.h>
#include <stdlib.h>

#include "advisory/suppression_set.h"
#include "suppress.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(suppressions) set = suppressions_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strndup((const char *)data, size);
    if (suppressions_parse_ignore(set, "f", text, size, &error))
        fuzz_suppress(set);
    else if (error == NULL)
        abort();
    return 0;
}

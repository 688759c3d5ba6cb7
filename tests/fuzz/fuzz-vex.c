/* VEX documents of any format, applied to findings in three packages. */
#include <glib.h>
#include <stdint.h>
#include <stdlib.h>

#include "advisory/suppression_set.h"
#include "suppress.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool known;
    g_autoptr(suppressions) set = suppressions_new();
    struct suppression_source *source = suppressions_add_source(set, "f", "VEX document", NULL);
    g_autoptr(GError) error = NULL;
    if (suppressions_parse_vex(set, source, "f", (const char *)data, size, &known, &error))
        fuzz_suppress(set);
    else if (error == NULL)
        abort();
    return 0;
}

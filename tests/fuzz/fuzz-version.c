/* Versions: a byte that chooses the scheme, then A TAB B. Both orders must agree, and what is
 * compared with itself is equal. */
#include <glib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "advisory/version.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    enum version_scheme scheme = (enum version_scheme)(data[0] % VERSION_SCHEME_COUNT);
    g_autofree char *a = g_strndup((const char *)data + 1, size - 1);
    char *b = strchr(a, '\t');
    if (b == NULL)
        return 0;
    *b++ = '\0';
    int order = version_compare(scheme, a, b), back = version_compare(scheme, b, a);
    if ((order < 0) != (back > 0) || (order > 0) != (back < 0))
        abort();
    if (version_compare(scheme, a, a) != 0)
        abort();
    (void)version_valid(scheme, a);
    return 0;
}

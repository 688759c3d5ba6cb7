/* CVSS vectors: a score that there is, is one. */
#include <glib.h>
#include <stdint.h>
#include <stdlib.h>

#include "advisory/cvss.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cvss c;
    g_autoptr(GError) error = NULL;
    g_autofree char *vector = g_strndup((const char *)data, size);
    if (!cvss_parse(vector, &c, &error))
        return error != NULL ? 0 : (abort(), 0);
    if (!(c.score >= 0 && c.score <= 10 && c.base >= 0 && c.base <= 10) || c.rating == NULL)
        abort();
    return 0;
}

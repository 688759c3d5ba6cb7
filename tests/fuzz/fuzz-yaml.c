/* YAML: a value or an error, and a value can be written as JSON. */
#include <stdint.h>
#include <stdlib.h>

#include "base/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    json_t *value = yaml_load("input", (const char *)data, size, &error);
    if ((value == NULL) != (error != NULL))
        abort();
    char *text = value != NULL ? json_dumps(value, JSON_ENCODE_ANY) : NULL;
    if (value != NULL && text == NULL)
        abort();
    free(text);
    json_decref(value);
    return 0;
}

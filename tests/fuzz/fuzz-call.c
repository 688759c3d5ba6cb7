/* What a caller of the service sends: "METHOD PATH", a newline, a body. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/openapi.h"
#include "server/router.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct openapi *api, const struct route *r, const char *text, size_t len)
{
    g_autoptr(GError) error = NULL;
    bool may, must;
    openapi_wants_body(api, r, &may, &must);
    json_t *body = may ? json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (body != NULL && openapi_check_body(api, r, body, &error) != (error == NULL))
        abort();
    json_decref(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct openapi *api;
    struct call c = { 0 };
    if (api == NULL)
        api = openapi_load(route_tables, NULL);
    const char *end = memchr(data, '\n', size);
    if (api == NULL)
        abort();
    if (end == NULL)
        return 0;
    size_t head = (size_t)(end - (const char *)data);
    g_autofree char *method = g_strndup((const char *)data, head), *allow = NULL;
    char *path = strchr(method, ' ');
    if (path == NULL)
        return 0;
    *path++ = '\0';
    const struct route *r = route_find(route_tables, method, path, &c, &allow);
    if (r != NULL)
        check(api, r, end + 1, size - head - 1);
    route_clear(&c);
    return 0;
}

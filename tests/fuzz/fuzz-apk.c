/* apk's list of installed packages. */
#include "base/error.h"
#include "inspect/apk_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_package(void *user, struct frame_package *p, const char *kernel)
{
    g_assert(p->name != NULL && p->version != NULL && p->source != NULL);
}

static void on_fault(void *user, GError *error)
{
    g_error_free(error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct apk_sink sink = { .package = on_package, .fault = on_fault };
    g_autoptr(GError) error = NULL;
    bool ok = apk_parse((const char *)data, size, &sink, &error);
    g_assert(ok == (error == NULL));
    return 0;
}

/* pacman's description of an installed package. */
#include "base/error.h"
#include "inspect/pacman_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(arena) arena = arena_new(1 << 20);
    g_autoptr(GError) error = NULL;
    struct frame_package p = { 0 };
    bool ok = pacman_parse((const char *)data, size, arena, &p, &error);
    g_assert(ok == (error == NULL));
    g_assert(!ok || (p.name != NULL && p.version != NULL));
    return 0;
}

#include "inspect/kernel_owner.h"

void kernel_owner_add(struct inspection *in, const char *release, const char *package)
{
    struct kernel_owner *owner = arena_new0(in->arena, struct kernel_owner);
    if (owner == NULL)
        return;
    owner->release = arena_strdup(in->arena, release);
    owner->package = arena_strdup(in->arena, package);
    if (owner->release == NULL || owner->package == NULL)
        return;
    owner->next = in->kernels;
    in->kernels = owner;
}

const char *kernel_owner_find(const struct inspection *in, const char *release)
{
    for (const struct kernel_owner *k = in->kernels; k != NULL; k = k->next) {
        if (g_str_equal(k->release, release))
            return k->package;
    }
    return NULL;
}

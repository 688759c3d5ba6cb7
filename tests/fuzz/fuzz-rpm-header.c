/* One RPM header: its entries, its package, its signature, its kernel. */
#include "base/arena.h"
#include "base/error.h"
#include "inspect/rpm_package.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_every_way(const struct rpm_header *h, enum rpm_tag tag)
{
    uint64_t number;
    size_t len;
    struct rpm_strings strings;
    (void)rpm_header_string(h, tag, NULL);
    (void)rpm_header_number_at(h, tag, 3, &number, NULL);
    (void)rpm_header_bytes(h, tag, &len, NULL);
    if (rpm_header_strings(h, tag, &strings, NULL))
        while (rpm_strings_next(&strings) != NULL) {
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(arena) arena = arena_new(1 << 20);
    g_autoptr(GError) error = NULL;
    struct rpm_header h;
    struct frame_package p = { 0 };
    bool pseudo;
    if (!rpm_header_parse(&h, data, size, &error)) {
        g_assert(error != NULL);
        return 0;
    }
    for (unsigned tag = RPM_TAG_NAME; tag <= RPM_TAG_DIRNAMES; tag++)
        read_every_way(&h, (enum rpm_tag)tag);
    bool ok = rpm_package_read(&h, arena, &p, &pseudo, &error);
    g_assert(ok == (error == NULL));
    g_assert(!ok || (p.name != NULL && p.version != NULL));
    (void)rpm_package_kernel(&h, arena);
    return 0;
}

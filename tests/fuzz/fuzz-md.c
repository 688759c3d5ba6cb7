/* Two disks that may be members of one array: the halves of the input's disk. */
#include "scan.h"
#include "sparse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(block) whole = sparse_block_new(data, size);
    uint64_t half = whole->size / 2;
    g_autoptr(block) first = half > 0 ? block_slice_new(whole, 0, half, "a", NULL) : NULL;
    g_autoptr(block) second = half > 0 ? block_slice_new(whole, half, half, "b", NULL) : NULL;
    struct block *disks[] = { first, second };
    if (half > 0)
        scan_disks(disks, G_N_ELEMENTS(disks));
    return 0;
}

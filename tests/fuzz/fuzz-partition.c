/* A disk with GPT, MBR, or what else a first look at a disk finds. Every checksum counts as right.
 */
#include "scan.h"
#include "sparse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(block) disk = sparse_block_new(data, size);
    scan_disks(&disk, 1);
    return 0;
}

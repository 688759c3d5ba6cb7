/* LVM2 metadata: the input is the text of a volume group, on a physical volume made around it; or,
 * behind a byte of zero, a disk with labels and metadata areas of its own. */
#include <string.h>

#include "base/limits.h"
#include "scan.h"
#include "sparse.h"

#define DISK_SIZE (1u << 20)
#define AREA      4096u
#define TEXT      512u /* from the start of the area */
#define PV_ID     "0000000000000000000000000000pv00"

struct pv {
    struct block block;
    uint8_t bytes[DISK_SIZE];
};

static bool pv_read(struct block *b, uint64_t off, void *buf, size_t len, GError **error)
{
    memcpy(buf, ((struct pv *)b)->bytes + off, len);
    return true;
}

static const struct block_driver pv_driver = { .name = "pv", .read = pv_read };

static void put64(struct pv *pv, size_t off, uint64_t value)
{
    value = GUINT64_TO_LE(value);
    memcpy(pv->bytes + off, &value, sizeof value);
}

/* Checksums may be wrong: nobody looks at them here. */
static struct block *pv_new(const uint8_t *text, size_t len)
{
    struct pv *pv = block_alloc(sizeof *pv, &pv_driver, "pv", DISK_SIZE);
    len = MIN(len, DISK_SIZE - AREA - TEXT);
    memcpy(pv->bytes + 512, "LABELONE", 8);
    put64(pv, 520, 1);
    pv->bytes[532] = 32;
    memcpy(pv->bytes + 536, "LVM2 001" PV_ID, 40);
    put64(pv, 576, DISK_SIZE);
    put64(pv, 584, DISK_SIZE / 2);
    put64(pv, 616, AREA);
    put64(pv, 624, DISK_SIZE - AREA);
    memcpy(pv->bytes + AREA + 4, " LVM2 x[5A%r0N*>", 16);
    pv->bytes[AREA + 20] = 1;
    put64(pv, AREA + 24, AREA);
    put64(pv, AREA + 32, DISK_SIZE - AREA);
    put64(pv, AREA + 40, TEXT);
    put64(pv, AREA + 48, len);
    memcpy(pv->bytes + AREA + TEXT, text, len);
    return &pv->block;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool whole = size > 0 && data[0] == 0;
    g_autoptr(block) disk = whole ? sparse_block_new(data + 1, size - 1) : pv_new(data, size);
    scan_disks(&disk, 1);
    return 0;
}

/* Image formats that are recognised but not read: a report names them, instead of finding nothing
 * on what would look like a raw disk. */
#include <string.h>

#include "base/cursor.h"
#include "block/formats.h"

static bool bytes_at(const uint8_t *head, size_t len, size_t off, const char *magic, size_t n)
{
    struct cursor c = cursor_of(head, len);
    const uint8_t *bytes;
    return cursor_skip(&c, off) && rd_bytes(&c, n, &bytes) && memcmp(bytes, magic, n) == 0;
}

static bool luks_probe(const uint8_t *head, size_t len)
{
    return bytes_at(head, len, 0, "LUKS\xba\xbe", 6);
}

static bool parallels_probe(const uint8_t *head, size_t len)
{
    return bytes_at(head, len, 0, "WithoutFreeSpace", 16) ||
           bytes_at(head, len, 0, "WithouFreSpacExt", 16);
}

static bool qed_probe(const uint8_t *head, size_t len)
{
    return bytes_at(head, len, 0, "QED\0", 4);
}

static bool vdi_probe(const uint8_t *head, size_t len)
{
    return bytes_at(head, len, 64, "\x7f\x10\xda\xbe", 4);
}

static bool vhd_probe(const uint8_t *head, size_t len)
{
    return bytes_at(head, len, 0, "conectix", 8);
}

static bool vhdx_probe(const uint8_t *head, size_t len)
{
    return bytes_at(head, len, 0, "vhdxfile", 8);
}

static bool vmdk_probe(const uint8_t *head, size_t len)
{
    return bytes_at(head, len, 0, "KDMV", 4) || bytes_at(head, len, 0, "COWD", 4) ||
           bytes_at(head, len, 0, "# Disk DescriptorFile", 21);
}

const struct block_format luks_format = {
    .name = "luks",
    .description = "LUKS encrypted disk",
    .probe = luks_probe,
};

const struct block_format parallels_format = {
    .name = "parallels",
    .description = "Parallels image",
    .probe = parallels_probe,
};

const struct block_format qed_format = {
    .name = "qed",
    .description = "QED image",
    .probe = qed_probe,
};

const struct block_format vdi_format = {
    .name = "vdi",
    .description = "VirtualBox image (VDI)",
    .probe = vdi_probe,
};

const struct block_format vhd_format = {
    .name = "vpc",
    .description = "Virtual PC image (VHD)",
    .probe = vhd_probe,
};

const struct block_format vhdx_format = {
    .name = "vhdx",
    .description = "Hyper-V image (VHDX)",
    .probe = vhdx_probe,
};

const struct block_format vmdk_format = {
    .name = "vmdk",
    .description = "VMware image (VMDK)",
    .probe = vmdk_probe,
};

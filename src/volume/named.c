/* Contents that are known by their first bytes but hold no volumes that we read. */
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "volume/drivers.h"

#define FROM_END (-1) /* times the offset from the end, which is cut down to whole 4 KiB */

struct mark {
    const char *content;
    int64_t off; /* bytes; negative: from the end */
    const char *bytes;
    size_t len;
    const char *unread; /* what a report says; NULL: there is nothing in it to read */
};

static const struct mark marks[] = {
    { "luks", 0, "LUKS\xba\xbe\0\1", 8, "encrypted (LUKS1)" },
    { "luks", 0, "LUKS\xba\xbe\0\2", 8, "encrypted (LUKS2)" },
    { "bitlocker", 3, "-FVE-FS-", 8, "encrypted (BitLocker)" },
    { "bcache", 4120, "\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81", 16,
      "bcache devices are not read" },
    { "ceph-bluestore", 0, "bluestore block device", 22, "Ceph OSDs (BlueStore) are not read" },
    { "stratis", 516, "!Stra0tis\x86\xff\x02^\x41rh", 16, "Stratis devices are not read" },
    { "dm-integrity", 0, "integrt\0", 8, "dm-integrity devices are not read" },
    { "vdo", 0, "dmvdo001", 8, "VDO devices are not read" },
    { "zfs-member", 16408, "version\0", 8,
      "ZFS devices are not read" }, /* the first pair of its label */
    { "drbd", -4036, "\x83\x74\x02\x6b", 4, "DRBD devices are not read" },
    { "drbd", -4036, "\x83\x74\x02\x6d", 4, "DRBD devices are not read" },
    { "verity-hash", 0, "verity\0\0", 8, NULL },
    { "swap", 4086, "SWAPSPACE2", 10, NULL },
    { "swap", 8182, "SWAPSPACE2", 10, NULL },
    { "swap", 16374, "SWAPSPACE2", 10, NULL },
    { "swap", 65526, "SWAPSPACE2", 10, NULL },
    { "swap", 4086, "SWAP-SPACE", 10, NULL },
    { "swap", 4086, "S1SUSPEND\0", 10, NULL }, /* the memory of a machine that sleeps */
    { "swap", 4086, "S2SUSPEND\0", 10, NULL },
    { "swap", 4086, "ULSUSPEND\0", 10, NULL },
    { "swap", 4086, "LINHIB0001", 10, NULL },
};

static bool has_mark(struct block *b, const struct mark *m)
{
    uint8_t bytes[32];
    uint64_t end = b->size - b->size % 4096, back = (uint64_t)(m->off * FROM_END);
    if (m->off < 0 && back > end)
        return false;
    uint64_t off = m->off < 0 ? end - back : (uint64_t)m->off;
    return range_within(off, m->len, b->size) && block_read(b, off, bytes, m->len, NULL) &&
           memcmp(bytes, m->bytes, m->len) == 0;
}

static bool named_split(struct volume_set *set, struct volume *v, bool *claimed, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(marks); i++) {
        GError *fault = NULL;
        if (!has_mark(v->block, &marks[i]))
            continue;
        *claimed = true;
        v->content = g_strdup(marks[i].content);
        if (marks[i].unread != NULL) {
            fail_unsupported(&fault, "%s: %s", v->name, marks[i].unread);
            volume_set_fault(v, fault);
        }
        return true;
    }
    return true;
}

const struct volume_driver named_driver = {
    .name = "named",
    .description = "swap, LUKS and other contents that are named but not read",
    .split = named_split,
};

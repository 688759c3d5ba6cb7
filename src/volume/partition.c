#include "volume/partition.h"

#include <string.h>

#include "base/checked.h"
#include "base/error.h"

static void take_bytes(struct volume *v, struct block *disk)
{
    GError *error = NULL;
    uint64_t end;
    if (!checked_add(v->offset, v->size, &end))
        end = UINT64_MAX;
    if (v->size == 0) {
        fail_corrupt(&error, "%s: is empty", v->name);
    } else if (v->offset >= disk->size) {
        fail_corrupt(&error, "%s: begins at byte %" G_GUINT64_FORMAT ", past the end of the disk",
                     v->name, v->offset);
    } else {
        uint64_t len = min_u64(end, disk->size) - v->offset;
        v->block = block_slice_new(disk, v->offset, len, v->name, &error);
        if (v->block != NULL && end > disk->size)
            fail_corrupt(&error,
                         "%s: its last %" G_GUINT64_FORMAT " bytes lie past the end of the disk",
                         v->name, end - disk->size);
    }
    if (error != NULL)
        volume_set_fault(v, error);
}

struct volume *partition_add(struct volume_set *set, struct volume *disk, unsigned number,
                             uint64_t off, uint64_t len, GError **error)
{
    g_autofree char *name = g_strdup_printf("%sp%u", disk->name, number);
    struct volume *v = volume_set_add(set, VOLUME_PARTITION, disk, name, error);
    if (v == NULL)
        return NULL;
    v->number = number;
    v->offset = off;
    v->size = len;
    take_bytes(v, disk->block);
    return v;
}

static bool overlap(const struct volume *a, const struct volume *b)
{
    return a->offset < b->offset ? b->offset - a->offset < a->size
                                 : a->offset - b->offset < b->size;
}

void partition_check_overlaps(struct volume_set *set, unsigned first)
{
    for (unsigned i = first; i < set->volumes->len; i++) {
        struct volume *v = g_ptr_array_index(set->volumes, i);
        for (unsigned k = first; k < i; k++) {
            const struct volume *other = g_ptr_array_index(set->volumes, k);
            GError *error = NULL;
            /* An extended partition holds the logical ones. */
            if (other->content != NULL || v->content != NULL || !overlap(v, other))
                continue;
            fail_corrupt(&error, "%s: overlaps %s", v->name, other->name);
            volume_set_fault(v, error);
            break;
        }
    }
}

bool partition_has_signature(struct block *b, uint64_t off)
{
    static const struct {
        uint32_t off, len;
        const char *bytes;
    } marks[] = {
        { 0, 4, "XFSB" },           { 0, 6, "LUKS\xba\xbe" },        { 510, 2, "\x55\xaa" },
        { 512, 8, "LABELONE" },     { 1080, 2, "\x53\xef" },         /* ext2/3/4 */
        { 4086, 10, "SWAPSPACE2" }, { 4096, 4, "\xfc\x4e\x2b\xa9" }, /* md 1.2 */
        { 65600, 8, "_BHRfS_M" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(marks); i++) {
        uint8_t bytes[16];
        uint64_t at;
        if (checked_add(off, marks[i].off, &at) && range_within(at, marks[i].len, b->size) &&
            block_read(b, at, bytes, marks[i].len, NULL) &&
            memcmp(bytes, marks[i].bytes, marks[i].len) == 0)
            return true;
    }
    return false;
}

/* Logical volumes as blocks: their segments over physical volumes, or over other logical volumes
 * (the images of a RAID). The kinds of segments are those of lvmraid(7), lvmthin(7), lvmcache(7).*/
#include <string.h>

#include "base/checked.h"
#include "base/cursor.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "volume/lvm_vg.h"

#define SECTOR 512u

/* One logical volume being put together. */
struct map {
    struct lvm_vg *vg;
    struct lvm_lv *lv;
    unsigned depth;
    GArray *pieces;   /* struct block_piece */
    GPtrArray *owned; /* blocks made on the way */
    GError **error;
};

/* A segment, or one of the areas it lies on: a run of extents. */
struct run {
    uint64_t off, len; /* bytes, in the logical volume or in the block */
    struct block *block;
};

static struct block *map_lv(struct lvm_vg *vg, struct lvm_lv *lv, unsigned depth, GError **error);

static bool lv_corrupt(struct map *m, const char *why)
{
    return fail_corrupt(m->error, "%s/%s: %s", m->vg->name, m->lv->name, why);
}

static bool find_pv(struct map *m, const struct lvm_pv *pv, uint64_t extent, struct run *out)
{
    if (pv->block == NULL) {
        g_autofree char *device = text_safe(pv->device), *id = lvm_id_text(pv->id);
        return fail(m->error, ASSAY_ERROR_NOT_FOUND,
                    "%s/%s: needs the physical volume %s (%s, uuid %s), which %s", m->vg->name,
                    m->lv->name, pv->name, device, id,
                    pv->marked_missing ? "is out of date" : "is missing");
    }
    if (!checked_mul(extent, m->vg->extent_size, &out->off) ||
        !checked_add(out->off, pv->start, &out->off))
        return lv_corrupt(m, "an extent past the end of everything");
    out->block = pv->block;
    return true;
}

/* An area is a physical volume or another logical volume. */
static bool find_area(struct map *m, const char *name, uint64_t extent, struct run *out)
{
    const struct lvm_pv *pv = g_hash_table_lookup(m->vg->pv_names, name);
    if (pv != NULL)
        return find_pv(m, pv, extent, out);
    struct lvm_lv *lv = g_hash_table_lookup(m->vg->lv_names, name);
    if (lv == NULL)
        return lv_corrupt(m, "lies on a volume that is not in its group");
    if (!checked_mul(extent, m->vg->extent_size, &out->off))
        return lv_corrupt(m, "an extent past the end of everything");
    out->block = map_lv(m->vg, lv, m->depth + 1, m->error);
    return out->block != NULL;
}

static void add_piece(struct map *m, const struct run *segment, struct block *under, uint64_t off)
{
    const struct block_piece piece = {
        .off = segment->off, .len = segment->len, .under = under, .under_off = off
    };
    g_array_append_val(m->pieces, piece);
}

/* Reads "name", extent pairs; *count of them, at most max. */
static bool read_pairs(struct map *m, const struct lvm_item *array, struct run *out, unsigned max,
                       unsigned *count)
{
    *count = 0;
    for (const struct lvm_item *i = array->first; i != NULL; i = i->next->next) {
        const struct lvm_item *extent = i->next;
        if (i->kind != LVM_STRING || extent == NULL || extent->kind != LVM_NUMBER ||
            extent->number < 0)
            return lv_corrupt(m, "its list of areas is damaged");
        if (*count == max)
            return fail_limit(m->error, "%s/%s: more than %u areas", m->vg->name, m->lv->name, max);
        if (!find_area(m, i->text, (uint64_t)extent->number, &out[*count]))
            return false;
        (*count)++;
    }
    return *count > 0 || lv_corrupt(m, "a segment without areas");
}

static bool add_stripes(struct map *m, const struct lvm_item *item, const struct run *segment,
                        const struct run *areas, unsigned count)
{
    struct block_column columns[LIMIT_STRIPES];
    uint64_t unit;
    if (count == 1) {
        add_piece(m, segment, areas[0].block, areas[0].off);
        return true;
    }
    if (!lvm_item_number(item, "stripe_size", &unit) || unit == 0 || unit > UINT32_MAX / SECTOR ||
        segment->len / m->vg->extent_size % count != 0)
        return lv_corrupt(m, "impossible stripes");
    for (unsigned i = 0; i < count; i++)
        columns[i] = (struct block_column){ .under = areas[i].block, .off = areas[i].off };
    struct block *b = block_stripes_new(columns, count, (uint32_t)unit * SECTOR,
                                        segment->len / count, m->lv->name, m->error);
    if (b == NULL)
        return false;
    g_ptr_array_add(m->owned, b);
    add_piece(m, segment, b, 0);
    return true;
}

static bool add_striped(struct map *m, const struct lvm_item *item, const struct run *segment)
{
    const struct lvm_item *array = lvm_item_get(item, "stripes", LVM_ARRAY);
    struct run areas[LIMIT_STRIPES];
    unsigned count;
    if (array == NULL)
        return lv_corrupt(m, "a striped segment without stripes");
    return read_pairs(m, array, areas, LIMIT_STRIPES, &count) &&
           add_stripes(m, item, segment, areas, count);
}

/* RAID 0: the images in turn. With "raid0_meta" there is a volume of metadata before each. */
static bool add_raid0(struct map *m, const struct lvm_item *item, const struct run *segment)
{
    const struct lvm_item *array = lvm_item_get(item, "raid0_lvs", LVM_ARRAY);
    bool with_meta = g_str_equal(lvm_item_text(item, "type"), "raid0_meta");
    struct run areas[LIMIT_STRIPES];
    unsigned count = 0, index = 0;
    for (const struct lvm_item *i = array != NULL ? array->first : NULL; i; i = i->next) {
        if (with_meta && index++ % 2 == 0)
            continue;
        if (i->kind != LVM_STRING || count == LIMIT_STRIPES)
            return lv_corrupt(m, "its list of images is damaged");
        if (!find_area(m, i->text, 0, &areas[count++]))
            return false;
    }
    return count > 0 ? add_stripes(m, item, segment, areas, count)
                     : lv_corrupt(m, "a RAID without images");
}

/* A mirror is written through its first leg; another one is used when that is missing. */
static bool add_mirror(struct map *m, const struct lvm_item *item, const struct run *segment)
{
    const struct lvm_item *array = lvm_item_get(item, "mirrors", LVM_ARRAY);
    g_autoptr(GError) first = NULL;
    for (const struct lvm_item *i = array != NULL ? array->first : NULL; i && i->next;
         i = i->next->next) {
        struct map leg = *m;
        struct run area;
        g_autoptr(GError) error = NULL;
        leg.error = &error;
        if (i->kind == LVM_STRING && i->next->kind == LVM_NUMBER && i->next->number >= 0 &&
            find_area(&leg, i->text, (uint64_t)i->next->number, &area)) {
            add_piece(m, segment, area.block, area.off);
            return true;
        }
        if (first == NULL)
            first = g_steal_pointer(&error);
    }
    if (first == NULL)
        return lv_corrupt(m, "a mirror without legs");
    g_propagate_error(m->error, g_steal_pointer(&first));
    return false;
}

/* What the metadata volume of a leg says (struct dm_raid_superblock of Linux'
 * drivers/md/dm-raid.c). Without one, the RAID has never been active. */
struct leg {
    struct block *image;
    bool has_state;
    uint64_t events, failed, recovered;
    unsigned position;
};

static void read_leg_state(struct map *m, const char *meta, struct leg *leg)
{
    struct map quiet = *m;
    g_autoptr(GError) error = NULL;
    struct run area;
    uint8_t bytes[64];
    const struct cursor c = cursor_of(bytes, sizeof bytes);
    quiet.error = &error;
    if (!find_area(&quiet, meta, 0, &area) || !block_read(area.block, 0, bytes, sizeof bytes, NULL))
        return;
    leg->has_state = memcmp(bytes, "DmRd", 4) == 0 && rd_le64_at(&c, 16, &leg->events) &&
                     rd_le64_at(&c, 24, &leg->failed) && rd_le64_at(&c, 32, &leg->recovered);
}

static const struct leg *best_leg(const struct leg *legs, unsigned count)
{
    const struct leg *newest = NULL, *best = NULL;
    for (unsigned i = 0; i < count; i++) {
        if (legs[i].has_state && (newest == NULL || legs[i].events > newest->events))
            newest = &legs[i];
    }
    for (unsigned i = 0; i < count && best == NULL; i++) {
        bool failed = newest != NULL && legs[i].position < 64 &&
                      (newest->failed >> legs[i].position & 1) != 0;
        bool behind = newest != NULL && (!legs[i].has_state || legs[i].events < newest->events ||
                                         legs[i].recovered != UINT64_MAX);
        if (!failed && !behind)
            best = &legs[i];
    }
    return best;
}

static bool add_raid1(struct map *m, const struct lvm_item *item, const struct run *segment)
{
    const struct lvm_item *array = lvm_item_get(item, "raids", LVM_ARRAY);
    struct leg legs[LIMIT_STRIPES];
    unsigned count = 0, position = 0;
    g_autoptr(GError) first = NULL;
    for (const struct lvm_item *i = array != NULL ? array->first : NULL; i && i->next;
         i = i->next->next, position++) {
        struct map quiet = *m;
        struct run area;
        g_autoptr(GError) error = NULL;
        quiet.error = &error;
        if (i->kind != LVM_STRING || i->next->kind != LVM_STRING || count == LIMIT_STRIPES)
            return lv_corrupt(m, "its list of images is damaged");
        legs[count] = (struct leg){ .position = position };
        if (find_area(&quiet, i->next->text, 0, &area)) {
            legs[count].image = area.block;
            read_leg_state(m, i->text, &legs[count++]);
        } else if (first == NULL) {
            first = g_steal_pointer(&error);
        }
    }
    const struct leg *leg = best_leg(legs, count);
    if (leg != NULL) {
        add_piece(m, segment, leg->image, segment->off);
        return true;
    }
    if (count > 0 || first == NULL)
        return lv_corrupt(m, "no image of its RAID is in sync");
    g_propagate_error(m->error, g_steal_pointer(&first));
    return false;
}

static bool add_zero(struct map *m, const struct lvm_item *item, const struct run *segment)
{
    add_piece(m, segment, NULL, 0);
    return true;
}

static const struct {
    const char *type;
    bool (*add)(struct map *m, const struct lvm_item *item, const struct run *segment);
    const char *unreadable; /* in the plural, where there is no function */
} kinds[] = {
    { "striped", add_striped, NULL },
    { "linear", add_striped, NULL },
    { "raid0", add_raid0, NULL },
    { "raid0_meta", add_raid0, NULL },
    { "raid1", add_raid1, NULL },
    { "mirror", add_mirror, NULL },
    { "zero", add_zero, NULL },
    { "snapshot", NULL, "snapshots" },
    { "thin", NULL, "thin volumes" },
    { "thin-pool", NULL, "thin pools" },
    { "cache", NULL, "cached volumes" },
    { "cache-pool", NULL, "cache pools" },
    { "writecache", NULL, "cached volumes" },
    { "vdo", NULL, "VDO volumes" },
    { "vdo-pool", NULL, "VDO pools" },
    { "integrity", NULL, "volumes with integrity data" },
};

static bool add_segment(struct map *m, const struct lvm_item *item)
{
    const char *type = lvm_item_text(item, "type");
    struct run segment = { 0 };
    /* Both were checked with the segments' order; their products are within the volume's size. */
    (void)lvm_item_number(item, "start_extent", &segment.off);
    (void)lvm_item_number(item, "extent_count", &segment.len);
    segment.off *= m->vg->extent_size;
    segment.len *= m->vg->extent_size;
    for (size_t i = 0; type != NULL && i < G_N_ELEMENTS(kinds); i++) {
        if (!g_str_equal(kinds[i].type, type))
            continue;
        if (kinds[i].add != NULL)
            return kinds[i].add(m, item, &segment);
        return fail_unsupported(m->error, "%s/%s: %s are not read yet", m->vg->name, m->lv->name,
                                kinds[i].unreadable);
    }
    g_autofree char *shown = text_safe(type);
    return fail_unsupported(m->error, "%s/%s: LVM segments of type '%.32s' are not read yet",
                            m->vg->name, m->lv->name, shown);
}

static struct block *map_segments(struct map *m)
{
    uint64_t extents;
    g_autoptr(GPtrArray) segments = lvm_lv_segments(m->vg, m->lv, &extents, m->error);
    g_autofree char *name = g_strdup_printf("%s/%s", m->vg->name, m->lv->name);
    for (unsigned i = 0; segments != NULL && i < segments->len; i++) {
        if (!add_segment(m, g_ptr_array_index(segments, i)))
            return NULL;
    }
    return segments == NULL ? NULL
                            : block_pieces_new((const struct block_piece *)(void *)m->pieces->data,
                                               m->pieces->len, name, m->error);
}

static struct block *map_lv(struct lvm_vg *vg, struct lvm_lv *lv, unsigned depth, GError **error)
{
    if (lv->block != NULL)
        return lv->block;
    if (lv->mapping || depth > LIMIT_LVM_LAYERS) {
        fail_corrupt(error, "%s/%s: lies on itself, or too deep", vg->name, lv->name);
        return NULL;
    }
    if (lv->error == NULL && lv->unreadable != NULL)
        fail_unsupported(&lv->error, "%s/%s: %s are not read yet", vg->name, lv->name,
                         lv->unreadable);
    if (lv->error == NULL) {
        struct map m = { .vg = vg, .lv = lv, .depth = depth, .error = &lv->error };
        m.pieces = g_array_new(FALSE, FALSE, sizeof(struct block_piece));
        m.owned = g_ptr_array_new_with_free_func((GDestroyNotify)block_unref);
        lv->mapping = true;
        lv->block = map_segments(&m);
        lv->mapping = false;
        g_ptr_array_unref(m.owned);
        g_array_unref(m.pieces);
    }
    if (lv->block == NULL && error != NULL)
        *error = g_error_copy(lv->error);
    return lv->block;
}

struct block *lvm_lv_map(struct lvm_vg *vg, struct lvm_lv *lv, GError **error)
{
    return map_lv(vg, lv, 0, error);
}

/* The only area of a linear segment, if that is a physical volume. */
static const struct lvm_pv *segment_place(const struct lvm_vg *vg, const struct lvm_item *segment,
                                          uint64_t *extent)
{
    const struct lvm_item *stripes = lvm_item_get(segment, "stripes", LVM_ARRAY);
    const struct lvm_item *name = stripes != NULL ? stripes->first : NULL;
    const struct lvm_item *first = name != NULL ? name->next : NULL;
    if (first == NULL || first->next != NULL || name->kind != LVM_STRING ||
        first->kind != LVM_NUMBER || first->number < 0)
        return NULL;
    *extent = (uint64_t)first->number;
    return g_hash_table_lookup(vg->pv_names, name->text);
}

const struct lvm_pv *lvm_lv_place(const struct lvm_vg *vg, const struct lvm_lv *lv, uint64_t *off)
{
    uint64_t extents, extent = 0;
    g_autoptr(GPtrArray) segments = lvm_lv_segments(vg, lv, &extents, NULL);
    const struct lvm_pv *pv = NULL;
    for (unsigned i = 0; segments != NULL && i < segments->len; i++) {
        const struct lvm_pv *here = segment_place(vg, g_ptr_array_index(segments, i), &extent);
        if (here == NULL || (i > 0 && here != pv))
            return NULL;
        if (i == 0 &&
            (!checked_mul(extent, vg->extent_size, off) || !checked_add(*off, here->start, off)))
            return NULL;
        pv = here;
    }
    return pv;
}

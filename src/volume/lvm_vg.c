#include "volume/lvm_vg.h"

#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/limits.h"

#define SECTOR 512u /* the unit of all sizes in the metadata */

/* As lvm(8) allows for names, so that they can be shown and be part of a volume's name. */
static bool is_name(const char *s)
{
    size_t len = strlen(s);
    return len > 0 && len < 128 && s[0] != '-' && s[0] != '.' &&
           strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+_.-") == len;
}

/* "abcdef-1234-..." without its dashes. */
static bool copy_id(const struct lvm_item *section, char out[LVM_ID_LEN + 1])
{
    const char *s = lvm_item_text(section, "id");
    size_t n = 0;
    for (; s != NULL && *s != '\0'; s++) {
        if (*s == '-')
            continue;
        if (n == LVM_ID_LEN)
            return false;
        out[n++] = *s;
    }
    out[n] = '\0';
    return n == LVM_ID_LEN;
}

static void lv_free(void *p)
{
    struct lvm_lv *lv = p;
    block_unref(lv->block);
    g_clear_error(&lv->error);
    g_free(lv);
}

void lvm_vg_free(struct lvm_vg *vg)
{
    if (vg == NULL)
        return;
    g_hash_table_unref(vg->pv_names);
    g_hash_table_unref(vg->lv_names);
    g_ptr_array_unref(vg->pvs);
    g_ptr_array_unref(vg->lvs);
    arena_free(vg->arena);
    g_free(vg);
}

static bool add_pv(struct lvm_vg *vg, const struct lvm_item *item, const char *what, GError **error)
{
    struct lvm_pv *pv = g_new0(struct lvm_pv, 1);
    g_ptr_array_add(vg->pvs, pv);
    pv->name = item->name;
    pv->device = lvm_item_text(item, "device");
    pv->marked_missing =
        lvm_item_has(item, "flags", "MISSING") || lvm_item_has(item, "status", "MISSING");
    if (!copy_id(item, pv->id) || !lvm_item_number(item, "pe_start", &pv->start) ||
        !checked_mul(pv->start, SECTOR, &pv->start))
        return fail_corrupt(error, "%s: LVM metadata: physical volume '%.64s' lacks a field", what,
                            item->name);
    return g_hash_table_insert(vg->pv_names, (void *)pv->name, pv) ||
           fail_corrupt(error, "%s: LVM metadata: two physical volumes '%.64s'", what, item->name);
}

static bool add_lv(struct lvm_vg *vg, const struct lvm_item *item, const char *what, GError **error)
{
    struct lvm_lv *lv = g_new0(struct lvm_lv, 1);
    g_ptr_array_add(vg->lvs, lv);
    lv->name = item->name;
    lv->item = item;
    lv->visible = lvm_item_has(item, "status", "VISIBLE");
    if (!is_name(lv->name))
        return fail_corrupt(error, "%s: LVM metadata: an impossible name of a volume", what);
    return g_hash_table_insert(vg->lv_names, (void *)lv->name, lv) ||
           fail_corrupt(error, "%s: LVM metadata: two logical volumes '%s'", what, lv->name);
}

static bool add_members(struct lvm_vg *vg, const struct lvm_item *section, const char *list,
                        bool (*add)(struct lvm_vg *, const struct lvm_item *, const char *,
                                    GError **),
                        const char *what, GError **error)
{
    const struct lvm_item *members = lvm_item_get(section, list, LVM_SECTION);
    for (const struct lvm_item *i = members != NULL ? members->first : NULL; i; i = i->next) {
        if (i->kind == LVM_SECTION && !add(vg, i, what, error))
            return false;
    }
    return true;
}

static void mark(struct lvm_vg *vg, const char *name, const char *what)
{
    struct lvm_lv *lv = name != NULL ? g_hash_table_lookup(vg->lv_names, name) : NULL;
    if (lv != NULL)
        lv->unreadable = what;
}

/* The store of a snapshot holds what its origin was where that has changed since, and is shown
 * under the name of the snapshot. Once merging has begun, the origin is what the snapshot was. */
static void mark_snapshots(struct lvm_vg *vg)
{
    for (unsigned i = 0; i < vg->lvs->len; i++) {
        const struct lvm_lv *lv = g_ptr_array_index(vg->lvs, i);
        for (const struct lvm_item *seg = lv->item->first; seg != NULL; seg = seg->next) {
            const char *type = seg->kind == LVM_SECTION ? lvm_item_text(seg, "type") : NULL;
            if (type == NULL || !g_str_equal(type, "snapshot"))
                continue;
            mark(vg, lvm_item_text(seg, "cow_store"), "snapshots");
            const char *merging = lvm_item_text(seg, "merging_store");
            mark(vg, merging, "snapshots");
            if (merging != NULL)
                mark(vg, lvm_item_text(seg, "origin"), "volumes with a snapshot being merged");
        }
    }
}

static void measure(struct lvm_vg *vg, struct lvm_lv *lv)
{
    uint64_t extents;
    g_autoptr(GPtrArray) segments = lvm_lv_segments(vg, lv, &extents, &lv->error);
    if (segments != NULL && !checked_mul(extents, vg->extent_size, &lv->size)) {
        lv->size = 0;
        fail_corrupt(&lv->error, "%s/%s: more extents than bytes can be", vg->name, lv->name);
    }
}

static bool parse_group(struct lvm_vg *vg, const struct lvm_item *top, const char *what,
                        GError **error)
{
    const struct lvm_item *section = NULL;
    for (const struct lvm_item *i = top->first; i != NULL; i = i->next) {
        if (i->kind != LVM_SECTION)
            continue;
        if (section != NULL)
            return fail_corrupt(error, "%s: LVM metadata of several groups", what);
        section = i;
    }
    if (section == NULL || !is_name(section->name))
        return fail_corrupt(error, "%s: LVM metadata without a volume group", what);
    vg->name = section->name;
    if (!copy_id(section, vg->id) || !lvm_item_number(section, "seqno", &vg->seqno) ||
        !lvm_item_number(section, "extent_size", &vg->extent_size) || vg->extent_size == 0 ||
        !checked_mul(vg->extent_size, SECTOR, &vg->extent_size))
        return fail_corrupt(error, "%s: LVM metadata: group '%s' lacks a field", what, vg->name);
    if (!add_members(vg, section, "physical_volumes", add_pv, what, error) ||
        !add_members(vg, section, "logical_volumes", add_lv, what, error))
        return false;
    mark_snapshots(vg);
    for (unsigned i = 0; i < vg->lvs->len; i++)
        measure(vg, g_ptr_array_index(vg->lvs, i));
    return true;
}

struct lvm_vg *lvm_vg_parse(const char *text, size_t len, const char *what, GError **error)
{
    g_autoptr(lvm_vg) vg = g_new0(struct lvm_vg, 1);
    vg->arena = arena_new(LIMIT_LVM_ITEMS);
    vg->pvs = g_ptr_array_new_with_free_func(g_free);
    vg->lvs = g_ptr_array_new_with_free_func(lv_free);
    vg->pv_names = g_hash_table_new(g_str_hash, g_str_equal);
    vg->lv_names = g_hash_table_new(g_str_hash, g_str_equal);
    const struct lvm_item *top = lvm_text_parse(text, len, what, vg->arena, error);
    if (top == NULL || !parse_group(vg, top, what, error))
        return NULL;
    return g_steal_pointer(&vg);
}

struct numbered {
    uint64_t start, count; /* extents */
    const struct lvm_item *item;
};

static int compare_starts(const void *a, const void *b)
{
    uint64_t x = ((const struct numbered *)a)->start, y = ((const struct numbered *)b)->start;
    return (x > y) - (x < y);
}

GPtrArray *lvm_lv_segments(const struct lvm_vg *vg, const struct lvm_lv *lv, uint64_t *extents,
                           GError **error)
{
    g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(struct numbered));
    g_autoptr(GPtrArray) out = g_ptr_array_new();
    uint64_t end = 0, promised;
    for (const struct lvm_item *i = lv->item->first; i != NULL; i = i->next) {
        struct numbered n = { .item = i };
        if (i->kind != LVM_SECTION)
            continue;
        if (!lvm_item_number(i, "start_extent", &n.start) ||
            !lvm_item_number(i, "extent_count", &n.count)) {
            fail_corrupt(error, "%s/%s: a segment without its extents", vg->name, lv->name);
            return NULL;
        }
        g_array_append_val(found, n);
    }
    if (!lvm_item_number(lv->item, "segment_count", &promised) || promised != found->len ||
        promised == 0) {
        fail_corrupt(error, "%s/%s: %u segments, not as many as promised", vg->name, lv->name,
                     found->len);
        return NULL;
    }
    g_array_sort(found, compare_starts);
    for (unsigned i = 0; i < found->len; i++) {
        const struct numbered *n = &g_array_index(found, struct numbered, i);
        if (n->start != end || n->count == 0 || !checked_add(end, n->count, &end)) {
            fail_corrupt(error,
                         "%s/%s: its segments overlap or leave gaps at extent %" G_GUINT64_FORMAT,
                         vg->name, lv->name, n->start);
            return NULL;
        }
        g_ptr_array_add(out, (void *)n->item);
    }
    *extents = end;
    return g_steal_pointer(&out);
}

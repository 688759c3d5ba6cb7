/* LVM2: physical volumes are found in any volume, logical ones are made when no more appear. */
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "volume/drivers.h"
#include "volume/lvm_vg.h"

/* Of a volume that is a physical volume: where the newest metadata on it lies. The metadata itself
 * is read again when the group is made: the copies on many disks would take much memory. */
struct pv_state {
    char id[LVM_ID_LEN + 1];
    char vg_id[LVM_ID_LEN + 1]; /* "" without a group */
    struct lvm_area area;
    uint64_t seqno;
    bool done; /* its group has been made */
};

static struct pv_state *pv_state_of(const struct volume *v)
{
    return v->content != NULL && g_str_equal(v->content, "lvm2-pv") ? v->state : NULL;
}

static struct volume *find_pv(const struct volume_set *set, const char *id)
{
    for (unsigned i = 0; i < set->volumes->len; i++) {
        struct volume *v = g_ptr_array_index(set->volumes, i);
        const struct pv_state *pv = pv_state_of(v);
        if (pv != NULL && memcmp(pv->id, id, LVM_ID_LEN) == 0)
            return v;
    }
    return NULL;
}

static struct lvm_vg *read_group(const struct volume *v, const struct lvm_area *area,
                                 GError **error)
{
    g_autofree char *text = NULL;
    size_t len = 0;
    if (!lvm_area_read(v->block, area, &text, &len, error) || text == NULL)
        return NULL;
    return lvm_vg_parse(text, len, v->name, error);
}

/* Damage to one copy of the metadata is a fault, and the other copies are read. */
static void read_areas(struct volume *v, const struct lvm_label *label, struct pv_state *pv)
{
    for (unsigned i = 0; i < label->area_count; i++) {
        GError *error = NULL;
        g_autoptr(lvm_vg) vg = read_group(v, &label->areas[i], &error);
        if (error != NULL)
            volume_set_fault(v, error);
        if (vg == NULL || (pv->vg_id[0] != '\0' && pv->seqno >= vg->seqno))
            continue;
        memcpy(pv->vg_id, vg->id, sizeof pv->vg_id);
        pv->seqno = vg->seqno;
        pv->area = label->areas[i];
    }
}

static bool lvm2_split(struct volume_set *set, struct volume *v, bool *claimed, GError **error)
{
    struct lvm_label label;
    GError *fault = NULL;
    bool sound = lvm_label_read(v->block, &label, claimed, &fault);
    if (!*claimed)
        return true;
    const struct volume *twin = sound ? find_pv(set, label.id) : NULL;
    v->content = g_strdup("lvm2-pv");
    if (twin != NULL) {
        g_autofree char *id = lvm_id_text(label.id);
        fail_unsupported(&fault, "%s: is a copy of the physical volume %s (uuid %s); not used",
                         v->name, twin->name, id);
    }
    if (fault != NULL) {
        volume_set_fault(v, fault);
        return true;
    }
    struct pv_state *pv = g_new0(struct pv_state, 1);
    v->state = pv;
    v->state_free = g_free;
    memcpy(pv->id, label.id, sizeof pv->id);
    read_areas(v, &label, pv);
    return true;
}

/* Gives the group the blocks of its physical volumes; how many it has to do without. */
static unsigned find_members(const struct volume_set *set, struct lvm_vg *vg)
{
    unsigned missing = 0;
    for (unsigned i = 0; i < vg->pvs->len; i++) {
        struct lvm_pv *pv = g_ptr_array_index(vg->pvs, i);
        struct volume *v = find_pv(set, pv->id);
        pv->user = v;
        if (v == NULL || pv->marked_missing)
            missing++;
        else
            pv->block = v->block;
    }
    return missing;
}

/* Groups on different disks may have the same name, and arrays are named like volumes of a group
 * "md": the later ones get a number. */
static char *unique_name(const struct volume_set *set, const char *group)
{
    g_autofree char *name = g_strdup(group);
    for (unsigned n = 2;; n++) {
        bool taken = false;
        for (unsigned i = 0; i < set->volumes->len && !taken; i++) {
            const struct volume *v = g_ptr_array_index(set->volumes, i);
            taken = g_str_has_prefix(v->name, name) && v->name[strlen(name)] == '/';
        }
        if (!taken)
            return g_steal_pointer(&name);
        g_free(name);
        name = g_strdup_printf("%s#%u", group, n);
    }
}

static bool add_volume(struct volume_set *set, struct lvm_vg *vg, struct lvm_lv *lv,
                       const char *group, GError **error)
{
    g_autofree char *name = g_strdup_printf("%s/%s", group, lv->name);
    GError *fault = NULL;
    uint64_t off = 0;
    const struct lvm_pv *place = lvm_lv_place(vg, lv, &off);
    struct volume *parent = place != NULL && place->block != NULL ? place->user : NULL;
    struct volume *v = volume_set_add(set, VOLUME_LOGICAL, parent, name, error);
    if (v == NULL)
        return false;
    for (unsigned i = 0; i < vg->pvs->len; i++) {
        const struct lvm_pv *pv = g_ptr_array_index(vg->pvs, i);
        if (pv->block != NULL)
            volume_set_lies_on(v, pv->user);
    }
    v->offset = parent != NULL ? off : 0;
    v->size = lv->size;
    v->uuid = g_strdup(lvm_item_text(lv->item, "id"));
    struct block *b = lvm_lv_map(vg, lv, &fault);
    if (b != NULL)
        v->block = block_ref(b);
    else
        volume_set_fault(v, fault);
    return true;
}

static bool add_volumes(struct volume_set *set, struct lvm_vg *vg, bool *grown, GError **error)
{
    g_autofree char *group = unique_name(set, vg->name);
    for (unsigned i = 0; i < vg->lvs->len; i++) {
        struct lvm_lv *lv = g_ptr_array_index(vg->lvs, i);
        if (!lv->visible)
            continue;
        *grown = true;
        if (!add_volume(set, vg, lv, group, error))
            return false;
    }
    return true;
}

/* The physical volume with the newest metadata of a group; NULL when the group has been made. */
static struct volume *newest_member(const struct volume_set *set, const char *vg_id)
{
    struct volume *newest = NULL;
    for (unsigned i = 0; i < set->volumes->len; i++) {
        struct volume *v = g_ptr_array_index(set->volumes, i);
        const struct pv_state *pv = pv_state_of(v);
        if (pv == NULL || memcmp(pv->vg_id, vg_id, LVM_ID_LEN) != 0)
            continue;
        if (pv->done)
            return NULL;
        if (newest == NULL || pv->seqno > pv_state_of(newest)->seqno)
            newest = v;
    }
    return newest;
}

static void mark_done(const struct volume_set *set, const char *vg_id)
{
    for (unsigned i = 0; i < set->volumes->len; i++) {
        struct pv_state *pv = pv_state_of(g_ptr_array_index(set->volumes, i));
        if (pv != NULL && memcmp(pv->vg_id, vg_id, LVM_ID_LEN) == 0)
            pv->done = true;
    }
}

/* Makes the group of one physical volume, if it has one that can be made now. */
static bool make_group(struct volume_set *set, struct volume *member, bool incomplete, bool *grown,
                       GError **error)
{
    struct pv_state *pv = pv_state_of(member);
    GError *fault = NULL;
    if (pv == NULL || pv->done || pv->vg_id[0] == '\0')
        return true;
    struct volume *newest = newest_member(set, pv->vg_id);
    if (newest == NULL) {
        pv->done = true;
        fail_unsupported(&fault, "%s: lies inside its own volume group", member->name);
        volume_set_fault(member, fault);
        return true;
    }
    g_autoptr(lvm_vg) vg = read_group(newest, &pv_state_of(newest)->area, &fault);
    if (vg == NULL) {
        if (fault == NULL) /* its bytes have changed meanwhile */
            fail(&fault, ASSAY_ERROR_IO, "%s: LVM metadata has gone", newest->name);
        pv_state_of(newest)->done = true;
        volume_set_fault(newest, fault);
        return true;
    }
    if (find_members(set, vg) > 0 && !incomplete)
        return true;
    mark_done(set, vg->id);
    return add_volumes(set, vg, grown, error);
}

/* What a group misses may lie in a volume of another group: complete groups come first. */
static bool lvm2_assemble(struct volume_set *set, bool *grown, GError **error)
{
    for (int incomplete = 0; incomplete < 2 && !*grown; incomplete++) {
        for (unsigned i = 0; i < set->volumes->len; i++) {
            if (!make_group(set, g_ptr_array_index(set->volumes, i), incomplete != 0, grown, error))
                return false;
        }
    }
    return true;
}

const struct volume_driver lvm2_driver = {
    .name = "lvm2",
    .description = "LVM2: linear, striped and mirrored volumes, over any number of disks",
    .split = lvm2_split,
    .assemble = lvm2_assemble,
};

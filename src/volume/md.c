/* Arrays of Linux' md driver. */
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "volume/drivers.h"
#include "volume/md_super.h"

#define LEVEL_LINEAR -1

struct member_state {
    struct md_super super;
    bool done; /* its array has been made */
};

/* An array that is being put together. */
struct array {
    GPtrArray *members; /* struct volume *, borrowed */
    const struct md_super *newest;
    const char *name;
};

static const struct md_super *super_of(const struct volume *v)
{
    return &((const struct member_state *)v->state)->super;
}

static bool is_member(const struct volume *v)
{
    return v->state != NULL && v->content != NULL && g_str_equal(v->content, "md-member");
}

static bool md_split(struct volume_set *set, struct volume *v, bool *claimed, GError **error)
{
    struct md_super super;
    *claimed = md_super_read(v->block, &super);
    if (!*claimed)
        return true;
    struct member_state *state = g_new0(struct member_state, 1);
    state->super = super;
    v->state = state;
    v->state_free = g_free;
    v->content = g_strdup("md-member");
    return true;
}

static bool is_taken(const struct volume_set *set, const char *name)
{
    for (unsigned i = 0; i < set->volumes->len; i++) {
        const struct volume *v = g_ptr_array_index(set->volumes, i);
        if (g_str_equal(v->name, name))
            return true;
    }
    return false;
}

/* As mdadm shows it, and /dev/disk/by-id. */
static char *uuid_text(const uint8_t uuid[16])
{
    GString *out = g_string_new(NULL);
    for (int i = 0; i < 16; i++)
        g_string_append_printf(out, i > 0 && i % 4 == 0 ? ":%02x" : "%02x", uuid[i]);
    return g_string_free(out, FALSE);
}

/* "md0" for numbers, as the kernel names the device; "md/root" for names. */
static char *own_name(const struct md_super *s)
{
    const char *colon = strchr(s->name, ':'), *name = colon != NULL ? colon + 1 : s->name;
    size_t len = strlen(name);
    if (s->name[0] == '\0' && g_str_equal(s->version, "0.90"))
        return g_strdup_printf("md%u", s->minor);
    if (len > 0 && strspn(name, "0123456789") == len)
        return g_strdup_printf("md%s", name);
    if (len > 0 && name[0] != '.' &&
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+_.-") == len)
        return g_strdup_printf("md/%s", name);
    g_autofree char *uuid = uuid_text(s->uuid);
    return g_strdup_printf("md/%s", uuid);
}

static char *unique_name(const struct volume_set *set, const struct md_super *s)
{
    g_autofree char *name = own_name(s), *base = g_strdup(name);
    for (unsigned n = 2; is_taken(set, name); n++) {
        g_free(name);
        name = g_strdup_printf("%s#%u", base, n);
    }
    return g_steal_pointer(&name);
}

/* The member that takes this place; the one changed last if several do. */
static struct volume *find_place(const struct array *a, uint32_t place)
{
    struct volume *found = NULL;
    for (unsigned i = 0; i < a->members->len; i++) {
        struct volume *v = g_ptr_array_index(a->members, i);
        if (super_of(v)->role == place &&
            (found == NULL || super_of(v)->events > super_of(found)->events))
            found = v;
    }
    return found;
}

/* Any member in sync that saw the last change holds all of the array. */
static struct block *make_raid1(const struct array *a, GError **error)
{
    for (unsigned i = 0; i < a->members->len; i++) {
        const struct volume *v = g_ptr_array_index(a->members, i);
        const struct md_super *s = super_of(v);
        if (s->role < s->disks && !s->recovering && s->events == a->newest->events && s->size > 0)
            return block_slice_new(v->block, s->data_off, s->size, a->name, error);
    }
    fail(error, ASSAY_ERROR_NOT_FOUND, "%s: no member of it is a copy in sync", a->name);
    return NULL;
}

/* The members in their order, each with its number of bytes in whole chunks. */
static bool find_all(const struct array *a, struct block_piece *out, GError **error)
{
    const struct md_super *newest = a->newest;
    uint64_t off = 0;
    if (newest->disks == 0 || newest->disks > LIMIT_STRIPES || newest->chunk == 0 ||
        newest->chunk % 512 != 0)
        return fail_corrupt(error, "%s: %u members with chunks of %u bytes", a->name, newest->disks,
                            newest->chunk);
    for (uint32_t i = 0; i < newest->disks; i++) {
        const struct volume *v = find_place(a, i);
        if (v == NULL)
            return fail(error, ASSAY_ERROR_NOT_FOUND, "%s: member %u of %u is missing", a->name, i,
                        newest->disks);
        const struct md_super *s = super_of(v);
        out[i] = (struct block_piece){ .off = off,
                                       .under = v->block,
                                       .under_off = s->data_off,
                                       .len = s->data_len / newest->chunk * newest->chunk };
        if (!checked_add(off, out[i].len, &off))
            return fail_corrupt(error, "%s: its members are larger than anything", a->name);
    }
    return true;
}

static struct block *make_linear(const struct array *a, GError **error)
{
    struct block_piece pieces[LIMIT_STRIPES];
    return find_all(a, pieces, error) ? block_pieces_new(pieces, a->newest->disks, a->name, error)
                                      : NULL;
}

/* Members of different sizes are dealt out in zones, by rules that changed with Linux 3.14. */
static struct block *make_raid0(const struct array *a, GError **error)
{
    struct block_piece pieces[LIMIT_STRIPES];
    struct block_column columns[LIMIT_STRIPES];
    if (!find_all(a, pieces, error))
        return NULL;
    for (uint32_t i = 0; i < a->newest->disks; i++) {
        if (pieces[i].len != pieces[0].len) {
            fail_unsupported(error, "%s: md RAID 0 over members of different sizes is not read yet",
                             a->name);
            return NULL;
        }
        columns[i] = (struct block_column){ pieces[i].under, pieces[i].under_off };
    }
    return block_stripes_new(columns, a->newest->disks, a->newest->chunk, pieces[0].len, a->name,
                             error);
}

static struct block *make_block(const struct array *a, GError **error)
{
    if (a->newest->reshaping) {
        fail_unsupported(error, "%s: an md array that is being reshaped is not read", a->name);
        return NULL;
    }
    switch (a->newest->level) {
    case 1:
        return make_raid1(a, error);
    case 0:
        return make_raid0(a, error);
    case LEVEL_LINEAR:
        return make_linear(a, error);
    default:
        fail_unsupported(error, "%s: md RAID %d arrays are not read yet", a->name,
                         a->newest->level);
        return NULL;
    }
}

/* What the superblock says the array holds, also when it cannot be read; 0 if it does not say. */
static uint64_t array_size(const struct md_super *s)
{
    uint32_t parity = s->level == 6 ? 2 : s->level == 4 || s->level == 5 ? 1 : 0;
    uint64_t columns = s->level == 1 ? 1 : s->disks > parity ? s->disks - parity : 0, size;
    return s->level != 10 && checked_mul(s->size, columns, &size) ? size : 0;
}

static bool add_array(struct volume_set *set, struct array *a, GError **error)
{
    GError *fault = NULL;
    bool alone = a->members->len == 1;
    struct volume *only = alone ? g_ptr_array_index(a->members, 0) : NULL;
    struct volume *v = volume_set_add(set, VOLUME_ARRAY, only, a->name, error);
    if (v == NULL)
        return false;
    for (unsigned i = 0; i < a->members->len; i++)
        volume_set_lies_on(v, g_ptr_array_index(a->members, i));
    v->offset = alone ? a->newest->data_off : 0;
    v->size = array_size(a->newest);
    v->uuid = uuid_text(a->newest->uuid);
    v->block = make_block(a, &fault);
    if (v->block == NULL)
        volume_set_fault(v, fault);
    else
        v->size = v->block->size;
    return true;
}

/* Takes all members of the array that first belongs to. */
static void collect(struct volume_set *set, const struct volume *first, struct array *a)
{
    for (unsigned i = 0; i < set->volumes->len; i++) {
        struct volume *v = g_ptr_array_index(set->volumes, i);
        if (!is_member(v) || memcmp(super_of(v)->uuid, super_of(first)->uuid, 16) != 0)
            continue;
        ((struct member_state *)v->state)->done = true;
        g_ptr_array_add(a->members, v);
        if (a->newest == NULL || super_of(v)->events > a->newest->events)
            a->newest = super_of(v);
    }
}

static bool md_assemble(struct volume_set *set, bool *grown, GError **error)
{
    for (unsigned i = 0; i < set->volumes->len; i++) {
        const struct volume *v = g_ptr_array_index(set->volumes, i);
        if (!is_member(v) || ((const struct member_state *)v->state)->done)
            continue;
        struct array a = { .members = g_ptr_array_new() };
        collect(set, v, &a);
        g_autofree char *name = unique_name(set, a.newest);
        a.name = name;
        bool ok = add_array(set, &a, error);
        g_ptr_array_unref(a.members);
        *grown = true;
        if (!ok)
            return false;
    }
    return true;
}

const struct volume_driver md_driver = {
    .name = "md",
    .description = "Linux md arrays: mirrors, stripes and linear ones",
    .split = md_split,
    .assemble = md_assemble,
};

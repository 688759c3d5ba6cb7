#include "fs/btrfs_chunk.h"

#include "base/checked.h"
#include "base/error.h"
#include "base/limits.h"
#include "fs/btrfs_format.h"

/* How a profile spreads its bytes. Without a profile bit: "single". */
static const struct profile {
    uint64_t bit;
    const char *name;
    uint16_t copies;
    bool striped; /* else all stripes hold the same */
    bool parity;
} profiles[] = {
    { 0, "single", 1, false, false },
    { BTRFS_GROUP_DUP, "dup", 2, false, false },
    { BTRFS_GROUP_RAID0, "raid0", 1, true, false },
    { BTRFS_GROUP_RAID1, "raid1", 2, false, false },
    { BTRFS_GROUP_RAID1C3, "raid1c3", 3, false, false },
    { BTRFS_GROUP_RAID1C4, "raid1c4", 4, false, false },
    { BTRFS_GROUP_RAID10, "raid10", 2, true, false },
    { BTRFS_GROUP_RAID5, "raid5", 1, true, true },
    { BTRFS_GROUP_RAID6, "raid6", 1, true, true },
};

/* NULL: more than one bit. */
static const struct profile *profile_of(uint64_t type)
{
    for (size_t i = 0; i < G_N_ELEMENTS(profiles); i++) {
        if ((type & BTRFS_GROUP_PROFILE) == profiles[i].bit)
            return &profiles[i];
    }
    return NULL;
}

void btrfs_chunk_map_init(struct btrfs_chunk_map *map)
{
    map->chunks = g_array_new(FALSE, FALSE, sizeof(struct btrfs_chunk));
    map->stripes = g_array_new(FALSE, FALSE, sizeof(struct btrfs_stripe));
}

void btrfs_chunk_map_clear(struct btrfs_chunk_map *map)
{
    g_clear_pointer(&map->chunks, g_array_unref);
    g_clear_pointer(&map->stripes, g_array_unref);
}

static bool stripe_count_fits(const struct btrfs_chunk *c, const struct profile *p)
{
    if (p->parity)
        return c->num_stripes >= 2;
    if (!p->striped)
        return c->num_stripes == p->copies;
    /* raid0 spreads over single stripes, raid10 over pairs of copies. */
    return c->num_stripes >= 1 && c->num_stripes % p->copies == 0 &&
           (p->copies == 1 || c->sub_stripes == p->copies);
}

static bool check_chunk(const struct btrfs_chunk *c, GError **error)
{
    const struct profile *p = profile_of(c->type);
    uint64_t end;
    const char *wrong = NULL;
    if (c->length == 0 || !checked_add(c->start, c->length, &end))
        wrong = "an impossible length";
    else if (p == NULL)
        wrong = "several profiles at once";
    else if (!stripe_count_fits(c, p))
        wrong = "a number of stripes that its profile cannot have";
    else if (!is_power_of_2(c->stripe_len) || c->stripe_len < BTRFS_MIN_SECTOR)
        wrong = "an impossible stripe length";
    if (wrong != NULL)
        return fail_corrupt(error, "chunk at %" G_GUINT64_FORMAT " has %s", c->start, wrong);
    return true;
}

/* Index of the first chunk that starts behind logical. */
static guint index_behind(const struct btrfs_chunk_map *map, uint64_t logical)
{
    guint low = 0, high = map->chunks->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (g_array_index(map->chunks, struct btrfs_chunk, middle).start <= logical)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool insert(struct btrfs_chunk_map *map, const struct btrfs_chunk *c, GError **error)
{
    guint i = index_behind(map, c->start);
    struct btrfs_chunk *all = (struct btrfs_chunk *)map->chunks->data;
    if (i < map->chunks->len && all[i].start - c->start < c->length)
        return fail_corrupt(error, "chunk at %" G_GUINT64_FORMAT " overlaps the next one",
                            c->start);
    if (i > 0 && all[i - 1].start == c->start) {
        all[i - 1] = *c;
        return true;
    }
    if (i > 0 && c->start - all[i - 1].start < all[i - 1].length)
        return fail_corrupt(error, "chunk at %" G_GUINT64_FORMAT " overlaps the one before",
                            c->start);
    g_array_insert_val(map->chunks, i, *c);
    return true;
}

bool btrfs_chunk_map_add(struct btrfs_chunk_map *map, uint64_t start, struct cursor *item,
                         GError **error)
{
    struct btrfs_chunk c = { .start = start, .first_stripe = map->stripes->len };
    struct cursor stripes, head = *item;
    const struct cursor fields = cursor_of(head.data + head.pos, cursor_left(&head));
    if (!rd_le64_at(&fields, CHUNK_LENGTH, &c.length) ||
        !rd_le64_at(&fields, CHUNK_STRIPE_LEN, &c.stripe_len) ||
        !rd_le64_at(&fields, CHUNK_TYPE, &c.type) ||
        !rd_le16_at(&fields, CHUNK_NUM_STRIPES, &c.num_stripes) ||
        !rd_le16_at(&fields, CHUNK_SUB_STRIPES, &c.sub_stripes) ||
        !cursor_skip(&head, CHUNK_SIZE) ||
        !rd_sub(&head, (size_t)c.num_stripes * STRIPE_SIZE, &stripes))
        return fail_corrupt(error, "chunk at %" G_GUINT64_FORMAT " is cut short", start);
    if (!check_chunk(&c, error))
        return false;
    if (map->stripes->len + c.num_stripes > LIMIT_BTRFS_CHUNKS)
        return fail_limit(error, "more than %u stripes of chunks", LIMIT_BTRFS_CHUNKS);
    for (unsigned i = 0; i < c.num_stripes; i++) {
        struct btrfs_stripe s;
        (void)rd_le64_at(&stripes, i * STRIPE_SIZE, &s.devid);
        (void)rd_le64_at(&stripes, i * STRIPE_SIZE + 8, &s.offset);
        g_array_append_val(map->stripes, s);
    }
    *item = head;
    return insert(map, &c, error);
}

bool btrfs_chunk_map_add_system(struct btrfs_chunk_map *map, struct cursor *array, GError **error)
{
    while (cursor_left(array) > 0) {
        uint64_t objectid, start;
        uint8_t type;
        if (!rd_le64(array, &objectid) || !rd_u8(array, &type) || !rd_le64(array, &start))
            return fail_corrupt(error, "the list of system chunks is cut short");
        if (objectid != BTRFS_FIRST_CHUNK || type != BTRFS_CHUNK_ITEM)
            return fail_corrupt(error, "the list of system chunks holds an item of type %u", type);
        if (!btrfs_chunk_map_add(map, start, array, error))
            return false;
    }
    return true;
}

/* Which stripe holds `copy` of the byte at off in the chunk, where in the stripe, and how many
 * bytes follow there. */
static uint16_t locate(const struct btrfs_chunk *c, const struct profile *p, uint64_t off,
                       unsigned copy, uint64_t *in_stripe, uint64_t *len)
{
    if (!p->striped) {
        *in_stripe = off;
        *len = c->length - off;
        return (uint16_t)copy;
    }
    uint64_t columns = c->num_stripes / p->copies, number = off / c->stripe_len;
    uint64_t skip = off % c->stripe_len;
    *in_stripe = number / columns * c->stripe_len + skip;
    *len = min_u64(c->stripe_len - skip, c->length - off);
    return (uint16_t)(number % columns * p->copies + copy);
}

bool btrfs_chunk_place(const struct btrfs_chunk_map *map, uint64_t logical, unsigned copy,
                       struct btrfs_place *out, GError **error)
{
    guint i = index_behind(map, logical);
    const struct btrfs_chunk *c =
        i == 0 ? NULL : &g_array_index(map->chunks, struct btrfs_chunk, i - 1);
    if (c == NULL || logical - c->start >= c->length)
        return fail_corrupt(error, "logical address %" G_GUINT64_FORMAT " lies in no chunk",
                            logical);
    const struct profile *p = profile_of(c->type);
    if (p->parity)
        return fail_unsupported(error, "chunk at %" G_GUINT64_FORMAT " is %s", c->start, p->name);
    if (copy >= p->copies)
        return fail(error, ASSAY_ERROR_NOT_FOUND,
                    "logical address %" G_GUINT64_FORMAT " has %u copies", logical, p->copies);
    uint64_t in_stripe;
    uint16_t n = locate(c, p, logical - c->start, copy, &in_stripe, &out->len);
    const struct btrfs_stripe *s =
        &g_array_index(map->stripes, struct btrfs_stripe, c->first_stripe + n);
    if (!checked_add(s->offset, in_stripe, &out->offset))
        return fail_corrupt(error, "chunk at %" G_GUINT64_FORMAT " has an impossible stripe",
                            c->start);
    out->devid = s->devid;
    out->copies = p->copies;
    return true;
}

bool btrfs_chunk_complete(const struct btrfs_chunk_map *map, const struct btrfs_chunk *c,
                          bool (*present)(uint64_t devid, void *user), void *user)
{
    const struct profile *p = profile_of(c->type);
    for (unsigned i = 0; i < c->num_stripes; i += p->copies) {
        bool any = false;
        for (unsigned k = i; k < i + p->copies; k++) {
            const struct btrfs_stripe *s =
                &g_array_index(map->stripes, struct btrfs_stripe, c->first_stripe + k);
            any = any || present(s->devid, user);
        }
        if (!any)
            return false;
    }
    return true;
}

#include "fs/btrfs_super.h"

#include <string.h>

#include "base/checked.h"
#include "base/cursor.h"
#include "base/error.h"
#include "fs/btrfs_sum.h"

static const uint64_t places[] = BTRFS_SUPER_PLACES;

/* Names as in /sys/fs/btrfs/features. Those marked readable only change what writers must do, or
 * are dealt with here. */
static const struct {
    uint8_t bit;
    bool readable;
    const char *name;
} incompat_features[] = {
    { 0, true, "mixed_backref" },
    { 1, true, "default_subvol" },
    { 2, true, "mixed_groups" },
    { 3, true, "compress_lzo" },
    { 4, true, "compress_zstd" },
    { 5, true, "big_metadata" },
    { 6, true, "extended_iref" },
    { 7, true, "raid56" },
    { 8, true, "skinny_metadata" },
    { 9, true, "no_holes" },
    { 10, true, "metadata_uuid" },
    { 11, true, "raid1c34" },
    { 12, false, "zoned" },
    { 13, false, "extent_tree_v2" },
    { 14, false, "raid_stripe_tree" },
    { 16, true, "simple_quota" },
    { 17, false, "remap_tree" },
};

/* No reader runs past the end: bytes is a whole superblock. */
static void take_fields(const uint8_t *bytes, struct btrfs_super *s)
{
    const struct cursor c = cursor_of(bytes, BTRFS_SUPER_SIZE);
    memcpy(s->fsid, bytes + SUPER_FSID, sizeof s->fsid);
    (void)rd_le64_at(&c, SUPER_FLAGS, &s->flags);
    (void)rd_le64_at(&c, SUPER_GENERATION, &s->generation);
    (void)rd_le64_at(&c, SUPER_ROOT, &s->root);
    (void)rd_le64_at(&c, SUPER_CHUNK_ROOT, &s->chunk_root);
    (void)rd_le64_at(&c, SUPER_LOG_ROOT, &s->log_root);
    (void)rd_le64_at(&c, SUPER_CHUNK_ROOT_GENERATION, &s->chunk_root_generation);
    (void)rd_u8_at(&c, SUPER_ROOT_LEVEL, &s->root_level);
    (void)rd_u8_at(&c, SUPER_CHUNK_ROOT_LEVEL, &s->chunk_root_level);
    (void)rd_u8_at(&c, SUPER_LOG_ROOT_LEVEL, &s->log_root_level);
    (void)rd_le64_at(&c, SUPER_TOTAL_BYTES, &s->total_bytes);
    (void)rd_le64_at(&c, SUPER_NUM_DEVICES, &s->num_devices);
    (void)rd_le64_at(&c, SUPER_DEVID, &s->devid);
    (void)rd_le64_at(&c, SUPER_DEVICE_BYTES, &s->device_bytes);
    (void)rd_le32_at(&c, SUPER_SECTORSIZE, &s->sectorsize);
    (void)rd_le32_at(&c, SUPER_NODESIZE, &s->nodesize);
    (void)rd_le64_at(&c, SUPER_INCOMPAT, &s->incompat);
    (void)rd_le16_at(&c, SUPER_SUM_TYPE, &s->sum_type);
    (void)rd_le32_at(&c, SUPER_SYSTEM_CHUNKS_SIZE, &s->system_chunks_size);
    memcpy(s->label, bytes + SUPER_LABEL, BTRFS_LABEL_SIZE);
    memcpy(s->system_chunks, bytes + SUPER_SYSTEM_CHUNKS, sizeof s->system_chunks);
    memcpy(s->metadata_uuid,
           bytes + (s->incompat & BTRFS_INCOMPAT_METADATA_UUID ? SUPER_METADATA_UUID : SUPER_FSID),
           sizeof s->metadata_uuid);
}

static bool check_fields(const struct btrfs_super *s, const char *name, GError **error)
{
    const char *wrong = NULL;
    if (!is_power_of_2(s->nodesize) || s->nodesize < BTRFS_MIN_NODE || s->nodesize > BTRFS_MAX_NODE)
        wrong = "an impossible node size";
    else if (!is_power_of_2(s->sectorsize) || s->sectorsize < BTRFS_MIN_SECTOR ||
             s->sectorsize > BTRFS_MAX_SECTOR || s->sectorsize > s->nodesize)
        wrong = "an impossible sector size";
    else if (s->root_level > BTRFS_MAX_LEVEL || s->chunk_root_level > BTRFS_MAX_LEVEL ||
             s->log_root_level > BTRFS_MAX_LEVEL)
        wrong = "an impossible tree height";
    else if (s->system_chunks_size > BTRFS_SYSTEM_CHUNKS)
        wrong = "more system chunks than fit";
    else if (s->num_devices == 0 || s->total_bytes == 0)
        wrong = "no devices";
    if (wrong != NULL)
        return fail_corrupt(error, "%s: btrfs superblock at %" G_GUINT64_FORMAT " has %s", name,
                            s->place, wrong);
    return true;
}

bool btrfs_super_parse(const uint8_t bytes[BTRFS_SUPER_SIZE], uint64_t place, const char *name,
                       struct btrfs_super *out, GError **error)
{
    const struct cursor c = cursor_of(bytes, BTRFS_SUPER_SIZE);
    uint64_t bytenr = 0;
    if (memcmp(bytes + SUPER_MAGIC, BTRFS_MAGIC, strlen(BTRFS_MAGIC)) != 0)
        return fail_corrupt(error, "%s: no btrfs superblock at %" G_GUINT64_FORMAT, name, place);
    if (!rd_le64_at(&c, SUPER_BYTENR, &bytenr) || bytenr != place)
        return fail_corrupt(error,
                            "%s: btrfs superblock at %" G_GUINT64_FORMAT
                            " says that it belongs to %" G_GUINT64_FORMAT,
                            name, place, bytenr);
    struct btrfs_super s = { .place = place };
    take_fields(bytes, &s);
    struct btrfs_sum *sum = btrfs_sum_new(s.sum_type);
    /* An unknown kind of checksum is a feature, refused later by its number. */
    bool good = sum == NULL || btrfs_sum_good(sum, bytes + SUPER_FSID,
                                              BTRFS_SUPER_SIZE - SUPER_FSID, bytes + SUPER_SUM);
    btrfs_sum_free(sum);
    if (!good)
        return fail_corrupt(
            error, "%s: checksum of the btrfs superblock at %" G_GUINT64_FORMAT " is wrong", name,
            place);
    if (!check_fields(&s, name, error))
        return false;
    *out = s;
    return true;
}

/* The damaged first copy still shows what it was: that of the same filesystem as `other`. */
static bool first_is_akin(const uint8_t *first, const struct btrfs_super *other)
{
    return memcmp(first + SUPER_MAGIC, BTRFS_MAGIC, strlen(BTRFS_MAGIC)) == 0 ||
           memcmp(first + SUPER_FSID, other->fsid, sizeof other->fsid) == 0;
}

bool btrfs_super_read(struct block *b, struct btrfs_super *out, char **damage, GError **error)
{
    g_autofree uint8_t *first = g_malloc0(BTRFS_SUPER_SIZE);
    g_autofree uint8_t *bytes = g_malloc(BTRFS_SUPER_SIZE);
    g_autofree struct btrfs_super *other = g_new(struct btrfs_super, 1);
    g_autoptr(GError) why = NULL;
    bool found = false;
    *damage = NULL;
    if (block_read(b, places[0], first, BTRFS_SUPER_SIZE, &why) &&
        btrfs_super_parse(first, places[0], b->name, out, &why))
        return true;
    for (size_t i = 1; i < G_N_ELEMENTS(places); i++) {
        if (range_within(places[i], BTRFS_SUPER_SIZE, b->size) &&
            block_read(b, places[i], bytes, BTRFS_SUPER_SIZE, NULL) &&
            btrfs_super_parse(bytes, places[i], b->name, other, NULL) &&
            first_is_akin(first, other) && (!found || other->generation > out->generation)) {
            *out = *other;
            found = true;
        }
    }
    if (!found) {
        g_propagate_error(error, g_steal_pointer(&why));
        return false;
    }
    *damage =
        g_strdup_printf("%s; the copy at %" G_GUINT64_FORMAT " is used", why->message, out->place);
    return true;
}

/* Appends ", zoned" or ", bit 40" for every bit that is not read. */
static void name_bits(uint64_t bits, GString *text)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        const char *name = NULL;
        bool readable = false;
        if ((bits >> bit & 1) == 0)
            continue;
        for (size_t i = 0; i < G_N_ELEMENTS(incompat_features); i++) {
            if (incompat_features[i].bit == bit) {
                name = incompat_features[i].name;
                readable = incompat_features[i].readable;
            }
        }
        if (name != NULL && !readable)
            g_string_append_printf(text, ", %s", name);
        else if (name == NULL)
            g_string_append_printf(text, ", incompatible bit 0x%" G_GINT64_MODIFIER "x",
                                   UINT64_C(1) << bit);
    }
}

bool btrfs_super_check_features(const struct btrfs_super *super, const char *name, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    name_bits(super->incompat, text);
    if (super->sum_type >= BTRFS_SUM_COUNT)
        g_string_append_printf(text, ", checksum type %u", super->sum_type);
    if (super->flags & (BTRFS_SUPER_METADUMP | BTRFS_SUPER_METADUMP_V2))
        g_string_append(text, ", metadata-only dump");
    if (text->len > 0)
        return fail_unsupported(error, "%s: btrfs with an unsupported feature: %s", name,
                                text->str + 2);
    return true;
}

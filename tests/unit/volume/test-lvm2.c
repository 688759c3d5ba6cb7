#include "disk.h"

#include "base/limits.h"
#include "volume/checksum.h"

/* A physical volume of 16 extents of 64 KiB from byte 64 KiB on; metadata area at 4096. */
#define EXTENT   (64u << 10)
#define EXTENTS  16
#define SIZE     ((EXTENTS + 1) * EXTENT)
#define AREA     4096u
#define AREA_LEN 16384u
#define SEED     0xf597a6cfu

/* 32 characters, as on disk. */
#define PV0 "0000000000000000000000000000pv00"
#define PV1 "0000000000000000000000000000pv01"

static void put_label(struct disk *d, unsigned sector, const char *id)
{
    size_t at = sector * 512;
    disk_put(d, at, "LABELONE", 8);
    disk_put64(d, at + 8, sector);
    disk_put32(d, at + 20, 32);
    disk_put(d, at + 24, "LVM2 001", 8);
    disk_put(d, at + 32, id, 32);
    disk_put64(d, at + 64, d->size);
    disk_put64(d, at + 72, EXTENT);
    disk_put64(d, at + 104, AREA);
    disk_put64(d, at + 112, AREA_LEN);
    disk_put32(d, at + 16, crc32_update(SEED, d->bytes + at + 20, 492));
}

static void sign_area(struct disk *d, size_t at)
{
    disk_put32(d, at, crc32_update(SEED, d->bytes + at + 4, 508));
}

/* The text begins at byte off of the area, and goes on behind the header when it meets the end. */
static void put_text(struct disk *d, const char *text, size_t off)
{
    size_t len = strlen(text) + 1, first = MIN(len, AREA_LEN - off);
    disk_put(d, AREA + 4, " LVM2 x[5A%r0N*>", 16);
    disk_put32(d, AREA + 20, 1);
    disk_put64(d, AREA + 24, AREA);
    disk_put64(d, AREA + 32, AREA_LEN);
    disk_put64(d, AREA + 40, off);
    disk_put64(d, AREA + 48, len);
    disk_put32(d, AREA + 56, crc32_update(SEED, text, len));
    disk_put(d, AREA + off, text, first);
    disk_put(d, AREA + 512, text + first, len - first);
    sign_area(d, AREA);
}

/* "vg0" with both physical volumes; every extent begins with its number (pv1: plus 0x80). */
static char *group_text(const char *name, char id, unsigned seqno, const char *volumes)
{
    return g_strdup_printf(
        "%s {\nid = \"%c00000-0000-0000-0000-0000-0000-0000vg\"\nseqno = %u\nextent_size = 128\n"
        "physical_volumes {\n"
        "pv0 { id = \"000000-0000-0000-0000-0000-0000-00pv00\" device = \"/dev/sda2\"\n"
        "status = [\"ALLOCATABLE\"] flags = [] pe_start = 128 pe_count = 16 }\n"
        "pv1 { id = \"000000-0000-0000-0000-0000-0000-00pv01\" device = \"/dev/sdb\"\n"
        "status = [\"ALLOCATABLE\"] flags = [] pe_start = 128 pe_count = 16 }\n"
        "}\nlogical_volumes {\n%s}\n}\n",
        name, id, seqno, volumes);
}

static char *volume_text(const char *name, const char *segments, unsigned count)
{
    return g_strdup_printf("%s { id = \"lv-%s\" status = [\"READ\", \"%s\"]\n"
                           "segment_count = %u\n%s}\n",
                           name, name, name[0] == '_' ? "WRITE" : "VISIBLE", count, segments);
}

static struct disk pv_new(const char *id, uint8_t mark)
{
    struct disk d = disk_new(SIZE);
    put_label(&d, 1, id);
    for (unsigned i = 0; i < EXTENTS; i++)
        memset(d.bytes + (i + 1) * EXTENT, (int)(mark + i), EXTENT);
    return d;
}

/* Both physical volumes hold a group with these volumes. */
static struct volume_set *scan_group(const char *volumes)
{
    struct disk a = pv_new(PV0, 0), b = pv_new(PV1, 0x80);
    g_autofree char *text = group_text("vg0", 'a', 1, volumes);
    struct volume_set *set = volume_set_new();
    put_text(&a, text, 512);
    put_text(&b, text, 512);
    disk_add_to(&a, set);
    disk_add_to(&b, set);
    scan(set);
    disk_clear(&a);
    disk_clear(&b);
    return set;
}

/* One volume "v" of one segment, and others. */
static struct volume_set *scan_segment(const char *segment, const char *others)
{
    g_autofree char *v = volume_text("v", segment, 1);
    g_autofree char *all = g_strconcat(v, others, NULL);
    return scan_group(all);
}

#define ONE_EXTENT_OF(pv, n)                                                                       \
    "segment1 { start_extent = 0 extent_count = 1 type = \"striped\" stripe_count = 1\n"           \
    "stripes = [\"" pv "\", " n "] }\n"

static void test_linear(void)
{
    g_autofree char *v =
        volume_text("v",
                    "segment2 { start_extent = 2 extent_count = 1\n"
                    "type = \"striped\" stripe_count = 1 stripes = [\"pv1\", 3] }\n"
                    "segment1 { start_extent = 0 extent_count = 2\n"
                    "type = \"striped\" stripe_count = 1 stripes = [\"pv0\", 5] }",
                    2);
    g_autofree char *w = volume_text("w", ONE_EXTENT_OF("pv1", "4"), 1);
    g_autofree char *x = volume_text("x",
                                     "segment1 { start_extent = 0 extent_count = 1\n"
                                     "type = \"striped\" stripe_count = 1 stripes = [\"pv0\", 9] }"
                                     "segment2 { start_extent = 1 extent_count = 1\n"
                                     "type = \"striped\" stripe_count = 1 stripes = [\"pv0\", 1] }",
                                     2);
    g_autofree char *all = g_strconcat(v, w, x, NULL);
    g_autoptr(volume_set) set = scan_group(all);
    g_assert_cmpuint(set->volumes->len, ==, 5);
    g_assert_cmpstr(get_volume(set, "disk0")->content, ==, "lvm2-pv");
    const struct volume *lv = get_volume(set, "vg0/v");
    assert_no_fault(lv);
    assert_place(lv, 0, 3 * EXTENT);
    g_assert_null(lv->parent);
    g_assert_cmpstr(lv->uuid, ==, "lv-v");
    g_assert_cmpint(lv->kind, ==, VOLUME_LOGICAL);
    assert_byte(lv, 0, 5);
    assert_byte(lv, EXTENT, 6);
    assert_byte(lv, 2 * EXTENT, 0x83);
    const struct volume *single = get_volume(set, "vg0/w");
    assert_place(single, 5 * EXTENT, EXTENT);
    g_assert_true(single->parent == get_volume(set, "disk1"));
    g_assert_true(get_volume(set, "vg0/x")->parent == get_volume(set, "disk0"));
    assert_place(get_volume(set, "vg0/x"), 10 * EXTENT, 2 * EXTENT);
}

static void test_striped(void)
{
    g_autoptr(volume_set) set = scan_segment(
        "segment1 { start_extent = 0 extent_count = 4 type = \"striped\" stripe_count = 2\n"
        "stripe_size = 8 stripes = [\"pv0\", 2, \"pv1\", 7] }",
        "");
    const struct volume *v = get_volume(set, "vg0/v");
    assert_no_fault(v);
    g_assert_cmpuint(v->block->size, ==, 4 * EXTENT);
    assert_byte(v, 0, 2);
    assert_byte(v, 4095, 2);
    assert_byte(v, 4096, 0x87);
    assert_byte(v, 2 * EXTENT, 3);
    assert_byte(v, 4 * EXTENT - 1, 0x88);
}

#define RAID1                                                                                      \
    "segment1 { start_extent = 0 extent_count = 1 type = \"raid1\" device_count = 2\n"             \
    "region_size = 1024 raids = [\"_m0\", \"_i0\", \"_m1\", \"_i1\"] }"

static char *legs(void)
{
    g_autofree char *m0 = volume_text("_m0", ONE_EXTENT_OF("pv0", "0"), 1);
    g_autofree char *i0 = volume_text("_i0", ONE_EXTENT_OF("pv0", "1"), 1);
    g_autofree char *m1 = volume_text("_m1", ONE_EXTENT_OF("pv1", "0"), 1);
    g_autofree char *i1 = volume_text("_i1", ONE_EXTENT_OF("pv1", "1"), 1);
    return g_strconcat(m0, i0, m1, i1, NULL);
}

static void put_leg(struct disk *d, uint64_t events, uint64_t failed, uint64_t recovered)
{
    disk_put(d, EXTENT, "DmRd", 4);
    disk_put64(d, EXTENT + 16, events);
    disk_put64(d, EXTENT + 24, failed);
    disk_put64(d, EXTENT + 32, recovered);
}

/* What the RAID 1 volume begins with; b is left out when NULL. */
static void assert_raid1(struct disk *a, struct disk *b, uint8_t expected)
{
    g_autofree char *images = legs();
    g_autofree char *v = volume_text("v", RAID1, 1);
    g_autofree char *all = g_strconcat(v, images, NULL);
    g_autofree char *text = group_text("vg0", 'a', 1, all);
    g_autoptr(volume_set) set = volume_set_new();
    for (int i = 0; i < 2; i++) {
        struct disk *d = i == 0 ? a : b;
        if (d == NULL)
            continue;
        put_text(d, text, 512);
        disk_add_to(d, set);
    }
    scan(set);
    assert_no_fault(get_volume(set, "vg0/v"));
    assert_byte(get_volume(set, "vg0/v"), 0, expected);
    g_assert_null(find_volume(set, "vg0/_i0"));
}

static void test_raid1(void)
{
    struct disk a = pv_new(PV0, 0), b = pv_new(PV1, 0x80);
    assert_raid1(&a, &b, 1); /* never active */
    assert_raid1(&b, NULL, 0x81);
    put_leg(&a, 5, 0, UINT64_MAX);
    put_leg(&b, 5, 0, UINT64_MAX);
    assert_raid1(&a, &b, 1);
    put_leg(&b, 9, 1, UINT64_MAX); /* saw the first fail */
    assert_raid1(&a, &b, 0x81);
    put_leg(&a, 9, 0, 77); /* is being rebuilt */
    put_leg(&b, 9, 0, UINT64_MAX);
    assert_raid1(&a, &b, 0x81);
    disk_clear(&a);
    disk_clear(&b);
}

static void test_no_leg(void)
{
    g_autofree char *images = legs();
    struct disk b = pv_new(PV1, 0x80);
    g_autofree char *v = volume_text("v", RAID1, 1);
    g_autofree char *all = g_strconcat(v, images, NULL);
    g_autofree char *text = group_text("vg0", 'a', 1, all);
    put_text(&b, text, 512);
    put_leg(&b, 9, 0, 77);
    g_autoptr(volume_set) set = disk_scan(&b);
    assert_fault(get_volume(set, "vg0/v"), ASSAY_ERROR_CORRUPT, "no image of its RAID is in sync");
    disk_clear(&b);
}

static void test_mirror(void)
{
    static const char mirror[] =
        "segment1 { start_extent = 0 extent_count = 1 type = \"mirror\" mirror_count = 2\n"
        "mirrors = [\"pv0\", 4, \"_i1\", 0] }";
    g_autofree char *images = legs();
    g_autoptr(volume_set) set = scan_segment(mirror, images);
    assert_no_fault(get_volume(set, "vg0/v"));
    assert_byte(get_volume(set, "vg0/v"), 0, 4);
}

static void test_raid0_and_zero(void)
{
    g_autofree char *images = legs();
    g_autoptr(volume_set) set =
        scan_segment("segment1 { start_extent = 0 extent_count = 2 type = \"raid0\"\n"
                     "stripe_count = 2 stripe_size = 128 raid0_lvs = [\"_i0\", \"_i1\"] }",
                     images);
    assert_byte(get_volume(set, "vg0/v"), 0, 1);
    assert_byte(get_volume(set, "vg0/v"), EXTENT, 0x81);
    g_autoptr(volume_set) zero =
        scan_segment("segment1 { start_extent = 0 extent_count = 2 type = \"zero\" }", "");
    assert_byte(get_volume(zero, "vg0/v"), EXTENT, 0);
}

static void test_not_read(void)
{
    static const struct {
        const char *type, *message;
    } kinds[] = {
        { "thin", "thin volumes are not read yet" },
        { "thin-pool", "thin pools are not read yet" },
        { "cache", "cached volumes are not read yet" },
        { "vdo", "VDO volumes are not read yet" },
        { "raid6_zr", "LVM segments of type 'raid6_zr' are not read yet" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autofree char *segment = g_strdup_printf(
            "segment1 { start_extent = 0 extent_count = 2 type = \"%s\" }", kinds[i].type);
        g_autoptr(volume_set) set = scan_segment(segment, "");
        const struct volume *v = get_volume(set, "vg0/v");
        assert_fault(v, ASSAY_ERROR_UNSUPPORTED, kinds[i].message);
        g_assert_null(v->block);
        g_assert_cmpuint(v->size, ==, 2 * EXTENT);
    }
}

static void test_snapshot(void)
{
    g_autofree char *store = volume_text("s", ONE_EXTENT_OF("pv0", "2"), 1);
    g_autofree char *link = volume_text("_snapshot0",
                                        "segment1 { start_extent = 0 extent_count = 1\n"
                                        "type = \"snapshot\" chunk_size = 8 origin = \"v\"\n"
                                        "cow_store = \"s\" }",
                                        1);
    g_autofree char *others = g_strconcat(store, link, NULL);
    g_autoptr(volume_set) set = scan_segment(ONE_EXTENT_OF("pv0", "3"), others);
    assert_no_fault(get_volume(set, "vg0/v"));
    assert_fault(get_volume(set, "vg0/s"), ASSAY_ERROR_UNSUPPORTED, "snapshots are not read yet");
    g_assert_null(find_volume(set, "vg0/_snapshot0"));
}

static void test_merging(void)
{
    g_autofree char *store = volume_text("s", ONE_EXTENT_OF("pv0", "2"), 1);
    g_autofree char *link = volume_text("_snapshot0",
                                        "segment1 { start_extent = 0 extent_count = 1\n"
                                        "type = \"snapshot\" chunk_size = 8 origin = \"v\"\n"
                                        "merging_store = \"s\" }",
                                        1);
    g_autofree char *others = g_strconcat(store, link, NULL);
    g_autoptr(volume_set) set = scan_segment(ONE_EXTENT_OF("pv0", "3"), others);
    assert_fault(get_volume(set, "vg0/v"), ASSAY_ERROR_UNSUPPORTED, "being merged");
    assert_fault(get_volume(set, "vg0/s"), ASSAY_ERROR_UNSUPPORTED, "snapshots are not read yet");
}

static void test_missing(void)
{
    struct disk a = pv_new(PV0, 0);
    g_autofree char *v = volume_text("v", ONE_EXTENT_OF("pv0", "0"), 1);
    g_autofree char *w = volume_text("w", ONE_EXTENT_OF("pv1", "0"), 1);
    g_autofree char *both = g_strconcat(v, w, NULL);
    g_autofree char *text = group_text("vg0", 'a', 1, both);
    put_text(&a, text, 512);
    g_autoptr(volume_set) set = disk_scan(&a);
    assert_no_fault(get_volume(set, "vg0/v"));
    assert_fault(get_volume(set, "vg0/w"), ASSAY_ERROR_NOT_FOUND,
                 "needs the physical volume pv1 (/dev/sdb, uuid "
                 "000000-0000-0000-0000-0000-0000-00pv01), which is missing");
    g_assert_cmpuint(get_volume(set, "vg0/w")->size, ==, EXTENT);
    disk_clear(&a);
}

static void test_newest(void)
{
    struct disk a = pv_new(PV0, 0), b = pv_new(PV1, 0x80);
    g_autofree char *v = volume_text("v", ONE_EXTENT_OF("pv0", "1"), 1);
    g_autofree char *old = group_text("vg0", 'a', 9, v);
    g_autofree char *w = volume_text("w", ONE_EXTENT_OF("pv0", "2"), 1);
    g_autofree char *new = group_text("vg0", 'a', 10, w);
    g_autoptr(volume_set) set = volume_set_new();
    put_text(&a, old, 512);
    put_text(&b, new, 512);
    disk_add_to(&a, set);
    disk_add_to(&b, set);
    scan(set);
    g_assert_cmpuint(set->volumes->len, ==, 3);
    assert_byte(get_volume(set, "vg0/w"), 0, 2);
    disk_clear(&a);
    disk_clear(&b);
}

static void test_twin(void)
{
    struct disk a = pv_new(PV0, 0);
    g_autofree char *v = volume_text("v", ONE_EXTENT_OF("pv0", "1"), 1);
    g_autofree char *text = group_text("vg0", 'a', 1, v);
    g_autoptr(volume_set) set = volume_set_new();
    put_text(&a, text, 512);
    disk_add_to(&a, set);
    disk_add_to(&a, set);
    scan(set);
    g_assert_cmpuint(set->volumes->len, ==, 3);
    assert_no_fault(get_volume(set, "disk0"));
    assert_fault(get_volume(set, "disk1"), ASSAY_ERROR_UNSUPPORTED,
                 "is a copy of the physical volume disk0");
    disk_clear(&a);
}

static void test_same_name(void)
{
    struct disk a = pv_new(PV0, 0), b = pv_new(PV1, 0x80);
    g_autofree char *v = volume_text("v", ONE_EXTENT_OF("pv0", "1"), 1);
    g_autofree char *first = group_text("vg0", 'a', 1, v);
    g_autofree char *w = volume_text("v", ONE_EXTENT_OF("pv1", "1"), 1);
    g_autofree char *second = group_text("vg0", 'b', 1, w);
    g_autoptr(volume_set) set = volume_set_new();
    put_text(&a, first, 512);
    put_text(&b, second, 512);
    disk_add_to(&a, set);
    disk_add_to(&b, set);
    scan(set);
    assert_byte(get_volume(set, "vg0/v"), 0, 1);
    assert_byte(get_volume(set, "vg0#2/v"), 0, 0x81);
    disk_clear(&a);
    disk_clear(&b);
}

static void test_ring(void)
{
    struct disk a = pv_new(PV0, 0);
    g_autofree char *v = volume_text("v", ONE_EXTENT_OF("pv0", "1"), 1);
    g_autofree char *text = group_text("vg0", 'a', 1, v);
    put_text(&a, text, AREA_LEN - 100);
    g_autoptr(volume_set) set = disk_scan(&a);
    assert_no_fault(get_volume(set, "disk0"));
    assert_no_fault(get_volume(set, "vg0/v"));
    disk_clear(&a);
}

static void test_label_place(void)
{
    struct disk a = disk_new(SIZE);
    put_label(&a, 3, PV0);
    g_autoptr(volume_set) set = disk_scan(&a);
    g_assert_cmpstr(get_volume(set, "disk0")->content, ==, "lvm2-pv");
    disk_put32(&a, 3 * 512 + 16, 0);
    g_autoptr(volume_set) bad = disk_scan(&a);
    assert_fault(get_volume(bad, "disk0"), ASSAY_ERROR_CORRUPT, "damaged LVM label at byte 1536");
    disk_clear(&a);
}

static void assert_pv_fault(const struct disk *d, int code, const char *text)
{
    g_autoptr(volume_set) set = disk_scan(d);
    g_assert_cmpuint(set->volumes->len, ==, 1);
    assert_fault(get_volume(set, "disk0"), code, text);
}

static void test_bad_area(void)
{
    struct disk a = pv_new(PV0, 0);
    g_autofree char *text = group_text("vg0", 'a', 1, "");
    put_text(&a, text, 512);
    a.bytes[AREA + 600] ^= 1;
    assert_pv_fault(&a, ASSAY_ERROR_CORRUPT, "LVM metadata at byte 4608 has a wrong checksum");
    a.bytes[AREA + 33] ^= 1;
    assert_pv_fault(&a, ASSAY_ERROR_CORRUPT, "damaged LVM metadata area at byte 4096");
    put_text(&a, text, 512);
    disk_put64(&a, AREA + 48, AREA_LEN);
    sign_area(&a, AREA);
    assert_pv_fault(&a, ASSAY_ERROR_CORRUPT, "leaves its area");
    disk_put64(&a, AREA + 48, UINT64_MAX);
    sign_area(&a, AREA);
    assert_pv_fault(&a, ASSAY_ERROR_LIMIT, "LVM metadata of 18446744073709551615 bytes");
    put_text(&a, "vg0 { seqno = 1 }", 512);
    assert_pv_fault(&a, ASSAY_ERROR_CORRUPT, "group 'vg0' lacks a field");
    put_text(&a, "vg0/../x { seqno = 1 }", 512);
    assert_pv_fault(&a, ASSAY_ERROR_CORRUPT, "without a volume group");
    put_text(&a, "vg0 {", 512);
    assert_pv_fault(&a, ASSAY_ERROR_CORRUPT, "'}' expected");
    disk_clear(&a);
}

static void test_bad_volumes(void)
{
    static const struct {
        const char *segment, *message;
    } bad[] = {
        { "", "0 segments" },
        { "segment1 { start_extent = 1 extent_count = 1 type = \"zero\" }", "leave gaps" },
        { "segment1 { start_extent = 0 extent_count = 0 type = \"zero\" }", "leave gaps" },
        { "segment1 { start_extent = 0 type = \"zero\" }", "without its extents" },
        { "segment1 { start_extent = 0 extent_count = 9223372036854775807 type = \"zero\" }",
          "more extents than bytes" },
        { ONE_EXTENT_OF("pv0", "16"), "reaches past the end of disk" },
        { ONE_EXTENT_OF("pv0", "9223372036854775807"), "an extent past the end of everything" },
        { ONE_EXTENT_OF("pv9", "0"), "not in its group" },
        { ONE_EXTENT_OF("v", "0"), "lies on itself" },
        { "segment1 { start_extent = 0 extent_count = 1 type = \"striped\" stripes = [] }",
          "without areas" },
        { "segment1 { start_extent = 0 extent_count = 1 type = \"striped\" stripes = [1, 2] }",
          "list of areas is damaged" },
        { "segment1 { start_extent = 0 extent_count = 3 type = \"striped\" stripe_size = 8\n"
          "stripes = [\"pv0\", 0, \"pv1\", 0] }",
          "impossible stripes" },
        { "segment1 { start_extent = 0 extent_count = 2 type = \"striped\" stripe_size = 7\n"
          "stripes = [\"pv0\", 0, \"pv1\", 0] }",
          "impossible stripes" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(volume_set) set = scan_segment(bad[i].segment, "");
        assert_fault(get_volume(set, "vg0/v"), ASSAY_ERROR_CORRUPT, bad[i].message);
    }
}

/* A physical volume of one group lies in a volume of another. */
static void test_nested(void)
{
    struct disk a = pv_new(PV0, 0), b = disk_new(10 * EXTENT);
    g_autofree char *v = volume_text("v",
                                     "segment1 { start_extent = 0 extent_count = 10\n"
                                     "type = \"striped\" stripe_count = 1 stripes = [\"pv0\", 5] }",
                                     1);
    g_autofree char *outer = group_text("outer", 'a', 1, v);
    g_autofree char *w = volume_text("w", ONE_EXTENT_OF("pv1", "2"), 1);
    g_autofree char *inner = group_text("inner", 'b', 1, w);
    put_text(&a, outer, 512);
    put_label(&b, 1, PV1);
    put_text(&b, inner, 512);
    b.bytes[3 * EXTENT] = 0x77;
    disk_put(&a, 6 * EXTENT, b.bytes, b.size);
    g_autoptr(volume_set) set = disk_scan(&a);
    g_assert_cmpstr(get_volume(set, "outer/v")->content, ==, "lvm2-pv");
    assert_byte(get_volume(set, "inner/w"), 0, 0x77);
    disk_clear(&a);
    disk_clear(&b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/lvm2/linear volumes over two disks", test_linear);
    g_test_add_func("/lvm2/striped volumes", test_striped);
    g_test_add_func("/lvm2/RAID 1 is read from a leg in sync", test_raid1);
    g_test_add_func("/lvm2/RAID 1 without a leg in sync is a fault", test_no_leg);
    g_test_add_func("/lvm2/mirrors are read from the first leg", test_mirror);
    g_test_add_func("/lvm2/RAID 0 and zeros", test_raid0_and_zero);
    g_test_add_func("/lvm2/kinds that are not read are named", test_not_read);
    g_test_add_func("/lvm2/the origin of a snapshot is read, the snapshot named", test_snapshot);
    g_test_add_func("/lvm2/an origin that is being merged into is not read", test_merging);
    g_test_add_func("/lvm2/a missing disk is a fault of what needs it", test_missing);
    g_test_add_func("/lvm2/the newest metadata counts", test_newest);
    g_test_add_func("/lvm2/a copy of a physical volume is not used", test_twin);
    g_test_add_func("/lvm2/groups of the same name get numbers", test_same_name);
    g_test_add_func("/lvm2/metadata goes round in its ring", test_ring);
    g_test_add_func("/lvm2/the label is in any of four sectors", test_label_place);
    g_test_add_func("/lvm2/damaged metadata areas are faults", test_bad_area);
    g_test_add_func("/lvm2/volumes that contradict themselves are faults", test_bad_volumes);
    g_test_add_func("/lvm2/a group within a volume of another", test_nested);
    return g_test_run();
}

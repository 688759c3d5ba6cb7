/* The chunk map alone: where bytes lie by every profile, and chunks that contradict themselves. */
#include "btrfs-image.h"

#define K 1024u

static bool add(struct btrfs_chunk_map *map, uint64_t start, const struct chunk *c, GError **error)
{
    uint8_t bytes[CHUNK_SIZE + 8 * STRIPE_SIZE];
    struct cursor item = cursor_of(bytes, make_chunk(bytes, c));
    return btrfs_chunk_map_add(map, start, &item, error);
}

static void assert_place(const struct btrfs_chunk_map *map, uint64_t logical, unsigned copy,
                         uint64_t devid, uint64_t offset, uint64_t len)
{
    g_autoptr(GError) error = NULL;
    struct btrfs_place p;
    btrfs_chunk_place(map, logical, copy, &p, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(p.devid, ==, devid);
    g_assert_cmpuint(p.offset, ==, offset);
    g_assert_cmpuint(p.len, ==, len);
}

static void assert_nowhere(const struct btrfs_chunk_map *map, uint64_t logical, unsigned copy,
                           int code, const char *text)
{
    g_autoptr(GError) error = NULL;
    struct btrfs_place p;
    g_assert_false(btrfs_chunk_place(map, logical, copy, &p, &error));
    assert_error_says(error, code, text);
}

static struct btrfs_chunk_map map_of(uint64_t start, const struct chunk *c)
{
    g_autoptr(GError) error = NULL;
    struct btrfs_chunk_map map;
    btrfs_chunk_map_init(&map);
    add(&map, start, c, &error);
    g_assert_no_error(error);
    return map;
}

static void test_single_and_mirrored_chunks_are_contiguous(void)
{
    static const struct {
        uint64_t type;
        uint16_t copies;
    } cases[] = { { 0, 1 },
                  { BTRFS_GROUP_DUP, 2 },
                  { BTRFS_GROUP_RAID1, 2 },
                  { BTRFS_GROUP_RAID1C3, 3 },
                  { BTRFS_GROUP_RAID1C4, 4 } };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct chunk c = { .length = 1024 * K,
                           .stripe_len = 64 * K,
                           .type = cases[i].type,
                           .num_stripes = cases[i].copies };
        for (unsigned k = 0; k < 4; k++)
            c.stripes[k] = (struct btrfs_stripe){ k + 1, (k + 1) * 10000u };
        struct btrfs_chunk_map map = map_of(4096 * K, &c);
        for (unsigned k = 0; k < cases[i].copies; k++) {
            assert_place(&map, 4096 * K, k, k + 1, (k + 1) * 10000u, 1024 * K);
            assert_place(&map, 4096 * K + 77777, k, k + 1, (k + 1) * 10000u + 77777,
                         1024 * K - 77777);
        }
        assert_nowhere(&map, 4096 * K, cases[i].copies, ASSAY_ERROR_NOT_FOUND, "copies");
        assert_nowhere(&map, 4096 * K - 1, 0, ASSAY_ERROR_CORRUPT, "in no chunk");
        assert_nowhere(&map, 5120 * K, 0, ASSAY_ERROR_CORRUPT, "in no chunk");
        btrfs_chunk_map_clear(&map);
    }
}

static void test_raid0_goes_around_the_devices(void)
{
    const struct chunk c = { .length = 600 * K,
                             .stripe_len = 64 * K,
                             .type = BTRFS_GROUP_RAID0,
                             .num_stripes = 3,
                             .stripes = { { 1, 1000 * K }, { 2, 2000 * K }, { 3, 3000 * K } } };
    struct btrfs_chunk_map map = map_of(0, &c);
    assert_place(&map, 0, 0, 1, 1000 * K, 64 * K);
    assert_place(&map, 64 * K, 0, 2, 2000 * K, 64 * K);
    assert_place(&map, 130 * K, 0, 3, 3002 * K, 62 * K);
    assert_place(&map, 192 * K, 0, 1, 1064 * K, 64 * K);
    assert_place(&map, 600 * K - 1, 0, 1, 1000 * K + 216 * K - 1, 1);
    btrfs_chunk_map_clear(&map);
}

static void test_raid10_goes_around_pairs(void)
{
    const struct chunk c = {
        .length = 512 * K,
        .stripe_len = 64 * K,
        .type = BTRFS_GROUP_RAID10,
        .num_stripes = 4,
        .sub_stripes = 2,
        .stripes = { { 1, 1000 * K }, { 2, 2000 * K }, { 3, 3000 * K }, { 4, 4000 * K } }
    };
    struct btrfs_chunk_map map = map_of(0, &c);
    assert_place(&map, 1, 0, 1, 1000 * K + 1, 64 * K - 1);
    assert_place(&map, 1, 1, 2, 2000 * K + 1, 64 * K - 1);
    assert_place(&map, 64 * K, 0, 3, 3000 * K, 64 * K);
    assert_place(&map, 64 * K, 1, 4, 4000 * K, 64 * K);
    assert_place(&map, 128 * K, 1, 2, 2064 * K, 64 * K);
    btrfs_chunk_map_clear(&map);
}

static void test_parity_is_refused_by_name(void)
{
    const struct chunk c = {
        .length = 512 * K, .stripe_len = 64 * K, .type = BTRFS_GROUP_RAID6, .num_stripes = 4
    };
    struct btrfs_chunk_map map = map_of(0, &c);
    assert_nowhere(&map, 0, 0, ASSAY_ERROR_UNSUPPORTED, "raid6");
    btrfs_chunk_map_clear(&map);
}

static bool is_one(uint64_t devid, void *user)
{
    return devid == 1;
}

static void test_a_chunk_is_complete_when_one_copy_of_all_is_there(void)
{
    static const struct {
        struct chunk c;
        bool complete;
    } cases[] = {
        { { .length = K,
            .stripe_len = 64 * K,
            .type = BTRFS_GROUP_RAID1,
            .num_stripes = 2,
            .stripes = { { 2, 0 }, { 1, 0 } } },
          true },
        { { .length = K,
            .stripe_len = 64 * K,
            .type = BTRFS_GROUP_RAID1,
            .num_stripes = 2,
            .stripes = { { 2, 0 }, { 3, 0 } } },
          false },
        { { .length = K,
            .stripe_len = 64 * K,
            .type = BTRFS_GROUP_RAID0,
            .num_stripes = 2,
            .stripes = { { 1, 0 }, { 2, 0 } } },
          false },
        { { .length = K,
            .stripe_len = 64 * K,
            .type = BTRFS_GROUP_RAID10,
            .num_stripes = 4,
            .sub_stripes = 2,
            .stripes = { { 1, 0 }, { 2, 0 }, { 3, 0 }, { 1, 0 } } },
          true },
        { { .length = K,
            .stripe_len = 64 * K,
            .type = BTRFS_GROUP_RAID10,
            .num_stripes = 4,
            .sub_stripes = 2,
            .stripes = { { 1, 0 }, { 1, 0 }, { 3, 0 }, { 2, 0 } } },
          false },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct btrfs_chunk_map map = map_of(0, &cases[i].c);
        const struct btrfs_chunk *c = &g_array_index(map.chunks, struct btrfs_chunk, 0);
        g_assert_cmpint(btrfs_chunk_complete(&map, c, is_one, NULL), ==, cases[i].complete);
        btrfs_chunk_map_clear(&map);
    }
}

static void test_impossible_chunks_are_corrupt(void)
{
    static const struct {
        uint64_t start;
        struct chunk c;
        const char *text;
    } cases[] = {
        { 0, { .length = 0, .stripe_len = 65536, .num_stripes = 1 }, "length" },
        { UINT64_MAX, { .length = 2, .stripe_len = 65536, .num_stripes = 1 }, "length" },
        { 0, { .length = K, .stripe_len = 0, .num_stripes = 1 }, "stripe length" },
        { 0, { .length = K, .stripe_len = 65537, .num_stripes = 1 }, "stripe length" },
        { 0, { .length = K, .stripe_len = 65536, .num_stripes = 0 }, "number of stripes" },
        { 0, { .length = K, .stripe_len = 65536, .num_stripes = 2 }, "number of stripes" },
        { 0, { .length = K, .stripe_len = 65536, .type = 8 | 16, .num_stripes = 2 }, "several" },
        { 0, { .length = K, .stripe_len = 65536, .type = BTRFS_GROUP_RAID0 }, "number of" },
        { 0,
          { .length = K,
            .stripe_len = 65536,
            .type = BTRFS_GROUP_RAID10,
            .num_stripes = 3,
            .sub_stripes = 2 },
          "number of" },
        { 0,
          { .length = K,
            .stripe_len = 65536,
            .type = BTRFS_GROUP_RAID10,
            .num_stripes = 4,
            .sub_stripes = 0 },
          "number of" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        struct btrfs_chunk_map map;
        btrfs_chunk_map_init(&map);
        g_assert_false(add(&map, cases[i].start, &cases[i].c, &error));
        assert_error_says(error, ASSAY_ERROR_CORRUPT, cases[i].text);
        btrfs_chunk_map_clear(&map);
    }
}

static void test_chunks_must_not_overlap_but_may_repeat(void)
{
    const struct chunk c = { .length = 100, .stripe_len = 65536, .num_stripes = 1 };
    struct btrfs_chunk_map map = map_of(1000, &c);
    g_assert_true(add(&map, 1000, &c, NULL));
    g_assert_true(add(&map, 1100, &c, NULL));
    g_assert_true(add(&map, 900, &c, NULL));
    g_assert_false(add(&map, 1050, &c, NULL));
    g_assert_false(add(&map, 850, &c, NULL));
    g_assert_cmpuint(map.chunks->len, ==, 3);
    assert_place(&map, 1199, 0, 0, 99, 1);
    btrfs_chunk_map_clear(&map);
}

static void test_a_stripe_beyond_all_offsets_is_corrupt(void)
{
    const struct chunk c = {
        .length = 1000, .stripe_len = 65536, .num_stripes = 1, .stripes = { { 1, UINT64_MAX - 10 } }
    };
    struct btrfs_chunk_map map = map_of(0, &c);
    assert_nowhere(&map, 11, 0, ASSAY_ERROR_CORRUPT, "impossible stripe");
    btrfs_chunk_map_clear(&map);
}

static void test_cut_chunks_and_foreign_items_are_corrupt(void)
{
    uint8_t bytes[BTRFS_KEY_SIZE + CHUNK_SIZE + 8 * STRIPE_SIZE];
    put_key(bytes, (struct btrfs_key){ BTRFS_FIRST_CHUNK, BTRFS_CHUNK_ITEM, 0 });
    size_t len = BTRFS_KEY_SIZE + make_chunk(bytes + BTRFS_KEY_SIZE, &image_chunk);
    for (size_t cut = 1; cut <= len; cut++) {
        struct btrfs_chunk_map map;
        struct cursor array = cursor_of(bytes, cut);
        btrfs_chunk_map_init(&map);
        g_assert_cmpint(btrfs_chunk_map_add_system(&map, &array, NULL), ==, cut == len);
        btrfs_chunk_map_clear(&map);
    }
    g_autoptr(GError) error = NULL;
    struct btrfs_chunk_map map;
    struct cursor array = cursor_of(bytes, len);
    bytes[8] = BTRFS_DEV_ITEM;
    btrfs_chunk_map_init(&map);
    g_assert_false(btrfs_chunk_map_add_system(&map, &array, &error));
    assert_error_says(error, ASSAY_ERROR_CORRUPT, "type 216");
    btrfs_chunk_map_clear(&map);
}

#define ADD(title, func) g_test_add_func("/btrfs-chunk/" title, func)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("single and mirrored chunks are contiguous",
        test_single_and_mirrored_chunks_are_contiguous);
    ADD("raid0 goes around the devices", test_raid0_goes_around_the_devices);
    ADD("raid10 goes around pairs", test_raid10_goes_around_pairs);
    ADD("parity is refused by name", test_parity_is_refused_by_name);
    ADD("a chunk is complete when one copy of all is there",
        test_a_chunk_is_complete_when_one_copy_of_all_is_there);
    ADD("impossible chunks are corrupt", test_impossible_chunks_are_corrupt);
    ADD("chunks must not overlap but may repeat", test_chunks_must_not_overlap_but_may_repeat);
    ADD("a stripe beyond all offsets is corrupt", test_a_stripe_beyond_all_offsets_is_corrupt);
    ADD("cut chunks and foreign items are corrupt", test_cut_chunks_and_foreign_items_are_corrupt);
    return g_test_run();
}

/* The journal: what has been committed counts, in every form that jbd2 has; nothing else does. */
#include "ext-image.h"

#define V1      0x1000u /* the oldest checksum; this bit stands for the compatible feature */
#define REVOKES 0x01u
#define WIDE    0x02u
#define ASYNC   0x04u
#define V2      0x08u
#define V3      0x10u
#define FAST    0x20u

#define FIRST_SEQUENCE 5u
#define ESCAPE         1u

/* What is written to the log, block after block. */
struct log {
    struct image *im;
    uint32_t features, next, sequence, crc;
    uint8_t *descriptor; /* the one that is being filled; its tags end at tag */
    uint8_t *tag;
    uint64_t seconds;
};

static uint8_t *log_block(struct log *l, uint32_t index)
{
    return at_block(l->im, AT_JOURNAL + index);
}

static uint8_t *next_block(struct log *l)
{
    uint8_t *p = log_block(l, l->next);
    l->next = l->next + 1 == JOURNAL_BLOCKS ? 1 : l->next + 1;
    memset(p, 0, SIZE);
    return p;
}

static uint32_t log_seed(struct log *l)
{
    return crc32c_update(~0u, log_block(l, 0) + 0x30, 16);
}

static void put_head(uint8_t *p, uint32_t type, uint32_t sequence)
{
    put_be(p, 0xc03b3998, 4);
    put_be(p + 4, type, 4);
    put_be(p + 8, sequence, 4);
}

static void sum_tail(struct log *l, uint8_t *p)
{
    if (l->features & (V2 | V3))
        put_be(p + SIZE - 4, crc32c_update(log_seed(l), p, SIZE), 4);
}

static void sum_super(struct log *l)
{
    uint8_t *p = log_block(l, 0);
    put_be(p + 0xfc, 0, 4);
    if (l->features & (V2 | V3))
        put_be(p + 0xfc, crc32c_update(~0u, p, SIZE), 4);
}

/* A log that begins at a block of the journal. */
static struct log log_new(struct image *im, uint32_t features, uint32_t start)
{
    struct log l = { .im = im,
                     .features = features,
                     .next = start,
                     .sequence = FIRST_SEQUENCE,
                     .crc = ~0u,
                     .seconds = 1000 };
    uint8_t *p = log_block(&l, 0);
    put_inode(im, 8, S_IFREG | 0600, JOURNAL_BLOCKS * SIZE);
    put_extent(map_of(im, 8), 0, JOURNAL_BLOCKS, AT_JOURNAL);
    put_head(p, 4, 0);
    put_be(p + 0x0c, SIZE, 4);
    put_be(p + 0x10, JOURNAL_BLOCKS, 4);
    put_be(p + 0x14, 1, 4);
    put_be(p + 0x18, FIRST_SEQUENCE, 4);
    put_be(p + 0x1c, start, 4);
    put_be(p + 0x24, features & V1 ? 1 : 0, 4);
    put_be(p + 0x28, features & 0xff, 4);
    memset(p + 0x30, 0x77, 16);
    p[0x50] = 4;
    put_be(p + 0x54, features & FAST ? 8 : 0, 4);
    sum_super(&l);
    return l;
}

static void end_descriptor(struct log *l)
{
    if (l->descriptor == NULL)
        return;
    sum_tail(l, l->descriptor);
    l->descriptor = NULL;
}

/* Puts a block of the filesystem into the log, in a descriptor of its own. */
static void log_put(struct log *l, uint64_t place, const uint8_t *data, uint32_t flags)
{
    uint8_t word[4];
    put_be(word, l->sequence, 4);
    end_descriptor(l);
    l->descriptor = next_block(l);
    put_head(l->descriptor, 1, l->sequence);
    uint8_t *t = l->descriptor + 12, *bytes = next_block(l);
    memcpy(bytes, data, SIZE);
    if (flags & ESCAPE)
        memset(bytes, 0, 4);
    uint32_t crc = crc32c_update(crc32c_update(log_seed(l), word, 4), bytes, SIZE);
    flags |= 8; /* the last of its descriptor; with the uuid behind */
    put_be(t, place & 0xffffffff, 4);
    if (l->features & V3) {
        put_be(t + 4, flags, 4);
        put_be(t + 8, place >> 32, 4);
        put_be(t + 12, crc, 4);
    } else {
        put_be(t + 4, l->features & V2 ? crc & 0xffff : 0, 2);
        put_be(t + 6, flags, 2);
        if (l->features & WIDE)
            put_be(t + 8, place >> 32, 4);
    }
    end_descriptor(l);
    l->crc = ext2fs_crc32_be(l->crc, bytes - SIZE, SIZE);
    l->crc = ext2fs_crc32_be(l->crc, bytes, SIZE);
}

static void log_revoke(struct log *l, uint64_t place)
{
    uint8_t *p = next_block(l);
    unsigned width = l->features & WIDE ? 8 : 4;
    put_head(p, 5, l->sequence);
    put_be(p + 12, 16 + width, 4);
    put_be(p + 16, place, width);
    sum_tail(l, p);
}

static uint8_t *log_commit(struct log *l)
{
    uint8_t *p = next_block(l);
    put_head(p, 2, l->sequence++);
    put_be(p + 0x30, l->seconds++, 8);
    if (l->features & V1) {
        p[12] = 1;
        p[13] = 4;
        put_be(p + 16, l->crc, 4);
        l->crc = ~0u;
    }
    if (l->features & (V2 | V3))
        put_be(p + 16, crc32c_update(log_seed(l), p, SIZE), 4);
    return p;
}

static struct image image_with_journal(void)
{
    struct image im = image_new(COMPAT_JOURNAL, INCOMPAT | RECOVER, 0);
    put_file(&im, 12, AT_FREE, "old 12");
    put_file(&im, 13, AT_FREE + 1, "old 13");
    put_file(&im, 14, AT_FREE + 2, "old 14");
    return im;
}

static uint8_t *text_block(const char *text)
{
    static uint8_t block[SIZE];
    memset(block, 0, SIZE);
    memcpy(block, text, strlen(text));
    return block;
}

static void assert_text(struct tree *t, uint64_t inode, const char *text)
{
    g_autofree char *got = read_text(t, inode, NULL);
    g_assert_cmpstr(got, ==, text);
}

static const uint32_t forms[] = {
    0, REVOKES, V1, WIDE, V2, V2 | WIDE, V3, V3 | WIDE, V3 | WIDE | ASYNC, FAST,
};

static void test_committed_transactions_count_in_every_form(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
        struct image im = image_with_journal();
        struct log l = log_new(&im, forms[i], 1);
        log_put(&l, AT_FREE, text_block("new 12"), 0);
        log_put(&l, AT_FREE + 1, text_block("new 13"), 0);
        log_commit(&l);
        log_put(&l, AT_FREE, text_block("2nd 12"), 0);
        log_commit(&l);
        log_put(&l, AT_FREE + 2, text_block("new 14"), 0);
        g_autoptr(tree) t = image_open(&im);
        g_assert_cmpint(t->recovery, ==, TREE_RECOVERY_REPLAYED);
        g_assert_cmpuint(t->fault_count, ==, 0);
        assert_text(t, 12, "2nd 12");
        assert_text(t, 13, "new 13");
        assert_text(t, 14, "old 14"); /* never committed */
        image_clear(&im);
    }
}

static void test_the_log_is_a_ring(void)
{
    for (uint32_t start = JOURNAL_BLOCKS - 5; start < JOURNAL_BLOCKS; start++) {
        struct image im = image_with_journal();
        struct log l = log_new(&im, V3, start);
        log_put(&l, AT_FREE, text_block("new 12"), 0);
        log_put(&l, AT_FREE + 1, text_block("new 13"), 0);
        log_commit(&l);
        g_autoptr(tree) t = image_open(&im);
        assert_text(t, 12, "new 12");
        assert_text(t, 13, "new 13");
        image_clear(&im);
    }
}

static void test_escaped_blocks_get_their_magic_back(void)
{
    struct image im = image_with_journal();
    struct log l = log_new(&im, V3, 1);
    log_put(&l, AT_FREE, text_block("\xc0\x3b\x39\x98yes"), ESCAPE);
    log_commit(&l);
    put_le(at_inode(&im, 12) + 4, 7, 4);
    g_autoptr(tree) t = image_open(&im);
    assert_text(t, 12, "\xc0\x3b\x39\x98yes");
    image_clear(&im);
}

static void test_revoked_blocks_stay_as_they_are(void)
{
    static const uint32_t widths[] = { REVOKES, REVOKES | WIDE | V3 };
    for (size_t i = 0; i < G_N_ELEMENTS(widths); i++) {
        struct image im = image_with_journal();
        struct log l = log_new(&im, widths[i], 1);
        log_put(&l, AT_FREE, text_block("new 12"), 0);
        log_put(&l, AT_FREE + 1, text_block("new 13"), 0);
        log_commit(&l);
        log_revoke(&l, AT_FREE);
        log_revoke(&l, AT_FREE + 1);
        log_revoke(&l, AT_FREE + 2);
        log_put(&l, AT_FREE + 2, text_block("new 14"), 0); /* revoked by the same */
        log_commit(&l);
        log_put(&l, AT_FREE + 1, text_block("3rd 13"), 0); /* later than the revoke */
        log_commit(&l);
        log_revoke(&l, AT_FREE + 1); /* not committed */
        g_autoptr(tree) t = image_open(&im);
        g_assert_cmpint(t->recovery, ==, TREE_RECOVERY_REPLAYED);
        assert_text(t, 12, "old 12");
        assert_text(t, 13, "3rd 13");
        assert_text(t, 14, "old 14");
        image_clear(&im);
    }
}

static void test_a_damaged_transaction_and_what_follows_is_missing(void)
{
    static const struct {
        uint32_t features, block; /* of the log, counted from its first */
    } damage[] = { { V3, 2 }, { V3, 0 }, { V2 | WIDE, 2 }, { V1, 1 }, { V1, 0 } };
    for (size_t i = 0; i < G_N_ELEMENTS(damage); i++) {
        struct image im = image_with_journal();
        struct log l = log_new(&im, damage[i].features, 1);
        log_put(&l, AT_FREE, text_block("new 12"), 0);
        log_commit(&l);
        uint32_t second = l.next;
        log_put(&l, AT_FREE + 1, text_block("new 13"), 0);
        log_commit(&l);
        log_put(&l, AT_FREE + 2, text_block("new 14"), 0);
        log_commit(&l);
        log_block(&l, second + damage[i].block)[500] ^= 1;
        g_autoptr(tree) t = image_open(&im);
        g_assert_cmpint(t->recovery, ==, TREE_RECOVERY_NEEDED);
        assert_fault(t, "journal: transaction 6 has a wrong checksum");
        assert_text(t, 12, "new 12");
        assert_text(t, 13, "old 13");
        assert_text(t, 14, "old 14");
        image_clear(&im);
    }
}

static void test_a_damaged_block_hides_no_other(void)
{
    struct image im = image_with_journal();
    struct log l = log_new(&im, V3, 1);
    log_put(&l, AT_FREE, text_block("new 12"), 0);
    log_block(&l, l.next - 1)[0] ^= 1;
    log_put(&l, AT_FREE + 1, text_block("new 13"), 0);
    log_commit(&l);
    g_autoptr(tree) t = image_open(&im);
    g_assert_cmpint(t->recovery, ==, TREE_RECOVERY_NEEDED);
    assert_fault(t, "journal: block 17 of transaction 5 has a wrong checksum");
    assert_text(t, 12, "old 12");
    assert_text(t, 13, "new 13");
    image_clear(&im);
}

static void test_what_an_older_turn_left_behind_the_end_is_no_damage(void)
{
    struct image im = image_with_journal();
    struct log l = log_new(&im, V3, 1);
    log_put(&l, AT_FREE, text_block("new 12"), 0);
    log_commit(&l);
    log_put(&l, AT_FREE + 1, text_block("new 13"), 0);
    l.seconds = 10;
    log_commit(&l)[20] ^= 1;
    g_autoptr(tree) t = image_open(&im);
    g_assert_cmpint(t->recovery, ==, TREE_RECOVERY_REPLAYED);
    g_assert_cmpuint(t->fault_count, ==, 0);
    assert_text(t, 12, "new 12");
    assert_text(t, 13, "old 13");
    image_clear(&im);
}

static void test_places_that_there_are_not_are_said(void)
{
    struct image im = image_with_journal();
    struct log l = log_new(&im, V3 | WIDE, 1);
    log_put(&l, BLOCKS, text_block("x"), 0);
    log_put(&l, UINT64_MAX, text_block("x"), 0);
    log_put(&l, AT_FREE, text_block("new 12"), 0);
    log_commit(&l);
    g_autoptr(tree) t = image_open(&im);
    g_assert_cmpint(t->recovery, ==, TREE_RECOVERY_NEEDED);
    assert_fault(t, "lies past the end");
    assert_text(t, 12, "new 12");
    image_clear(&im);
}

static void test_a_replayed_superblock_counts(void)
{
    struct image im = image_with_journal();
    struct log l = log_new(&im, V3, 1);
    uint8_t super[SIZE];
    memcpy(super, at_block(&im, AT_SUPER), SIZE);
    memcpy(super + 0x78, "renamed\0\0\0\0\0", 12);
    log_put(&l, AT_SUPER, super, 0);
    log_commit(&l);
    g_autoptr(tree) t = image_open(&im);
    g_assert_cmpstr(t->label, ==, "renamed");
    image_clear(&im);
}

static void test_a_replayed_superblock_that_is_none_is_not_used(void)
{
    struct image im = image_with_journal();
    struct log l = log_new(&im, V3, 1);
    log_put(&l, AT_SUPER, text_block("not a superblock"), 0);
    log_put(&l, AT_FREE, text_block("new 12"), 0);
    log_commit(&l);
    g_autoptr(tree) t = image_open(&im);
    g_assert_cmpint(t->recovery, ==, TREE_RECOVERY_NEEDED);
    assert_fault(t, "journal: not used");
    assert_text(t, 12, "old 12");
    image_clear(&im);
}

static void test_fast_commits_are_said(void)
{
    static const struct {
        uint32_t id;
        enum tree_recovery recovery;
    } cases[] = { { FIRST_SEQUENCE + 1, TREE_RECOVERY_NEEDED },
                  { FIRST_SEQUENCE, TREE_RECOVERY_REPLAYED } };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image im = image_with_journal();
        struct log l = log_new(&im, FAST, 1);
        log_put(&l, AT_FREE, text_block("new 12"), 0);
        log_commit(&l);
        uint8_t *p = log_block(&l, JOURNAL_BLOCKS - 8 + 1);
        put_le(p, 9, 2);
        put_le(p + 2, 8, 2);
        put_le(p + 8, cases[i].id, 4);
        g_autoptr(tree) t = image_open(&im);
        g_assert_cmpint(t->recovery, ==, cases[i].recovery);
        if (cases[i].recovery == TREE_RECOVERY_NEEDED)
            assert_fault(t, "fast commits are not read");
        assert_text(t, 12, "new 12");
        image_clear(&im);
    }
}

static void test_journals_that_cannot_be_read_are_said(void)
{
    static const struct {
        unsigned off, len;
        uint64_t value;
        bool sum;
        const char *text;
    } cases[] = {
        { 0, 4, 0, true, "no journal superblock" },
        { 4, 4, 1, true, "no journal superblock" },
        { 0x0c, 4, 4096, true, "blocks of 4096 bytes" },
        { 0x10, 4, JOURNAL_BLOCKS + 1, true, "which do not fit" },
        { 0x14, 4, 0, true, "log begins at" },
        { 0x14, 4, JOURNAL_BLOCKS, true, "log begins at" },
        { 0x1c, 4, JOURNAL_BLOCKS, true, "log begins at" },
        { 0x28, 4, V3 | 0x100, true, "unknown incompatible feature 0x100" },
        { 0x28, 4, V3 | V2, true, "two kinds of checksums" },
        { 0x50, 1, 7, true, "unknown checksum type 7" },
        { 0x40, 4, 7, false, "checksum of its superblock is wrong" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image im = image_with_journal();
        struct log l = log_new(&im, V3, 1);
        log_put(&l, AT_FREE, text_block("new 12"), 0);
        log_commit(&l);
        put_be(log_block(&l, 0) + cases[i].off, cases[i].value, cases[i].len);
        if (cases[i].sum)
            sum_super(&l);
        g_autoptr(tree) t = image_open(&im);
        g_assert_cmpint(t->recovery, ==, TREE_RECOVERY_NEEDED);
        assert_fault(t, cases[i].text);
        assert_text(t, 12, "old 12");
        image_clear(&im);
    }
}

static void test_a_journal_elsewhere_is_said(void)
{
    struct image im = image_with_journal();
    put_le(at_block(&im, AT_SUPER) + 0xe0, 0, 4);
    g_autoptr(tree) t = image_open(&im);
    g_assert_cmpint(t->recovery, ==, TREE_RECOVERY_NEEDED);
    assert_fault(t, "another device");
    image_clear(&im);
}

static void test_a_clean_filesystem_asks_nothing_of_its_journal(void)
{
    struct image im = image_with_journal();
    struct log l = log_new(&im, V3, 1);
    log_put(&l, AT_FREE, text_block("new 12"), 0);
    log_commit(&l);
    put_le(at_block(&im, AT_SUPER) + 0x60, INCOMPAT, 4);
    g_autoptr(tree) t = image_open(&im);
    g_assert_cmpint(t->recovery, ==, TREE_RECOVERY_NONE);
    assert_text(t, 12, "old 12");
    image_clear(&im);
}

static void test_an_empty_log_is_replayed_at_once(void)
{
    struct image im = image_with_journal();
    struct log l = log_new(&im, V3, 1);
    put_be(log_block(&l, 0) + 0x1c, 0, 4);
    sum_super(&l);
    g_autoptr(tree) t = image_open(&im);
    g_assert_cmpint(t->recovery, ==, TREE_RECOVERY_REPLAYED);
    g_assert_cmpuint(t->fault_count, ==, 0);
    image_clear(&im);
}

/* Found by thought: nothing but descriptors of one transaction, all the way round. */
static void test_a_log_without_end_ends(void)
{
    struct image im = image_with_journal();
    struct log l = log_new(&im, 0, 1);
    for (uint32_t i = 1; i < JOURNAL_BLOCKS; i++)
        put_head(next_block(&l), 5, FIRST_SEQUENCE);
    g_autoptr(tree) t = image_open(&im);
    assert_text(t, 12, "old 12");
    image_clear(&im);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ext-journal/committed transactions count in every form",
                    test_committed_transactions_count_in_every_form);
    g_test_add_func("/ext-journal/the log is a ring", test_the_log_is_a_ring);
    g_test_add_func("/ext-journal/escaped blocks get their magic back",
                    test_escaped_blocks_get_their_magic_back);
    g_test_add_func("/ext-journal/revoked blocks stay as they are",
                    test_revoked_blocks_stay_as_they_are);
    g_test_add_func("/ext-journal/a damaged transaction and what follows is missing",
                    test_a_damaged_transaction_and_what_follows_is_missing);
    g_test_add_func("/ext-journal/a damaged block hides no other",
                    test_a_damaged_block_hides_no_other);
    g_test_add_func("/ext-journal/what an older turn left behind the end is no damage",
                    test_what_an_older_turn_left_behind_the_end_is_no_damage);
    g_test_add_func("/ext-journal/places that there are not are said",
                    test_places_that_there_are_not_are_said);
    g_test_add_func("/ext-journal/a replayed superblock counts", test_a_replayed_superblock_counts);
    g_test_add_func("/ext-journal/a replayed superblock that is none is not used",
                    test_a_replayed_superblock_that_is_none_is_not_used);
    g_test_add_func("/ext-journal/fast commits are said", test_fast_commits_are_said);
    g_test_add_func("/ext-journal/journals that cannot be read are said",
                    test_journals_that_cannot_be_read_are_said);
    g_test_add_func("/ext-journal/a journal elsewhere is said", test_a_journal_elsewhere_is_said);
    g_test_add_func("/ext-journal/a clean filesystem asks nothing of its journal",
                    test_a_clean_filesystem_asks_nothing_of_its_journal);
    g_test_add_func("/ext-journal/an empty log is replayed at once",
                    test_an_empty_log_is_replayed_at_once);
    g_test_add_func("/ext-journal/a log without end ends", test_a_log_without_end_ends);
    return g_test_run();
}

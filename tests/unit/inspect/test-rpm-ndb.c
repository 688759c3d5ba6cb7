#include <zlib.h>

#include "rpm-image.h"

#define PAGE 4096u

/* A database in the making: one page of slots, then blobs. */
struct ndb_image {
    GByteArray *bytes;
    unsigned slots;
};

static void set_le(GByteArray *bytes, size_t at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        bytes->data[at + i] = (uint8_t)(value >> (8 * i));
}

static struct ndb_image ndb_new(void)
{
    struct ndb_image db = { .bytes = g_byte_array_new() };
    g_byte_array_append(db.bytes, (const uint8_t *)"RpmP", 4);
    put_le(db.bytes, 0, 4); /* version */
    put_le(db.bytes, 7, 4); /* generation */
    put_le(db.bytes, 1, 4); /* pages of slots */
    put_le(db.bytes, 9, 4); /* next id */
    put_le(db.bytes, 0, 4);
    put_le(db.bytes, 0, 8);
    while (db.bytes->len < PAGE) {
        g_byte_array_append(db.bytes, (const uint8_t *)"Slot", 4);
        put_le(db.bytes, 0, 8);
        put_le(db.bytes, 0, 4);
    }
    return db;
}

static size_t slot_at(unsigned n)
{
    return 32 + n * 16;
}

static void ndb_add(struct ndb_image *db, uint32_t id, const char *text)
{
    GByteArray *b = db->bytes;
    size_t start = b->len, len = strlen(text), slot = slot_at(db->slots++);
    g_byte_array_append(b, (const uint8_t *)"BlbS", 4);
    put_le(b, id, 4);
    put_le(b, 1700000000, 4);
    put_le(b, len, 4);
    g_byte_array_append(b, (const uint8_t *)text, (guint)len);
    while ((b->len + 12) % 16 != 0)
        put_le(b, 0, 1);
    put_le(b, adler32(1, b->data + start, (uInt)(b->len - start)), 4);
    put_le(b, len, 4);
    g_byte_array_append(b, (const uint8_t *)"BlbE", 4);
    set_le(b, slot + 4, id);
    set_le(b, slot + 8, (uint32_t)(start / 16));
    set_le(b, slot + 12, (uint32_t)((b->len - start) / 16));
}

static struct ndb_image three(void)
{
    struct ndb_image db = ndb_new();
    ndb_add(&db, 1, "first");
    ndb_add(&db, 2, "the second one is longer than a block");
    ndb_add(&db, 5, "");
    return db;
}

static void check(struct ndb_image db, const char *headers, const char *faults)
{
    struct harvest *h = harvest(&rpm_ndb, db.bytes->data, db.bytes->len);
    g_assert_cmpstr(h->headers->str, ==, headers);
    if (!g_pattern_match_simple(faults, h->faults->str))
        g_error("%s", h->faults->str);
    harvest_free(h);
    g_byte_array_unref(db.bytes);
}

static void test_all(void)
{
    check(three(), "1:5 2:37 5:0 ", "");
    check(ndb_new(), "", "");
}

static void test_removed(void)
{
    struct ndb_image db = three();
    set_le(db.bytes, slot_at(1) + 4, 0);
    set_le(db.bytes, slot_at(1) + 8, 0);
    set_le(db.bytes, slot_at(1) + 12, 0);
    check(db, "1:5 5:0 ", "");
}

static void test_damage(void)
{
    static const struct {
        size_t at; /* in the first slot, or from PAGE on in the first blob */
        uint32_t value;
        const char *fault;
    } cases[] = {
        { 32, 0, "db: no slot at offset 32\n" },
        { 32 + 4, 77, "db: header 77: header 1 at block 256\n" },
        { 32 + 8, 1, "db: header 1: 3 blocks at block 1 of 266\n" },
        { 32 + 8, 0xffffffff, "db: header 1: 3 blocks at block 4294967295 of 266\n" },
        { 32 + 12, 0xffffffff, "db: header 1: 4294967295 blocks at*" },
        { 32 + 12, 1, "db: header 1: 1 blocks at*" },
        { 32 + 12, 4, "db: header 1: no header at block 256\n" },
        { PAGE, 0, "db: header 1: no header at block 256\n" },
        { PAGE + 12, 6, "db: header 1: 6 and 5 bytes*" },
        { PAGE + 16, 0, "db: header 1: wrong checksum at block 256\n" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct ndb_image db = three();
        set_le(db.bytes, cases[i].at, cases[i].value);
        check(db, "2:37 5:0 ", cases[i].fault);
    }
}

static void test_shared(void)
{
    struct ndb_image db = three();
    for (unsigned n = 3; n < 254; n++) {
        memcpy(db.bytes->data + slot_at(n), db.bytes->data + slot_at(1), 16);
    }
    struct harvest *h = harvest(&rpm_ndb, db.bytes->data, db.bytes->len);
    g_assert_true(g_str_has_suffix(h->faults->str, "headers of more bytes than the file\n"));
    harvest_free(h);
    g_byte_array_unref(db.bytes);
}

static void test_head(void)
{
    static const struct {
        size_t at;
        uint32_t value;
        const char *fault;
    } cases[] = {
        { 0, 0x12345678, "db: no ndb database (magic 0x12345678)\n" },
        { 4, 1, "db: ndb database of version 1\n" },
        { 12, 0, "db: 0 pages of slots\n" },
        { 12, 0x7fffffff, "db: 2147483647 pages of slots\n" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct ndb_image db = three();
        set_le(db.bytes, cases[i].at, cases[i].value);
        check(db, "", cases[i].fault);
    }
}

static void test_cut(void)
{
    struct ndb_image db = three();
    g_byte_array_set_size(db.bytes, db.bytes->len - 16);
    check(db, "1:5 2:37 ", "db: header 5: 2 blocks at*");
    db = three();
    g_byte_array_set_size(db.bytes, 100);
    check(db, "", "db: slots end at 0 of 1 pages\n");
    db = three();
    g_byte_array_set_size(db.bytes, 10);
    check(db, "", "db: only 10 bytes\n");
}

static void test_torture(void)
{
    struct ndb_image db = three();
    torture(&rpm_ndb, db.bytes->data, db.bytes->len);
    g_byte_array_unref(db.bytes);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rpm-ndb/every header is given out", test_all);
    g_test_add_func("/rpm-ndb/a free slot holds nothing", test_removed);
    g_test_add_func("/rpm-ndb/damage hides only what it touches", test_damage);
    g_test_add_func("/rpm-ndb/slots that share blocks are not followed for ever", test_shared);
    g_test_add_func("/rpm-ndb/a wrong head is refused", test_head);
    g_test_add_func("/rpm-ndb/a cut database gives what is there", test_cut);
    g_test_add_func("/rpm-ndb/what cannot be read is told", test_torture);
    return g_test_run();
}

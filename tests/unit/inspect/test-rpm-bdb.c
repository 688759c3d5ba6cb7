#include "rpm-image.h"

#define PAGE 512u

/* A database in the making: the meta page, one hash page, overflow pages. */
struct bdb_image {
    bool big;
    GByteArray *bytes;
    unsigned items;
    unsigned top; /* of the hash page: where its items begin */
};

static void set_number(struct bdb_image *db, size_t at, uint32_t value, unsigned len)
{
    for (unsigned i = 0; i < len; i++)
        db->bytes->data[at + i] = (uint8_t)(value >> (8 * (db->big ? len - 1 - i : i)));
}

static unsigned add_page(struct bdb_image *db, uint8_t type)
{
    unsigned number = db->bytes->len / PAGE;
    size_t at = db->bytes->len;
    g_byte_array_set_size(db->bytes, (guint)(at + PAGE));
    memset(db->bytes->data + at, 0, PAGE);
    set_number(db, at + 8, number, 4);
    db->bytes->data[at + 25] = type;
    set_number(db, 32, number, 4); /* the last page */
    return number;
}

static struct bdb_image bdb_new(bool big)
{
    struct bdb_image db = { .big = big, .bytes = g_byte_array_new(), .top = PAGE };
    add_page(&db, 8);
    set_number(&db, 12, 0x00061561, 4);
    set_number(&db, 16, 9, 4);
    set_number(&db, 20, PAGE, 4);
    add_page(&db, 13);
    return db;
}

/* The place of the item's first byte, in the file. */
static size_t add_item(struct bdb_image *db, uint8_t type, size_t len)
{
    db->top -= (unsigned)len + 1;
    set_number(db, PAGE + 26 + 2 * db->items, db->top, 2);
    db->items++;
    set_number(db, PAGE + 20, db->items, 2);
    db->bytes->data[PAGE + db->top] = type;
    return PAGE + db->top;
}

static void add_key(struct bdb_image *db, uint32_t id)
{
    set_number(db, add_item(db, 1, 4) + 1, id, 4);
}

static void add_here(struct bdb_image *db, uint32_t id, const char *text)
{
    add_key(db, id);
    size_t at = add_item(db, 1, strlen(text));
    memcpy(db->bytes->data + at + 1, text, strlen(text));
}

/* A value over so many pages; the first one's number. */
static unsigned add_far(struct bdb_image *db, uint32_t id, unsigned pages)
{
    unsigned room = PAGE - 26, first = db->bytes->len / PAGE;
    add_key(db, id);
    size_t at = add_item(db, 3, 11);
    set_number(db, at + 4, first, 4);
    set_number(db, at + 8, pages * room - 10, 4);
    for (unsigned i = 0; i < pages; i++) {
        size_t page = (size_t)add_page(db, 7) * PAGE;
        set_number(db, page + 16, i + 1 < pages ? first + i + 1 : 0, 4);
        set_number(db, page + 22, i + 1 < pages ? room : room - 10, 2);
        memset(db->bytes->data + page + 26, 'a' + (int)i, room);
    }
    return first;
}

static struct bdb_image three(bool big)
{
    struct bdb_image db = bdb_new(big);
    add_here(&db, 0, "....");
    add_here(&db, 1, "first");
    (void)add_far(&db, 2, 3); /* 1448 bytes on pages 2 to 4 */
    add_here(&db, 3, "third");
    return db;
}

static void check(struct bdb_image db, const char *headers, const char *faults)
{
    struct harvest *h = harvest(&rpm_bdb, db.bytes->data, db.bytes->len);
    g_assert_cmpstr(h->headers->str, ==, headers);
    if (!g_pattern_match_simple(faults, h->faults->str))
        g_error("%s", h->faults->str);
    harvest_free(h);
    g_byte_array_unref(db.bytes);
}

static void test_all(void)
{
    check(three(false), "1:5 2:1448 3:5 ", "");
    check(three(true), "1:5 2:1448 3:5 ", "");
    check(bdb_new(false), "", "");
}

static void test_content(void)
{
    struct bdb_image db = three(true);
    struct harvest *h = harvest(&rpm_bdb, db.bytes->data, db.bytes->len);
    GBytes *far = g_hash_table_lookup(h->blobs, GSIZE_TO_POINTER(2));
    const char *bytes = g_bytes_get_data(far, NULL);
    g_assert_cmpint(bytes[485], ==, 'a');
    g_assert_cmpint(bytes[486], ==, 'b');
    g_assert_cmpint(bytes[1447], ==, 'c');
    harvest_free(h);
    g_byte_array_unref(db.bytes);
}

/* Damage in the second package's pages, whose item is at 441 of the hash page. */
static void test_overflow_damage(void)
{
    static const struct {
        size_t at;
        uint32_t value;
        unsigned len;
        const char *fault;
    } cases[] = {
        { 2 * PAGE + 16, 99, 4, "db: page 1: header 2: overflow page 99 of 4\n" },
        { 2 * PAGE + 16, 0, 4, "db: page 1: header 2: overflow page 0 of 4\n" },
        { 2 * PAGE + 16, 2, 4, "db: page 1: header 2: *" },
        { 2 * PAGE + 22, 0, 2, "*page 2, which says it is 2, of type 7 with 0 bytes, for 1448\n" },
        { 2 * PAGE + 22, 500, 2, "*of type 7 with 500 bytes*" },
        { 3 * PAGE + 8, 9, 4, "*page 3, which says it is 9*" },
        { 3 * PAGE + 25, 13, 1, "*of type 13*" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct bdb_image db = three(false);
        set_number(&db, cases[i].at, cases[i].value, cases[i].len);
        check(db, "1:5 3:5 ", cases[i].fault);
    }
}

static void test_item_damage(void)
{
    struct bdb_image db = bdb_new(false);
    add_here(&db, 1, "first");
    add_key(&db, 2);
    size_t value = add_item(&db, 4, 3);
    add_here(&db, 3, "third");
    check(db, "1:5 3:5 ", "db: page 1: header 2: item 3 of type 4\n");
    db = bdb_new(false);
    add_here(&db, 1, "first");
    add_here(&db, 2, "second");
    set_number(&db, PAGE + 26 + 2 * 2, 0xffff, 2); /* also where the key before it ends */
    check(db, "1:5 ", "db: page 1: no key at item 2\n");
    db = bdb_new(false);
    add_here(&db, 1, "first");
    set_number(&db, PAGE + 20, 0xffff, 2);
    check(db, "", "db: page 1, which says it is 1, of 65535 items\n");
    (void)value;
}

static void test_shared(void)
{
    struct bdb_image db = bdb_new(false);
    unsigned first = add_far(&db, 1, 2);
    for (uint32_t id = 2; id < 15; id++) {
        add_key(&db, id);
        size_t at = add_item(&db, 3, 11);
        set_number(&db, at + 4, first, 4);
        set_number(&db, at + 8, 962, 4);
    }
    check(db, "1:962 2:962 ", "db: page 1: header 3: headers of more bytes than the file\n");
}

static void test_meta(void)
{
    static const struct {
        size_t at;
        uint32_t value;
        unsigned len;
        const char *fault;
    } cases[] = {
        { 12, 0x00053162, 4, "db: Berkeley DB of btree form\n" },
        { 12, 7, 4, "db: no Berkeley DB (magic 0x00000007)\n" },
        { 16, 4, 4, "db: Berkeley DB hash of version 4\n" },
        { 16, 11, 4, "db: Berkeley DB hash of version 11\n" },
        { 20, 0, 4, "db: pages of 0 bytes\n" },
        { 20, 513, 4, "db: pages of 513 bytes\n" },
        { 20, 131072, 4, "db: pages of 131072 bytes\n" },
        { 24, 1, 1, "db: encrypted Berkeley DB\n" },
        { 26, 1, 1, "db: Berkeley DB with features 0x1\n" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct bdb_image db = three(false);
        set_number(&db, cases[i].at, cases[i].value, cases[i].len);
        check(db, "", cases[i].fault);
    }
}

static void test_cut(void)
{
    struct bdb_image db = three(false);
    g_byte_array_set_size(db.bytes, 4 * PAGE);
    check(db, "1:5 3:5 ", "*overflow page 4 of 3*only 4 of its pages are there\n");
    db = three(false);
    g_byte_array_set_size(db.bytes, 100);
    check(db, "", "db: only 100 bytes\n");
}

static void test_torture(void)
{
    struct bdb_image db = three(false);
    torture(&rpm_bdb, db.bytes->data, db.bytes->len);
    g_byte_array_unref(db.bytes);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rpm-bdb/every header is given out, in both byte orders", test_all);
    g_test_add_func("/rpm-bdb/values over several pages are whole", test_content);
    g_test_add_func("/rpm-bdb/a broken chain hides only its value", test_overflow_damage);
    g_test_add_func("/rpm-bdb/a broken item hides only its pair", test_item_damage);
    g_test_add_func("/rpm-bdb/values that share pages are not followed for ever", test_shared);
    g_test_add_func("/rpm-bdb/a wrong meta page is refused", test_meta);
    g_test_add_func("/rpm-bdb/a cut database gives what is there", test_cut);
    g_test_add_func("/rpm-bdb/what cannot be read is told", test_torture);
    return g_test_run();
}

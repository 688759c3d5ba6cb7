#include "rpm-image.h"

static void refuse(GBytes *bytes, const char *pattern)
{
    struct rpm_header h;
    GError *error = NULL;
    g_assert_false(
        rpm_header_parse(&h, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_CORRUPT);
    if (!g_pattern_match_simple(pattern, error->message))
        g_error("%s", error->message);
    g_error_free(error);
    g_bytes_unref(bytes);
}

static struct rpm_header parse(GBytes *bytes)
{
    struct rpm_header h;
    GError *error = NULL;
    rpm_header_parse(&h, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), &error);
    g_assert_no_error(error);
    return h;
}

static void test_every_type(void)
{
    struct header_image *image = header_new();
    static const uint8_t wide[8] = { 0, 0, 0, 1, 0, 0, 0, 2 };
    header_text(image, RPM_TAG_NAME, "bash");
    header_number(image, RPM_TAG_EPOCH, 7);
    header_bytes(image, RPM_TAG_LONGSIZE, RPM_TYPE_INT64, wide, 8, 1);
    header_bytes(image, 2000, RPM_TYPE_INT16, "\x01\x02\x03\x04", 4, 2);
    header_bytes(image, 2001, RPM_TYPE_INT8, "\x09", 1, 1);
    header_bytes(image, RPM_TAG_RSAHEADER, RPM_TYPE_BIN, "abc", 3, 3);
    header_bytes(image, RPM_TAG_BASENAMES, RPM_TYPE_STRING_ARRAY, "a\0bb\0", 5, 2);
    header_bytes(image, RPM_TAG_VENDOR, RPM_TYPE_I18NSTRING, "C\0de\0", 5, 2);
    g_autoptr(GBytes) bytes = header_done(image);
    struct rpm_header h = parse(bytes);
    GError *error = NULL;
    uint64_t n = 0;
    size_t len = 0;
    g_assert_cmpstr(rpm_header_string(&h, RPM_TAG_NAME, &error), ==, "bash");
    g_assert_cmpstr(rpm_header_string(&h, RPM_TAG_VENDOR, &error), ==, "C");
    g_assert_true(rpm_header_number(&h, RPM_TAG_EPOCH, &n, &error));
    g_assert_cmpuint(n, ==, 7);
    g_assert_true(rpm_header_number(&h, RPM_TAG_LONGSIZE, &n, &error));
    g_assert_cmpuint(n, ==, 0x100000002);
    g_assert_true(rpm_header_number_at(&h, 2000, 1, &n, &error));
    g_assert_cmpuint(n, ==, 0x0304);
    g_assert_false(rpm_header_number_at(&h, 2000, 2, &n, &error));
    g_assert_true(rpm_header_number(&h, 2001, &n, &error));
    g_assert_cmpuint(n, ==, 9);
    const uint8_t *raw = rpm_header_bytes(&h, RPM_TAG_RSAHEADER, &len, &error);
    g_assert_cmpmem(raw, len, "abc", 3);
    struct rpm_strings s;
    g_assert_true(rpm_header_strings(&h, RPM_TAG_BASENAMES, &s, &error));
    g_assert_cmpstr(rpm_strings_next(&s), ==, "a");
    g_assert_cmpstr(rpm_strings_next(&s), ==, "bb");
    g_assert_cmpuint(s.index, ==, 1);
    g_assert_null(rpm_strings_next(&s));
    g_assert_null(rpm_header_string(&h, RPM_TAG_LICENSE, &error));
    g_assert_no_error(error);
}

static void test_later_wins(void)
{
    struct header_image *image = header_new();
    header_number(image, RPM_TAG_INSTALLTIME, 1);
    header_number(image, RPM_TAG_INSTALLTIME, 2);
    g_autoptr(GBytes) bytes = header_done(image);
    struct rpm_header h = parse(bytes);
    uint64_t n = 0;
    g_assert_true(rpm_header_number(&h, RPM_TAG_INSTALLTIME, &n, NULL));
    g_assert_cmpuint(n, ==, 2);
}

/* An entry of every kind of brokenness, among good ones. */
static void test_broken_entries(void)
{
    struct header_image *image = header_new();
    header_text(image, RPM_TAG_NAME, "bash");
    header_entry(image, RPM_TAG_VERSION, RPM_TYPE_STRING, 1000, 1);
    header_entry(image, RPM_TAG_RELEASE, RPM_TYPE_INT32, 0, 1);
    header_entry(image, RPM_TAG_EPOCH, RPM_TYPE_STRING, 0, 1);
    header_entry(image, RPM_TAG_RSAHEADER, RPM_TYPE_BIN, 2, 100);
    header_entry(image, RPM_TAG_SIZE, RPM_TYPE_INT32, 2, 1);
    header_entry(image, RPM_TAG_LONGSIZE, 77, 0, 1);
    header_bytes(image, RPM_TAG_VENDOR, RPM_TYPE_STRING, "no end", 6, 1);
    g_autoptr(GBytes) bytes = header_done(image);
    struct rpm_header h = parse(bytes);
    uint64_t n = 0;
    size_t len = 0;
    g_autoptr(GError) error = NULL;
    g_assert_cmpstr(rpm_header_string(&h, RPM_TAG_NAME, &error), ==, "bash");
    g_assert_no_error(error);
    static const enum rpm_tag texts[] = { RPM_TAG_VERSION, RPM_TAG_RELEASE, RPM_TAG_VENDOR };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_assert_null(rpm_header_string(&h, texts[i], &error));
        g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_CORRUPT);
        g_clear_error(&error);
    }
    static const enum rpm_tag numbers[] = { RPM_TAG_EPOCH, RPM_TAG_LONGSIZE };
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
        g_assert_false(rpm_header_number(&h, numbers[i], &n, &error));
        g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_CORRUPT);
        g_clear_error(&error);
    }
    g_assert_null(rpm_header_bytes(&h, RPM_TAG_RSAHEADER, &len, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_CORRUPT);
}

static void put_trailer(GByteArray *data, uint32_t tag, uint32_t type, int32_t length)
{
    put_be(data, tag, 4);
    put_be(data, type, 4);
    put_be(data, (uint32_t)length, 4);
    put_be(data, 16, 4);
}

static GBytes *with_region(uint32_t offset, uint32_t tag, uint32_t type, int32_t length)
{
    struct header_image *image = header_new();
    header_entry(image, RPM_TAG_IMMUTABLE, RPM_TYPE_BIN, offset, 16);
    header_text(image, RPM_TAG_NAME, "bash"); /* 5 bytes of data */
    put_trailer(image->data, tag, type, length);
    return header_done(image);
}

static void test_region(void)
{
    g_autoptr(GBytes) good = with_region(5, RPM_TAG_IMMUTABLE, RPM_TYPE_BIN, -32);
    (void)parse(good);
    refuse(with_region(6, RPM_TAG_IMMUTABLE, RPM_TYPE_BIN, -32), "*past*");
    refuse(with_region(0xfffffff0, RPM_TAG_IMMUTABLE, RPM_TYPE_BIN, -32), "*past*");
    refuse(with_region(5, RPM_TAG_NAME, RPM_TYPE_BIN, -32), "no proper end*");
    refuse(with_region(5, RPM_TAG_IMMUTABLE, RPM_TYPE_INT32, -32), "no proper end*");
    refuse(with_region(5, RPM_TAG_IMMUTABLE, RPM_TYPE_BIN, -48), "no proper end*");
    refuse(with_region(5, RPM_TAG_IMMUTABLE, RPM_TYPE_BIN, -20), "no proper end*");
    refuse(with_region(5, RPM_TAG_IMMUTABLE, RPM_TYPE_BIN, 0), "no proper end*");
}

static void test_sizes(void)
{
    refuse(g_bytes_new("\0\0", 2), "header of only 2 bytes");
    refuse(g_bytes_new("\0\0\0\0\0\0\0\0", 8), "header with 0 entries");
    refuse(g_bytes_new("\xff\xff\xff\xff\0\0\0\0", 8), "header with 4294967295 entries");
    refuse(g_bytes_new("\0\0\0\1\0\0\0\0", 8), "*1 entries*");
    refuse(g_bytes_new("\0\0\0\1\xff\xff\xff\xff"
                       "0123456789abcdef",
                       24),
           "*4294967295 bytes of data");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rpm-header/entries of every type are read", test_every_type);
    g_test_add_func("/rpm-header/what was added at installation wins", test_later_wins);
    g_test_add_func("/rpm-header/a broken entry does not hide the others", test_broken_entries);
    g_test_add_func("/rpm-header/the region has to be proper", test_region);
    g_test_add_func("/rpm-header/impossible sizes are refused", test_sizes);
    return g_test_run();
}

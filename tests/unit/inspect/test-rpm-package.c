#include "inspect/pgp_signature.h"
#include "inspect/rpm_package.h"
#include "rpm-image.h"

static struct header_image *image_of(const char *name, const char *version, const char *release)
{
    struct header_image *h = header_new();
    header_text(h, RPM_TAG_NAME, name);
    header_text(h, RPM_TAG_VERSION, version);
    header_text(h, RPM_TAG_RELEASE, release);
    return h;
}

static struct frame_package read_package(struct header_image *image, struct arena *arena)
{
    g_autoptr(GBytes) bytes = header_done(image);
    struct rpm_header h;
    struct frame_package p = { 0 };
    bool pseudo = false;
    GError *error = NULL;
    (void)(rpm_header_parse(&h, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), &error) &&
           rpm_package_read(&h, arena, &p, &pseudo, &error));
    g_assert_no_error(error);
    g_assert_false(pseudo);
    return p;
}

static void test_facts(void)
{
    g_autoptr(arena) arena = arena_new(1 << 20);
    struct header_image *image = image_of("nodejs", "18.20.2", "1.el9");
    header_number(image, RPM_TAG_EPOCH, 1);
    header_text(image, RPM_TAG_ARCH, "x86_64");
    header_text(image, RPM_TAG_VENDOR, "Example");
    header_text(image, RPM_TAG_SOURCERPM, "nodejs-18.20.2-1.el9.src.rpm");
    header_text(image, RPM_TAG_MODULARITYLABEL, "nodejs:18:9040020240403:rhel9");
    header_number(image, RPM_TAG_SIZE, 4000);
    header_number(image, RPM_TAG_INSTALLTIME, 1700000000);
    struct frame_package p = read_package(image, arena);
    g_assert_cmpstr(p.type, ==, "rpm");
    g_assert_cmpstr(p.name, ==, "nodejs");
    g_assert_cmpstr(p.version, ==, "1:18.20.2-1.el9");
    g_assert_cmpstr(p.arch, ==, "x86_64");
    g_assert_cmpstr(p.vendor, ==, "Example");
    g_assert_cmpstr(p.source, ==, "nodejs");
    g_assert_cmpstr(p.source_version, ==, "1:18.20.2-1.el9");
    g_assert_cmpstr(p.source_rpm, ==, "nodejs-18.20.2-1.el9.src.rpm");
    g_assert_cmpstr(p.module, ==, "nodejs:18:9040020240403:rhel9");
    g_assert_cmpuint(p.size, ==, 4000);
    g_assert_cmpint(p.installed, ==, 1700000000);
    g_assert_null(p.signature);
    g_assert_null(p.license);
}

static void test_epochs(void)
{
    g_autoptr(arena) arena = arena_new(1 << 20);
    struct frame_package p = read_package(image_of("a", "1", "2"), arena);
    g_assert_cmpstr(p.version, ==, "1-2");
    struct header_image *zero = image_of("a", "1", "2");
    header_number(zero, RPM_TAG_EPOCH, 0);
    p = read_package(zero, arena);
    g_assert_cmpstr(p.version, ==, "0:1-2");
}

static void test_sources(void)
{
    static const struct {
        const char *file, *nevr, *source, *version;
    } cases[] = {
        { "java-1.8.0-openjdk-1.8.0.392.b08-4.el9.src.rpm", NULL, "java-1.8.0-openjdk",
          "1.8.0.392.b08-4.el9" },
        { "firmware-1-2.nosrc.rpm", NULL, "firmware", "1-2" },
        { "(none)", NULL, NULL, NULL },
        { "odd.src.rpm", NULL, NULL, NULL },
        { "-.src.rpm", NULL, NULL, NULL },
        { "--.src.rpm", NULL, NULL, NULL },
        { "perl-5.40.0-1.src.rpm", "perl-4:5.40.0-1", "perl", "4:5.40.0-1" },
    };
    g_autoptr(arena) arena = arena_new(1 << 20);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct header_image *image = image_of("a", "1", "2");
        header_text(image, RPM_TAG_SOURCERPM, cases[i].file);
        if (cases[i].nevr != NULL)
            header_text(image, RPM_TAG_SOURCENEVR, cases[i].nevr);
        struct frame_package p = read_package(image, arena);
        g_assert_cmpstr(p.source, ==, cases[i].source);
        g_assert_cmpstr(p.source_version, ==, cases[i].version);
    }
}

static void test_missing(void)
{
    g_autoptr(arena) arena = arena_new(1 << 20);
    struct header_image *image = header_new();
    header_text(image, RPM_TAG_NAME, "bash");
    header_text(image, RPM_TAG_VERSION, "5.1");
    g_autoptr(GBytes) bytes = header_done(image);
    struct rpm_header h;
    struct frame_package p;
    bool pseudo = false;
    g_autoptr(GError) error = NULL;
    g_assert_true(
        rpm_header_parse(&h, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), &error));
    g_assert_false(rpm_package_read(&h, arena, &p, &pseudo, &error));
    g_assert_cmpstr(error->message, ==, "bash: no release");
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_CORRUPT);
}

static void test_pseudo(void)
{
    g_autoptr(arena) arena = arena_new(1 << 20);
    g_autoptr(GBytes) bytes = header_of("gpg-pubkey", "8d8b756f", "60c2b9a5");
    struct rpm_header h;
    struct frame_package p;
    bool pseudo = false;
    g_assert_true(
        rpm_header_parse(&h, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), NULL));
    g_assert_true(rpm_package_read(&h, arena, &p, &pseudo, NULL));
    g_assert_true(pseudo);
}

static void test_kernel(void)
{
    g_autoptr(arena) arena = arena_new(1 << 20);
    struct header_image *image = image_of("kernel-core", "5.14.0", "427.el9");
    header_bytes(image, RPM_TAG_BASENAMES, RPM_TYPE_STRING_ARRAY, "config\0vmlinuz\0", 15, 2);
    header_bytes(image, RPM_TAG_DIRNAMES, RPM_TYPE_STRING_ARRAY,
                 "/boot/\0/lib/modules/5.14.0-427.el9.x86_64/\0", 43, 2);
    header_bytes(image, RPM_TAG_DIRINDEXES, RPM_TYPE_INT32, "\0\0\0\0\0\0\0\1", 8, 2);
    g_autoptr(GBytes) bytes = header_done(image);
    struct rpm_header h;
    g_assert_true(
        rpm_header_parse(&h, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), NULL));
    g_assert_cmpstr(rpm_package_kernel(&h, arena), ==, "5.14.0-427.el9.x86_64");
}

/* --- signatures ---------------------------------------------------------------------------------
 */

static void check_key(const char *packet, size_t len, const char *id)
{
    uint8_t found[PGP_KEY_ID_SIZE];
    bool ok = pgp_signature_key_id(packet, len, found);
    g_assert_cmpint(ok, ==, id != NULL);
    if (ok)
        g_assert_cmpmem(found, sizeof found, id, 8);
}

static void test_signatures(void)
{
    /* Version 3, as rpm has made them for long. */
    check_key("\x88\x0f\x03\x05\x00tttt\1\2\3\4\5\6\7\x08", 17, "\1\2\3\4\5\6\7\x08");
    /* Version 4: the issuer among what is not hashed. */
    check_key("\x89\x00\x12\x04\x00\x01\x08\x00\x00\x00\x0a\x09\x10IDIDIDID", 21, "IDIDIDID");
    /* ... and only a fingerprint, hashed, in a packet of the new form. */
    check_key("\xc2\x1f\x04\x00\x01\x08\x00\x17\x16\x21\x04"
              "ffffffffffffIDIDIDID\0\0",
              33, "IDIDIDID");
    /* Version 6: the id is in front. */
    check_key("\xc2\x2b\x06\x00\x1b\x0a\x00\x00\x00\x23\x22\x21\x06"
              "IDIDIDIDffffffffffffffffffffffff",
              45, "IDIDIDID");
    check_key("\x89\x00\x12\x04\x00\x01\x08\x00\x00\x00\x0a\x09\x10IDIDIDI", 20, NULL);
    check_key("\x99\x00\x12\x04\x00\x01\x08\x00\x00\x00\x0a\x09\x10IDIDIDID", 21, NULL);
    check_key("\x89\x00\x02\x05\x00", 5, NULL);
    check_key("", 0, NULL);
}

static void test_signed(void)
{
    g_autoptr(arena) arena = arena_new(1 << 20);
    struct header_image *image = image_of("a", "1", "2");
    header_bytes(image, RPM_TAG_RSAHEADER, RPM_TYPE_BIN,
                 "\x88\x0f\x03\x05\x00tttt\1\2\3\4\5\6\xab\xcd", 17, 17);
    struct frame_package p = read_package(image, arena);
    g_assert_cmpstr(p.signature, ==, "010203040506abcd");
    /* As rpm 6 keeps it: the same in base64. */
    struct header_image *new_image = image_of("a", "1", "2");
    header_bytes(new_image, RPM_TAG_OPENPGP, RPM_TYPE_STRING_ARRAY, "iA8DBQB0dHR0AQIDBAUGq80=", 25,
                 1);
    p = read_package(new_image, arena);
    g_assert_cmpstr(p.signature, ==, "010203040506abcd");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rpm-package/every fact is taken from the header", test_facts);
    g_test_add_func("/rpm-package/an epoch is told only if there is one", test_epochs);
    g_test_add_func("/rpm-package/the source is found", test_sources);
    g_test_add_func("/rpm-package/a package without release is refused by name", test_missing);
    g_test_add_func("/rpm-package/keys are no packages", test_pseudo);
    g_test_add_func("/rpm-package/a kernel's release is found", test_kernel);
    g_test_add_func("/rpm-package/signatures name their key", test_signatures);
    g_test_add_func("/rpm-package/who signed a package is told", test_signed);
    return g_test_run();
}

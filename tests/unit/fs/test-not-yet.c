/* Filesystems that are named and not read: known by what agrees in them, and by nothing less. */
#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "fs/drivers.h"

#define SIZE (1u << 20)

struct field {
    size_t off;
    const char *bytes;
    size_t len;
};

/* The fields that its probe looks at. */
struct sample {
    const struct tree_driver *driver;
    struct field fields[12];
};

#define F(off, text)                                                                               \
    {                                                                                              \
        (off), (text), sizeof(text) - 1                                                            \
    }
#define BOOT F(510, "\x55\xaa")

static const struct sample samples[] = {
    { &vfat_driver,
      { F(0, "\xeb"), F(11, "\x00\x02"), F(13, "\x04"), F(14, "\x01"), F(16, "\x02"),
        F(17, "\x00\x02"), F(19, "\x00\x10"), F(21, "\xf8"), F(22, "\x0c"), BOOT } },
    { &vfat_driver,
      { F(0, "\xeb"), F(11, "\x00\x02"), F(13, "\x01"), F(14, "\x20"), F(16, "\x02"), F(21, "\xf8"),
        F(34, "\x02"), F(37, "\x03"), BOOT } },
    { &exfat_driver, { F(3, "EXFAT   "), F(92, "\x01"), F(108, "\x09"), BOOT } },
    { &ntfs_driver,
      { F(3, "NTFS    "), F(11, "\x00\x02"), F(13, "\x08"), F(41, "\x10"), F(48, "\x04"), BOOT } },
    { &squashfs_driver,
      { F(0, "hsqs"), F(14, "\x02"), F(22, "\x11"), F(28, "\x04"), F(41, "\x10") } },
    { &iso9660_driver,
      { F(32768, "\001CD001\001"), F(32768 + 80, "\x40"), F(32768 + 128, "\x00\x08\x08\x00") } },
    { &udf_driver, { F(32769, "BEA01"), F(34817, "NSR03") } },
    { &erofs_driver, { F(1024, "\xe2\xe1\xf5\xe0"), F(1036, "\x0c"), F(1060, "\x01") } },
    { &f2fs_driver,
      { F(1024, "\x10\x20\xf5\xf2"), F(1032, "\x09"), F(1036, "\x03"), F(1040, "\x0c"),
        F(1060, "\x01") } },
    { &bcachefs_driver,
      { F(4120, "\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef") } },
    { &jbd_driver,
      { F(1048, "\x02"), F(1080, "\x53\xef"), F(1120, "\x08"), F(4096, "\xc0\x3b\x39\x98"),
        F(4103, "\x04") } },
    { &jfs_driver, { F(32768, "JFS1\x02"), F(32785, "\x10") } },
    { &reiserfs_driver, { F(65537, "\x01"), F(65581, "\x10"), F(65588, "ReIsEr2Fs") } },
    { &hfsplus_driver, { F(1024, "H+\x00\x04"), F(1066, "\x10"), F(1071, "\x01") } },
    { &apfs_driver, { F(32, "NXSB"), F(37, "\x10"), F(40, "\x01") } },
    { &zfs_driver, { F(135168, "\x0c\xb1\xba"), F(135177, "\x00"), F(135176, "\x1c") } },
    { &zfs_driver, { F(135173, "\xba\xb1\x0c"), F(135182, "\x13\x88") } },
};

static struct block *block_of(const uint8_t *bytes, size_t size)
{
    int fd = memfd_create("not yet", MFD_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, bytes, size), ==, (ssize_t)size);
    g_autoptr(GError) error = NULL;
    struct block *b = block_raw_new(fd, "disk", &error);
    g_assert_no_error(error);
    return b;
}

static uint8_t *bytes_of(const struct sample *s)
{
    uint8_t *bytes = g_malloc0(SIZE);
    for (size_t i = 0; i < G_N_ELEMENTS(s->fields) && s->fields[i].bytes != NULL; i++)
        memcpy(bytes + s->fields[i].off, s->fields[i].bytes, s->fields[i].len);
    return bytes;
}

static void test_each_is_named_and_not_opened(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(samples); i++) {
        g_autofree uint8_t *bytes = bytes_of(&samples[i]);
        g_autoptr(block) b = block_of(bytes, SIZE);
        g_autoptr(GError) error = NULL;
        const struct tree_driver *driver = tree_probe(b);
        g_assert_true(driver == samples[i].driver);
        g_assert_null(tree_open(b, driver, &error));
        g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_UNSUPPORTED);
        g_assert_nonnull(strstr(error->message, "not read yet"));
    }
}

static void test_one_field_less_is_not_believed(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(samples); i++) {
        for (size_t k = 0; k < G_N_ELEMENTS(samples[i].fields); k++) {
            const struct field *f = &samples[i].fields[k];
            if (f->bytes == NULL || (f->len == 1 && f->bytes[0] == '\0'))
                continue;
            g_autofree uint8_t *bytes = bytes_of(&samples[i]);
            memset(bytes + f->off, 0, f->len);
            g_autoptr(block) b = block_of(bytes, SIZE);
            g_assert_null(tree_probe(b));
        }
    }
}

static void test_a_short_block_holds_none(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(samples); i++) {
        g_autofree uint8_t *bytes = bytes_of(&samples[i]);
        g_autoptr(block) b = block_of(bytes, 17);
        g_assert_null(tree_probe(b));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/not-yet/each is named and not opened", test_each_is_named_and_not_opened);
    g_test_add_func("/not-yet/one field less is not believed", test_one_field_less_is_not_believed);
    g_test_add_func("/not-yet/a short block holds none", test_a_short_block_holds_none);
    return g_test_run();
}

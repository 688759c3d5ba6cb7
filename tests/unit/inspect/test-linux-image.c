#include "inspect/linux_image.h"

#include <string.h>

#include "rpm-image.h"

static char *release_of(const char *magic, unsigned at, const char *text, size_t size)
{
    g_autofree uint8_t *bytes = g_malloc0(0x1000);
    memcpy(bytes + 0x202, magic, 4);
    bytes[0x20e] = (uint8_t)at;
    bytes[0x20f] = (uint8_t)(at >> 8);
    if (0x200 + at + strlen(text) < 0x1000)
        memcpy(bytes + 0x200 + at, text, strlen(text));
    g_autoptr(block) b = memory_block(bytes, size, "vmlinuz");
    return linux_image_release(b);
}

static void test_release(void)
{
    g_autofree char *release =
        release_of("HdrS", 0x300, "6.1.0-28-amd64 (a@b) #1 SMP Debian 6.1.119-1", 0x1000);
    g_assert_cmpstr(release, ==, "6.1.0-28-amd64");
}

static void test_others(void)
{
    g_assert_null(release_of("xxxx", 0x300, "6.1.0 ", 0x1000));
    g_assert_null(release_of("HdrS", 0, "6.1.0 ", 0x1000));
    g_assert_null(release_of("HdrS", 0x300, "", 0x1000));
    g_assert_null(release_of("HdrS", 0xffff, "", 0x1000));
    g_assert_null(release_of("HdrS", 0x300, "../../x ", 0x1000));
    g_assert_null(release_of("HdrS", 0x300, "6.1.0 ", 0x200));
    g_assert_null(release_of("HdrS", 0x1f0, "6.1.0", 0x3f5));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/linux-image/an x86 image names its release", test_release);
    g_test_add_func("/linux-image/others have none", test_others);
    return g_test_run();
}

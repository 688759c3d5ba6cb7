#include "base/crc32c.h"

#include <glib.h>
#include <string.h>

/* RFC 3720 appendix B.4, and the check value of the CRC catalogues. */
static void test_known_values_agree(void)
{
    uint8_t bytes[32];
    g_assert_cmphex(crc32c("123456789", 9), ==, 0xe3069283);
    g_assert_cmphex(crc32c("", 0), ==, 0);
    memset(bytes, 0, sizeof bytes);
    g_assert_cmphex(crc32c(bytes, sizeof bytes), ==, 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    g_assert_cmphex(crc32c(bytes, sizeof bytes), ==, 0x62a8ab43);
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    g_assert_cmphex(crc32c(bytes, sizeof bytes), ==, 0x46dd794e);
}

static void test_any_split_gives_the_same_value(void)
{
    uint8_t bytes[67];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 37 + 11);
    uint32_t whole = crc32c(bytes, sizeof bytes);
    for (size_t cut = 0; cut <= sizeof bytes; cut++) {
        uint32_t part = crc32c_update(~0u, bytes, cut);
        g_assert_cmphex(~crc32c_update(part, bytes + cut, sizeof bytes - cut), ==, whole);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/crc32c/known values agree", test_known_values_agree);
    g_test_add_func("/crc32c/any split gives the same value", test_any_split_gives_the_same_value);
    return g_test_run();
}

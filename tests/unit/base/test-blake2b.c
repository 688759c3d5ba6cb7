#include "base/blake2b.h"

#include <glib.h>

static char *digest(const void *data, size_t len, size_t out_len)
{
    uint8_t out[BLAKE2B_MAX];
    GString *text = g_string_new(NULL);
    blake2b(data, len, out, out_len);
    for (size_t i = 0; i < out_len; i++)
        g_string_append_printf(text, "%02x", out[i]);
    return g_string_free(text, FALSE);
}

/* RFC 7693 appendix A. */
static void test_the_example_of_the_rfc_agrees(void)
{
    g_autofree char *text = digest("abc", 3, 64);
    g_assert_cmpstr(text, ==,
                    "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
                    "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923");
}

/* Values of Python's hashlib, around the ends of blocks. */
static void test_short_digests_of_all_lengths_of_input_agree(void)
{
    static const struct {
        size_t len;
        const char *text;
    } cases[] = {
        { 0, "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8" },
        { 128, "c3582f71ebb2be66fa5dd750f80baae97554f3b015663c8be377cfcb2488c1d1" },
        { 129, "f7f3c46ba2564ff4c4c162da1f5b605f9f1c4aa6a20652a9f9a337c1a2f5b9c9" },
    };
    uint8_t bytes[256];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = digest(bytes, cases[i].len, 32);
        g_assert_cmpstr(text, ==, cases[i].text);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/blake2b/the example of the RFC agrees", test_the_example_of_the_rfc_agrees);
    g_test_add_func("/blake2b/short digests of all lengths of input agree",
                    test_short_digests_of_all_lengths_of_input_agree);
    return g_test_run();
}

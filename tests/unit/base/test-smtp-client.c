#include "base/smtp_client.h"

#include "base/error.h"

static void test_addresses(void)
{
    static const char *const good[] = { "root@localhost", "a.b+c@mail.example.org",
                                        "o'x=y@ex-a.mple", "_@1.2" };
    static const char *const bad[] = {
        "",        "a",     "@b",         "a@",         "a@b\r\nRCPT TO:<c@d>",
        "a b@c",   "a@b c", "<a@b>",      "a@b>",       "\"a\"@b",
        "a@b\n",   "a\n@b", ".a@b",       "a.@b",       "a..b@c",
        "a@b..c",  "a@-b",  "a@b.",       "a@b-",       "a,b@c",
        "a@b,c@d", "a;b@c", "\xc3\xa4@b", "a@\xc3\xa4", "a@[127.0.0.1]",
        "a@b@c",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_true(smtp_address_valid(good[i], &error));
        g_assert_no_error(error);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        if (smtp_address_valid(bad[i], &error))
            g_error("'%s' was accepted", bad[i]);
        g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_INVALID);
    }
    g_autofree char *longest = g_strnfill(64, 'a'), *longer = g_strnfill(65, 'a');
    g_autofree char *a = g_strconcat(longest, "@b", NULL), *b = g_strconcat(longer, "@b", NULL);
    g_assert_true(smtp_address_valid(a, NULL));
    g_assert_false(smtp_address_valid(b, NULL));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/smtp-client/an address can end no line and no command", test_addresses);
    return g_test_run();
}

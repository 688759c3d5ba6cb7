#include "base/address.h"

#include <arpa/inet.h>
#include <glib.h>
#include <netinet/in.h>
#include <sys/un.h>

static bool is_public(const char *text)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return address_is_public((const struct sockaddr *)&v4, sizeof v4);
    g_assert_cmpint(inet_pton(AF_INET6, text, &v6.sin6_addr), ==, 1);
    return address_is_public((const struct sockaddr *)&v6, sizeof v6);
}

static void test_public(void)
{
    static const char *const addresses[] = {
        "1.1.1.1",         "9.255.255.255",   "11.0.0.0",    "100.63.255.255", "100.128.0.0",
        "126.255.255.255", "128.0.0.0",       "169.253.0.1", "172.15.255.255", "172.32.0.0",
        "192.0.1.1",       "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
        "223.255.255.255", "2606:4700::1111", "2a00::1",     "::ffff:8.8.8.8", "64:ff9b::808:808",
        "2001:200::1",     "2002:808:808::1", "3ffe::1",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(addresses); i++) {
        if (!is_public(addresses[i]))
            g_error("%s is public", addresses[i]);
    }
}

static void test_special(void)
{
    static const char *const addresses[] = {
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.7",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "64:ff9b:1::808:808",
        "100::1",
        "2001::1",
        "2001:10::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "2002:a00:1::",
        "3fff::1",
        "3fff:fff::1",
        "fc00::1",
        "fd12::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "4000::1",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(addresses); i++) {
        if (is_public(addresses[i]))
            g_error("%s is not public", addresses[i]);
    }
}

static void test_other_families(void)
{
    struct sockaddr_un local = { .sun_family = AF_UNIX };
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x01010101) };
    g_assert_false(address_is_public((const struct sockaddr *)&local, sizeof local));
    g_assert_false(address_is_public((const struct sockaddr *)&v4, sizeof v4 - 1));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/address/public addresses are public", test_public);
    g_test_add_func("/base/address/special addresses are not", test_special);
    g_test_add_func("/base/address/other families are not", test_other_families);
    return g_test_run();
}

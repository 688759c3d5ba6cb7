#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Blocks that are not public: those of IANA's registry of special-purpose IPv4 addresses that are
 * not globally reachable, with multicast (RFC 5771) and the relays of 6to4 (RFC 7526). */
static const struct {
    uint32_t base; /* host byte order */
    unsigned bits;
} special[] = {
    { 0x00000000, 8 },  /* "this network", RFC 791 */
    { 0x0a000000, 8 },  /* private, RFC 1918 */
    { 0x64400000, 10 }, /* shared by carriers, RFC 6598 */
    { 0x7f000000, 8 },  /* loopback */
    { 0xa9fe0000, 16 }, /* link-local, RFC 3927; clouds tell secrets at 169.254.169.254 */
    { 0xac100000, 12 }, /* private */
    { 0xc0000000, 24 }, /* protocol assignments, RFC 6890 */
    { 0xc0000200, 24 }, /* documentation, RFC 5737 */
    { 0xc0586300, 24 }, /* relays of 6to4 */
    { 0xc0a80000, 16 }, /* private */
    { 0xc6120000, 15 }, /* benchmarks, RFC 2544 */
    { 0xc6336400, 24 }, /* documentation */
    { 0xcb007100, 24 }, /* documentation */
    { 0xe0000000, 4 },  /* multicast */
    { 0xf0000000, 4 },  /* reserved, broadcast */
};

static bool public_v4(uint32_t address)
{
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++) {
        if (((address ^ special[i].base) >> (32 - special[i].bits)) == 0)
            return false;
    }
    return true;
}

static uint32_t v4_at(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static bool public_v6(const uint8_t a[16])
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff }; /* ::ffff:0:0/96, RFC 4291 */
    static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };    /* 64:ff9b::/96, RFC 6052 */
    static const uint8_t documentation[4] = { 0x20, 0x01, 0x0d, 0xb8 }; /* RFC 3849 */
    if (memcmp(a, mapped, sizeof mapped) == 0 || memcmp(a, nat64, sizeof nat64) == 0)
        return public_v4(v4_at(a + 12));
    if (a[0] == 0x20 && a[1] == 0x02) /* 6to4, RFC 3056 */
        return public_v4(v4_at(a + 2));
    /* Only 2000::/3 is global unicast; in it 2001::/23 is for protocols, Teredo among them, and
     * 3fff::/20 for documentation (RFC 9637). */
    return (a[0] & 0xe0) == 0x20 && !(a[0] == 0x20 && a[1] == 0x01 && (a[2] & 0xfe) == 0) &&
           !(a[0] == 0x3f && a[1] == 0xff && (a[2] & 0xf0) == 0) &&
           memcmp(a, documentation, sizeof documentation) != 0;
}

bool address_is_public(const struct sockaddr *address, socklen_t len)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (address->sa_family == AF_INET && len >= sizeof v4) {
        memcpy(&v4, address, sizeof v4);
        return public_v4(ntohl(v4.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6 && len >= sizeof v6) {
        memcpy(&v6, address, sizeof v6);
        return public_v6(v6.sin6_addr.s6_addr);
    }
    return false;
}

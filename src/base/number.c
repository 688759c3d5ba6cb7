#include "base/number.h"

#include <string.h>

#include "base/checked.h"

bool parse_u64(const char *s, size_t len, uint64_t *out)
{
    uint64_t n = 0;
    if (len == 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9' || !checked_mul(n, (uint64_t)10, &n) ||
            !checked_add(n, (uint64_t)(s[i] - '0'), &n))
            return false;
    }
    *out = n;
    return true;
}

bool parse_i64(const char *s, size_t len, int64_t *out)
{
    bool negative = len > 0 && s[0] == '-';
    uint64_t n;
    if (!parse_u64(s + negative, len - negative, &n))
        return false;
    if (n > (uint64_t)INT64_MAX + negative)
        return false;
    *out = negative ? (int64_t)(0 - n) : (int64_t)n;
    return true;
}

bool parse_size(const char *s, uint64_t *out)
{
    static const char units[] = "KMGTP";
    size_t digits = strspn(s, "0123456789");
    uint64_t n;
    if (!parse_u64(s, digits, &n))
        return false;
    const char *rest = s + digits;
    const char *unit = *rest != '\0' ? strchr(units, *rest >= 'a' ? *rest - 32 : *rest) : NULL;
    if (unit != NULL) {
        uint64_t scale = (uint64_t)1 << (10 * (unit - units + 1));
        if (!checked_mul(n, scale, &n))
            return false;
        rest++;
    }
    if (*rest != '\0' && strcmp(rest, "B") != 0 && (unit == NULL || strcmp(rest, "iB") != 0))
        return false;
    *out = n;
    return true;
}

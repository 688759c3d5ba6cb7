/* Debian versions: [epoch:]upstream[-revision], deb-version(7). */
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "advisory/version_scheme.h"

struct part {
    const char *p, *end;
};

/* A tilde sorts before everything, even the end; letters before what is no letter. */
static int weight(struct part s)
{
    if (s.p == s.end || g_ascii_isdigit(*s.p))
        return 0;
    if (*s.p == '~')
        return -1;
    return g_ascii_isalpha(*s.p) ? (unsigned char)*s.p : (unsigned char)*s.p + 256;
}

static bool at_digit(struct part s)
{
    return s.p < s.end && g_ascii_isdigit(*s.p);
}

/* Digits as a number of any length: without leading zeros, the longer is the greater. */
static int compare_digits(struct part *a, struct part *b)
{
    while (a->p < a->end && *a->p == '0')
        a->p++;
    while (b->p < b->end && *b->p == '0')
        b->p++;
    int first = 0;
    while (at_digit(*a) && at_digit(*b)) {
        if (first == 0)
            first = *a->p - *b->p;
        a->p++;
        b->p++;
    }
    return at_digit(*a) ? 1 : at_digit(*b) ? -1 : first;
}

static int compare_parts(struct part a, struct part b)
{
    while (a.p < a.end || b.p < b.end) {
        while ((a.p < a.end && !g_ascii_isdigit(*a.p)) || (b.p < b.end && !g_ascii_isdigit(*b.p))) {
            int x = weight(a), y = weight(b);
            if (x != y)
                return x - y;
            a.p++;
            b.p++;
        }
        int digits = compare_digits(&a, &b);
        if (digits != 0)
            return digits;
    }
    return 0;
}

static uint64_t take_epoch(const char **version)
{
    const char *colon = strchr(*version, ':');
    uint64_t epoch = 0;
    if (colon == NULL)
        return 0;
    for (const char *p = *version; p < colon; p++) {
        if (!g_ascii_isdigit(*p))
            return 0; /* not an epoch: the colon belongs to the version */
        epoch = MIN(epoch * 10 + (uint64_t)(*p - '0'), (uint64_t)UINT32_MAX);
    }
    *version = colon + 1;
    return epoch;
}

int version_compare_dpkg(const char *a, const char *b)
{
    uint64_t x = take_epoch(&a), y = take_epoch(&b);
    if (x != y)
        return x < y ? -1 : 1;
    const char *a_end = a + strlen(a), *b_end = b + strlen(b);
    const char *a_dash = strrchr(a, '-'), *b_dash = strrchr(b, '-');
    int upstream = compare_parts((struct part){ a, a_dash != NULL ? a_dash : a_end },
                                 (struct part){ b, b_dash != NULL ? b_dash : b_end });
    if (upstream != 0)
        return upstream;
    return compare_parts((struct part){ a_dash != NULL ? a_dash + 1 : a_end, a_end },
                         (struct part){ b_dash != NULL ? b_dash + 1 : b_end, b_end });
}

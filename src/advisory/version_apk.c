/* Alpine versions: number{.number}[letter]{_suffix[number]}[~hash][-rNumber], as apk-tools orders
 * them. What does not follow the form is read as far as it does; the rest compares as bytes. */
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "advisory/version_scheme.h"

/* Kinds of what may come next, in the order in which they make a version newer. */
enum token {
    TOKEN_SUFFIX_OLDER,
    TOKEN_END,
    TOKEN_REVISION,
    TOKEN_HASH,
    TOKEN_SUFFIX,
    TOKEN_LETTER,
    TOKEN_NUMBER,
    TOKEN_INVALID
};

struct reader {
    const char *p;
    bool first;
    enum token token;
    const char *begin, *end; /* digits, letter or hash */
    int suffix;              /* place in suffixes[] */
};

static const char *const suffixes[] = {
    "alpha", "beta", "pre", "rc", "cvs", "svn", "git", "hg", "p"
};
enum { OLDER_SUFFIXES = 4 };

static const char *skip_digits(const char *p)
{
    while (g_ascii_isdigit(*p))
        p++;
    return p;
}

static void next_suffix(struct reader *r)
{
    r->token = TOKEN_INVALID;
    size_t best = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        size_t len = strlen(suffixes[i]);
        if (len > best && strncmp(r->p + 1, suffixes[i], len) == 0) {
            best = len;
            r->suffix = (int)i;
            r->token = i < OLDER_SUFFIXES ? TOKEN_SUFFIX_OLDER : TOKEN_SUFFIX;
        }
    }
    r->begin = r->p + 1 + best;
    r->end = skip_digits(r->begin);
    r->p = r->token == TOKEN_INVALID ? r->p : r->end;
}

static void next(struct reader *r)
{
    const char *p = r->p;
    bool was_number = r->token == TOKEN_NUMBER;
    if (*p == '\0') {
        r->token = TOKEN_END;
    } else if (r->first || (*p == '.' && was_number && g_ascii_isdigit(p[1]))) {
        r->begin = r->first ? p : p + 1;
        r->end = r->p = skip_digits(r->begin);
        r->token = r->end > r->begin ? TOKEN_NUMBER : TOKEN_INVALID;
    } else if (g_ascii_islower(*p) && was_number) {
        r->token = TOKEN_LETTER;
        r->begin = p;
        r->end = r->p = p + 1;
    } else if (*p == '_') {
        next_suffix(r);
    } else if (*p == '~') {
        r->token = TOKEN_HASH;
        r->begin = p + 1;
        r->end = r->begin;
        while (g_ascii_isxdigit(*r->end))
            r->end++;
        r->p = r->end;
    } else if (*p == '-' && p[1] == 'r') {
        r->token = TOKEN_REVISION;
        r->begin = p + 2;
        r->end = r->p = skip_digits(r->begin);
    } else {
        r->token = TOKEN_INVALID;
    }
}

static int compare_numbers(const struct reader *a, const struct reader *b)
{
    const char *x = a->begin, *y = b->begin;
    while (x < a->end && *x == '0')
        x++;
    while (y < b->end && *y == '0')
        y++;
    ptrdiff_t m = a->end - x, n = b->end - y;
    if (m != n)
        return m < n ? -1 : 1;
    return memcmp(x, y, (size_t)n);
}

static int compare_bytes(const char *a, const char *a_end, const char *b, const char *b_end)
{
    size_t m = (size_t)(a_end - a), n = (size_t)(b_end - b);
    int order = memcmp(a, b, MIN(m, n));
    return order != 0 ? order : m == n ? 0 : m < n ? -1 : 1;
}

/* Both have the same kind of token. A number behind a dot with a leading zero is a fraction: 1.05
 * is older than 1.1. */
static int compare_tokens(const struct reader *a, const struct reader *b)
{
    switch (a->token) {
    case TOKEN_NUMBER:
        if (!a->first && (*a->begin == '0' || *b->begin == '0'))
            return compare_bytes(a->begin, a->end, b->begin, b->end);
        return compare_numbers(a, b);
    case TOKEN_LETTER:
    case TOKEN_HASH:
        return compare_bytes(a->begin, a->end, b->begin, b->end);
    case TOKEN_SUFFIX:
    case TOKEN_SUFFIX_OLDER:
        if (a->suffix != b->suffix)
            return a->suffix - b->suffix;
        return compare_numbers(a, b);
    case TOKEN_REVISION:
        return compare_numbers(a, b);
    case TOKEN_INVALID:
        return strcmp(a->p, b->p);
    case TOKEN_END:
        break;
    }
    return 0;
}

int version_compare_apk(const char *a, const char *b)
{
    struct reader x = { .p = a, .first = true }, y = { .p = b, .first = true };
    for (;;) {
        next(&x);
        next(&y);
        if (x.token != y.token)
            return x.token < y.token ? -1 : 1;
        int order = compare_tokens(&x, &y);
        if (order != 0 || x.token == TOKEN_END || x.token == TOKEN_INVALID)
            return order;
        x.first = y.first = false;
    }
}

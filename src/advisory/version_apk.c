/* Alpine's versions: number{.number}[letter]{_suffix[number]}[~hash][-rNumber].
 *
 * The order is that of apk-tools 3. From version 2 comes what advisories still name: a number
 * behind the letter ("6.6.2p1"), and "-r" for "-r0". */
#include "advisory/version_driver.h"
#include "advisory/version_span.h"

/* In the order in which they may follow each other. The earlier its kind, the newer is the version
 * in which it comes where another has something else, or ends. */
enum token {
    TOKEN_FIRST_NUMBER,
    TOKEN_NUMBER,
    TOKEN_LETTER,
    TOKEN_SUFFIX,
    TOKEN_SUFFIX_NUMBER,
    TOKEN_HASH,
    TOKEN_REVISION,
    TOKEN_END,
    TOKEN_INVALID,   /* what follows is no version: older than if it ended here */
    TOKEN_PRERELEASE /* a suffix that makes older than anything else does */
};

struct reader {
    struct span rest;
    enum token token;
    struct span value;
    int suffix; /* place in suffixes[] */
    bool odd;   /* read, but no version for apk-tools */
};

static const char *const suffixes[] = {
    "alpha", "beta", "pre", "rc", "cvs", "svn", "git", "hg", "p"
};
enum { PRERELEASES = 4 };

static void read_number(struct reader *r, enum token token)
{
    r->value = span_take_digits(&r->rest);
    r->token = span_empty(r->value) ? TOKEN_INVALID : token;
}

static void read_suffix(struct reader *r)
{
    struct span name = { r->rest.p, r->rest.p };
    while (name.end < r->rest.end && g_ascii_islower(*name.end))
        name.end++;
    r->rest.p = name.end;
    r->token = TOKEN_INVALID;
    for (int i = 0; i < (int)G_N_ELEMENTS(suffixes); i++) {
        if (span_compare(name, span_of(suffixes[i])) == 0) {
            r->suffix = i;
            r->token = i < PRERELEASES ? TOKEN_PRERELEASE : TOKEN_SUFFIX;
        }
    }
}

static void read_hash(struct reader *r)
{
    r->value = (struct span){ r->rest.p, r->rest.p };
    while (r->value.end < r->rest.end && g_ascii_isxdigit(*r->value.end) &&
           !g_ascii_isupper(*r->value.end))
        r->value.end++;
    r->rest.p = r->value.end;
    r->token = span_empty(r->value) ? TOKEN_INVALID : TOKEN_HASH;
}

static void read_next(struct reader *r)
{
    enum token last = r->token == TOKEN_PRERELEASE ? TOKEN_SUFFIX : r->token;
    if (span_empty(r->rest)) {
        r->token = TOKEN_END;
        return;
    }
    if (span_at_digit(r->rest) && (last == TOKEN_SUFFIX || last == TOKEN_LETTER)) {
        read_number(r, last == TOKEN_SUFFIX ? TOKEN_SUFFIX_NUMBER : TOKEN_NUMBER);
        return;
    }
    struct span invalid = r->rest;
    char c = *r->rest.p++;
    if (c == '.' && last <= TOKEN_NUMBER) {
        read_number(r, TOKEN_NUMBER);
    } else if (g_ascii_islower(c) && last <= TOKEN_NUMBER) {
        r->value = (struct span){ r->rest.p - 1, r->rest.p };
        r->token = TOKEN_LETTER;
    } else if (c == '_' && last <= TOKEN_SUFFIX_NUMBER) {
        read_suffix(r);
    } else if (c == '~' && last < TOKEN_HASH) {
        read_hash(r);
    } else if (c == '-' && last < TOKEN_REVISION && span_at(r->rest, 'r')) {
        r->rest.p++;
        read_number(r, TOKEN_REVISION);
        if (r->token == TOKEN_INVALID && span_empty(r->rest)) {
            r->token = TOKEN_REVISION;
            r->odd = true;
        }
    } else {
        r->token = TOKEN_INVALID;
    }
    if (r->token == TOKEN_INVALID)
        r->value = invalid;
}

static struct reader reader_of(const char *version)
{
    struct reader r = { .rest = span_of(version) };
    read_number(&r, TOKEN_FIRST_NUMBER);
    if (r.token == TOKEN_INVALID)
        r.value = r.rest;
    return r;
}

/* Of two tokens of one kind. A number behind a dot is a fraction when one of the two begins with a
 * zero: 1.05 is older than 1.1. */
static int compare_values(const struct reader *a, const struct reader *b)
{
    switch (a->token) {
    case TOKEN_NUMBER:
        if (span_at(a->value, '0') || span_at(b->value, '0'))
            return span_compare(a->value, b->value);
        return span_compare_numbers(a->value, b->value);
    case TOKEN_FIRST_NUMBER:
    case TOKEN_SUFFIX_NUMBER:
    case TOKEN_REVISION:
        return span_compare_numbers(a->value, b->value);
    case TOKEN_LETTER:
    case TOKEN_HASH:
        return span_compare(a->value, b->value);
    case TOKEN_INVALID: /* revisions that are none are all the same */
        if (span_at(a->value, '-') || span_at(b->value, '-'))
            return span_at(b->value, '-') - span_at(a->value, '-');
        return span_compare(a->value, b->value);
    case TOKEN_SUFFIX:
    case TOKEN_PRERELEASE:
        return a->suffix - b->suffix;
    case TOKEN_END:
        break;
    }
    return 0;
}

static bool at_end(const struct reader *r)
{
    return r->token == TOKEN_END || r->token == TOKEN_INVALID;
}

static int compare_apk(const char *a, const char *b)
{
    struct reader x = reader_of(a), y = reader_of(b);
    while (x.token == y.token) {
        int order = compare_values(&x, &y);
        if (order != 0 || at_end(&x))
            return order;
        read_next(&x);
        read_next(&y);
    }
    return x.token > y.token ? -1 : 1;
}

static bool valid_apk(const char *version)
{
    struct reader r = reader_of(version);
    while (!at_end(&r))
        read_next(&r);
    return r.token == TOKEN_END && !r.odd;
}

const struct version_driver version_driver_apk = {
    .name = "apk",
    .aliases = (const char *const[]){ "alpine", "wolfi", "chainguard", NULL },
    .description = "Alpine: number{.number}[letter]{_suffix[number]}[~hash][-rN]",
    .compare = compare_apk,
    .valid = valid_apk,
};

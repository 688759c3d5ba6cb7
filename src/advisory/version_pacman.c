/* pacman's versions: [epoch:]version[-release], vercmp(8). */
#include "advisory/version_driver.h"
#include "advisory/version_evr.h"

/* Returns how many. */
static size_t skip_separators(struct span *s)
{
    const char *begin = s->p;
    while (!span_empty(*s) && !g_ascii_isalnum(*s->p))
        s->p++;
    return (size_t)(s->p - begin);
}

/* One is at its end. More makes newer, but letters make older: "1.0rc" is before "1.0". */
static int compare_rest(struct span a, struct span b)
{
    if (span_empty(a) && span_empty(b))
        return 0;
    if (span_empty(a))
        return span_at_letter(b) ? 1 : -1;
    return span_at_letter(a) ? -1 : 1;
}

/* Runs of digits and letters in turn; what separates them counts by its length only. */
static int compare_segments(struct span a, struct span b)
{
    while (!span_empty(a) && !span_empty(b)) {
        size_t m = skip_separators(&a), n = skip_separators(&b);
        if (span_empty(a) || span_empty(b))
            break;
        if (m != n)
            return m < n ? -1 : 1;
        if (span_at_digit(a) != span_at_digit(b))
            return span_at_digit(a) ? 1 : -1;
        int order;
        if (span_at_digit(a))
            order = span_compare_numbers(span_take_digits(&a), span_take_digits(&b));
        else
            order = span_compare(span_take_letters(&a), span_take_letters(&b));
        if (order != 0)
            return order;
    }
    return compare_rest(a, b);
}

static int compare_pacman(const char *a, const char *b)
{
    struct evr x = evr_of(a), y = evr_of(b);
    int order = span_compare_numbers(x.epoch, y.epoch);
    if (order == 0)
        order = compare_segments(x.version, y.version);
    if (order == 0 && x.has_release && y.has_release)
        order = compare_segments(x.release, y.release);
    return order;
}

/* PKGBUILD(5): pkgver without colon, slash, hyphen and white space; pkgrel digits, maybe with a
 * dot. */
static bool valid_pacman(const char *version)
{
    struct evr e = evr_of(version);
    if ((e.has_epoch && span_empty(e.epoch)) || span_empty(e.version))
        return false;
    for (struct span s = e.version; !span_empty(s); s.p++)
        if (!g_ascii_isgraph(*s.p) || strchr(":/-", *s.p) != NULL)
            return false;
    if (!e.has_release)
        return true;
    struct span r = e.release;
    if (span_empty(span_take_digits(&r)))
        return false;
    if (span_empty(r))
        return true;
    r.p++;
    return r.p[-1] == '.' && !span_empty(span_take_digits(&r)) && span_empty(r);
}

const struct version_driver version_driver_pacman = {
    .name = "pacman",
    .aliases = (const char *const[]){ "alpm", "arch", "vercmp", NULL },
    .description = "pacman (Arch Linux): [epoch:]version[-release]",
    .compare = compare_pacman,
    .valid = valid_pacman,
};

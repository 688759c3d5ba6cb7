/* RPM versions: [epoch:]version[-release], rpm-version(7). */
#include "advisory/version_driver.h"
#include "advisory/version_evr.h"

/* Everything that neither counts nor has a meaning of its own separates, UTF-8 included. */
static void skip_separators(struct span *s)
{
    while (!span_empty(*s) && !g_ascii_isalnum(*s->p) && *s->p != '~' && *s->p != '^')
        s->p++;
}

/* What may come next, in the order in which it makes a version newer. */
enum token { TOKEN_TILDE, TOKEN_END, TOKEN_CARET, TOKEN_LETTERS, TOKEN_NUMBER };

static enum token next(struct span *s, struct span *run)
{
    skip_separators(s);
    if (span_empty(*s))
        return TOKEN_END;
    if (*s->p == '~' || *s->p == '^')
        return *s->p++ == '~' ? TOKEN_TILDE : TOKEN_CARET;
    if (span_at_digit(*s)) {
        *run = span_take_digits(s);
        return TOKEN_NUMBER;
    }
    *run = span_take_letters(s);
    return TOKEN_LETTERS;
}

static int compare_segments(struct span a, struct span b)
{
    for (;;) {
        struct span x = { 0 }, y = { 0 };
        enum token s = next(&a, &x), t = next(&b, &y);
        if (s != t)
            return s < t ? -1 : 1;
        if (s == TOKEN_END)
            return 0;
        int order = s == TOKEN_NUMBER ? span_compare_numbers(x, y) : span_compare(x, y);
        if (order != 0)
            return order;
    }
}

/* As rpm orders packages: no release is older than any. (What a dependency says without a release
 * is another question: that is true of every release.) */
static int compare_rpm(const char *a, const char *b)
{
    struct evr x = evr_of(a), y = evr_of(b);
    int order = span_compare_numbers(x.epoch, y.epoch);
    if (order == 0)
        order = compare_segments(x.version, y.version);
    if (order == 0 && x.has_release != y.has_release)
        return x.has_release ? 1 : -1;
    return order != 0 ? order : compare_segments(x.release, y.release);
}

static bool valid_rpm(const char *version)
{
    static const char allowed[] = "._+~^";
    struct evr e = evr_of(version);
    return !(e.has_epoch && span_empty(e.epoch)) && !span_empty(e.version) &&
           span_made_of(e.version, allowed) &&
           (!e.has_release || (!span_empty(e.release) && span_made_of(e.release, allowed)));
}

const struct version_driver version_driver_rpm = {
    .name = "rpm",
    .aliases = (const char *const[]){ "redhat", "rhel", "rpmvercmp", NULL },
    .description = "RPM: [epoch:]version[-release] with ~ and ^",
    .compare = compare_rpm,
    .valid = valid_rpm,
};

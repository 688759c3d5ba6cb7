/* Debian versions: [epoch:]upstream[-revision], deb-version(7). */
#include "advisory/version_driver.h"
#include "advisory/version_span.h"

struct debian {
    struct span epoch, upstream, revision; /* no revision is an empty one, which equals "0" */
    bool has_epoch, has_revision;
};

/* A colon behind anything but digits is no epoch's but part of the version. */
static struct debian split(const char *text)
{
    struct debian d = { .upstream = span_of(text) };
    struct span rest = d.upstream;
    d.epoch = span_take_digits(&rest);
    d.has_epoch = !span_empty(d.epoch) && span_at(rest, ':');
    if (d.has_epoch)
        d.upstream.p = rest.p + 1;
    else
        d.epoch.end = d.epoch.p;
    d.has_revision = span_split_last(d.upstream, '-', &d.upstream, &d.revision);
    return d;
}

/* A tilde sorts before everything, even the end; letters before what is no letter. */
static int weight(struct span s)
{
    if (span_empty(s) || span_at_digit(s))
        return 0;
    if (*s.p == '~')
        return -1;
    return g_ascii_isalpha(*s.p) ? (unsigned char)*s.p : (unsigned char)*s.p + 256;
}

static int compare_parts(struct span a, struct span b)
{
    while (!span_empty(a) || !span_empty(b)) {
        for (;;) {
            int x = weight(a), y = weight(b);
            if (x != y)
                return x - y;
            if (x == 0)
                break;
            a.p++;
            b.p++;
        }
        int order = span_compare_numbers(span_take_digits(&a), span_take_digits(&b));
        if (order != 0)
            return order;
    }
    return 0;
}

static int compare_dpkg(const char *a, const char *b)
{
    struct debian x = split(a), y = split(b);
    int order = span_compare_numbers(x.epoch, y.epoch);
    if (order == 0)
        order = compare_parts(x.upstream, y.upstream);
    return order != 0 ? order : compare_parts(x.revision, y.revision);
}

static bool valid_dpkg(const char *version)
{
    struct debian d = split(version);
    return span_at_digit(d.upstream) && span_made_of(d.upstream, d.has_epoch ? ".+-~:" : ".+-~") &&
           (!d.has_revision || (!span_empty(d.revision) && span_made_of(d.revision, "+.~")));
}

const struct version_driver version_driver_dpkg = {
    .name = "dpkg",
    .aliases = (const char *const[]){ "deb", "debian", "ubuntu", NULL },
    .description = "Debian: [epoch:]upstream[-revision] with ~",
    .compare = compare_dpkg,
    .valid = valid_dpkg,
};

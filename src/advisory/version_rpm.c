/* RPM versions, [epoch:]version[-release], and pacman's, which grew out of them. */
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "advisory/version_scheme.h"

struct text {
    const char *p, *end;
};

static bool at(struct text t, char c)
{
    return t.p < t.end && *t.p == c;
}

static bool separator(struct text t)
{
    return t.p < t.end && !g_ascii_isalnum(*t.p) && *t.p != '~' && *t.p != '^';
}

/* Takes the run of digits, or of letters, at the beginning. */
static struct text take_run(struct text *t, bool digits)
{
    struct text run = { t->p, t->p };
    while (run.end < t->end && (digits ? g_ascii_isdigit(*run.end) : g_ascii_isalpha(*run.end)))
        run.end++;
    t->p = run.end;
    return run;
}

static int compare_runs(struct text a, struct text b, bool digits)
{
    while (digits && at(a, '0'))
        a.p++;
    while (digits && at(b, '0'))
        b.p++;
    size_t x = (size_t)(a.end - a.p), y = (size_t)(b.end - b.p);
    if (digits && x != y)
        return x < y ? -1 : 1;
    int order = memcmp(a.p, b.p, MIN(x, y));
    return order != 0 ? order : x == y ? 0 : x < y ? -1 : 1;
}

/* rpmvercmp: runs of digits and letters in turn, separators ignored. A tilde is older than the
 * end, a caret newer than the end and older than anything else. */
static int compare_segment(struct text a, struct text b)
{
    while (a.p < a.end || b.p < b.end) {
        while (separator(a))
            a.p++;
        while (separator(b))
            b.p++;
        if (at(a, '~') || at(b, '~')) {
            if (!at(a, '~') || !at(b, '~'))
                return at(a, '~') ? -1 : 1;
            a.p++;
            b.p++;
            continue;
        }
        if (at(a, '^') || at(b, '^')) {
            if (a.p == a.end || b.p == b.end)
                return a.p == a.end ? -1 : 1;
            if (!at(a, '^') || !at(b, '^'))
                return at(a, '^') ? -1 : 1;
            a.p++;
            b.p++;
            continue;
        }
        if (a.p == a.end || b.p == b.end)
            break;
        bool digits = g_ascii_isdigit(*a.p);
        struct text x = take_run(&a, digits), y = take_run(&b, digits);
        if (y.p == y.end) /* different kinds: a number is newer than letters */
            return digits ? 1 : -1;
        int order = compare_runs(x, y, digits);
        if (order != 0)
            return order;
    }
    return a.p < a.end ? 1 : b.p < b.end ? -1 : 0;
}

struct evr {
    uint64_t epoch;
    struct text version, release; /* release.p NULL: none */
};

static struct evr split(const char *s)
{
    struct evr e = { 0 };
    const char *p = s;
    uint64_t epoch = 0;
    for (; g_ascii_isdigit(*p); p++)
        epoch = MIN(epoch * 10 + (uint64_t)(*p - '0'), (uint64_t)UINT32_MAX);
    if (*p == ':') {
        e.epoch = epoch;
        s = p + 1;
    }
    const char *dash = strrchr(s, '-'), *end = s + strlen(s);
    e.version = (struct text){ s, dash != NULL ? dash : end };
    if (dash != NULL)
        e.release = (struct text){ dash + 1, end };
    return e;
}

/* loose: a version without release is any release of it; else it is older than any. */
static int compare_evr(const char *a, const char *b, int (*segment)(struct text, struct text),
                       bool loose)
{
    struct evr x = split(a), y = split(b);
    if (x.epoch != y.epoch)
        return x.epoch < y.epoch ? -1 : 1;
    int order = segment(x.version, y.version);
    if (order != 0)
        return order;
    if (x.release.p == NULL || y.release.p == NULL)
        return loose ? 0 : (x.release.p != NULL) - (y.release.p != NULL);
    return segment(x.release, y.release);
}

int version_compare_rpm(const char *a, const char *b)
{
    return compare_evr(a, b, compare_segment, false);
}

/* vercmp(8): as rpmvercmp, but letters at the end make it older ("1.0a" < "1.0"), tilde and caret
 * are separators like others, and more separators are newer than fewer. */
static int compare_pacman_segment(struct text a, struct text b)
{
    while (a.p < a.end && b.p < b.end) {
        struct text x = a, y = b;
        while (a.p < a.end && !g_ascii_isalnum(*a.p))
            a.p++;
        while (b.p < b.end && !g_ascii_isalnum(*b.p))
            b.p++;
        if (a.p == a.end || b.p == b.end)
            break;
        if (a.p - x.p != b.p - y.p)
            return a.p - x.p < b.p - y.p ? -1 : 1;
        bool digits = g_ascii_isdigit(*a.p);
        x = take_run(&a, digits);
        y = take_run(&b, digits);
        if (y.p == y.end)
            return digits ? 1 : -1;
        int order = compare_runs(x, y, digits);
        if (order != 0)
            return order;
    }
    if (a.p == a.end && b.p == b.end)
        return 0;
    if (a.p == a.end)
        return g_ascii_isalpha(*b.p) ? 1 : -1;
    return g_ascii_isalpha(*a.p) ? -1 : 1;
}

int version_compare_pacman(const char *a, const char *b)
{
    return compare_evr(a, b, compare_pacman_segment, true);
}

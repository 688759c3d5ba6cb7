#include "advisory/cvss.h"

#include <stdint.h>
#include <string.h>

#include "advisory/cvss_driver.h"
#include "base/error.h"

static const struct cvss_driver *const drivers[] = {
    &cvss_driver_4,
    &cvss_driver_31,
    &cvss_driver_30,
    &cvss_driver_2,
};

enum { SHOWN_MAX = 64 }; /* of a wrong metric in messages */

/* The part that a word begins, of a list separated by blanks. */
static bool word_is(const char *word, const char *text, size_t len)
{
    return strncmp(word, text, len) == 0 && (word[len] == ' ' || word[len] == '\0');
}

/* -1: not in the list. */
static int place_of(const char *list, const char *text, size_t len)
{
    int place = 0;
    for (const char *word = list; len > 0; place++) {
        if (word_is(word, text, len))
            return place;
        word = strchr(word, ' ');
        if (word == NULL)
            break;
        word++;
    }
    return -1;
}

struct parse {
    const struct cvss_driver *driver;
    int8_t values[CVSS_METRICS_MAX];
    uint64_t seen; /* a bit a metric */
};

static bool take_value(struct parse *p, unsigned i, const char *value, size_t len, GError **error)
{
    const struct cvss_metric *m = &p->driver->metrics[i];
    if ((p->seen & UINT64_C(1) << i) != 0)
        return fail(error, ASSAY_ERROR_INVALID, "CVSS %s: metric %s stands twice",
                    p->driver->version, m->name);
    p->seen |= UINT64_C(1) << i;
    p->values[i] = (int8_t)place_of(m->values, value, len);
    if (p->values[i] >= 0 || (!m->mandatory && word_is(p->driver->undefined, value, len)))
        return true;
    return fail(error, ASSAY_ERROR_INVALID, "CVSS %s: metric %s has no value '%.*s'",
                p->driver->version, m->name, (int)MIN(len, SHOWN_MAX), value);
}

/* "AV:N" */
static bool take_metric(struct parse *p, const char *text, size_t len, GError **error)
{
    const char *colon = memchr(text, ':', len);
    size_t name = colon != NULL ? (size_t)(colon - text) : len;
    for (unsigned i = 0; colon != NULL && i < p->driver->count; i++) {
        const char *known = p->driver->metrics[i].name;
        if (strlen(known) == name && memcmp(known, text, name) == 0)
            return take_value(p, i, colon + 1, len - name - 1, error);
    }
    return fail(error, ASSAY_ERROR_INVALID, "CVSS %s: no metric '%.*s'", p->driver->version,
                (int)MIN(name, SHOWN_MAX), text);
}

static bool take_metrics(struct parse *p, const char *text, const char *end, GError **error)
{
    memset(p->values, -1, sizeof p->values);
    for (;;) {
        const char *slash = memchr(text, '/', (size_t)(end - text));
        if (!take_metric(p, text, (size_t)((slash != NULL ? slash : end) - text), error))
            return false;
        if (slash == NULL)
            break;
        text = slash + 1;
    }
    for (unsigned i = 0; i < p->driver->count; i++)
        if (p->driver->metrics[i].mandatory && p->values[i] < 0)
            return fail(error, ASSAY_ERROR_INVALID, "CVSS %s: metric %s is missing",
                        p->driver->version, p->driver->metrics[i].name);
    return true;
}

/* Specifications 3.1 and 4.0: section "Qualitative Severity Rating Scale". Version 2 has none of
 * its own: the three levels are those in common use for it, of the US National Vulnerability
 * Database. */
static void rate(struct cvss *c, bool critical)
{
    static const char *const ratings[SEVERITY_COUNT] = {
        [SEVERITY_UNKNOWN] = "none", [SEVERITY_NEGLIGIBLE] = "none",
        [SEVERITY_LOW] = "low",      [SEVERITY_MEDIUM] = "medium",
        [SEVERITY_HIGH] = "high",    [SEVERITY_CRITICAL] = "critical",
    };
    c->severity = severity_of_score(c->score);
    if (!critical)
        c->severity = CLAMP(c->severity, SEVERITY_LOW, SEVERITY_HIGH);
    c->rating = ratings[c->severity];
}

bool cvss_parse(const char *vector, struct cvss *out, GError **error)
{
    struct parse p = { 0 };
    const char *text = vector, *end = vector + strlen(vector);
    for (size_t i = 0; i < G_N_ELEMENTS(drivers) && p.driver == NULL; i++) {
        if (g_str_has_prefix(vector, drivers[i]->prefix)) {
            p.driver = drivers[i];
            text = vector + strlen(drivers[i]->prefix);
        } else if (drivers[i]->bare && !g_str_has_prefix(vector, "CVSS:")) {
            p.driver = drivers[i];
            if (*text == '(' && end[-1] == ')') {
                text++;
                end--;
            }
        }
    }
    if (p.driver == NULL)
        return fail(error, ASSAY_ERROR_INVALID, "CVSS: no version known as '%.*s'",
                    (int)strcspn(vector, "/") > SHOWN_MAX ? SHOWN_MAX : (int)strcspn(vector, "/"),
                    vector);
    if (!take_metrics(&p, text, end, error))
        return false;
    out->version = p.driver->version;
    p.driver->score(p.values, &out->base, &out->score);
    rate(out, p.driver->critical);
    return true;
}

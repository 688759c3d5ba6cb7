#include "advisory/cvss.h"

#include <glib.h>
#include <math.h>
#include <string.h>

/* The value of a metric: the letter behind "AV:" and the like; '\0' when it is not there. */
static char metric(const char *vector, const char *name)
{
    size_t len = strlen(name);
    for (const char *p = vector; p != NULL && *p != '\0'; p = strchr(p, '/')) {
        p += *p == '/';
        if (strncmp(p, name, len) == 0 && p[len] == ':')
            return p[len + 1];
    }
    return '\0';
}

struct weight {
    const char *letters;
    double values[4];
};

/* False when the metric is missing or has no such value. */
static bool weigh(const char *vector, const char *name, struct weight w, double *out)
{
    char letter = metric(vector, name);
    const char *found = letter != '\0' ? strchr(w.letters, letter) : NULL;
    if (found == NULL)
        return false;
    *out = w.values[found - w.letters];
    return true;
}

/* CVSS v3.1 specification, section 7.1 and appendix A: the smallest number with one decimal that
 * is not less. */
static double round_up(double x)
{
    double scaled = round(x * 100000);
    return fmod(scaled, 10000) == 0 ? scaled / 100000 : (floor(scaled / 10000) + 1) / 10;
}

static bool score_3(const char *v, double *out)
{
    static const struct weight impact = { "NLH", { 0, 0.22, 0.56 } };
    double av, ac, pr, ui, c, i, a;
    bool changed = metric(v, "S") == 'C';
    const struct weight privileges = changed ? (struct weight){ "NLH", { 0.85, 0.68, 0.5 } }
                                             : (struct weight){ "NLH", { 0.85, 0.62, 0.27 } };
    if (!weigh(v, "AV", (struct weight){ "NALP", { 0.85, 0.62, 0.55, 0.2 } }, &av) ||
        !weigh(v, "AC", (struct weight){ "LH", { 0.77, 0.44 } }, &ac) ||
        !weigh(v, "PR", privileges, &pr) ||
        !weigh(v, "UI", (struct weight){ "NR", { 0.85, 0.62 } }, &ui) ||
        !weigh(v, "C", impact, &c) || !weigh(v, "I", impact, &i) || !weigh(v, "A", impact, &a) ||
        (!changed && metric(v, "S") != 'U'))
        return false;
    double base = 1 - (1 - c) * (1 - i) * (1 - a);
    double scored = changed ? 7.52 * (base - 0.029) - 3.25 * pow(base - 0.02, 15) : 6.42 * base;
    double exploitability = 8.22 * av * ac * pr * ui;
    double sum = scored + exploitability;
    *out = scored <= 0 ? 0 : round_up(MIN(changed ? 1.08 * sum : sum, 10));
    return true;
}

/* CVSS v2 complete guide, section 3.2.1. */
static bool score_2(const char *v, double *out)
{
    static const struct weight impact = { "NPC", { 0, 0.275, 0.66 } };
    double av, ac, au, c, i, a;
    if (!weigh(v, "AV", (struct weight){ "LAN", { 0.395, 0.646, 1 } }, &av) ||
        !weigh(v, "AC", (struct weight){ "HML", { 0.35, 0.61, 0.71 } }, &ac) ||
        !weigh(v, "Au", (struct weight){ "MSN", { 0.45, 0.56, 0.704 } }, &au) ||
        !weigh(v, "C", impact, &c) || !weigh(v, "I", impact, &i) || !weigh(v, "A", impact, &a))
        return false;
    double hit = 10.41 * (1 - (1 - c) * (1 - i) * (1 - a));
    double factor = hit == 0 ? 0 : 1.176;
    *out = round(((0.6 * hit) + (0.4 * 20 * av * ac * au) - 1.5) * factor * 10) / 10;
    return true;
}

bool cvss_parse(const char *vector, struct cvss *out)
{
    static const struct {
        const char *prefix, *version;
    } versions[] = { { "CVSS:3.1/", "3.1" }, { "CVSS:3.0/", "3.0" } };
    for (size_t i = 0; i < G_N_ELEMENTS(versions); i++) {
        if (g_str_has_prefix(vector, versions[i].prefix)) {
            out->version = versions[i].version;
            return score_3(vector + strlen(versions[i].prefix), &out->score);
        }
    }
    if (g_str_has_prefix(vector, "CVSS:"))
        return false;
    out->version = "2.0";
    return score_2(vector, &out->score);
}

/* "A Complete Guide to the Common Vulnerability Scoring System Version 2.0", section 3.2. */
#include <glib.h>
#include <math.h>

#include "advisory/cvss_driver.h"

enum {
    AV,
    AC,
    AU,
    C,
    I,
    A,
    BASE_END,
    E = BASE_END,
    RL,
    RC,
    TEMPORAL_END,
    CDP = TEMPORAL_END,
    TD,
    CR,
    IR,
    AR,
    METRICS
};

static const struct cvss_metric metrics[METRICS] = {
    [AV] = { "AV", "L A N", true },    [AC] = { "AC", "H M L", true },
    [AU] = { "Au", "M S N", true },    [C] = { "C", "N P C", true },
    [I] = { "I", "N P C", true },      [A] = { "A", "N P C", true },
    [E] = { "E", "U POC F H", false }, [RL] = { "RL", "OF TF W U", false },
    [RC] = { "RC", "UC UR C", false }, [CDP] = { "CDP", "N L LM MH H", false },
    [TD] = { "TD", "N L M H", false }, [CR] = { "CR", "L M H", false },
    [IR] = { "IR", "L M H", false },   [AR] = { "AR", "L M H", false },
};

enum { VALUES_MAX = 5 };

static const double weights[METRICS][VALUES_MAX] = {
    [AV] = { 0.395, 0.646, 1.0 },   [AC] = { 0.35, 0.61, 0.71 },
    [AU] = { 0.45, 0.56, 0.704 },   [C] = { 0, 0.275, 0.660 },
    [I] = { 0, 0.275, 0.660 },      [A] = { 0, 0.275, 0.660 },
    [E] = { 0.85, 0.9, 0.95, 1.0 }, [RL] = { 0.87, 0.90, 0.95, 1.0 },
    [RC] = { 0.90, 0.95, 1.0 },     [CDP] = { 0, 0.1, 0.3, 0.4, 0.5 },
    [TD] = { 0, 0.25, 0.75, 1.0 },  [CR] = { 0.5, 1.0, 1.51 },
    [IR] = { 0.5, 1.0, 1.51 },      [AR] = { 0.5, 1.0, 1.51 },
};

/* undefined: what a metric that is not there counts. */
static double weight(const int8_t *v, int metric, double undefined)
{
    return v[metric] >= 0 ? weights[metric][v[metric]] : undefined;
}

/* Half a tenth goes up. The exact sums are decimals; what their binary form lacks of a half is far
 * smaller than what lies between two of them. */
static double round_tenth(double x)
{
    const double error = 1e-9;
    return MAX(floor(x * 10 + 0.5 + error) / 10, 0);
}

static double base_of(const int8_t *v, double impact)
{
    double exploitability = 20 * weight(v, AV, 0) * weight(v, AC, 0) * weight(v, AU, 0);
    double factor = impact == 0 ? 0 : 1.176;
    return round_tenth((0.6 * impact + 0.4 * exploitability - 1.5) * factor);
}

static double temporal_of(const int8_t *v, double base)
{
    if (!cvss_any(v, E, TEMPORAL_END))
        return base;
    return round_tenth(base * weight(v, E, 1) * weight(v, RL, 1) * weight(v, RC, 1));
}

static void score(const int8_t *v, double *base, double *overall)
{
    double c = weight(v, C, 0), i = weight(v, I, 0), a = weight(v, A, 0);
    *base = base_of(v, 10.41 * (1 - (1 - c) * (1 - i) * (1 - a)));
    *overall = temporal_of(v, *base);
    if (!cvss_any(v, CDP, METRICS))
        return;
    double impact = 10.41 * (1 - (1 - c * weight(v, CR, 1)) * (1 - i * weight(v, IR, 1)) *
                                     (1 - a * weight(v, AR, 1)));
    double adjusted = temporal_of(v, base_of(v, MIN(10, impact)));
    *overall = round_tenth((adjusted + (10 - adjusted) * weight(v, CDP, 0)) * weight(v, TD, 1));
}

const struct cvss_driver cvss_driver_2 = {
    .version = "2.0",
    .prefix = "CVSS:2.0/",
    .undefined = "ND",
    .bare = true,
    .metrics = metrics,
    .count = METRICS,
    .score = score,
};

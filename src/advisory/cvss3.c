/* CVSS version 3.0 and 3.1, section 7 (and 8) of their specifications. They differ in how they
 * round and in the environmental formula. */
#include <glib.h>
#include <math.h>

#include "advisory/cvss_driver.h"

enum {
    AV,
    AC,
    PR,
    UI,
    S,
    C,
    I,
    A,
    BASE_END,
    E = BASE_END,
    RL,
    RC,
    TEMPORAL_END,
    CR = TEMPORAL_END,
    IR,
    AR,
    MAV,
    MAC,
    MPR,
    MUI,
    MS,
    MC,
    MI,
    MA,
    METRICS
};

static const struct cvss_metric metrics[METRICS] = {
    [AV] = { "AV", "N A L P", true },    [AC] = { "AC", "L H", true },
    [PR] = { "PR", "N L H", true },      [UI] = { "UI", "N R", true },
    [S] = { "S", "U C", true },          [C] = { "C", "H L N", true },
    [I] = { "I", "H L N", true },        [A] = { "A", "H L N", true },
    [E] = { "E", "H F P U", false },     [RL] = { "RL", "U W T O", false },
    [RC] = { "RC", "C R U", false },     [CR] = { "CR", "H M L", false },
    [IR] = { "IR", "H M L", false },     [AR] = { "AR", "H M L", false },
    [MAV] = { "MAV", "N A L P", false }, [MAC] = { "MAC", "L H", false },
    [MPR] = { "MPR", "N L H", false },   [MUI] = { "MUI", "N R", false },
    [MS] = { "MS", "U C", false },       [MC] = { "MC", "H L N", false },
    [MI] = { "MI", "H L N", false },     [MA] = { "MA", "H L N", false },
};

enum { VALUES_MAX = 4, CHANGED = 1 };

static const double weights[TEMPORAL_END + 1][VALUES_MAX] = {
    [AV] = { 0.85, 0.62, 0.55, 0.2 }, [AC] = { 0.77, 0.44 },          [UI] = { 0.85, 0.62 },
    [C] = { 0.56, 0.22, 0 },          [I] = { 0.56, 0.22, 0 },        [A] = { 0.56, 0.22, 0 },
    [E] = { 1, 0.97, 0.94, 0.91 },    [RL] = { 1, 0.97, 0.96, 0.95 }, [RC] = { 1, 0.96, 0.92 },
    [CR] = { 1.5, 1, 0.5 },
};
static const double privileges[][VALUES_MAX] = { { 0.85, 0.62, 0.27 }, { 0.85, 0.68, 0.5 } };

/* The parameters of the two versions. */
struct rules {
    double (*round_up)(double x);
    double scale; /* of the impact within the power, when scope is changed by the environment */
    double power;
};

/* 3.0: the smallest number with one decimal that is not less. The products are decimals: what their
 * binary form has more than a tenth (5 * 0.92 is 4.6000000000000005) is not there in truth. */
static double round_up_30(double x)
{
    const double error = 1e-9;
    return MAX(ceil(x * 10 - error) / 10, 0);
}

/* 3.1, appendix A: the same, said for floating point. */
static double round_up_31(double x)
{
    double scaled = round(x * 100000);
    return fmod(scaled, 10000) == 0 ? scaled / 100000 : (floor(scaled / 10000) + 1) / 10;
}

static const struct rules rules_30 = { round_up_30, 1, 15 };
static const struct rules rules_31 = { round_up_31, 0.9731, 13 };

/* The modified metric where it is there. */
static int value_of(const int8_t *v, int metric, int modified)
{
    return v[modified] >= 0 ? v[modified] : v[metric];
}

static double combine(const struct rules *r, bool changed, double impact, double exploitability)
{
    if (impact <= 0)
        return 0;
    double sum = impact + exploitability;
    return r->round_up(MIN(changed ? 1.08 * sum : sum, 10));
}

static double exploitability_of(int av, int ac, int pr, int ui, bool changed)
{
    return 8.22 * weights[AV][av] * weights[AC][ac] * privileges[changed][pr] * weights[UI][ui];
}

static double base_of(const struct rules *r, const int8_t *v)
{
    bool changed = v[S] == CHANGED;
    double sum = 1 - (1 - weights[C][v[C]]) * (1 - weights[I][v[I]]) * (1 - weights[A][v[A]]);
    double impact = changed ? 7.52 * (sum - 0.029) - 3.25 * pow(sum - 0.02, 15) : 6.42 * sum;
    return combine(r, changed, impact, exploitability_of(v[AV], v[AC], v[PR], v[UI], changed));
}

static double temporal_of(const struct rules *r, const int8_t *v, double score)
{
    return r->round_up(score * weights[E][MAX(v[E], 0)] * weights[RL][MAX(v[RL], 0)] *
                       weights[RC][MAX(v[RC], 0)]);
}

/* What is left of confidentiality and its like by how much it is required. */
static double kept(const int8_t *v, int metric, int modified, int requirement)
{
    double required = v[requirement] >= 0 ? weights[CR][v[requirement]] : 1;
    return 1 - weights[metric][value_of(v, metric, modified)] * required;
}

static double environmental_of(const struct rules *r, const int8_t *v)
{
    bool changed = value_of(v, S, MS) == CHANGED;
    double sum = MIN(1 - kept(v, C, MC, CR) * kept(v, I, MI, IR) * kept(v, A, MA, AR), 0.915);
    double impact =
        changed ? 7.52 * (sum - 0.029) - 3.25 * pow(sum * r->scale - 0.02, r->power) : 6.42 * sum;
    double score = combine(r, changed, impact,
                           exploitability_of(value_of(v, AV, MAV), value_of(v, AC, MAC),
                                             value_of(v, PR, MPR), value_of(v, UI, MUI), changed));
    return temporal_of(r, v, score);
}

static void score(const struct rules *r, const int8_t *v, double *base, double *overall)
{
    *base = *overall = base_of(r, v);
    if (cvss_any(v, CR, METRICS))
        *overall = environmental_of(r, v);
    else if (cvss_any(v, E, TEMPORAL_END))
        *overall = temporal_of(r, v, *base);
}

static void score_30(const int8_t *v, double *base, double *overall)
{
    score(&rules_30, v, base, overall);
}

static void score_31(const int8_t *v, double *base, double *overall)
{
    score(&rules_31, v, base, overall);
}

const struct cvss_driver cvss_driver_30 = {
    .version = "3.0",
    .prefix = "CVSS:3.0/",
    .undefined = "X",
    .critical = true,
    .metrics = metrics,
    .count = METRICS,
    .score = score_30,
};

const struct cvss_driver cvss_driver_31 = {
    .version = "3.1",
    .prefix = "CVSS:3.1/",
    .undefined = "X",
    .critical = true,
    .metrics = metrics,
    .count = METRICS,
    .score = score_31,
};

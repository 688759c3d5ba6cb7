/* CVSS version 4.0, specification section 8.
 *
 * Vectors fall into 270 MacroVectors by the levels of six equivalence classes (EQ1 to EQ6; EQ3 and
 * EQ6 depend on each other and are one here). Each MacroVector has a score, that of its highest
 * vectors; a vector below those gets less, in proportion to how far down it is towards the next
 * lower MacroVector of each class.
 *
 * All numbers are whole: scores are tenths, and values of metrics are steps below the worst. */
#include <glib.h>
#include <stdbool.h>

#include "advisory/cvss_driver.h"

enum {
    AV,
    AC,
    AT,
    PR,
    UI,
    VC,
    VI,
    VA,
    SC,
    SI,
    SA,
    BASE_END,
    E = BASE_END,
    CR,
    IR,
    AR,
    MAV,
    MAC,
    MAT,
    MPR,
    MUI,
    MVC,
    MVI,
    MVA,
    MSC,
    MSI,
    MSA,
    SAFETY,
    AU,
    RECOVERY,
    V,
    RE,
    U,
    METRICS
};

static const struct cvss_metric metrics[METRICS] = {
    [AV] = { "AV", "N A L P", true },     [AC] = { "AC", "L H", true },
    [AT] = { "AT", "N P", true },         [PR] = { "PR", "N L H", true },
    [UI] = { "UI", "N P A", true },       [VC] = { "VC", "H L N", true },
    [VI] = { "VI", "H L N", true },       [VA] = { "VA", "H L N", true },
    [SC] = { "SC", "H L N", true },       [SI] = { "SI", "H L N", true },
    [SA] = { "SA", "H L N", true },       [E] = { "E", "A P U", false },
    [CR] = { "CR", "H M L", false },      [IR] = { "IR", "H M L", false },
    [AR] = { "AR", "H M L", false },      [MAV] = { "MAV", "N A L P", false },
    [MAC] = { "MAC", "L H", false },      [MAT] = { "MAT", "N P", false },
    [MPR] = { "MPR", "N L H", false },    [MUI] = { "MUI", "N P A", false },
    [MVC] = { "MVC", "H L N", false },    [MVI] = { "MVI", "H L N", false },
    [MVA] = { "MVA", "H L N", false },    [MSC] = { "MSC", "H L N", false },
    [MSI] = { "MSI", "S H L N", false },  [MSA] = { "MSA", "S H L N", false },
    [SAFETY] = { "S", "N P", false },     [AU] = { "AU", "N Y", false },
    [RECOVERY] = { "R", "A U I", false }, [V] = { "V", "D C", false },
    [RE] = { "RE", "L M H", false },      [U] = { "U", "Clear Green Amber Red", false },
};

/* Steps below the worst value, what the environment and threats say included. Those of the
 * subsequent system begin at "safety", which only the environment has. */
struct steps {
    int av, pr, ui, ac, at, vc, vi, va, cr, ir, ar, sc, si, sa, e;
};

enum { HIGH = 0, SUBSEQUENT_HIGH = 1, VULNERABLE_NONE = 2, SUBSEQUENT_NONE = 3 };

static int modified(const int8_t *v, int metric, int by)
{
    return v[by] >= 0 ? v[by] : v[metric];
}

static struct steps steps_of(const int8_t *v)
{
    return (struct steps){
        .av = modified(v, AV, MAV),
        .pr = modified(v, PR, MPR),
        .ui = modified(v, UI, MUI),
        .ac = modified(v, AC, MAC),
        .at = modified(v, AT, MAT),
        .vc = modified(v, VC, MVC),
        .vi = modified(v, VI, MVI),
        .va = modified(v, VA, MVA),
        .sc = modified(v, SC, MSC) + 1,
        .si = v[MSI] >= 0 ? v[MSI] : v[SI] + 1,
        .sa = v[MSA] >= 0 ? v[MSA] : v[SA] + 1,
        .e = MAX(v[E], 0), /* not defined is the worst */
        .cr = MAX(v[CR], 0),
        .ir = MAX(v[IR], 0),
        .ar = MAX(v[AR], 0),
    };
}

/* Levels of the classes; those of EQ3 and EQ6 together are 00, 01, 10, 11 and 21. */
enum { EQ1, EQ2, EQ36, EQ4, EQ5, CLASSES };

static const int levels[CLASSES] = { 3, 2, 5, 3, 3 };

/* In tenths. */
static const guint8 scores[3][2][5][3][3] = {
    {
        /* EQ1 level 0 */
        {
            { { 100, 98, 95 }, { 100, 93, 91 }, { 93, 89, 81 } },
            { { 99, 95, 92 }, { 96, 87, 81 }, { 90, 80, 68 } },
            { { 98, 95, 90 }, { 93, 89, 81 }, { 88, 78, 69 } },
            { { 95, 92, 84 }, { 92, 81, 65 }, { 80, 70, 48 } },
            { { 92, 82, 72 }, { 79, 69, 50 }, { 69, 55, 27 } },
        },
        {
            { { 99, 95, 92 }, { 95, 90, 84 }, { 92, 82, 72 } },
            { { 97, 92, 85 }, { 91, 83, 71 }, { 81, 71, 53 } },
            { { 95, 92, 85 }, { 92, 80, 70 }, { 84, 71, 50 } },
            { { 93, 85, 73 }, { 82, 72, 59 }, { 70, 52, 30 } },
            { { 86, 75, 52 }, { 71, 52, 29 }, { 63, 29, 17 } },
        },
    },
    {
        /* EQ1 level 1 */
        {
            { { 98, 94, 91 }, { 94, 86, 77 }, { 87, 74, 63 } },
            { { 95, 87, 81 }, { 89, 74, 64 }, { 75, 63, 49 } },
            { { 94, 88, 76 }, { 86, 74, 59 }, { 72, 57, 52 } },
            { { 89, 77, 67 }, { 76, 58, 50 }, { 57, 52, 25 } },
            { { 83, 70, 54 }, { 65, 58, 26 }, { 53, 21, 13 } },
        },
        {
            { { 95, 88, 76 }, { 90, 75, 61 }, { 77, 68, 52 } },
            { { 90, 76, 70 }, { 77, 62, 53 }, { 66, 59, 30 } },
            { { 89, 76, 62 }, { 74, 57, 47 }, { 61, 57, 24 } },
            { { 78, 67, 58 }, { 59, 57, 23 }, { 52, 29, 16 } },
            { { 71, 59, 30 }, { 58, 26, 15 }, { 23, 13, 6 } },
        },
    },
    {
        /* EQ1 level 2 */
        {
            { { 93, 86, 75 }, { 86, 74, 56 }, { 70, 52, 40 } },
            { { 87, 72, 58 }, { 74, 61, 34 }, { 54, 40, 22 } },
            { { 85, 74, 62 }, { 72, 55, 46 }, { 53, 34, 19 } },
            { { 75, 55, 51 }, { 57, 41, 19 }, { 36, 19, 8 } },
            { { 64, 51, 20 }, { 47, 21, 11 }, { 24, 9, 4 } },
        },
        {
            { { 88, 73, 60 }, { 73, 59, 41 }, { 54, 45, 20 } },
            { { 75, 53, 50 }, { 55, 40, 20 }, { 43, 22, 11 } },
            { { 75, 58, 40 }, { 61, 48, 20 }, { 46, 17, 8 } },
            { { 55, 45, 21 }, { 51, 18, 9 }, { 18, 7, 2 } },
            { { 53, 24, 14 }, { 24, 12, 5 }, { 10, 3, 1 } },
        },
    },
};

/* Specification, tables 24 to 29. */
static void classify(const struct steps *s, int *level)
{
    bool av = s->av == 0, pr = s->pr == 0, ui = s->ui == 0;
    enum { PHYSICAL = 3 };
    level[EQ1] = av && pr && ui ? 0 : (av || pr || ui) && s->av != PHYSICAL ? 1 : 2;
    level[EQ2] = s->ac == 0 && s->at == 0 ? 0 : 1;
    bool c = s->vc == HIGH, i = s->vi == HIGH, a = s->va == HIGH;
    bool required = (c && s->cr == HIGH) || (i && s->ir == HIGH) || (a && s->ar == HIGH);
    level[EQ36] = c && i ? !required : c || i || a ? 2 + !required : 4;
    bool safety = s->si == 0 || s->sa == 0;
    bool high = s->sc <= SUBSEQUENT_HIGH || s->si <= SUBSEQUENT_HIGH || s->sa <= SUBSEQUENT_HIGH;
    level[EQ4] = safety ? 0 : high ? 1 : 2;
    level[EQ5] = s->e;
}

static int score_of(const int *level)
{
    return scores[level[EQ1]][level[EQ2]][level[EQ36]][level[EQ4]][level[EQ5]];
}

/* --- how far below the highest vectors of its class a vector is ------------------------------- */

enum { WIDTH_MAX = 6, HIGHEST_MAX = 5 };

/* Highest vectors of one level (specification, table 30 and section 8.2), and how many steps the
 * level is deep. */
struct depth {
    int depth, count;
    guint8 highest[HIGHEST_MAX][WIDTH_MAX];
};

static const struct depth depths[CLASSES][5] = {
    [EQ1] = { /* AV PR UI */
              { 1, 1, { { 0, 0, 0 } } },
              { 4, 3, { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } } },
              { 5, 2, { { 3, 0, 0 }, { 1, 1, 1 } } } },
    [EQ2] = { /* AC AT */
              { 1, 1, { { 0, 0 } } },
              { 2, 2, { { 1, 0 }, { 0, 1 } } } },
    [EQ36] = { /* VC VI VA CR IR AR */
               { 7, 1, { { 0, 0, 0, 0, 0, 0 } } },
               { 6, 2, { { 0, 0, 1, 1, 1, 0 }, { 0, 0, 0, 1, 1, 1 } } },
               { 8, 2, { { 1, 0, 0, 0, 0, 0 }, { 0, 1, 0, 0, 0, 0 } } },
               { 8,
                 5,
                 { { 1, 0, 1, 0, 1, 0 },
                   { 1, 0, 0, 0, 1, 1 },
                   { 0, 1, 0, 1, 0, 1 },
                   { 0, 1, 1, 1, 0, 0 },
                   { 1, 1, 0, 0, 0, 1 } } },
               { 10, 1, { { 1, 1, 1, 0, 0, 0 } } } },
    [EQ4] = { /* SC SI SA */
              { 6, 1, { { 1, 0, 0 } } },
              { 5, 1, { { 1, 1, 1 } } },
              { 4, 1, { { 2, 2, 2 } } } },
};

/* Steps below the first of the highest vectors that is nowhere below this one. */
static int distance(const struct depth *d, const int *step, int width)
{
    for (int h = 0; h < d->count; h++) {
        int sum = 0;
        bool below = true;
        for (int i = 0; i < width; i++) {
            below = below && step[i] >= d->highest[h][i];
            sum += step[i] - d->highest[h][i];
        }
        if (below)
            return sum;
    }
    return 0;
}

/* The score of the next lower MacroVector in one class; -1 when there is none. From 00 of EQ3 and
 * EQ6, two lead down, and the higher one counts. */
static int next_lower(const int *level, int class)
{
    int next[CLASSES];
    for (int i = 0; i < CLASSES; i++)
        next[i] = level[i];
    if (class == EQ36 && level[EQ36] <= 1) {
        next[EQ36] = level[EQ36] + 1 + level[EQ36]; /* 00 to 01, 01 to 11 */
        int first = score_of(next);
        next[EQ36] = 2;
        return level[EQ36] == 0 ? MAX(first, score_of(next)) : first;
    }
    next[class]++;
    return next[class] < levels[class] ? score_of(next) : -1;
}

/* A multiple of every depth. */
enum { UNIT = 840 };

static double score_steps(const struct steps *s)
{
    if (s->vc == VULNERABLE_NONE && s->vi == VULNERABLE_NONE && s->va == VULNERABLE_NONE &&
        s->sc == SUBSEQUENT_NONE && s->si == SUBSEQUENT_NONE && s->sa == SUBSEQUENT_NONE)
        return 0;
    int level[CLASSES];
    classify(s, level);
    const int eq1[] = { s->av, s->pr, s->ui }, eq2[] = { s->ac, s->at };
    const int eq36[] = { s->vc, s->vi, s->va, s->cr, s->ir, s->ar };
    const int eq4[] = { s->sc, s->si, s->sa };
    const int *const steps[CLASSES] = { eq1, eq2, eq36, eq4, NULL };
    static const int widths[CLASSES] = { 3, 2, 6, 3, 0 };
    int value = score_of(level), lower = 0, sum = 0;
    for (int i = 0; i < CLASSES; i++) {
        int next = next_lower(level, i);
        if (next < 0)
            continue;
        lower++;
        if (steps[i] != NULL) {
            const struct depth *d = &depths[i][level[i]];
            sum += (value - next) * distance(d, steps[i], widths[i]) * (UNIT / d->depth);
        }
    }
    /* The mean of the proportions comes off; half a tenth is rounded up. */
    int whole = UNIT * MAX(lower, 1);
    int rounded = (2 * (value * whole - sum) + whole) / (2 * whole);
    return CLAMP(rounded, 0, 100) / 10.0;
}

static void score(const int8_t *v, double *base, double *overall)
{
    struct steps s = steps_of(v);
    *overall = score_steps(&s);
    int8_t bare[METRICS];
    for (int i = 0; i < METRICS; i++)
        bare[i] = i < BASE_END ? v[i] : -1;
    s = steps_of(bare);
    *base = score_steps(&s);
}

const struct cvss_driver cvss_driver_4 = {
    .version = "4.0",
    .prefix = "CVSS:4.0/",
    .undefined = "X",
    .critical = true,
    .metrics = metrics,
    .count = METRICS,
    .score = score,
};

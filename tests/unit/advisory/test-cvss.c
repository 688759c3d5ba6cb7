#include "advisory/cvss.h"

#include <glib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static void assert_score(const char *vector, const char *score, const char *rating)
{
    struct cvss c;
    g_autoptr(GError) error = NULL;
    char digits[32];
    (void)cvss_parse(vector, &c, &error);
    g_assert_no_error(error);
    if (strcmp(g_ascii_formatd(digits, sizeof digits, "%.1f", c.score), score) != 0)
        g_error("%s: %s, not %s", vector, digits, score);
    if (rating != NULL)
        g_assert_cmpstr(c.rating, ==, rating);
}

/* --- facts -------------------------------------------------------------------------------------
 */

/* From the examples in FIRST's documents for the versions, and from the worked examples in section
 * 3.3 of the guide to version 2. */
static void test_published_examples(void)
{
    static const struct {
        const char *vector, *score, *rating;
    } examples[] = {
        { "AV:N/AC:L/Au:N/C:N/I:N/A:C", "7.8", "high" }, /* CVE-2002-0392 */
        { "AV:N/AC:L/Au:N/C:N/I:N/A:C/E:F/RL:OF/RC:C", "6.4", "medium" },
        { "AV:N/AC:L/Au:N/C:N/I:N/A:C/E:F/RL:OF/RC:C/CDP:H/TD:H/CR:M/IR:M/AR:H", "9.2", "high" },
        { "AV:N/AC:L/Au:N/C:C/I:C/A:C", "10.0", "high" }, /* CVE-2003-0818 */
        { "AV:N/AC:L/Au:N/C:C/I:C/A:C/E:F/RL:OF/RC:C", "8.3", "high" },
        { "AV:N/AC:L/Au:N/C:C/I:C/A:C/E:F/RL:OF/RC:C/CDP:H/TD:H/CR:M/IR:M/AR:L", "9.0", "high" },
        { "AV:L/AC:H/Au:N/C:C/I:C/A:C", "6.2", "medium" }, /* CVE-2003-0062 */
        { "AV:L/AC:H/Au:N/C:C/I:C/A:C/E:POC/RL:OF/RC:C", "4.9", "medium" },
        { "AV:L/AC:H/Au:N/C:C/I:C/A:C/E:POC/RL:OF/RC:C/CDP:H/TD:H/CR:M/IR:M/AR:M", "7.5", "high" },
        { "CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", "6.1", "medium" },   /* CVE-2013-1937 */
        { "CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", "6.4", "medium" },   /* CVE-2013-0375 */
        { "CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", "3.1", "low" },      /* CVE-2014-3566 */
        { "CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:H/I:H/A:H", "9.9", "critical" }, /* CVE-2012-1516 */
        { "CVSS:3.1/AV:L/AC:L/PR:H/UI:N/S:U/C:L/I:L/A:L", "4.2", "medium" },   /* CVE-2009-0783 */
        { "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "9.8", "critical" }, /* CVE-2014-6271 */
        { "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", "7.5", "high" },     /* CVE-2014-0160 */
        { "CVSS:4.0/AV:L/AC:L/AT:P/PR:L/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", "7.3",
          "high" }, /* CVE-2022-41741 */
        { "CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:P/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", "7.7",
          "high" }, /* CVE-2020-3549 */
        { "CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:P/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N/E:U", "5.2", "medium" },
        { "CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:N/VC:H/VI:L/VA:L/SC:N/SI:N/SA:N", "8.3",
          "high" }, /* CVE-2023-3089 */
        { "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H", "10.0",
          "critical" }, /* CVE-2021-44228 */
        { "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N", "8.7",
          "high" }, /* CVE-2014-0160 */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(examples); i++)
        assert_score(examples[i].vector, examples[i].score, examples[i].rating);
}

static void test_other_calculators(void)
{
    g_autofree char *path = g_test_build_filename(G_TEST_DIST, "advisory", "cvss.txt", NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    (void)g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    unsigned count = 0;
    for (char **line = lines; *line != NULL; line++) {
        char *blank = strchr(*line, ' ');
        if (**line == '#' || blank == NULL)
            continue;
        *blank = '\0';
        assert_score(blank + 1, *line, NULL);
        count++;
    }
    g_assert_cmpuint(count, >, 700);
}

/* --- properties --------------------------------------------------------------------------------
 */

static void assert_tenth(const char *vector, double score)
{
    double tenths = score * 10;
    if (!(score >= 0 && score <= 10) || fabs(tenths - nearbyint(tenths)) > 1e-9)
        g_error("%s: %.17g", vector, score);
}

struct choice {
    const char *name, *values; /* one letter each, the worst first */
};

/* The place-th of all vectors. */
static void spell(GString *out, const char *prefix, const struct choice *choices, size_t count,
                  unsigned place)
{
    g_string_assign(out, prefix);
    for (size_t i = 0; i < count; i++) {
        unsigned values = (unsigned)strlen(choices[i].values);
        g_string_append_printf(out, "%s%s:%c", i > 0 ? "/" : "", choices[i].name,
                               choices[i].values[place % values]);
        place /= values;
    }
}

static const struct choice base_4[] = {
    { "AV", "NALP" }, { "AC", "LH" },  { "AT", "NP" },  { "PR", "NLH" },
    { "UI", "NPA" },  { "VC", "HLN" }, { "VI", "HLN" }, { "VA", "HLN" },
    { "SC", "HLN" },  { "SI", "HLN" }, { "SA", "HLN" },
};

/* Whatever gets worse in one metric, the score does not sink. */
static void test_every_vector_of_4(void)
{
    enum { ALL = 4 * 2 * 2 * 3 * 3 * 729 };
    g_autoptr(GString) vector = g_string_new(NULL);
    g_autofree double *scores = g_new(double, ALL);
    for (unsigned place = 0; place < ALL; place++) {
        struct cvss c;
        spell(vector, "CVSS:4.0/", base_4, G_N_ELEMENTS(base_4), place);
        g_assert_true(cvss_parse(vector->str, &c, NULL));
        assert_tenth(vector->str, c.score);
        g_assert_true(c.score == c.base);
        scores[place] = c.score;
        unsigned step = 1;
        for (size_t i = 0; i < G_N_ELEMENTS(base_4); i++) {
            unsigned values = (unsigned)strlen(base_4[i].values);
            if (place / step % values > 0 && scores[place - step] < c.score)
                g_error("%s scores more than with a worse %s", vector->str, base_4[i].name);
            step *= values;
        }
    }
}

static void test_random_vectors_of_4(void)
{
    static const struct choice more[] = {
        { "E", "XAPU" },    { "CR", "XHML" },   { "IR", "XHML" },   { "AR", "XHML" },
        { "MAV", "XNALP" }, { "MAC", "XLH" },   { "MAT", "XNP" },   { "MPR", "XNLH" },
        { "MUI", "XNPA" },  { "MVC", "XHLN" },  { "MVI", "XHLN" },  { "MVA", "XHLN" },
        { "MSC", "XHLN" },  { "MSI", "XSHLN" }, { "MSA", "XSHLN" }, { "S", "XNP" },
    };
    g_autoptr(GString) vector = g_string_new(NULL);
    g_autoptr(GRand) rand = g_rand_new_with_seed(4);
    for (unsigned n = 0; n < 50000; n++) {
        struct cvss c;
        spell(vector, "CVSS:4.0/", base_4, G_N_ELEMENTS(base_4), g_rand_int(rand) >> 1);
        for (size_t i = 0; i < G_N_ELEMENTS(more); i++)
            if (g_rand_boolean(rand))
                g_string_append_printf(
                    vector, "/%s:%c", more[i].name,
                    more[i].values[g_rand_int_range(rand, 0, (int)strlen(more[i].values))]);
        g_assert_true(cvss_parse(vector->str, &c, NULL));
        assert_tenth(vector->str, c.score);
        assert_tenth(vector->str, c.base);
    }
}

static void test_every_vector_of_3(void)
{
    static const struct choice base[] = {
        { "AV", "NALP" }, { "AC", "LH" }, { "PR", "NLH" }, { "UI", "NR" },
        { "S", "UC" },    { "C", "HLN" }, { "I", "HLN" },  { "A", "HLN" },
    };
    g_autoptr(GString) vector = g_string_new(NULL);
    for (unsigned place = 0; place < 4 * 2 * 3 * 2 * 2 * 27; place++) {
        struct cvss a, b;
        spell(vector, "CVSS:3.0/", base, G_N_ELEMENTS(base), place);
        g_assert_true(cvss_parse(vector->str, &a, NULL));
        assert_tenth(vector->str, a.score);
        vector->str[7] = '1';
        g_assert_true(cvss_parse(vector->str, &b, NULL));
        g_assert_true(a.score == b.score); /* they differ only in other metrics */
    }
}

/* --- text --------------------------------------------------------------------------------------
 */

static void test_forms(void)
{
    assert_score("(AV:N/AC:L/Au:N/C:C/I:C/A:C)", "10.0", "high");
    assert_score("CVSS:2.0/AV:N/AC:L/Au:N/C:N/I:N/A:N", "0.0", "low");
    assert_score("CVSS:3.1/A:H/I:H/C:H/S:U/UI:N/PR:N/AC:L/AV:N", "9.8", "critical");
    assert_score("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", "0.0", "none");
    assert_score("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N/S:P/AU:Y/R:I/V:C"
                 "/RE:H/U:Amber",
                 "9.3", "critical");
}

static void test_wrong_vectors(void)
{
    static const struct {
        const char *vector, *message;
    } wrong[] = {
        { "", "CVSS 2.0: no metric ''" },
        { "()", "CVSS 2.0: no metric ''" },
        { "CVSS:5.0/AV:N", "CVSS: no version known as 'CVSS:5.0'" },
        { "CVSS:3.1", "CVSS: no version known as 'CVSS:3.1'" },
        { "CVSS:3.1/", "CVSS 3.1: no metric ''" },
        { "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H", "CVSS 3.1: metric A is missing" },
        { "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/", "CVSS 3.1: no metric ''" },
        { "CVSS:3.1/AV:N/AV:N", "CVSS 3.1: metric AV stands twice" },
        { "CVSS:3.1/AV:Q", "CVSS 3.1: metric AV has no value 'Q'" },
        { "CVSS:3.1/AV:NA", "CVSS 3.1: metric AV has no value 'NA'" },
        { "CVSS:3.1/AV:", "CVSS 3.1: metric AV has no value ''" },
        { "CVSS:3.1/AV:X", "CVSS 3.1: metric AV has no value 'X'" },
        { "CVSS:3.1/av:N", "CVSS 3.1: no metric 'av'" },
        { "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:S/SA:N",
          "CVSS 4.0: metric SI has no value 'S'" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        struct cvss c = { .score = -1 };
        g_autoptr(GError) error = NULL;
        g_assert_false(cvss_parse(wrong[i].vector, &c, &error));
        g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_INVALID);
        g_assert_cmpstr(error->message, ==, wrong[i].message);
        g_assert_true(c.score == -1);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/advisory/cvss/published examples have the published scores",
                    test_published_examples);
    g_test_add_func("/advisory/cvss/scores are those of other calculators", test_other_calculators);
    g_test_add_func("/advisory/cvss/every base vector of 4.0 has a score, higher when it is worse",
                    test_every_vector_of_4);
    g_test_add_func("/advisory/cvss/scores of 4.0 are tenths from 0 to 10",
                    test_random_vectors_of_4);
    g_test_add_func("/advisory/cvss/base scores of 3.0 and 3.1 are the same",
                    test_every_vector_of_3);
    g_test_add_func("/advisory/cvss/vectors may be written in several ways", test_forms);
    g_test_add_func("/advisory/cvss/a wrong vector is refused by what is wrong",
                    test_wrong_vectors);
    return g_test_run();
}

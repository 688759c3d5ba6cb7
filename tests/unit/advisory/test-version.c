/* Version comparison: chains of versions written down as facts (versions/), the laws of an order on
 * random texts, names, validity. */
#include <glib.h>
#include <stdint.h>
#include <string.h>

#include "advisory/version.h"

static int sign(int order)
{
    return (order > 0) - (order < 0);
}

static void assert_order(enum version_scheme scheme, const char *a, const char *b, int expected)
{
    if (sign(version_compare(scheme, a, b)) != expected ||
        sign(version_compare(scheme, b, a)) != -expected)
        g_error("%s: '%s' against '%s' is %d and %d, not %d", version_scheme_name(scheme), a, b,
                version_compare(scheme, a, b), version_compare(scheme, b, a), expected);
}

/* "1 < 2 = 02 < 3": each against all behind it. */
static unsigned check_chain(enum version_scheme scheme, const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    guint n = g_strv_length(words);
    g_assert_cmpuint(n % 2, ==, 1);
    unsigned pairs = 0;
    for (guint i = 0; i < n; i += 2) {
        int expected = 0;
        assert_order(scheme, words[i], words[i], 0);
        for (guint k = i + 2; k < n; k += 2, pairs++) {
            g_assert_true(g_str_equal(words[k - 1], "<") || g_str_equal(words[k - 1], "="));
            if (g_str_equal(words[k - 1], "<"))
                expected = -1;
            assert_order(scheme, words[i], words[k], expected);
        }
    }
    return pairs;
}

static void test_chains(gconstpointer data)
{
    enum version_scheme scheme = (enum version_scheme)GPOINTER_TO_INT(data);
    g_autofree char *name = g_strconcat(version_scheme_name(scheme), ".txt", NULL);
    g_autofree char *path = g_test_build_filename(G_TEST_DIST, "advisory", "versions", name, NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, &error));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    unsigned pairs = 0;
    for (char **line = lines; *line != NULL; line++)
        if (**line != '\0' && **line != '#')
            pairs += check_chain(scheme, *line);
    g_assert_cmpuint(pairs, >, 200);
}

/* --- laws of an order ------------------------------------------------------------------------- */

/* Few pieces, so that texts share much: that is where an order breaks. */
static const char *const pieces[] = {
    "0",     "1", "01",   "10",   ".",   ".",        "-",     "_",  "~",  "^",
    "+",     ":", "a",    "b",    "A",   "rc",       "p",     "-r", "_p", "_rc",
    "alpha", "!", "\xff", "post", "dev", "SNAPSHOT", "final", "*",
};

static char *random_version(GRand *rand)
{
    GString *s = g_string_new(NULL);
    for (int n = g_rand_int_range(rand, 0, 7); n > 0; n--)
        g_string_append(s, pieces[g_rand_int_range(rand, 0, G_N_ELEMENTS(pieces))]);
    return g_string_free(s, FALSE);
}

/* pacman's own rules contradict each other where separators stand together or at an end ("1." is
 * older than "1.0", that than "1..a", but "1..a" than "1."), and where some have no release. */
static bool has_order(enum version_scheme scheme, const char *version)
{
    if (scheme != VERSION_PACMAN)
        return true;
    unsigned hyphens = 0;
    for (const char *p = version; *p != '\0'; p++) {
        if (!g_ascii_isalnum(*p) && (p == version || !g_ascii_isalnum(p[1])))
            return false;
        hyphens += *p == '-';
    }
    return hyphens == 1;
}

enum { TEXTS = 160 };

static void assert_transitive(enum version_scheme scheme, char *const *texts, int (*order)[TEXTS],
                              const int *i)
{
    int ab = order[i[0]][i[1]], bc = order[i[1]][i[2]], ac = order[i[0]][i[2]];
    if (ab * bc >= 0 && ac != (ab != 0 ? ab : bc))
        g_error("%s: '%s' %d '%s' %d '%s', but %d", version_scheme_name(scheme), texts[i[0]], ab,
                texts[i[1]], bc, texts[i[2]], ac);
}

static void check_order(enum version_scheme scheme, char *const *texts)
{
    static int order[TEXTS][TEXTS];
    for (int i = 0; i < TEXTS; i++)
        for (int k = 0; k < TEXTS; k++)
            order[i][k] = sign(version_compare(scheme, texts[i], texts[k]));
    for (int i = 0; i < TEXTS; i++) {
        g_assert_cmpint(order[i][i], ==, 0);
        for (int k = 0; k < TEXTS; k++) {
            assert_order(scheme, texts[i], texts[k], order[i][k]);
            for (int l = 0; l < TEXTS; l++)
                assert_transitive(scheme, texts, order, (const int[]){ i, k, l });
        }
    }
}

static void test_order(gconstpointer data)
{
    enum version_scheme scheme = (enum version_scheme)GPOINTER_TO_INT(data);
    g_autoptr(GRand) rand = g_rand_new_with_seed(20240229);
    for (int round = 0; round < 8; round++) {
        char *texts[TEXTS];
        for (int n = 0; n < TEXTS;) {
            texts[n] = random_version(rand);
            if (has_order(scheme, texts[n]))
                n++;
            else
                g_free(texts[n]);
        }
        check_order(scheme, texts);
        for (int n = 0; n < TEXTS; n++)
            g_free(texts[n]);
    }
}

/* --- hostile texts, names, validity ----------------------------------------------------------- */

static void test_long_texts(gconstpointer data)
{
    enum version_scheme scheme = (enum version_scheme)GPOINTER_TO_INT(data);
    enum { LENGTH = 1 << 20 };
    for (const char *c = "0123.~^-_:aA+\xff"; *c != '\0'; c++) {
        g_autofree char *a = g_malloc(LENGTH + 1), *b = g_malloc(LENGTH);
        memset(a, *c, LENGTH);
        memset(b, *c, LENGTH - 1);
        a[LENGTH] = b[LENGTH - 1] = '\0';
        assert_order(scheme, a, b, sign(version_compare(scheme, a, b)));
        assert_order(scheme, a, a, 0);
        (void)version_valid(scheme, a);
    }
}

static void test_names(void)
{
    static const struct {
        const char *name;
        enum version_scheme scheme;
    } names[] = {
        { "dpkg", VERSION_DPKG },     { "deb", VERSION_DPKG },    { "Debian", VERSION_DPKG },
        { "rpm", VERSION_RPM },       { "redhat", VERSION_RPM },  { "rpmvercmp", VERSION_RPM },
        { "apk", VERSION_APK },       { "alpine", VERSION_APK },  { "alpm", VERSION_PACMAN },
        { "pacman", VERSION_PACMAN }, { "arch", VERSION_PACMAN },
    };
    enum version_scheme scheme;
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_assert_true(version_scheme_parse(names[i].name, &scheme));
        g_assert_cmpint(scheme, ==, names[i].scheme);
    }
    for (int i = 0; i < VERSION_SCHEME_COUNT; i++) {
        g_assert_true(version_scheme_parse(version_scheme_name((enum version_scheme)i), &scheme));
        g_assert_cmpint(scheme, ==, i);
        g_assert_nonnull(version_scheme_description((enum version_scheme)i));
    }
    g_assert_false(version_scheme_parse("", &scheme));
    g_assert_false(version_scheme_parse("dpk", &scheme));
}

static void test_validity(void)
{
    static const struct {
        enum version_scheme scheme;
        const char *valid, *invalid; /* separated by blanks */
    } cases[] = {
        { VERSION_DPKG, "1 1.0 0:1.0-1 1:1:2-3 1.0-1-2 1.0~rc1+b1-0.1 2024",
          "a -1 1- 1_0 :1 1:  a:1 1.0-1_2 1!0 1.0-\xff 1:a" },
        { VERSION_RPM, "1 1.0-1 1:1.0-1.el9_2 1.0~rc1 1.0^git1 1_0 a",
          "-1 1- :1 1:1:1 1.0-1:2 1!0 1.0-\xff" },
        { VERSION_APK, "1 1.0 1.0a 1.0_rc1 1.0_rc1_p2 1.0~abc-r1 1.0-r0 6.6.2p1-r0",
          "a .1 1. 1..0 1-r 1.0-1 1.0_foo 1.0-r1a 1.0A 1.0~ 1.0~G 1:1.0 1.0-r1-r2" },
        { VERSION_PACMAN, "1 1.0 1:1.0-1 1.0-1.1 1.0+r1+gabc-2 a", "-1 1- 1.0-a :1 1/2 1.0-1-1" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(GStrv) valid = g_strsplit(cases[i].valid, " ", -1);
        g_auto(GStrv) invalid = g_strsplit(cases[i].invalid, " ", -1);
        for (char **v = valid; *v != NULL; v++)
            if (!version_valid(cases[i].scheme, *v))
                g_error("%s: '%s' is valid", version_scheme_name(cases[i].scheme), *v);
        for (char **v = invalid; *v != NULL; v++) /* the empty one too */
            if (version_valid(cases[i].scheme, *v))
                g_error("%s: '%s' is not valid", version_scheme_name(cases[i].scheme), *v);
        g_assert_false(version_valid(cases[i].scheme, ""));
    }
}

static void add(const char *what, enum version_scheme scheme, GTestDataFunc test)
{
    g_autofree char *path =
        g_strdup_printf("/advisory/version/%s %s", version_scheme_name(scheme), what);
    g_test_add_data_func(path, GINT_TO_POINTER((int)scheme), test);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (int i = 0; i < VERSION_SCHEME_COUNT; i++) {
        add("orders versions as written down", (enum version_scheme)i, test_chains);
        add("orders any texts without contradiction", (enum version_scheme)i, test_order);
        add("takes texts of any length", (enum version_scheme)i, test_long_texts);
    }
    g_test_add_func("/advisory/version/schemes have several names", test_names);
    g_test_add_func("/advisory/version/what is a version and what is not", test_validity);
    return g_test_run();
}

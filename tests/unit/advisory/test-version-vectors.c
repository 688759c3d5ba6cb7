/* Real pairs of versions, when there is a folder of them (ASSAY_FEEDS): vectors/version-vectors, a
 * table of scheme, left, operator, right, source. */
#include <glib.h>
#include <string.h>

#include "advisory/input.h"
#include "advisory/version.h"

static const char *const schemes[] = { "alpine", "apk", "debian", "redhat", "rpmvercmp" };

struct tally {
    GString *rest; /* of a line whose end has not come */
    unsigned pairs[G_N_ELEMENTS(schemes)], wrong;
};

static void check(struct tally *t, char *line)
{
    g_auto(GStrv) fields = g_strsplit(line, "\t", -1);
    if (*line == '#' || *line == '\0')
        return;
    g_assert_cmpuint(g_strv_length(fields), >=, 4);
    for (size_t i = 0; i < G_N_ELEMENTS(schemes); i++) {
        enum version_scheme scheme;
        if (!g_str_equal(fields[0], schemes[i]))
            continue;
        g_assert_true(version_scheme_parse(fields[0], &scheme));
        int order = version_compare(scheme, fields[1], fields[3]);
        int back = version_compare(scheme, fields[3], fields[1]);
        const char *sign = order < 0 ? "<" : order > 0 ? ">" : "=";
        t->pairs[i]++;
        if (!g_str_equal(sign, fields[2]) || (order > 0) != (back < 0) ||
            (order < 0) != (back > 0)) {
            g_test_message("%s: %s %s %s, not %s", fields[0], fields[1], fields[2], fields[3],
                           sign);
            t->wrong++;
        }
    }
}

static bool read_vectors(struct input_stream *s, void *user, GError **error)
{
    struct tally *t = user;
    const void *bytes;
    size_t len;
    do {
        if (!input_read(s, &bytes, &len, error))
            return false;
        g_string_append_len(t->rest, bytes, (gssize)len);
        char *line = t->rest->str;
        for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
            *end = '\0';
            check(t, line);
        }
        g_string_erase(t->rest, 0, line - t->rest->str);
    } while (len > 0);
    return true;
}

static void test_vectors(void)
{
    const char *feeds = g_getenv("ASSAY_FEEDS");
    g_autofree char *path =
        g_build_filename(feeds != NULL ? feeds : "", "vectors", "version-vectors.tsv.zst", NULL);
    if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
        g_test_skip("ASSAY_FEEDS names no folder with vectors/version-vectors.tsv.zst");
        return;
    }
    struct tally t = { .rest = g_string_new(NULL) };
    g_autoptr(GError) error = NULL;
    bool ok =
        input_each(path, &(struct input_functions){ .stream = read_vectors, .user = &t }, &error);
    g_assert_no_error(error);
    g_assert_true(ok);
    for (size_t i = 0; i < G_N_ELEMENTS(schemes); i++) {
        g_test_message("%s: %u pairs", schemes[i], t.pairs[i]);
        g_assert_cmpuint(t.pairs[i], >, 0);
    }
    g_assert_cmpuint(t.wrong, ==, 0);
    g_string_free(t.rest, TRUE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/advisory/version/every pair of the real vectors holds", test_vectors);
    return g_test_run();
}

#include <string.h>

#include "inspect/os_release.h"

static GHashTable *parse(const char *text)
{
    return os_release_parse(text, strlen(text));
}

static const char *value(GHashTable *v, const char *name)
{
    return g_hash_table_lookup(v, name);
}

static void test_quotes_and_escapes_are_the_shells(void)
{
    g_autoptr(GHashTable) v = parse("ID=debian\n"
                                    "NAME=\"Debian \\\"GNU\\\" \\$x\"\r\n"
                                    "VERSION='12 (book\\worm)'\n"
                                    "  VARIANT_ID=server  # a word after it\n"
                                    "EMPTY=\n");
    g_assert_cmpstr(value(v, "ID"), ==, "debian");
    g_assert_cmpstr(value(v, "NAME"), ==, "Debian \"GNU\" $x");
    g_assert_cmpstr(value(v, "VERSION"), ==, "12 (book\\worm)");
    g_assert_cmpstr(value(v, "VARIANT_ID"), ==, "server");
    g_assert_cmpstr(value(v, "EMPTY"), ==, "");
}

static void test_other_lines_are_passed_over(void)
{
    g_autoptr(GHashTable) v = parse("# ID=comment\n\nnonsense\n=x\nID=first\nID=last");
    g_assert_cmpuint(g_hash_table_size(v), ==, 1);
    g_assert_cmpstr(value(v, "ID"), ==, "last");
}

static void test_lines_of_older_systems(void)
{
    static const struct {
        const char *line, *id, *version, *codename;
    } lines[] = {
        { "CentOS release 6.10 (Final)", "centos", "6.10", "Final" },
        { "Red Hat Enterprise Linux Server release 5.11 (Tikanga)", "rhel", "5.11", "Tikanga" },
        { "Amazon Linux AMI release 2018.03", "amzn", "2018.03", NULL },
        { "SUSE Linux Enterprise Server 11 (x86_64)", "sles", "11", "x86_64" },
        { "VMware Photon OS 3.0", "photon", "3.0", NULL },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        char *id, *version, *codename;
        g_assert_true(release_line_parse(lines[i].line, &id, &version, &codename));
        g_assert_cmpstr(id, ==, lines[i].id);
        g_assert_cmpstr(version, ==, lines[i].version);
        g_assert_cmpstr(codename, ==, lines[i].codename);
        g_free(id);
        g_free(version);
        g_free(codename);
    }
    char *id, *version, *codename;
    g_assert_false(release_line_parse("hello", &id, &version, &codename));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/inspect/os-release: quotes and escapes are the shell's",
                    test_quotes_and_escapes_are_the_shells);
    g_test_add_func("/inspect/os-release: other lines are passed over",
                    test_other_lines_are_passed_over);
    g_test_add_func("/inspect/os-release: lines of older systems", test_lines_of_older_systems);
    return g_test_run();
}

/* The program under the name "bmi", for those who are used to M2's command. */
#include <string.h>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/examine.h"
#include "cli/report_options.h"

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

/* [{"id", "pName", "pVersion", "osName"}], as M2 has it. A new reference. */
static json_t *in_shape(const json_t *report)
{
    json_t *all = json_array(), *target, *system, *f;
    size_t t, s, i;
    json_array_foreach(json_object_get(report, "targets"), t, target) {
        json_array_foreach(json_object_get(target, "systems"), s, system) {
            const json_t *os = json_object_get(system, "os");
            g_autofree char *name =
                g_strdup_printf("%s %s", text_of(os, "id"), text_of(os, "version_id"));
            json_array_foreach(json_object_get(system, "findings"), i, f) {
                const json_t *package = json_object_get(f, "package");
                const json_t *first = json_array_get(json_object_get(f, "advisories"), 0);
                const char *advisory = json_string_value(first);
                (void)json_array_append_new(
                    all, json_pack("{s:s, s:s, s:s, s:s}", "id",
                                   advisory != NULL ? advisory : text_of(f, "id"), "pName",
                                   text_of(package, "name"), "pVersion",
                                   text_of(package, "version"), "osName", g_strchomp(name)));
            }
        }
    }
    return all;
}

static enum cli_status print_report(const struct examine_wish *w)
{
    GError *error = NULL;
    const struct fail_on any = { .by_severity = true, .severity = SEVERITY_UNKNOWN };
    json_t *report = examine_report(w, &error);
    if (report == NULL)
        return cli_fail_error(error);
    json_t *shaped = in_shape(report);
    enum cli_status status = examine_status(report, &any);
    if (json_dumpf(shaped, stdout, JSON_PRESERVE_ORDER) != 0 || putchar('\n') == EOF)
        status = cli_fail("standard output: cannot be written");
    json_decref(shaped);
    json_decref(report);
    return status;
}

static enum cli_status examine(const struct examine_wish *w)
{
    GError *error = NULL;
    json_t *i = NULL;
    g_autofree char *path = examine_ask(w, &i, &error);
    json_decref(i);
    i = path != NULL ? examine_wait(path, &error) : NULL;
    if (i == NULL)
        return cli_fail_error(error);
    bool done = g_str_equal(text_of(i, "state"), "done");
    enum cli_status status =
        done ? print_report(w)
             : cli_fail("%s: %s: %s", w->name, text_of(i, "state"), text_of(i, "reason"));
    json_decref(i);
    return status;
}

static int print_help(void)
{
    (void)printf(
        "Usage:\n  bmi introspect PROJECT NODE...\n\n"
        "Have nodes examined and print their findings in M2's form. 'assay login', or "
        "ASSAY_SERVER and\nASSAY_TOKEN, say at which service. Exit status: 0 nothing found, "
        "1 findings, 2 an error,\n3 something could not be examined.\n\n"
        "Examples:\n  bmi introspect web db1 db2\n    examines two nodes\n");
    return (int)CLI_OK;
}

int bmi_main(int argc, char **argv)
{
    enum cli_status status = CLI_OK;
    for (int i = 1; i < argc; i++) {
        if (g_str_equal(argv[i], "--help") || g_str_equal(argv[i], "-h"))
            return print_help();
    }
    if (argc < 4 || !g_str_equal(argv[1], "introspect"))
        return (int)cli_fail("bmi: what there is of it is 'bmi introspect PROJECT NODE...'");
    for (int i = 3; i < argc; i++) {
        const struct examine_wish w = { .project = argv[2], .name = argv[i] };
        status = cli_worse(status, examine(&w));
    }
    return (int)status;
}

#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/commands.h"

const struct cli_command *const cli_commands[] = {
    &command_scan,
    &command_frame,
    &command_diff,
    &command_disk,
    &command_ls,
    &command_cat,
    &command_db_import,
    &command_db_update,
    &command_db_status,
    &command_db_lookup,
    &command_db_export,
    &command_db_compare,
    &command_db_cvss,
    &command_serve,
    &command_worker,
    &command_key_rotate,
    &command_login,
    &command_logout,
    &command_project_list,
    &command_project_create,
    &command_project_show,
    &command_project_set,
    &command_project_delete,
    &command_project_members,
    &command_project_grant,
    &command_project_revoke,
    &command_user_list,
    &command_user_create,
    &command_user_show,
    &command_user_set,
    &command_user_delete,
    &command_token_list,
    &command_token_create,
    &command_token_delete,
    &command_hook_list,
    &command_hook_create,
    &command_hook_delete,
    &command_credential_list,
    &command_credential_create,
    &command_credential_replace,
    &command_credential_delete,
    &command_notification_list,
    &command_notification_create,
    &command_notification_set,
    &command_notification_delete,
    &command_notification_test,
    &command_notification_deliveries,
    &command_notification_again,
    &command_node_list,
    &command_node_import,
    &command_node_create,
    &command_node_show,
    &command_node_set,
    &command_node_delete,
    &command_image_list,
    &command_image_create,
    &command_image_show,
    &command_image_set,
    &command_image_delete,
    &command_introspect,
    &command_report,
    &command_introspection_list,
    &command_introspection_show,
    &command_introspection_cancel,
    &command_vulnerability_list,
    &command_vulnerability_show,
    &command_events,
    &command_version,
    &command_help,
    &command_schema,
    NULL,
};

enum cli_status cli_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *safe = text_safe(text);
    (void)fprintf(stderr, "assay: %s\n", safe);
    return CLI_ERROR;
}

enum cli_status cli_fail_error(GError *error)
{
    (void)cli_fail("%s", error->message);
    g_error_free(error);
    return CLI_ERROR;
}

bool cli_output_open(struct cli_output *o, const char *path, GError **error)
{
    *o = (struct cli_output){ .file = stdout };
    if (path == NULL || g_str_equal(path, "-"))
        return true;
    o->path = g_strdup(path);
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        o->file = fopen(path, "we"); /* a device or pipe is written to, not replaced */
    } else {
        o->temporary = g_strdup_printf("%s.XXXXXX", path);
        int fd = mkostemp(o->temporary, O_CLOEXEC);
        mode_t mask = umask(0);
        (void)umask(mask);
        if (fd >= 0)
            (void)fchmod(fd, 0666 & ~mask);
        o->file = fd >= 0 ? fdopen(fd, "w") : NULL;
    }
    if (o->file != NULL)
        return true;
    int saved = errno;
    g_clear_pointer(&o->temporary, g_free);
    g_clear_pointer(&o->path, g_free);
    return fail_errno(error, saved, "%s", path);
}

bool cli_output_finish(struct cli_output *o, bool ok, GError **error)
{
    bool written = fflush(o->file) == 0 && !ferror(o->file);
    int saved = errno;
    if (o->path == NULL)
        return written || fail_errno(error, saved, "standard output");
    if (o->temporary != NULL && ok && written && fsync(fileno(o->file)) != 0) {
        written = false;
        saved = errno;
    }
    if (fclose(o->file) != 0 && written) {
        written = false;
        saved = errno;
    }
    if (o->temporary != NULL) {
        if (ok && written && rename(o->temporary, o->path) != 0) {
            written = false;
            saved = errno;
        }
        if (!ok || !written)
            (void)unlink(o->temporary);
    }
    if (!written)
        (void)fail_errno(error, saved, "%s", o->path);
    g_free(o->temporary);
    g_free(o->path);
    return written;
}

/* The command that argv names with one or two words; *words says how many. */
static const struct cli_command *command_find(int argc, char **argv, int *words)
{
    g_autofree char *two = argc > 2 ? g_strdup_printf("%s %s", argv[1], argv[2]) : NULL;
    for (const struct cli_command *const *c = cli_commands; *c != NULL; c++) {
        *words = two != NULL && g_str_equal((*c)->name, two) ? 2 : 1;
        if (*words == 2 || g_str_equal((*c)->name, argv[1]))
            return *c;
    }
    return NULL;
}

static bool is_group(const char *word)
{
    size_t len = strlen(word);
    for (const struct cli_command *const *c = cli_commands; *c != NULL; c++) {
        if (strncmp((*c)->name, word, len) == 0 && (*c)->name[len] == ' ')
            return true;
    }
    return false;
}

GOptionContext *cli_command_context(const struct cli_command *c)
{
    /* GLib writes "[OPTION…]" of its own accord. */
    const char *usage = c->usage;
    if (g_str_has_prefix(usage, "[OPTION…]"))
        usage += strlen("[OPTION…]");
    GOptionContext *context = g_option_context_new(usage + strspn(usage, " "));
    GString *head = g_string_new(NULL), *tail = g_string_new(NULL);
    g_string_printf(head, "%s.", c->summary);
    if (c->description != NULL)
        g_string_append_printf(head, "\n\n%s", c->description);
    if (c->examples != NULL) {
        g_auto(GStrv) lines = g_strsplit(c->examples, "\n", -1);
        g_string_append(tail, "Examples:\n");
        for (char **line = lines; *line != NULL; line++)
            g_string_append_printf(tail, "  %s\n", *line);
    }
    g_option_context_set_summary(context, head->str);
    g_option_context_set_description(context, tail->str);
    for (const GOptionEntry *const *o = c->options; o != NULL && *o != NULL; o++)
        g_option_context_add_main_entries(context, *o, NULL);
    g_string_free(head, TRUE);
    g_string_free(tail, TRUE);
    return context;
}

static int command_run(const struct cli_command *c, int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *program = g_strdup_printf("assay %s", c->name);
    g_autoptr(GOptionContext) context = cli_command_context(c);
    /* GOption removes what it understands from the vector it is given. */
    g_auto(GStrv) words = g_new0(char *, (size_t)argc + 2);
    words[0] = g_strdup(program);
    for (int i = 0; i < argc; i++)
        words[i + 1] = g_strdup(argv[i]);
    g_set_prgname(program);
    if (!g_option_context_parse_strv(context, &words, &error)) {
        (void)cli_fail("%s: %s (see 'assay %s --help')", c->name, error->message, c->name);
        return CLI_ERROR;
    }
    /* GOption leaves "--" when what follows looks like an option. */
    char **rest = words + 1;
    for (char **w = rest; *w != NULL; w++) {
        if (g_str_equal(*w, "--")) {
            g_free(*w);
            for (; *w != NULL; w++)
                w[0] = w[1];
            break;
        }
    }
    return (int)c->run((int)g_strv_length(rest), rest);
}

int cli_main(int argc, char **argv)
{
    int words;
    if (argc < 2) {
        cli_print_help(stderr);
        return CLI_ERROR;
    }
    if (g_str_equal(argv[1], "--help") || g_str_equal(argv[1], "-h"))
        return (int)command_help.run(argc - 2, argv + 2);
    if (g_str_equal(argv[1], "--version"))
        return command_run(&command_version, argc - 2, argv + 2);
    const struct cli_command *c = command_find(argc, argv, &words);
    if (c != NULL)
        return command_run(c, argc - 1 - words, argv + 1 + words);
    if (is_group(argv[1])) {
        bool asked = argc > 2 && (g_str_equal(argv[2], "--help") || g_str_equal(argv[2], "-h"));
        if (asked) {
            char *group[] = { argv[1], NULL };
            return (int)command_help.run(1, group);
        }
        return (int)cli_fail("%s: unknown or missing subcommand (see 'assay help %s')", argv[1],
                             argv[1]);
    }
    return (int)cli_fail("unknown command '%s' (see 'assay --help')", argv[1]);
}

#include "cli/commands.h"
#include "cli/password.h"
#include "cli/remote.h"

static char *from, *user, *password_file, *credential, *disk, *project_there;
static gboolean dry_run;

static const GOptionEntry entries[] = {
    { "from", 0, 0, G_OPTION_ARG_STRING, &from,
      "hil, m2 (HIL and M2's REST) or m2-db (M2's database)", "SOURCE" },
    { "user", 0, 0, G_OPTION_ARG_STRING, &user, "User of HIL, whose password is asked for",
      "NAME" },
    { "password-file", 0, 0, G_OPTION_ARG_FILENAME, &password_file,
      "The password is the file's first line", "FILE" },
    { "credential", 0, 0, G_OPTION_ARG_STRING, &credential,
      "The password is that credential of the project", "NAME" },
    { "disk", 0, 0, G_OPTION_ARG_STRING, &disk,
      "Where the disk of each is, with its name for {node} (default: as M2 says)", "LOCATION" },
    { "hil-project", 0, 0, G_OPTION_ARG_STRING, &project_there,
      "Its name there, if it is another (for administrators)", "NAME" },
    { "dry-run", 0, 0, G_OPTION_ARG_NONE, &dry_run, "Only tell what would be done", NULL },
    { 0 },
};

static enum cli_status import_run(int argc, char **argv)
{
    GError *error = NULL;
    if (!remote_arguments("node import", argc, 1, 1))
        return CLI_ERROR;
    if (from == NULL)
        return cli_fail("node import: --from is missing (see 'assay node import --help')");
    json_t *body = json_object();
    remote_add_text(body, "from", from);
    remote_add_text(body, "project", project_there);
    remote_add_text(body, "user", user);
    remote_add_text(body, "credential", credential);
    remote_add_text(body, "disk", disk);
    if (dry_run)
        (void)json_object_set_new(body, "dry_run", json_true());
    if (user != NULL && credential == NULL) {
        g_autofree char *password = password_read(password_file, "Password of HIL", &error);
        if (password == NULL) {
            json_decref(body);
            return cli_fail_error(error);
        }
        remote_add_text(body, "password", password);
    }
    g_autofree char *path = remote_path("/v1/projects/%s/imports", argv[0]);
    return remote_do("POST", path, body);
}

const struct cli_command command_node_import = {
    .name = "node import",
    .summary = "Make nodes of what HIL or M2 knows",
    .usage = "[OPTION…] PROJECT",
    .description =
        "May be repeated: nodes that it made are brought up to date, and get the label import.gone "
        "when they are not there any more; nodes made otherwise are left alone.",
    .examples = "assay node import web --from m2-db --dry-run\n  what M2's database would give\n"
                "assay node import web --from hil --user ann --disk 'm2:web/{node}'\n"
                "  nodes of HIL's project, examined by way of M2",
    .options = (const GOptionEntry *const[]){ entries, remote_format_options, remote_options,
                                              remote_ca_options, NULL },
    .run = import_run,
};

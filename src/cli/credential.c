#include "cli/commands.h"
#include "cli/password.h"
#include "cli/remote.h"

static char *kind, *description, *secret_file;
static gboolean site;

static const GOptionEntry site_entries[] = {
    { "site", 0, 0, G_OPTION_ARG_NONE, &site,
      "One of the site, which the service's settings name, instead of a project's", NULL },
    { 0 },
};
static const GOptionEntry secret_entries[] = {
    { "kind", 0, 0, G_OPTION_ARG_STRING, &kind, "password (default), token or key", "KIND" },
    { "description", 0, 0, G_OPTION_ARG_STRING, &description, "What it is for", "TEXT" },
    { "secret-file", 0, 0, G_OPTION_ARG_FILENAME, &secret_file,
      "The secret is the file's first line (default: it is asked for)", "FILE" },
    { 0 },
};

static const GOptionEntry *const read_options[] = { site_entries, remote_format_options,
                                                    remote_options, remote_ca_options, NULL };
static const GOptionEntry *const write_options[] = { site_entries,          secret_entries,
                                                     remote_format_options, remote_options,
                                                     remote_ca_options,     NULL };

/* The path of the list, and with a name of one; NULL after a message. g_free() */
static char *path_of(const char *command, int argc, char **argv, bool named)
{
    int least = (site ? 0 : 1) + (named ? 1 : 0);
    if (!remote_arguments(command, argc, least, least))
        return NULL;
    const char *name = argv[argc - 1];
    if (site)
        return named ? remote_path("/v1/credentials/%s", name) : g_strdup("/v1/credentials");
    return named ? remote_path("/v1/projects/%s/credentials/%s", argv[0], name)
                 : remote_path("/v1/projects/%s/credentials", argv[0]);
}

static enum cli_status list_run(int argc, char **argv)
{
    static const char *const columns[] = { "name", "id", "kind", "changed", "description", NULL };
    g_autofree char *path = path_of("credential list", argc, argv, false);
    return path != NULL ? remote_show_list(path, columns) : CLI_ERROR;
}

static enum cli_status send(const char *method, const char *path, const char *name,
                            const char *usual_kind)
{
    GError *error = NULL;
    char *secret = password_read(secret_file, "Secret", &error);
    if (secret == NULL)
        return cli_fail_error(error);
    json_t *body = json_object();
    remote_add_text(body, "name", name);
    remote_add_text(body, "kind", kind != NULL ? kind : usual_kind);
    remote_add_text(body, "description", description);
    remote_add_text(body, "secret", secret);
    g_free(secret);
    return remote_do(method, path, body);
}

static enum cli_status create_run(int argc, char **argv)
{
    if (!remote_arguments("credential create", argc, site ? 1 : 2, site ? 1 : 2))
        return CLI_ERROR;
    g_autofree char *path =
        site ? g_strdup("/v1/credentials") : remote_path("/v1/projects/%s/credentials", argv[0]);
    return send("POST", path, argv[argc - 1], "password");
}

static enum cli_status replace_run(int argc, char **argv)
{
    g_autofree char *path = path_of("credential replace", argc, argv, true);
    return path != NULL ? send("PATCH", path, NULL, NULL) : CLI_ERROR;
}

static enum cli_status delete_run(int argc, char **argv)
{
    g_autofree char *path = path_of("credential delete", argc, argv, true);
    return path != NULL ? remote_do("DELETE", path, NULL) : CLI_ERROR;
}

const struct cli_command command_credential_list = {
    .name = "credential list",
    .summary = "List credentials: names and times, never the secrets",
    .usage = "[OPTION…] PROJECT|--site",
    .examples = "assay credential list web\n  those of a project",
    .options = read_options,
    .run = list_run,
};

const struct cli_command command_credential_create = {
    .name = "credential create",
    .summary = "Give the service a secret that it presents to others",
    .usage = "[OPTION…] PROJECT NAME",
    .description =
        "A project's credentials are for its nodes (node create --credential NAME); with --site "
        "and "
        "without a project it is one that the service's settings name. The secret is kept "
        "encrypted, and nothing tells it again.",
    .examples = "assay credential create web ceph --kind key --secret-file ceph.key\n"
                "  for nodes of the project",
    .options = write_options,
    .run = create_run,
};

const struct cli_command command_credential_replace = {
    .name = "credential replace",
    .summary = "Replace the secret of a credential",
    .usage = "[OPTION…] PROJECT NAME",
    .examples = "assay credential replace web ceph --secret-file new.key\n"
                "  which counts from the next use",
    .options = write_options,
    .run = replace_run,
};

const struct cli_command command_credential_delete = {
    .name = "credential delete",
    .summary = "Delete a credential",
    .usage = "[OPTION…] PROJECT NAME",
    .examples =
        "assay credential delete web ceph\n  whose nodes cannot be examined with it any more",
    .options = read_options,
    .run = delete_run,
};

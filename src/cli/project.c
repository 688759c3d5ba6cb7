#include "cli/commands.h"
#include "cli/remote.h"

static char *description, **locations;

static const GOptionEntry entries[] = {
    { "description", 0, 0, G_OPTION_ARG_STRING, &description, "What it is", "TEXT" },
    { "location", 0, 0, G_OPTION_ARG_STRING_ARRAY, &locations,
      "Where its disks and images may lie, with '*' at the end for all that begin so (repeatable)",
      "PATTERN" },
    { 0 },
};

static enum cli_status list_run(int argc, char **argv)
{
    static const char *const columns[] = { "name", "id", "role", "description", NULL };
    return remote_arguments("project list", argc, 0, 0) ? remote_show_list("/v1/projects", columns)
                                                        : CLI_ERROR;
}

static enum cli_status create_run(int argc, char **argv)
{
    if (!remote_arguments("project create", argc, 1, 1))
        return CLI_ERROR;
    json_t *body = json_object();
    remote_add_text(body, "name", argv[0]);
    remote_add_text(body, "description", description);
    remote_add_texts(body, "locations", locations);
    return remote_do("POST", "/v1/projects", body);
}

static enum cli_status set_run(int argc, char **argv)
{
    if (!remote_arguments("project set", argc, 1, 1))
        return CLI_ERROR;
    g_autofree char *path = remote_path("/v1/projects/%s", argv[0]);
    json_t *body = json_object();
    remote_add_text(body, "description", description);
    remote_add_texts(body, "locations", locations);
    return remote_do("PATCH", path, body);
}

static enum cli_status show_run(int argc, char **argv)
{
    if (!remote_arguments("project show", argc, 1, 1))
        return CLI_ERROR;
    g_autofree char *path = remote_path("/v1/projects/%s", argv[0]);
    return remote_do("GET", path, NULL);
}

static enum cli_status delete_run(int argc, char **argv)
{
    if (!remote_arguments("project delete", argc, 1, 1))
        return CLI_ERROR;
    g_autofree char *path = remote_path("/v1/projects/%s", argv[0]);
    return remote_do("DELETE", path, NULL);
}

static enum cli_status members_run(int argc, char **argv)
{
    static const char *const columns[] = { "name", "user", "role", "since", NULL };
    if (!remote_arguments("project members", argc, 1, 1))
        return CLI_ERROR;
    g_autofree char *path = remote_path("/v1/projects/%s/members", argv[0]);
    return remote_show_list(path, columns);
}

static enum cli_status grant_run(int argc, char **argv)
{
    if (!remote_arguments("project grant", argc, 3, 3))
        return CLI_ERROR;
    g_autofree char *path = remote_path("/v1/projects/%s/members/%s", argv[0], argv[1]);
    json_t *body = json_object();
    remote_add_text(body, "role", argv[2]);
    return remote_do("PUT", path, body);
}

static enum cli_status revoke_run(int argc, char **argv)
{
    if (!remote_arguments("project revoke", argc, 2, 2))
        return CLI_ERROR;
    g_autofree char *path = remote_path("/v1/projects/%s/members/%s", argv[0], argv[1]);
    return remote_do("DELETE", path, NULL);
}

const struct cli_command command_project_list = {
    .name = "project list",
    .summary = "List the projects that you see",
    .usage = "[OPTION…]",
    .examples = "assay project list --format json\n  for programs",
    .options = (const GOptionEntry *const[]){ remote_format_options, remote_options,
                                              remote_ca_options, NULL },
    .run = list_run,
};

const struct cli_command command_project_create = {
    .name = "project create",
    .summary = "Make a project",
    .usage = "[OPTION…] NAME",
    .examples = "assay project create web --location 'rbd:web/*'\n  whose members may have all of "
                "the pool web examined",
    .options = (const GOptionEntry *const[]){ entries, remote_format_options, remote_options,
                                              remote_ca_options, NULL },
    .run = create_run,
};

const struct cli_command command_project_show = {
    .name = "project show",
    .summary = "Show a project",
    .usage = "[OPTION…] PROJECT",
    .examples = "assay project show web\n  with the locations that it may have examined",
    .options = (const GOptionEntry *const[]){ remote_format_options, remote_options,
                                              remote_ca_options, NULL },
    .run = show_run,
};

const struct cli_command command_project_set = {
    .name = "project set",
    .summary = "Change a project",
    .usage = "[OPTION…] PROJECT",
    .examples = "assay project set web --location 'rbd:web/*' --location '/srv/images/web/*'\n  "
                "which takes the place of the locations that it had",
    .options = (const GOptionEntry *const[]){ entries, remote_format_options, remote_options,
                                              remote_ca_options, NULL },
    .run = set_run,
};

const struct cli_command command_project_delete = {
    .name = "project delete",
    .summary = "Delete a project with all that it has",
    .usage = "[OPTION…] PROJECT",
    .examples = "assay project delete web\n  with its nodes and images",
    .options = (const GOptionEntry *const[]){ remote_format_options, remote_options,
                                              remote_ca_options, NULL },
    .run = delete_run,
};

const struct cli_command command_project_members = {
    .name = "project members",
    .summary = "List who may do what in a project",
    .usage = "[OPTION…] PROJECT",
    .examples = "assay project members web\n  who may do what in the project web",
    .options = (const GOptionEntry *const[]){ remote_format_options, remote_options,
                                              remote_ca_options, NULL },
    .run = members_run,
};

const struct cli_command command_project_grant = {
    .name = "project grant",
    .summary = "Give a user a role in a project",
    .usage = "[OPTION…] PROJECT USER viewer|operator|owner",
    .examples = "assay project grant web ann operator\n  who may make nodes and images known then",
    .options = (const GOptionEntry *const[]){ remote_format_options, remote_options,
                                              remote_ca_options, NULL },
    .run = grant_run,
};

const struct cli_command command_project_revoke = {
    .name = "project revoke",
    .summary = "Take the role in a project from a user",
    .usage = "[OPTION…] PROJECT USER",
    .examples = "assay project revoke web ann\n  who does not see the project any more",
    .options = (const GOptionEntry *const[]){ remote_format_options, remote_options,
                                              remote_ca_options, NULL },
    .run = revoke_run,
};

#include "cli/commands.h"
#include "cli/remote.h"

static gboolean image;

static const GOptionEntry entries[] = {
    { "image", 0, 0, G_OPTION_ARG_NONE, &image, "It is an image, not a node", NULL },
    { 0 },
};

static enum cli_status list_run(int argc, char **argv)
{
    static const char *const columns[] = { "name",     "id",       "state",        "created",
                                           "finished", "coverage", "requested_by", NULL };
    if (!remote_arguments("introspection list", argc, 0, 2))
        return CLI_ERROR;
    const char *of_thing = image ? "/v1/projects/%s/images/%s/introspections"
                                 : "/v1/projects/%s/nodes/%s/introspections";
    g_autofree char *path = argc == 0   ? g_strdup("/v1/introspections")
                            : argc == 1 ? remote_path("/v1/projects/%s/introspections", argv[0])
                                        : remote_path(of_thing, argv[0], argv[1]);
    return remote_show_list(path, columns);
}

static enum cli_status show_run(int argc, char **argv)
{
    if (!remote_arguments("introspection show", argc, 2, 2))
        return CLI_ERROR;
    g_autofree char *path = remote_path("/v1/projects/%s/introspections/%s", argv[0], argv[1]);
    return remote_do("GET", path, NULL);
}

static enum cli_status cancel_run(int argc, char **argv)
{
    if (!remote_arguments("introspection cancel", argc, 2, 2))
        return CLI_ERROR;
    g_autofree char *path =
        remote_path("/v1/projects/%s/introspections/%s/cancel", argv[0], argv[1]);
    return remote_do("POST", path, NULL);
}

const struct cli_command command_introspection_list = {
    .name = "introspection list",
    .summary = "List when nodes and images were examined, newest first",
    .usage = "[OPTION…] [PROJECT [NODE]]",
    .examples = "assay introspection list web db1\n  the history of one node",
    .options = (const GOptionEntry *const[]){ entries, remote_format_options, remote_options,
                                              remote_ca_options, NULL },
    .run = list_run,
};

const struct cli_command command_introspection_show = {
    .name = "introspection show",
    .summary = "Show an introspection",
    .usage = "[OPTION…] PROJECT ID",
    .examples = "assay introspection show web 01M7YP88J3BDZ6D98XQ4F5JY18\n  with its steps",
    .options = (const GOptionEntry *const[]){ remote_format_options, remote_options,
                                              remote_ca_options, NULL },
    .run = show_run,
};

const struct cli_command command_introspection_cancel = {
    .name = "introspection cancel",
    .summary = "Cancel an introspection",
    .usage = "[OPTION…] PROJECT ID",
    .examples = "assay introspection cancel web 01M7YP88J3BDZ6D98XQ4F5JY18\n  which ends when its "
                "worker hears of it",
    .options = (const GOptionEntry *const[]){ remote_format_options, remote_options,
                                              remote_ca_options, NULL },
    .run = cancel_run,
};

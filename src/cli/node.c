#include "cli/commands.h"
#include "cli/remote.h"

static char *schedule, *source, **disks, **labels;

static const GOptionEntry entries[] = {
    { "disk", 0, 0, G_OPTION_ARG_STRING_ARRAY, &disks, "Where a disk of it is (repeatable)",
      "LOCATION" },
    { "source", 0, 0, G_OPTION_ARG_STRING, &source, "own (default), hil, m2 or openstack",
      "SOURCE" },
    { "label", 0, 0, G_OPTION_ARG_STRING_ARRAY, &labels, "A label (repeatable)", "NAME=VALUE" },
    { "schedule", 0, 0, G_OPTION_ARG_STRING, &schedule,
      "When it is examined: 15m, 6h, 1d, five fields as in crontab(5), or never", "WHEN" },
    { 0 },
};

static enum cli_status list_run(int argc, char **argv)
{
    static const char *const columns[] = { "name",     "id",     "source", "disks",
                                           "schedule", "labels", NULL };
    if (!remote_arguments("node list", argc, 0, 1))
        return CLI_ERROR;
    g_autofree char *path =
        argc == 1 ? remote_path("/v1/projects/%s/nodes", argv[0]) : g_strdup("/v1/nodes");
    return remote_show_list(path, columns);
}

/* NULL after a message. */
static json_t *body_of_options(void)
{
    json_t *body = json_object();
    remote_add_texts(body, "disks", disks);
    remote_add_text(body, "source", source);
    if (schedule != NULL)
        (void)json_object_set_new(
            body, "schedule", g_str_equal(schedule, "never") ? json_null() : json_string(schedule));
    if (remote_add_labels(body, "labels", labels))
        return body;
    json_decref(body);
    return NULL;
}

static enum cli_status create_run(int argc, char **argv)
{
    if (!remote_arguments("node create", argc, 2, 2))
        return CLI_ERROR;
    g_autofree char *path = remote_path("/v1/projects/%s/nodes", argv[0]);
    json_t *body = body_of_options();
    if (body == NULL)
        return CLI_ERROR;
    remote_add_text(body, "name", argv[1]);
    return remote_do("POST", path, body);
}

static enum cli_status set_run(int argc, char **argv)
{
    if (!remote_arguments("node set", argc, 2, 2))
        return CLI_ERROR;
    g_autofree char *path = remote_path("/v1/projects/%s/nodes/%s", argv[0], argv[1]);
    json_t *body = body_of_options();
    return body != NULL ? remote_do("PATCH", path, body) : CLI_ERROR;
}

static enum cli_status show_run(int argc, char **argv)
{
    if (!remote_arguments("node show", argc, 2, 2))
        return CLI_ERROR;
    g_autofree char *path = remote_path("/v1/projects/%s/nodes/%s", argv[0], argv[1]);
    return remote_do("GET", path, NULL);
}

static enum cli_status delete_run(int argc, char **argv)
{
    if (!remote_arguments("node delete", argc, 2, 2))
        return CLI_ERROR;
    g_autofree char *path = remote_path("/v1/projects/%s/nodes/%s", argv[0], argv[1]);
    return remote_do("DELETE", path, NULL);
}

const struct cli_command command_node_list = {
    .name = "node list",
    .summary = "List the nodes of a project, or of all that you see",
    .usage = "[OPTION…] [PROJECT]",
    .examples = "assay node list web\n  all nodes of the project web",
    .options = (const GOptionEntry *const[]){ remote_format_options, remote_options,
                                              remote_ca_options, NULL },
    .run = list_run,
};

const struct cli_command command_node_create = {
    .name = "node create",
    .summary = "Make a node known",
    .usage = "[OPTION…] PROJECT NAME",
    .examples = "assay node create web db1 --disk rbd:web/db1 --schedule 6h\n  which is examined "
                "every six hours",
    .options = (const GOptionEntry *const[]){ entries, remote_format_options, remote_options,
                                              remote_ca_options, NULL },
    .run = create_run,
};

const struct cli_command command_node_show = {
    .name = "node show",
    .summary = "Show a node",
    .usage = "[OPTION…] PROJECT NODE",
    .examples = "assay node show web db1\n  with labels and schedule",
    .options = (const GOptionEntry *const[]){ remote_format_options, remote_options,
                                              remote_ca_options, NULL },
    .run = show_run,
};

const struct cli_command command_node_set = {
    .name = "node set",
    .summary = "Change a node",
    .usage = "[OPTION…] PROJECT NODE",
    .examples = "assay node set web db1 --label rack=7 --schedule never\n  examined on demand only",
    .options = (const GOptionEntry *const[]){ entries, remote_format_options, remote_options,
                                              remote_ca_options, NULL },
    .run = set_run,
};

const struct cli_command command_node_delete = {
    .name = "node delete",
    .summary = "Forget a node",
    .usage = "[OPTION…] PROJECT NODE",
    .examples = "assay node delete web db1\n  which is not examined any more",
    .options = (const GOptionEntry *const[]){ remote_format_options, remote_options,
                                              remote_ca_options, NULL },
    .run = delete_run,
};

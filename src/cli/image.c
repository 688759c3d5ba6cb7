#include "cli/commands.h"
#include "cli/remote.h"

static char *schedule, *kind, *location, **labels;

static const GOptionEntry entries[] = {
    { "location", 0, 0, G_OPTION_ARG_STRING, &location, "Where it is", "LOCATION" },
    { "kind", 0, 0, G_OPTION_ARG_STRING, &kind, "file, rbd, registry or folder", "KIND" },
    { "label", 0, 0, G_OPTION_ARG_STRING_ARRAY, &labels, "A label (repeatable)", "NAME=VALUE" },
    { "schedule", 0, 0, G_OPTION_ARG_STRING, &schedule,
      "When it is examined: 15m, 6h, 1d, five fields as in crontab(5), or never", "WHEN" },
    { 0 },
};

static enum cli_status list_run(int argc, char **argv)
{
    static const char *const columns[] = { "name",     "id",     "kind", "location",
                                           "schedule", "labels", NULL };
    if (!remote_arguments("image list", argc, 0, 1))
        return CLI_ERROR;
    g_autofree char *path =
        argc == 1 ? remote_path("/v1/projects/%s/images", argv[0]) : g_strdup("/v1/images");
    return remote_show_list(path, columns);
}

/* NULL after a message. */
static json_t *body_of_options(void)
{
    json_t *body = json_object();
    remote_add_text(body, "location", location);
    remote_add_text(body, "kind", kind);
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
    if (!remote_arguments("image create", argc, 2, 2))
        return CLI_ERROR;
    g_autofree char *path = remote_path("/v1/projects/%s/images", argv[0]);
    json_t *body = body_of_options();
    if (body == NULL)
        return CLI_ERROR;
    remote_add_text(body, "name", argv[1]);
    return remote_do("POST", path, body);
}

static enum cli_status set_run(int argc, char **argv)
{
    if (!remote_arguments("image set", argc, 2, 2))
        return CLI_ERROR;
    g_autofree char *path = remote_path("/v1/projects/%s/images/%s", argv[0], argv[1]);
    json_t *body = body_of_options();
    return body != NULL ? remote_do("PATCH", path, body) : CLI_ERROR;
}

static enum cli_status show_run(int argc, char **argv)
{
    if (!remote_arguments("image show", argc, 2, 2))
        return CLI_ERROR;
    g_autofree char *path = remote_path("/v1/projects/%s/images/%s", argv[0], argv[1]);
    return remote_do("GET", path, NULL);
}

static enum cli_status delete_run(int argc, char **argv)
{
    if (!remote_arguments("image delete", argc, 2, 2))
        return CLI_ERROR;
    g_autofree char *path = remote_path("/v1/projects/%s/images/%s", argv[0], argv[1]);
    return remote_do("DELETE", path, NULL);
}

const struct cli_command command_image_list = {
    .name = "image list",
    .summary = "List the images of a project, or of all that you see",
    .usage = "[OPTION…] [PROJECT]",
    .examples = "assay image list web\n  all images of the project web",
    .options = (const GOptionEntry *const[]){ remote_format_options, remote_options,
                                              remote_ca_options, NULL },
    .run = list_run,
};

const struct cli_command command_image_create = {
    .name = "image create",
    .summary = "Make an image known",
    .usage = "[OPTION…] PROJECT NAME",
    .examples = "assay image create web golden --kind rbd --location rbd:web/golden@v3\n  a "
                "snapshot in Ceph",
    .options = (const GOptionEntry *const[]){ entries, remote_format_options, remote_options,
                                              remote_ca_options, NULL },
    .run = create_run,
};

const struct cli_command command_image_show = {
    .name = "image show",
    .summary = "Show an image",
    .usage = "[OPTION…] PROJECT IMAGE",
    .examples = "assay image show web golden\n  with labels and schedule",
    .options = (const GOptionEntry *const[]){ remote_format_options, remote_options,
                                              remote_ca_options, NULL },
    .run = show_run,
};

const struct cli_command command_image_set = {
    .name = "image set",
    .summary = "Change an image",
    .usage = "[OPTION…] PROJECT IMAGE",
    .examples =
        "assay image set web golden --label rack=7 --schedule never\n  examined on demand only",
    .options = (const GOptionEntry *const[]){ entries, remote_format_options, remote_options,
                                              remote_ca_options, NULL },
    .run = set_run,
};

const struct cli_command command_image_delete = {
    .name = "image delete",
    .summary = "Forget an image",
    .usage = "[OPTION…] PROJECT IMAGE",
    .examples = "assay image delete web golden\n  which is not examined any more",
    .options = (const GOptionEntry *const[]){ remote_format_options, remote_options,
                                              remote_ca_options, NULL },
    .run = delete_run,
};

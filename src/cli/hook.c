#include "cli/commands.h"
#include "cli/remote.h"

static char *node, *image, *pointer, *kind;

static const GOptionEntry entries[] = {
    { "node", 0, 0, G_OPTION_ARG_STRING, &node, "Always examines this node", "NODE" },
    { "image", 0, 0, G_OPTION_ARG_STRING, &image, "Always examines this image", "IMAGE" },
    { "pointer", 0, 0, G_OPTION_ARG_STRING, &pointer,
      "Where in a call's body the name is: a JSON pointer (RFC 6901)", "POINTER" },
    { "kind", 0, 0, G_OPTION_ARG_STRING, &kind, "With --pointer: node or image (default)", "KIND" },
    { 0 },
};

static enum cli_status list_run(int argc, char **argv)
{
    static const char *const columns[] = { "name",    "id",      "examines", "thing",
                                           "pointer", "created", NULL };
    if (!remote_arguments("hook list", argc, 1, 1))
        return CLI_ERROR;
    g_autofree char *path = remote_path("/v1/projects/%s/hooks", argv[0]);
    return remote_show_list(path, columns);
}

static enum cli_status create_run(int argc, char **argv)
{
    if (!remote_arguments("hook create", argc, 2, 2))
        return CLI_ERROR;
    if ((node != NULL) + (image != NULL) + (pointer != NULL) != 1)
        return cli_fail("hook create: one of --node, --image and --pointer");
    g_autofree char *path = remote_path("/v1/projects/%s/hooks", argv[0]);
    json_t *body = json_object();
    remote_add_text(body, "name", argv[1]);
    remote_add_text(body, "examines",
                    node != NULL    ? "node"
                    : image != NULL ? "image"
                    : kind != NULL  ? kind
                                    : "image");
    remote_add_text(body, "thing", node != NULL ? node : image);
    remote_add_text(body, "pointer", pointer);
    return remote_do("POST", path, body);
}

static enum cli_status delete_run(int argc, char **argv)
{
    if (!remote_arguments("hook delete", argc, 2, 2))
        return CLI_ERROR;
    g_autofree char *path = remote_path("/v1/projects/%s/hooks/%s", argv[0], argv[1]);
    return remote_do("DELETE", path, NULL);
}

static const GOptionEntry *const plain[] = { remote_format_options, remote_options,
                                             remote_ca_options, NULL };

const struct cli_command command_hook_list = {
    .name = "hook list",
    .summary = "List the hooks of a project, without their secrets",
    .usage = "[OPTION…] PROJECT",
    .examples = "assay hook list web\n  and what each has examined",
    .options = plain,
    .run = list_run,
};

const struct cli_command command_hook_create = {
    .name = "hook create",
    .summary = "Make an address at which another system asks for introspections",
    .usage = "[OPTION…] PROJECT NAME",
    .description =
        "Its secret is told once. Who calls POST /v1/projects/PROJECT/hooks/NAME signs the "
        "body with it (X-Hub-Signature-256, as GitHub does; X-Assay-Signature, with the "
        "time), or sends it as a bearer token.",
    .examples = "assay hook create web nightly --node db1\n  each call has db1 examined\n"
                "assay hook create web registry --pointer /events/0/target/repository\n"
                "  the body names the image",
    .options = (const GOptionEntry *const[]){ entries, remote_format_options, remote_options,
                                              remote_ca_options, NULL },
    .run = create_run,
};

const struct cli_command command_hook_delete = {
    .name = "hook delete",
    .summary = "Delete a hook",
    .usage = "[OPTION…] PROJECT HOOK",
    .examples = "assay hook delete web nightly\n  its secret is good for nothing any more",
    .options = plain,
    .run = delete_run,
};

#include "cli/commands.h"
#include "cli/remote.h"

static char *expires, **scopes;

static const GOptionEntry entries[] = {
    { "scope", 0, 0, G_OPTION_ARG_STRING_ARRAY, &scopes,
      "What it may be used for: read, write, admin (repeatable)", "SCOPE" },
    { "expires", 0, 0, G_OPTION_ARG_STRING, &expires, "Until when (default: for ever)", "TIME" },
    { 0 },
};

static enum cli_status list_run(int argc, char **argv)
{
    static const char *const columns[] = { "name",    "id",        "kind", "scopes",
                                           "expires", "last_used", NULL };
    return remote_arguments("token list", argc, 0, 0) ? remote_show_list("/v1/tokens", columns)
                                                      : CLI_ERROR;
}

static enum cli_status create_run(int argc, char **argv)
{
    if (!remote_arguments("token create", argc, 1, 1))
        return CLI_ERROR;
    if (scopes == NULL)
        return cli_fail("token create: --scope is missing (see 'assay token create --help')");
    json_t *body = json_object();
    remote_add_text(body, "name", argv[0]);
    remote_add_text(body, "expires", expires);
    remote_add_texts(body, "scopes", scopes);
    return remote_do("POST", "/v1/tokens", body);
}

static enum cli_status delete_run(int argc, char **argv)
{
    if (!remote_arguments("token delete", argc, 1, 1))
        return CLI_ERROR;
    g_autofree char *path = remote_path("/v1/tokens/%s", argv[0]);
    return remote_do("DELETE", path, NULL);
}

const struct cli_command command_token_list = {
    .name = "token list",
    .summary = "List your tokens and sessions",
    .usage = "[OPTION…]",
    .examples = "assay token list\n  with the time of the last use",
    .options = (const GOptionEntry *const[]){ remote_format_options, remote_options,
                                              remote_ca_options, NULL },
    .run = list_run,
};

const struct cli_command command_token_create = {
    .name = "token create",
    .summary = "Make a token for a program, which is shown once",
    .usage = "[OPTION…] NAME",
    .examples = "assay token create ci --scope read --expires 2027-01-01T00:00:00Z\n  for reading, "
                "until then",
    .options = (const GOptionEntry *const[]){ entries, remote_format_options, remote_options,
                                              remote_ca_options, NULL },
    .run = create_run,
};

const struct cli_command command_token_delete = {
    .name = "token delete",
    .summary = "Revoke a token",
    .usage = "[OPTION…] ID",
    .examples = "assay token delete 01M7YP88J3BDZ6D98XQ4F5JY18\n  which token list names",
    .options = (const GOptionEntry *const[]){ remote_format_options, remote_options,
                                              remote_ca_options, NULL },
    .run = delete_run,
};

#include "cli/commands.h"
#include "cli/password.h"
#include "cli/remote.h"

static char *site_role, *password_file;
static gboolean disable, enable;

static const GOptionEntry entries[] = {
    { "site-role", 0, 0, G_OPTION_ARG_STRING, &site_role, "admin, auditor or none", "ROLE" },
    { "password-file", 0, 0, G_OPTION_ARG_FILENAME, &password_file,
      "Set the password to the file's first line", "FILE" },
    { 0 },
};
static const GOptionEntry state_entries[] = {
    { "disable", 0, 0, G_OPTION_ARG_NONE, &disable, "Shut the user out", NULL },
    { "enable", 0, 0, G_OPTION_ARG_NONE, &enable, "Let the user in again", NULL },
    { 0 },
};

static enum cli_status list_run(int argc, char **argv)
{
    static const char *const columns[] = { "name", "id", "site_role", "disabled", "created", NULL };
    return remote_arguments("user list", argc, 0, 0) ? remote_show_list("/v1/users", columns)
                                                     : CLI_ERROR;
}

/* NULL after a message. */
static json_t *body_of_options(void)
{
    GError *error = NULL;
    json_t *body = json_object();
    if (site_role != NULL)
        (void)json_object_set_new(body, "site_role",
                                  g_str_equal(site_role, "none") ? json_null()
                                                                 : json_string(site_role));
    if (disable || enable)
        (void)json_object_set_new(body, "disabled", json_boolean(disable));
    if (password_file == NULL)
        return body;
    g_autofree char *password = password_read(password_file, "Password", &error);
    if (password == NULL) {
        (void)cli_fail_error(error);
        json_decref(body);
        return NULL;
    }
    remote_add_text(body, "password", password);
    return body;
}

static enum cli_status create_run(int argc, char **argv)
{
    if (!remote_arguments("user create", argc, 1, 1))
        return CLI_ERROR;
    json_t *body = body_of_options();
    if (body == NULL)
        return CLI_ERROR;
    remote_add_text(body, "name", argv[0]);
    return remote_do("POST", "/v1/users", body);
}

static enum cli_status set_run(int argc, char **argv)
{
    if (!remote_arguments("user set", argc, 1, 1))
        return CLI_ERROR;
    g_autofree char *path = remote_path("/v1/users/%s", argv[0]);
    json_t *body = body_of_options();
    return body != NULL ? remote_do("PATCH", path, body) : CLI_ERROR;
}

static enum cli_status show_run(int argc, char **argv)
{
    if (!remote_arguments("user show", argc, 1, 1))
        return CLI_ERROR;
    g_autofree char *path = remote_path("/v1/users/%s", argv[0]);
    return remote_do("GET", path, NULL);
}

static enum cli_status delete_run(int argc, char **argv)
{
    if (!remote_arguments("user delete", argc, 1, 1))
        return CLI_ERROR;
    g_autofree char *path = remote_path("/v1/users/%s", argv[0]);
    return remote_do("DELETE", path, NULL);
}

const struct cli_command command_user_list = {
    .name = "user list",
    .summary = "List the users",
    .usage = "[OPTION…]",
    .examples = "assay user list\n  for administrators and auditors",
    .options = (const GOptionEntry *const[]){ remote_format_options, remote_options,
                                              remote_ca_options, NULL },
    .run = list_run,
};

const struct cli_command command_user_create = {
    .name = "user create",
    .summary = "Make a user",
    .usage = "[OPTION…] NAME",
    .examples =
        "assay user create ann --password-file secret.txt\n  who can log in with that password",
    .options = (const GOptionEntry *const[]){ entries, remote_format_options, remote_options,
                                              remote_ca_options, NULL },
    .run = create_run,
};

const struct cli_command command_user_show = {
    .name = "user show",
    .summary = "Show a user",
    .usage = "[OPTION…] USER",
    .examples = "assay user show ann\n  with the role for the whole site",
    .options = (const GOptionEntry *const[]){ remote_format_options, remote_options,
                                              remote_ca_options, NULL },
    .run = show_run,
};

const struct cli_command command_user_set = {
    .name = "user set",
    .summary = "Change a user",
    .usage = "[OPTION…] USER",
    .examples = "assay user set ann --disable\n  who is shut out at once",
    .options = (const GOptionEntry *const[]){ entries, state_entries, remote_format_options,
                                              remote_options, remote_ca_options, NULL },
    .run = set_run,
};

const struct cli_command command_user_delete = {
    .name = "user delete",
    .summary = "Delete a user with all tokens",
    .usage = "[OPTION…] USER",
    .examples = "assay user delete ann\n  whose tokens end with that",
    .options = (const GOptionEntry *const[]){ remote_format_options, remote_options,
                                              remote_ca_options, NULL },
    .run = delete_run,
};

#include "cli/commands.h"
#include "cli/password.h"
#include "cli/remote.h"

static char *password_file, *to;

static const GOptionEntry login_entries[] = {
    { "server", 0, 0, G_OPTION_ARG_STRING, &to,
      "Address of the service (default: $ASSAY_SERVER, else http://127.0.0.1:8080)", "URL" },
    { "password-file", 0, 0, G_OPTION_ARG_FILENAME, &password_file,
      "Take the password from the file's first line", "FILE" },
    { 0 },
};

static enum cli_status login_run(int argc, char **argv)
{
    GError *error = NULL;
    if (!remote_arguments("login", argc, 1, 1))
        return CLI_ERROR;
    g_autofree char *password = password_read(password_file, "Password", &error);
    return password != NULL && remote_login(to, argv[0], password, &error) ? CLI_OK
                                                                           : cli_fail_error(error);
}

static enum cli_status logout_run(int argc, char **argv)
{
    GError *error = NULL;
    if (!remote_arguments("logout", argc, 0, 0))
        return CLI_ERROR;
    return remote_logout(&error) ? CLI_OK : cli_fail_error(error);
}

const struct cli_command command_login = {
    .name = "login",
    .summary = "Log in to a service, for the commands that follow",
    .usage = "[OPTION…] USER",
    .description = "The session is kept in assay/login.json in the user's configuration folder. "
                   "ASSAY_SERVER and ASSAY_TOKEN go over it.",
    .examples = "assay login --server https://assay.example admin\n  asks for the password",
    .options = (const GOptionEntry *const[]){ login_entries, remote_ca_options, NULL },
    .run = login_run,
};

const struct cli_command command_logout = {
    .name = "logout",
    .summary = "End the session that login began",
    .usage = "[OPTION…]",
    .examples = "assay logout\n  for example before leaving a shared machine",
    .options = (const GOptionEntry *const[]){ remote_ca_options, NULL },
    .run = logout_run,
};

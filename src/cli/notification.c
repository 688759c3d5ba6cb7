#include "cli/commands.h"
#include "cli/password.h"
#include "cli/remote.h"

static char *url, *severity, *secret_file, **addresses, **events;
static gboolean off, on;

static const GOptionEntry entries[] = {
    { "url", 0, 0, G_OPTION_ARG_STRING, &url, "Of a webhook", "URL" },
    { "email", 0, 0, G_OPTION_ARG_STRING_ARRAY, &addresses,
      "An address that gets e-mail (repeatable)", "ADDRESS" },
    { "event", 0, 0, G_OPTION_ARG_STRING_ARRAY, &events,
      "findings.changed (default), introspection.finished, .failed or .cancelled (repeatable)",
      "EVENT" },
    { "severity", 0, 0, G_OPTION_ARG_STRING, &severity,
      "Only findings of that severity or worse; \"all\" for all", "SEVERITY" },
    { "secret-file", 0, 0, G_OPTION_ARG_FILENAME, &secret_file,
      "What bodies are signed with is the file's first line (default: one is made and shown)",
      "FILE" },
    { "disable", 0, 0, G_OPTION_ARG_NONE, &off, "Tell it nothing", NULL },
    { "enable", 0, 0, G_OPTION_ARG_NONE, &on, "Tell it again", NULL },
    { 0 },
};

static const GOptionEntry *const read_options[] = { remote_format_options, remote_options,
                                                    remote_ca_options, NULL };
static const GOptionEntry *const write_options[] = { entries, remote_format_options, remote_options,
                                                     remote_ca_options, NULL };

/* NULL after a message. */
static json_t *body_of_options(void)
{
    GError *error = NULL;
    char *secret = secret_file != NULL ? password_read(secret_file, "Secret", &error) : NULL;
    if (error != NULL) {
        (void)cli_fail_error(error);
        return NULL;
    }
    json_t *body = json_object();
    remote_add_text(body, "url", url);
    remote_add_texts(body, "addresses", addresses);
    remote_add_texts(body, "events", events);
    remote_add_text(body, "secret", secret);
    g_free(secret);
    if (severity != NULL)
        (void)json_object_set_new(
            body, "severity", g_str_equal(severity, "all") ? json_null() : json_string(severity));
    if (on || off)
        (void)json_object_set_new(body, "enabled", json_boolean(on));
    return body;
}

static enum cli_status list_run(int argc, char **argv)
{
    static const char *const columns[] = { "name",   "id",       "kind",    "url", "addresses",
                                           "events", "severity", "enabled", NULL };
    if (!remote_arguments("notification list", argc, 1, 1))
        return CLI_ERROR;
    g_autofree char *path = remote_path("/v1/projects/%s/notifications", argv[0]);
    return remote_show_list(path, columns);
}

static enum cli_status create_run(int argc, char **argv)
{
    static char *usual[] = { (char *)"findings.changed", NULL };
    if (!remote_arguments("notification create", argc, 2, 2))
        return CLI_ERROR;
    if ((url != NULL) == (addresses != NULL))
        return cli_fail("notification create: either --url or --email");
    if (events == NULL)
        events = usual;
    g_autofree char *path = remote_path("/v1/projects/%s/notifications", argv[0]);
    json_t *body = body_of_options();
    if (body == NULL)
        return CLI_ERROR;
    remote_add_text(body, "name", argv[1]);
    remote_add_text(body, "kind", url != NULL ? "webhook" : "email");
    return remote_do("POST", path, body);
}

static enum cli_status set_run(int argc, char **argv)
{
    if (!remote_arguments("notification set", argc, 2, 2))
        return CLI_ERROR;
    g_autofree char *path = remote_path("/v1/projects/%s/notifications/%s", argv[0], argv[1]);
    json_t *body = body_of_options();
    return body != NULL ? remote_do("PATCH", path, body) : CLI_ERROR;
}

static enum cli_status delete_run(int argc, char **argv)
{
    if (!remote_arguments("notification delete", argc, 2, 2))
        return CLI_ERROR;
    g_autofree char *path = remote_path("/v1/projects/%s/notifications/%s", argv[0], argv[1]);
    return remote_do("DELETE", path, NULL);
}

static enum cli_status test_run(int argc, char **argv)
{
    if (!remote_arguments("notification test", argc, 2, 2))
        return CLI_ERROR;
    g_autofree char *path = remote_path("/v1/projects/%s/notifications/%s/test", argv[0], argv[1]);
    return remote_do("POST", path, NULL);
}

static enum cli_status deliveries_run(int argc, char **argv)
{
    static const char *const columns[] = { "id",     "kind",   "state",   "attempts",
                                           "status", "reason", "created", NULL };
    if (!remote_arguments("notification deliveries", argc, 2, 2))
        return CLI_ERROR;
    g_autofree char *path =
        remote_path("/v1/projects/%s/notifications/%s/deliveries", argv[0], argv[1]);
    return remote_show_list(path, columns);
}

static enum cli_status again_run(int argc, char **argv)
{
    if (!remote_arguments("notification again", argc, 3, 3))
        return CLI_ERROR;
    g_autofree char *path = remote_path("/v1/projects/%s/notifications/%s/deliveries/%s/again",
                                        argv[0], argv[1], argv[2]);
    return remote_do("POST", path, NULL);
}

const struct cli_command command_notification_list = {
    .name = "notification list",
    .summary = "List who is told what happens in a project",
    .usage = "[OPTION…] PROJECT",
    .examples = "assay notification list web\n  webhooks and e-mail addresses",
    .options = read_options,
    .run = list_run,
};

const struct cli_command command_notification_create = {
    .name = "notification create",
    .summary = "Have a webhook or e-mail addresses told what happens",
    .usage = "[OPTION…] PROJECT NAME",
    .examples = "assay notification create web chat --url https://hooks.example/web --severity high"
                "\n  told of new findings that are high or critical\n"
                "assay notification create web ops --email ops@example.org "
                "--event introspection.failed\n  e-mail when a node could not be examined",
    .options = write_options,
    .run = create_run,
};

const struct cli_command command_notification_set = {
    .name = "notification set",
    .summary = "Change a notification",
    .usage = "[OPTION…] PROJECT NOTIFICATION",
    .examples = "assay notification set web chat --severity critical\n  told less",
    .options = write_options,
    .run = set_run,
};

const struct cli_command command_notification_delete = {
    .name = "notification delete",
    .summary = "Delete a notification",
    .usage = "[OPTION…] PROJECT NOTIFICATION",
    .examples = "assay notification delete web chat\n  with what is on its way to it",
    .options = read_options,
    .run = delete_run,
};

const struct cli_command command_notification_test = {
    .name = "notification test",
    .summary = "Send something to a notification, to try it",
    .usage = "[OPTION…] PROJECT NOTIFICATION",
    .examples = "assay notification test web chat\n  then: assay notification deliveries web chat",
    .options = read_options,
    .run = test_run,
};

const struct cli_command command_notification_deliveries = {
    .name = "notification deliveries",
    .summary = "List what was sent to a notification, and what could not be",
    .usage = "[OPTION…] PROJECT NOTIFICATION",
    .examples = "assay notification deliveries web chat\n  newest first, with the last failure",
    .options = read_options,
    .run = deliveries_run,
};

const struct cli_command command_notification_again = {
    .name = "notification again",
    .summary = "Send a delivery again that was given up",
    .usage = "[OPTION…] PROJECT NOTIFICATION DELIVERY",
    .examples = "assay notification again web chat 01KAJ3M0000000000000000000\n"
                "  once its receiver works",
    .options = read_options,
    .run = again_run,
};

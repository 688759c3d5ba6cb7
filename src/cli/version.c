#include "cli/commands.h"
#include "config.h"
#include "inspect/inspect.h"

static gboolean features, sandbox;

static const GOptionEntry entries[] = {
    { "features", 0, 0, G_OPTION_ARG_NONE, &features, "List optional parts and whether they are in",
      NULL },
    { "sandbox", 0, 0, G_OPTION_ARG_NONE, &sandbox,
      "Try, from inside an inspector, what an inspector must not be able to do", NULL },
    { 0 },
};

static enum cli_status version_run(int argc, char **argv)
{
    GError *error = NULL;
    (void)printf("assay %s\n", ASSAY_VERSION);
    if (features) {
        (void)printf("%clibdeflate   faster reading of zlib-compressed images\n",
                     HAVE_LIBDEFLATE ? '+' : '-');
        (void)printf("%cnbd          nbd:// and nbd+unix:// targets (libnbd)\n",
                     HAVE_NBD ? '+' : '-');
        (void)printf("%cpostgresql   PostgreSQL as the store of 'assay serve' (libpq)\n",
                     HAVE_POSTGRESQL ? '+' : '-');
        (void)printf("%crbd          rbd: targets (librbd, loaded when one is opened)\n",
                     HAVE_RBD ? '+' : '-');
        (void)printf("%crabbitmq     amqp:// brokers for 'assay serve' (librabbitmq)\n",
                     HAVE_RABBITMQ ? '+' : '-');
    }
    if (sandbox && !inspect_sandbox_check(stdout, &error))
        return error != NULL ? cli_fail_error(error)
                             : cli_fail("the inspector's sandbox does not hold on this machine");
    return CLI_OK;
}

const struct cli_command command_version = {
    .name = "version",
    .summary = "Print the version and what is built in",
    .usage = "",
    .examples = "assay version --features\n  which optional parts are built in\n"
                "assay version --sandbox\n  whether inspectors are locked in on this machine",
    .options = (const GOptionEntry *const[]){ entries, NULL },
    .run = version_run,
};

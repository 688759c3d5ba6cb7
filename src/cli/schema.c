#include "cli/commands.h"
#include "frame/formats.h"

/* The schema in docs/ is what this prints; a test compares them. */
static enum cli_status schema_run(int argc, char **argv)
{
    GError *error = NULL;
    if (argc != 1 || !g_str_equal(argv[0], "frame"))
        return cli_fail("schema: only 'frame' is known");
    return frame_write_schema(stdout, &error) ? CLI_OK : cli_fail_error(error);
}

const struct cli_command command_schema = {
    .name = "schema",
    .summary = "Print the JSON Schema of a document",
    .usage = "frame",
    .run = schema_run,
    .hidden = true,
};

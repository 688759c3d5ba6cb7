/* Nodes and images: the commands are the same, the words differ. */
#include <string.h>

#include "cli/commands.h"
#include "cli/remote.h"

static char *schedule, *of_kind, *location, *quiesce, *credential, *image_format;
static char **disks, **labels, **unset;
static gboolean crash_consistent, files;
static int64_t bytes_per_second, iops;

/* What the two differ in. */
struct words {
    const char *name, *kind_member;
    const char *const *columns;
};
static const struct words node = { "node", "source",
                                   (const char *const[]){ "name", "id", "source", "disks",
                                                          "schedule", "labels", NULL } };
static const struct words image = { "image", "kind",
                                    (const char *const[]){ "name", "id", "kind", "location",
                                                           "schedule", "labels", NULL } };

static const GOptionEntry node_entries[] = {
    { "disk", 0, 0, G_OPTION_ARG_STRING_ARRAY, &disks, "Where a disk of it is (repeatable)",
      "LOCATION" },
    { "source", 0, 0, G_OPTION_ARG_STRING, &of_kind, "own (default), hil, m2 or openstack",
      "SOURCE" },
    { 0 },
};
static const GOptionEntry image_entries[] = {
    { "location", 0, 0, G_OPTION_ARG_STRING, &location, "Where it is", "LOCATION" },
    { "kind", 0, 0, G_OPTION_ARG_STRING, &of_kind, "file, rbd, registry or folder", "KIND" },
    { 0 },
};
static const GOptionEntry shared_entries[] = {
    { "label", 0, 0, G_OPTION_ARG_STRING_ARRAY, &labels, "A label (repeatable)", "NAME=VALUE" },
    { "schedule", 0, 0, G_OPTION_ARG_STRING, &schedule,
      "When it is examined: 15m, 6h, 1d, five fields as in crontab(5), or never", "WHEN" },
    { "crash-consistent", 0, 0, G_OPTION_ARG_NONE, &crash_consistent,
      "Read a disk that is in use without a snapshot where there is no other way", NULL },
    { "quiesce", 0, 0, G_OPTION_ARG_STRING, &quiesce,
      "What stills its filesystems for the snapshot: agent, or a command's name in the settings",
      "NAME" },
    { "credential", 0, 0, G_OPTION_ARG_STRING, &credential,
      "The project's credential that its storage wants", "NAME" },
    { "image-format", 0, 0, G_OPTION_ARG_STRING, &image_format,
      "raw or qcow2 (default: by content, which who writes the disk can forge)", "FORMAT" },
    { "bytes-per-second", 0, 0, G_OPTION_ARG_INT64, &bytes_per_second, "Read at most so much",
      "BYTES" },
    { "iops", 0, 0, G_OPTION_ARG_INT64, &iops, "Read at most so often in a second", "COUNT" },
    { "files", 0, 0, G_OPTION_ARG_NONE, &files, "Read and hash every file as well", NULL },
    { "unset", 0, 0, G_OPTION_ARG_STRING_ARRAY, &unset,
      "Take back one of the options from --crash-consistent to --files, by its name (repeatable)",
      "NAME" },
    { 0 },
};

static const GOptionEntry *const change_node[] = { node_entries,          shared_entries,
                                                   remote_format_options, remote_options,
                                                   remote_ca_options,     NULL };
static const GOptionEntry *const change_image[] = { image_entries,         shared_entries,
                                                    remote_format_options, remote_options,
                                                    remote_ca_options,     NULL };
static const GOptionEntry *const look[] = { remote_format_options, remote_options,
                                            remote_ca_options, NULL };

/* --- bodies ------------------------------------------------------------------------------------
 */

/* How it is examined. Members that are not given stay as they are, null takes one back. */
static void add_options(json_t *body)
{
    json_t *options = json_object();
    for (char **u = unset; u != NULL && *u != NULL; u++) {
        bool is_format = g_str_equal(*u, "image-format");
        g_autofree char *member = g_strdelimit(g_strdup(is_format ? "format" : *u), "-", '_');
        (void)json_object_set_new(options, member, json_null());
    }
    remote_add_text(options, "quiesce", quiesce);
    remote_add_text(options, "credential", credential);
    remote_add_text(options, "format", image_format);
    if (crash_consistent)
        (void)json_object_set_new(options, "crash_consistent", json_true());
    if (files)
        (void)json_object_set_new(options, "files", json_true());
    if (bytes_per_second != 0)
        (void)json_object_set_new(options, "bytes_per_second", json_integer(bytes_per_second));
    if (iops != 0)
        (void)json_object_set_new(options, "iops", json_integer(iops));
    if (json_object_size(options) > 0)
        (void)json_object_set(body, "options", options);
    json_decref(options);
}

/* NULL after a message. */
static json_t *body_of_options(const struct words *w)
{
    json_t *body = json_object();
    remote_add_texts(body, "disks", disks);
    remote_add_text(body, "location", location);
    remote_add_text(body, w->kind_member, of_kind);
    if (schedule != NULL)
        (void)json_object_set_new(
            body, "schedule", g_str_equal(schedule, "never") ? json_null() : json_string(schedule));
    add_options(body);
    if (remote_add_labels(body, "labels", labels))
        return body;
    json_decref(body);
    return NULL;
}

/* --- commands ----------------------------------------------------------------------------------
 */

static bool enough(const struct words *w, const char *verb, int argc, int least, int most)
{
    g_autofree char *command = g_strdup_printf("%s %s", w->name, verb);
    return remote_arguments(command, argc, least, most);
}

/* g_free() */
static char *path_of(const struct words *w, char **argv)
{
    g_autofree char *format = g_strdup_printf("/v1/projects/%%s/%ss/%%s", w->name);
    return remote_path(format, argv[0], argv[1]);
}

static enum cli_status list(const struct words *w, int argc, char **argv)
{
    if (!enough(w, "list", argc, 0, 1))
        return CLI_ERROR;
    g_autofree char *format =
        g_strdup_printf(argc == 1 ? "/v1/projects/%%s/%ss" : "/v1/%ss", w->name);
    g_autofree char *path = remote_path(format, argv[0]);
    return remote_show_list(path, w->columns);
}

static enum cli_status create(const struct words *w, int argc, char **argv)
{
    if (!enough(w, "create", argc, 2, 2))
        return CLI_ERROR;
    json_t *body = body_of_options(w);
    if (body == NULL)
        return CLI_ERROR;
    g_autofree char *format = g_strdup_printf("/v1/projects/%%s/%ss", w->name);
    g_autofree char *path = remote_path(format, argv[0]);
    remote_add_text(body, "name", argv[1]);
    return remote_do("POST", path, body);
}

static enum cli_status set(const struct words *w, int argc, char **argv)
{
    if (!enough(w, "set", argc, 2, 2))
        return CLI_ERROR;
    g_autofree char *path = path_of(w, argv);
    json_t *body = body_of_options(w);
    return body != NULL ? remote_do("PATCH", path, body) : CLI_ERROR;
}

static enum cli_status show(const struct words *w, int argc, char **argv)
{
    if (!enough(w, "show", argc, 2, 2))
        return CLI_ERROR;
    g_autofree char *path = path_of(w, argv);
    return remote_do("GET", path, NULL);
}

static enum cli_status forget(const struct words *w, int argc, char **argv)
{
    if (!enough(w, "delete", argc, 2, 2))
        return CLI_ERROR;
    g_autofree char *path = path_of(w, argv);
    return remote_do("DELETE", path, NULL);
}

/* A command's function knows its command by being another function. */
#define RUN(words, verb)                                                                           \
    static enum cli_status words##_##verb(int argc, char **argv)                                   \
    {                                                                                              \
        return verb(&words, argc, argv);                                                           \
    }
RUN(node, list)
RUN(node, create)
RUN(node, show)
RUN(node, set)
RUN(node, forget)
RUN(image, list)
RUN(image, create)
RUN(image, show)
RUN(image, set)
RUN(image, forget)

/* one: "a node"; example: the name of one; made: the rest of an example that makes one. */
#define COMMANDS(word, WORD, one, example, made)                                                   \
    const struct cli_command command_##word##_list = {                                             \
        .name = #word " list",                                                                     \
        .summary = "List the " #word "s of a project, or of all that you see",                     \
        .usage = "[OPTION…] [PROJECT]",                                                            \
        .examples = "assay " #word " list web\n  all " #word "s of the project web",               \
        .options = look,                                                                           \
        .run = word##_list,                                                                        \
    };                                                                                             \
    const struct cli_command command_##word##_create = {                                           \
        .name = #word " create",                                                                   \
        .summary = "Make " one " known",                                                           \
        .usage = "[OPTION…] PROJECT NAME",                                                         \
        .examples = "assay " #word " create web " example " " made,                                \
        .options = change_##word,                                                                  \
        .run = word##_create,                                                                      \
    };                                                                                             \
    const struct cli_command command_##word##_show = {                                             \
        .name = #word " show",                                                                     \
        .summary = "Show " one,                                                                    \
        .usage = "[OPTION…] PROJECT " WORD,                                                        \
        .examples = "assay " #word " show web " example "\n  with labels and schedule",            \
        .options = look,                                                                           \
        .run = word##_show,                                                                        \
    };                                                                                             \
    const struct cli_command command_##word##_set = {                                              \
        .name = #word " set",                                                                      \
        .summary = "Change " one,                                                                  \
        .usage = "[OPTION…] PROJECT " WORD,                                                        \
        .examples = "assay " #word " set web " example " --label rack=7 --schedule never\n"        \
                    "  examined on demand only\n"                                                  \
                    "assay " #word " set web " example " --files --unset iops\n"                   \
                    "  with all its files, as often as the storage can",                           \
        .options = change_##word,                                                                  \
        .run = word##_set,                                                                         \
    };                                                                                             \
    const struct cli_command command_##word##_delete = {                                           \
        .name = #word " delete",                                                                   \
        .summary = "Forget " one,                                                                  \
        .usage = "[OPTION…] PROJECT " WORD,                                                        \
        .examples = "assay " #word " delete web " example "\n  which is not examined any more",    \
        .options = look,                                                                           \
        .run = word##_forget,                                                                      \
    }

COMMANDS(node, "NODE", "a node", "db1",
         "--disk rbd:web/db1 --schedule 6h\n  which is examined every six hours");
COMMANDS(image, "IMAGE", "an image", "golden",
         "--kind rbd --location rbd:web/golden@v3\n  a snapshot in Ceph");

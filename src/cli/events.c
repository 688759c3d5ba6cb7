/* What happens, from a service. */
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/remote.h"

#define TRIES 30 /* seconds that a service may be away */

static char *project, *kind;
static gboolean follow;

static const GOptionEntry entries[] = {
    { "project", 0, 0, G_OPTION_ARG_STRING, &project, "Only of this project", "PROJECT" },
    { "kind", 0, 0, G_OPTION_ARG_STRING, &kind,
      "Only these kinds: findings.changed, 'introspection.*'; several with commas", "KINDS" },
    { "follow", 0, 0, G_OPTION_ARG_NONE, &follow, "Go on with what happens from now on", NULL },
    { 0 },
};

static bool print(const json_t *event)
{
    char *data = json_dumps(json_object_get(event, "data"), JSON_COMPACT);
    g_autofree char *safe = text_safe(data);
    const char *time = json_string_value(json_object_get(event, "time"));
    const char *what = json_string_value(json_object_get(event, "kind"));
    int done = printf("%s  %-24s %s\n", time != NULL ? time : "", what != NULL ? what : "", safe);
    free(data);
    return done > 0 && fflush(stdout) == 0;
}

/* What a stream has brought and no event has been made of yet; events that were told. */
struct reader {
    GString *text;
    GHashTable *told;
    char *last;  /* identifier; NULL */
    bool broken; /* standard output is */
};

static void read_line(struct reader *r, const char *line)
{
    if (!g_str_has_prefix(line, "data: "))
        return;
    json_t *event = json_loads(line + 6, 0, NULL);
    const char *id = json_string_value(json_object_get(event, "id"));
    if (id != NULL) {
        g_free(r->last);
        r->last = g_strdup(id);
        /* Some are told again to one who comes back. */
        if (g_hash_table_add(r->told, g_strdup(id)))
            r->broken = !print(event);
    }
    json_decref(event);
}

static bool receive(const char *bytes, size_t len, void *user)
{
    struct reader *r = user;
    char *end;
    g_string_append_len(r->text, bytes, (gssize)len);
    while (!r->broken && (end = memchr(r->text->str, '\n', r->text->len)) != NULL) {
        *end = '\0';
        read_line(r, r->text->str);
        g_string_erase(r->text, 0, end + 1 - r->text->str);
    }
    return !r->broken && r->text->len < (1u << 20);
}

/* Until it is interrupted, or the service says no. */
static enum cli_status follow_all(const char *path)
{
    GError *error = NULL;
    struct reader r = { .text = g_string_new(NULL),
                        .told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL) };
    for (unsigned failures = 0; !r.broken;) {
        bool ok = remote_stream(path, r.last, receive, &r, &error);
        failures = ok ? 0 : failures + 1;
        /* A service that is started again comes back; what has never answered does not. */
        if (!ok && (!g_error_matches(error, ASSAY_ERROR, ASSAY_ERROR_IO) || r.last == NULL ||
                    failures > TRIES))
            break;
        g_clear_error(&error);
        g_string_truncate(r.text, 0);
        g_usleep(G_USEC_PER_SEC);
    }
    g_string_free(r.text, TRUE);
    g_hash_table_unref(r.told);
    g_free(r.last);
    return error != NULL ? cli_fail_error(error) : cli_fail("standard output: cannot be written");
}

static enum cli_status events_run(int argc, char **argv)
{
    GError *error = NULL;
    json_t *event;
    size_t i;
    if (!remote_arguments("events", argc, 0, 0))
        return CLI_ERROR;
    g_autofree char *of =
        project != NULL ? remote_path("/v1/projects/%s/events", project) : g_strdup("/v1/events");
    g_autofree char *only = kind != NULL ? remote_path("?kind=%s", kind) : g_strdup("");
    g_autofree char *path = g_strconcat(of, only, NULL);
    if (follow)
        return follow_all(path);
    json_t *all = remote_list(path, &error);
    if (all == NULL)
        return cli_fail_error(error);
    json_array_foreach(all, i, event)
        (void)print(event);
    json_decref(all);
    return CLI_OK;
}

const struct cli_command command_events = {
    .name = "events",
    .summary = "Print what has happened, and with --follow what happens",
    .usage = "[OPTION…]",
    .examples = "assay events --follow --kind 'findings.*'\n  what is new and what is gone, as it "
                "is found",
    .options = (const GOptionEntry *const[]){ entries, remote_options, remote_ca_options, NULL },
    .run = events_run,
};

/* Fills a store with the frames of many nodes, and judges them: for bench/service_judge.py and
 * tests/e2e/test_rejudge.py.
 *
 *     judge-fleet STORE DATABASE fill FLEET.json NODES [PROJECTS]
 *     judge-fleet STORE DATABASE rejudge
 *     judge-fleet STORE DATABASE affected ID...
 *     judge-fleet STORE DATABASE count
 *
 * FLEET.json: [{"os": {...}, "packages": [{"name", "source", "versions": [...]}, ...]}, ...]. A
 * node has one of the systems, all but a few of its packages, and versions as old as the node is
 * stale. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/number.h"
#include "frame/formats.h"
#include "frame/record_json.h"
#include "introspect/judge.h"
#include "introspect/rejudge.h"
#include "store/findings.h"
#include "store/frames.h"
#include "store/projects.h"
#include "store/subjects.h"

static double seconds_since(int64_t begin)
{
    return (double)(g_get_monotonic_time() - begin) / G_USEC_PER_SEC;
}

/* The same numbers everywhere: xorshift. */
static unsigned pick(uint64_t *state, unsigned below)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (unsigned)(*state >> 33) % below;
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static bool add_package(struct frame *f, const json_t *p, const char *type, unsigned stale,
                        uint64_t *state, GError **error)
{
    const json_t *versions = json_object_get(p, "versions");
    size_t count = json_array_size(versions);
    /* Most are as old as the node; some were updated by hand. */
    size_t age = pick(state, 20) == 0 ? pick(state, 3) : stale;
    size_t at = count > age ? count - 1 - age : 0;
    const struct frame_package package = { .type = type,
                                           .name = text_of(p, "name"),
                                           .version =
                                               json_string_value(json_array_get(versions, at)),
                                           .arch = text_of(p, "arch"),
                                           .source = text_of(p, "source"),
                                           .vendor = text_of(p, "vendor") };
    return frame_add(f, FRAME_PACKAGE, &package, error);
}

static struct frame *make_frame(const json_t *fleet, unsigned node, GError **error)
{
    uint64_t state = (node + 1) * 0x9e3779b97f4a7c15u;
    const json_t *system = json_array_get(fleet, pick(&state, (unsigned)json_array_size(fleet)));
    const json_t *packages = json_object_get(system, "packages");
    struct frame_os os;
    g_autoptr(frame) f = frame_new("node");
    if (!record_read(json_object_get(system, "os"), FRAME_OS, f->arena, &os, error) ||
        !frame_add(f, FRAME_OS, &os, error))
        return NULL;
    unsigned stale = pick(&state, 6);
    size_t i;
    json_t *p;
    json_array_foreach(packages, i, p) {
        bool present = i < 540 || pick(&state, 10) < 3;
        if (present && !add_package(f, p, text_of(system, "type"), stale, &state, error))
            return NULL;
    }
    frame_finish(f);
    return g_steal_pointer(&f);
}

struct keeping {
    const struct judging *judging;
    const struct kept_frame_body *body;
    const char *project;
    unsigned number;
};

static struct thing *make_node(struct sql *db, const char *project, unsigned number, GError **error)
{
    g_autofree char *name = g_strdup_printf("node%05u", number);
    const struct thing_values values = {
        .name = name, .where = "[\"/n\"]", .kind = "own", .labels = "{}", .schedule = ""
    };
    g_autofree char *id = thing_create(db, THING_NODE, project, &values, error);
    return id != NULL ? thing_find(db, THING_NODE, &caller_service, project, id, error) : NULL;
}

/* One transaction a node: each waits for the disk. */
static bool keep(struct sql *db, void *user, GError **error)
{
    const struct keeping *k = user;
    g_autoptr(thing) node = make_node(db, k->project, k->number, error);
    const struct kept_frame_values values = { .kind = THING_NODE,
                                              .thing = node,
                                              .introspection = "fleet",
                                              .locations = "[]",
                                              .identities = "[]" };
    struct judged judged = { 0 };
    g_autofree char *frame = node != NULL ? kept_frame_add(db, &values, k->body, error) : NULL;
    bool ok =
        frame != NULL && judging_keep(db, k->judging, THING_NODE, node, frame, &judged, error);
    judged_done(&judged);
    return ok;
}

static bool keep_node(struct sql *db, const char *database, const char *project,
                      const json_t *fleet, unsigned number, uint64_t *packages, GError **error)
{
    g_autoptr(frame) f = make_frame(fleet, number, error);
    g_autoptr(judging) j = f != NULL ? judging_new(db, database, f, error) : NULL;
    char *text = NULL;
    size_t len = 0;
    if (j == NULL)
        return false;
    *packages += ((struct frame_system *)f->systems->pdata[0])->records[FRAME_PACKAGE]->len;
    FILE *out = open_memstream(&text, &len);
    bool ok = out != NULL && frame_format_find("json")->write(f, out, error);
    ok = out != NULL && fclose(out) == 0 && ok;
    g_autoptr(kept_frame_body) body = ok ? kept_frame_pack(text, len, error) : NULL;
    free(text);
    struct keeping k = { j, body, project, number };
    return body != NULL && sql_transaction(db, keep, &k, error);
}

static bool fill(struct sql *db, const char *database, char **arguments, GError **error)
{
    uint64_t nodes, projects = 4, packages = 0;
    json_error_t why;
    g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
    json_t *fleet = arguments[0] != NULL ? json_load_file(arguments[0], 0, &why) : NULL;
    if (fleet == NULL || arguments[1] == NULL ||
        !parse_u64(arguments[1], strlen(arguments[1]), &nodes) ||
        (arguments[2] != NULL && !parse_u64(arguments[2], strlen(arguments[2]), &projects)))
        return fail(error, ASSAY_ERROR_INVALID, "fill FLEET.json NODES [PROJECTS]");
    for (uint64_t i = 0; i < projects; i++) {
        g_autofree char *name = g_strdup_printf("project%u", (unsigned)i);
        const struct project_values values = { name, "", "[]" };
        char *id = project_create(db, &values, error);
        if (id == NULL)
            return false;
        g_ptr_array_add(ids, id);
    }
    int64_t begin = g_get_monotonic_time();
    for (uint64_t i = 0; i < nodes; i++) {
        if (!keep_node(db, database, ids->pdata[i % projects], fleet, (unsigned)i, &packages,
                       error))
            return false;
    }
    printf("{\"nodes\": %u, \"packages\": %u, \"seconds\": %.3f}\n", (unsigned)nodes,
           (unsigned)packages, seconds_since(begin));
    json_decref(fleet);
    return true;
}

static bool rejudge(struct sql *db, const char *database, char **arguments, GError **error)
{
    int64_t begin = g_get_monotonic_time();
    if (!rejudge_now(db, database, error))
        return false;
    printf("{\"seconds\": %.3f}\n", seconds_since(begin));
    return true;
}

/* All pages, of the size that the service allows. */
static bool affected(struct sql *db, const char *database, char **arguments, GError **error)
{
    enum { PAGE = 500 };
    for (; *arguments != NULL; arguments++) {
        g_autofree char *after = g_strdup("");
        unsigned things = 0, packages = 0;
        int64_t begin = g_get_monotonic_time(), first = 0, counted;
        int64_t count = vulnerability_count_things(db, &caller_service, *arguments, NULL, error);
        counted = g_get_monotonic_time() - begin;
        for (guint got = PAGE; count >= 0 && got == PAGE;) {
            const struct store_page page = { .after = after, .limit = PAGE };
            g_autoptr(GPtrArray) found =
                vulnerability_things(db, &caller_service, *arguments, NULL, &page, error);
            if (found == NULL)
                return false;
            got = found->len;
            things += got;
            for (guint i = 0; i < got; i++)
                packages += ((struct affected_thing *)found->pdata[i])->packages->len;
            if (first == 0)
                first = g_get_monotonic_time() - begin - counted;
            g_free(after);
            after = g_strdup(got > 0 ? ((struct affected_thing *)found->pdata[got - 1])->id : "");
        }
        if (count < 0)
            return false;
        printf(
            "{\"id\": \"%s\", \"count\": %d, \"things\": %u, \"packages\": %u, \"seconds\": %.4f,"
            " \"count_seconds\": %.4f, \"page_seconds\": %.4f}\n",
            *arguments, (int)count, things, packages, seconds_since(begin),
            (double)counted / G_USEC_PER_SEC, (double)first / G_USEC_PER_SEC);
    }
    return true;
}

static bool count(struct sql *db, const char *database, char **arguments, GError **error)
{
    int64_t begin = g_get_monotonic_time();
    for (bool left = true; left;) {
        if (!facts_count(db, 2000, &left, error))
            return false;
    }
    double counted = seconds_since(begin);
    const struct store_page page = { .after = "", .limit = 50 };
    const struct vulnerability_filter all = { 0 };
    begin = g_get_monotonic_time();
    g_autoptr(GPtrArray) list = vulnerability_list(db, &caller_service, &all, &page, error);
    if (list == NULL)
        return false;
    printf("{\"seconds\": %.3f, \"list_seconds\": %.4f, \"listed\": %u}\n", counted,
           seconds_since(begin), list->len);
    return true;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        bool (*run)(struct sql *db, const char *database, char **arguments, GError **error);
    } commands[] = {
        { "fill", fill }, { "rejudge", rejudge }, { "affected", affected }, { "count", count }
    };
    g_autoptr(GError) error = NULL;
    bool ok = false;
    if (argc < 4) {
        fputs("usage: judge-fleet STORE DATABASE fill|rejudge|affected|count ...\n", stderr);
        return 2;
    }
    g_autoptr(sql) db = store_open(argv[1], &error);
    for (size_t i = 0; db != NULL && i < G_N_ELEMENTS(commands); i++) {
        if (g_str_equal(argv[3], commands[i].name))
            ok = commands[i].run(db, argv[2], argv + 4, &error);
    }
    if (!ok)
        fprintf(stderr, "judge-fleet: %s\n", error != NULL ? error->message : "unknown command");
    return ok ? 0 : 1;
}

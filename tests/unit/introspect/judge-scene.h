/* What the tests of judging share: a store, a database of three flaws, nodes whose frames are made
 * by hand. */
#pragma once
#include <string.h>

#include "../advisory/fixture.h"
#include "../store/store-test.h"
#include "frame/formats.h"
#include "introspect/judge.h"
#include "introspect/rejudge.h"
#include "store/events.h"
#include "store/findings.h"
#include "store/frames.h"
#include "store/projects.h"
#include "store/subjects.h"

/* Three flaws of bookworm: one mended in openssh, one open in it, one mended in zlib. */
#define OSV(id, package, fixed)                                                                    \
    "{\"id\":\"" id "\",\"modified\":\"2024-12-05T14:55:52Z\",\"details\":\"About " id             \
    ".\",\"severity\":[{\"type\":\"CVSS_V3\",\"score\":\"CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:"  \
    "H/A:H\"}],\"affected\":[{\"package\":{\"ecosystem\":\"Debian:12\",\"name\":\"" package        \
    "\"},\"ranges\":[{\"type\":\"ECOSYSTEM\",\"events\":[{\"introduced\":\"0\"}" fixed "]}]}]}\n"
#define FIXED(version) ",{\"fixed\":\"" version "\"}"
#define DSA                                                                                        \
    "{\"id\":\"DSA-5724-1\",\"modified\":\"2024-07-01T00:00:00Z\",\"summary\":\"openssh\","        \
    "\"affected\":[{\"package\":{\"ecosystem\":\"Debian:12\",\"name\":\"openssh\"},\"ranges\":[{"  \
    "\"type\":\"ECOSYSTEM\",\"events\":[{\"introduced\":\"0\"},{\"fixed\":\"1:9.2p1-2+deb12u3\"}"  \
    "]}]}]}\n"
static const char first_feed[] = OSV("CVE-2024-0001", "openssh", FIXED("1:9.2p1-2+deb12u3"))
    OSV("CVE-2024-0002", "openssh", "") DSA;
static const char second_feed[] = OSV("CVE-2024-0001", "openssh", FIXED("1:9.2p1-2+deb12u3"))
    OSV("CVE-2024-0003", "zlib", FIXED("1:1.3")) OSV("CVE-2024-0004", "openssh", "") DSA;

static const struct caller everyone = { .account = (char *)"", .admin = true, .auditor = true };

struct scene {
    struct store_test t;
    struct fixture f;
    char *project;
};

static inline char *make_project(struct sql *db, const char *name)
{
    GError *error = NULL;
    const struct project_values values = { .name = name, .description = "", .locations = "[]" };
    char *id = project_create(db, &values, &error);
    g_assert_no_error(error);
    return id;
}

static inline void setup(struct scene *s, const void *unused)
{
    store_test_make(&s->t);
    fixture_init(&s->f);
    fixture_import(&s->f, "d.jsonl", first_feed, NULL, NULL);
    s->project = make_project(s->t.db, "web");
}

static inline void teardown(struct scene *s, const void *unused)
{
    g_free(s->project);
    fixture_done(&s->f);
    store_test_close(&s->t);
}

/* --- frames
 * ----------------------------------------------------------------------------------------- */

static inline struct frame *make_frame(const char *sshd, const char *zlib)
{
    GError *error = NULL;
    static const struct frame_os os = { .root = "disk0p1",
                                        .id = "debian",
                                        .version_id = "12",
                                        .codename = "bookworm",
                                        .pretty_name = "Debian GNU/Linux 12 (bookworm)",
                                        .support_end = 4102444800 };
    struct frame *f = frame_new("node");
    g_assert_true(frame_add(f, FRAME_OS, &os, &error));
    const struct frame_package packages[] = {
        { .type = "deb", .name = "openssh-server", .version = sshd, .source = "openssh" },
        { .type = "deb", .name = "openssh-client", .version = sshd, .source = "openssh" },
        { .type = "deb", .name = "zlib1g", .version = zlib, .source = "zlib" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(packages); i++) {
        if (packages[i].version != NULL)
            g_assert_true(frame_add(f, FRAME_PACKAGE, &packages[i], &error));
    }
    frame_finish(f);
    return f;
}

static inline struct thing *node_named(struct scene *s, const char *project, const char *name)
{
    GError *error = NULL;
    struct thing *t = thing_find(s->t.db, THING_NODE, &everyone, project, name, NULL);
    if (t != NULL)
        return t;
    const struct thing_values values = {
        .name = name, .where = "[\"/a\"]", .kind = "own", .labels = "{}", .schedule = ""
    };
    g_autofree char *id = thing_create(s->t.db, THING_NODE, project, &values, &error);
    g_assert_no_error(error);
    return thing_find(s->t.db, THING_NODE, &everyone, project, id, &error);
}

struct keeping {
    const struct judging *j;
    const struct kept_frame_body *body;
    const struct thing *node;
    struct judged *judged;
};

static inline struct kept_frame_body *pack(const struct frame *f)
{
    GError *error = NULL;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    g_assert_true(frame_format_find("json")->write(f, out, &error));
    g_assert_cmpint(fclose(out), ==, 0);
    struct kept_frame_body *body = kept_frame_pack(text, len, &error);
    g_assert_no_error(error);
    free(text);
    return body;
}

static inline bool keep(struct sql *db, void *user, GError **error)
{
    struct keeping *k = user;
    const struct kept_frame_values values = { .kind = THING_NODE,
                                              .thing = k->node,
                                              .introspection = "I",
                                              .locations = "[]",
                                              .identities = "[]" };
    g_autofree char *id = kept_frame_add(db, &values, k->body, error);
    return id != NULL && judging_keep(db, k->j, THING_NODE, k->node, id, k->judged, error);
}

/* Frees f. */
static inline struct judged examine_frame(struct scene *s, const char *project, const char *name,
                                          struct frame *f)
{
    GError *error = NULL;
    struct judged judged = { 0 };
    g_autoptr(thing) node = node_named(s, project, name);
    g_autoptr(judging) j = judging_new(s->t.db, s->f.database, f, &error);
    g_assert_no_error(error);
    g_autoptr(kept_frame_body) body = pack(f);
    frame_free(f);
    struct keeping k = { j, body, node, &judged };
    g_assert_true(sql_transaction(s->t.db, keep, &k, &error));
    g_assert_no_error(error);
    return judged;
}

static inline struct judged examine(struct scene *s, const char *project, const char *name,
                                    const char *sshd, const char *zlib)
{
    return examine_frame(s, project, name, make_frame(sshd, zlib));
}

/* As a disk that is encrypted now. */
static inline void examine_in_vain(struct scene *s, const char *project, const char *name)
{
    static const struct frame_coverage unread = { .kind = "volume",
                                                  .object = "disk0",
                                                  .state = COVERAGE_UNREADABLE,
                                                  .reason = "encrypted",
                                                  .code = "unsupported" };
    GError *error = NULL;
    struct frame *f = frame_new("node");
    g_assert_true(frame_add(f, FRAME_COVERAGE, &unread, &error));
    frame_finish(f);
    struct judged judged = examine_frame(s, project, name, f);
    g_assert_cmpstr(judged.coverage, ==, "incomplete");
    judged_done(&judged);
}

static inline void examine_only(struct scene *s, const char *project, const char *name,
                                const char *sshd, const char *zlib)
{
    struct judged judged = examine(s, project, name, sshd, zlib);
    judged_done(&judged);
}

#define OLD "1:9.2p1-2+deb12u2"
#define NEW "1:9.2p1-2+deb12u3"

static inline void import_second(struct scene *s)
{
    (void)g_remove(s->f.database);
    fixture_import(&s->f, "d.jsonl", second_feed, NULL, NULL);
}

static inline void rejudge(struct scene *s)
{
    GError *error = NULL;
    g_assert_true(rejudge_now(s->t.db, s->f.database, &error));
    g_assert_no_error(error);
}

static inline void count_all(struct scene *s)
{
    GError *error = NULL;
    for (bool left = true; left;)
        g_assert_true(facts_count(s->t.db, 2, &left, &error));
    g_assert_no_error(error);
}

static inline char *last_event(struct scene *s, guint *count)
{
    GError *error = NULL;
    const struct store_page all = { .after = "", .limit = 1000 };
    g_autoptr(GPtrArray) events = event_list(s->t.db, &everyone, NULL, &all, &error);
    g_assert_no_error(error);
    *count = events->len;
    const struct event *e = events->len > 0 ? events->pdata[events->len - 1] : NULL;
    return g_strdup(e != NULL ? e->data : "");
}

static inline void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        g_error("no %s in %s", part, text);
}

static inline void assert_coverage(struct scene *s, const struct caller *caller,
                                   const char *project, int64_t things, int64_t incomplete,
                                   int64_t unexamined)
{
    GError *error = NULL;
    struct thing_coverage known;
    g_assert_true(thing_coverage(s->t.db, caller, project, &known, &error));
    g_assert_no_error(error);
    g_assert_cmpint(known.things, ==, things);
    g_assert_cmpint(known.incomplete, ==, incomplete);
    g_assert_cmpint(known.unexamined, ==, unexamined);
}

#include "introspect/judge.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "../store/sql-spy.h"
#include "base/error.h"
#include "introspect/stored_report.h"
#include "judge-scene.h"

/* --- tests
 * ------------------------------------------------------------------------------------------- */

static void test_a_frame_is_summed_up(struct scene *s, const void *unused)
{
    guint events;
    struct judged j = examine(s, s->project, "a", OLD, "1:1.2");
    assert_has(j.summary, "\"packages\":3,\"vulnerable_packages\":2,\"advisories\":2,\"findings\":"
                          "4,\"fixable\":1,\"known_exploited\":0");
    assert_has(j.summary, "\"high\":2");
    assert_has(j.summary, "\"complete\":true");
    assert_has(j.summary, "\"os\":[\"Debian GNU/Linux 12 (bookworm)\"]");
    assert_has(j.changes, "\"first\":true");
    assert_has(j.changes, "\"new_count\":2");
    assert_has(j.changes, "\"added_count\":0");
    g_assert_cmpstr(j.coverage, ==, "complete");
    judged_done(&j);
    g_autofree char *event = last_event(s, &events);
    g_assert_cmpuint(events, ==, 1);
    assert_has(event, "\"fixed_version\":\"1:9.2p1-2+deb12u3\"");
    assert_has(event, "\"counts\":{\"new\":2,\"gone\":0,\"worse\":0}");
}

static void test_an_update_makes_findings_go(struct scene *s, const void *unused)
{
    guint events;
    examine_only(s, s->project, "a", OLD, "1:1.2");
    struct judged j = examine(s, s->project, "a", NEW, NULL);
    assert_has(j.changes, "\"gone\":[{\"id\":\"CVE-2024-0001\",\"severity\":\"high\"}]");
    assert_has(j.changes, "\"new_count\":0");
    assert_has(j.changes, "\"removed\":[{\"name\":\"zlib1g\",\"version\":\"1:1.2\"}]");
    assert_has(j.changes, "\"from\":\"" OLD "\",\"to\":\"" NEW "\",\"upgrade\":true");
    assert_has(j.summary, "\"advisories\":1");
    judged_done(&j);
    j = examine(s, s->project, "a", NEW, NULL);
    assert_has(j.changes, "\"gone_count\":0");
    judged_done(&j);
    g_autofree char *event = last_event(s, &events);
    g_assert_cmpuint(events, ==, 2); /* no change, no event */
}

static void test_a_report_of_a_kept_frame_says_the_same(struct scene *s, const void *unused)
{
    GError *error = NULL;
    struct report_summary sum;
    const struct report_options options = { 0 };
    struct judged j = examine(s, s->project, "a", OLD, "1:1.2");
    judged_done(&j);
    j = examine(s, s->project, "a", OLD, "1:1.3");
    g_autoptr(thing) node = node_named(s, s->project, "a");
    g_autoptr(kept_frame) f = kept_frame_newest(s->t.db, &everyone, node->id, &error);
    g_assert_no_error(error);
    g_autoptr(thing_facts) facts = thing_facts_find(s->t.db, &everyone, node->id, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(facts->frame, ==, f->id);
    g_autoptr(advisory_db) db = advisory_db_open(s->f.database, &error);
    g_autoptr(report) r = stored_report(s->t.db, f, db, true, &error);
    g_assert_no_error(error);
    report_summarize(r, &options, &sum);
    g_autofree char *same = g_strdup_printf(
        "\"packages\":%u,\"vulnerable_packages\":%u,\"advisories\":%u,\"findings\":%u,"
        "\"fixable\":%u,\"known_exploited\":%u",
        (unsigned)sum.packages, (unsigned)sum.vulnerable_packages, (unsigned)sum.advisories,
        (unsigned)sum.findings, (unsigned)sum.fixable, (unsigned)sum.known_exploited);
    assert_has(j.summary, same);
    g_assert_cmpuint(sum.findings, ==, 4);
    g_assert_false(report_incomplete(r));
    judged_done(&j);
    g_autoptr(report) without = stored_report(s->t.db, f, NULL, true, &error);
    g_assert_no_error(error);
    g_assert_true(report_incomplete(without));
}

/* A package's name is bytes of a disk. */
static void test_names_that_are_no_text_are_kept(struct scene *s, const void *unused)
{
    struct judged j = examine(s, s->project, "a", "1\xff", "\xc0\x80");
    assert_has(j.summary, "\"packages\":3");
    judged_done(&j);
    examine_only(s, s->project, "a", "1\xff", "\xc0\x81");
    rejudge(s);
}

static GPtrArray *things_of(struct scene *s, const struct caller *caller, const char *id)
{
    GError *error = NULL;
    const struct store_page all = { .after = "", .limit = 100 };
    GPtrArray *found = vulnerability_things(s->t.db, caller, id, NULL, &all, &error);
    g_assert_no_error(error);
    g_assert_cmpint(vulnerability_count_things(s->t.db, caller, id, NULL, &error), ==, found->len);
    g_assert_no_error(error);
    return found;
}

static void test_things_are_found_by_vulnerability_and_advisory(struct scene *s, const void *unused)
{
    static const char *const ids[] = { "CVE-2024-0001", "DSA-5724-1" };
    examine_only(s, s->project, "a", OLD, "1:1.2");
    examine_only(s, s->project, "b", NEW, "1:1.2");
    examine_only(s, s->project, "c", OLD, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(ids); i++) {
        g_autoptr(GPtrArray) found = things_of(s, &everyone, ids[i]);
        g_assert_cmpuint(found->len, ==, 2);
        const struct affected_thing *a = found->pdata[0], *c = found->pdata[1];
        g_assert_cmpstr(a->name, ==, "a");
        g_assert_cmpstr(c->name, ==, "c");
        g_assert_cmpuint(a->packages->len, ==, 2);
        const struct affected_package *p = a->packages->pdata[1];
        g_assert_cmpstr(p->id, ==, "CVE-2024-0001");
        g_assert_cmpstr(p->name, ==, "openssh-server");
        g_assert_cmpstr(p->version, ==, OLD);
        g_assert_cmpstr(p->fixed, ==, NEW);
        g_assert_cmpstr(p->advisories, ==, "DSA-5724-1");
        g_assert_cmpint(p->state, ==, FINDING_FIXED);
    }
    g_autoptr(GPtrArray) none = things_of(s, &everyone, "CVE-1999-0001");
    g_assert_cmpuint(none->len, ==, 0);
}

static GPtrArray *vulnerabilities(struct scene *s, const struct caller *caller,
                                  const struct vulnerability_filter *filter)
{
    GError *error = NULL;
    const struct store_page all = { .after = "", .limit = 100 };
    count_all(s);
    GPtrArray *found = vulnerability_list(s->t.db, caller, filter, &all, &error);
    g_assert_no_error(error);
    return found;
}

static void test_vulnerabilities_are_counted_and_paged(struct scene *s, const void *unused)
{
    GError *error = NULL;
    const struct vulnerability_filter all = { 0 }, fixable = { .fixable = true },
                                      critical = { .min_severity = SEVERITY_CRITICAL };
    examine_only(s, s->project, "a", OLD, "1:1.2");
    examine_only(s, s->project, "b", NEW, "1:1.2");
    g_autoptr(GPtrArray) found = vulnerabilities(s, &everyone, &all);
    g_assert_cmpuint(found->len, ==, 2);
    const struct vulnerability *first = found->pdata[0], *second = found->pdata[1];
    g_assert_cmpstr(first->id, ==, "CVE-2024-0001");
    g_assert_cmpint(first->things, ==, 1);
    g_assert_cmpint(first->fixable, ==, 1);
    g_assert_cmpint(first->severity, ==, SEVERITY_HIGH);
    g_assert_cmpstr(first->title, ==, "About CVE-2024-0001");
    g_assert_cmpint(second->things, ==, 2);
    g_assert_cmpint(second->fixable, ==, 0);
    const struct store_page behind = { .after = first->cursor, .limit = 10 };
    g_autoptr(GPtrArray) rest = vulnerability_list(s->t.db, &everyone, &all, &behind, &error);
    g_assert_cmpuint(rest->len, ==, 1);
    g_assert_cmpstr(((struct vulnerability *)rest->pdata[0])->id, ==, "CVE-2024-0002");
    g_autoptr(GPtrArray) mended = vulnerabilities(s, &everyone, &fixable);
    g_assert_cmpuint(mended->len, ==, 1);
    g_autoptr(GPtrArray) worst = vulnerabilities(s, &everyone, &critical);
    g_assert_cmpuint(worst->len, ==, 0);
    g_autoptr(vulnerability) one = vulnerability_find(s->t.db, &everyone, "CVE-2024-0002", &error);
    g_assert_no_error(error);
    g_assert_cmpint(one->things, ==, 2);
    /* What is mended is not counted any more. */
    examine_only(s, s->project, "a", NEW, "1:1.2");
    g_autoptr(GPtrArray) left = vulnerabilities(s, &everyone, &all);
    g_assert_cmpuint(left->len, ==, 1);
}

static void test_projects_do_not_see_each_other(struct scene *s, const void *unused)
{
    GError *error = NULL;
    const struct vulnerability_filter all = { 0 };
    const struct caller member = { .account = (char *)"MEMBER" };
    g_autofree char *other = make_project(s->t.db, "db");
    g_assert_true(
        sql_run(s->t.db, NULL, &error,
                "INSERT INTO account (id, name, site, created) VALUES ('MEMBER', 'm', '', 0)", ""));
    g_assert_true(member_set(s->t.db, other, "MEMBER", ROLE_VIEWER, &(bool){ false }, &error));
    g_assert_no_error(error);
    examine_only(s, s->project, "a", OLD, "1:1.2");
    examine_only(s, other, "x", NEW, "1:1.2");
    g_autoptr(GPtrArray) found = vulnerabilities(s, &member, &all);
    g_assert_cmpuint(found->len, ==, 1);
    const struct vulnerability *v = found->pdata[0];
    g_assert_cmpstr(v->id, ==, "CVE-2024-0002");
    g_assert_cmpint(v->things, ==, 1);
    g_autoptr(GPtrArray) own = things_of(s, &member, "CVE-2024-0002");
    g_assert_cmpuint(own->len, ==, 1);
    g_autoptr(GPtrArray) foreign = things_of(s, &member, "CVE-2024-0001");
    g_assert_cmpuint(foreign->len, ==, 0);
    g_assert_null(vulnerability_find(s->t.db, &member, "CVE-2024-0001", &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND);
    g_clear_error(&error);
    g_autoptr(thing) a = node_named(s, s->project, "a");
    g_assert_null(thing_facts_find(s->t.db, &member, a->id, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND);
    g_clear_error(&error);
    const char *const ids[] = { a->id };
    g_autoptr(GHashTable) facts = thing_facts_of(s->t.db, &member, ids, 1, &error);
    g_assert_cmpuint(g_hash_table_size(facts), ==, 0);
    g_autoptr(GHashTable) seen = thing_facts_of(s->t.db, &everyone, ids, 1, &error);
    g_assert_cmpuint(g_hash_table_size(seen), ==, 1);
}

/* All that is kept, but for times and the numbers of advisories. */
static char *dump(struct scene *s)
{
    static const char *const statements[] = {
        "SELECT t.name || ' ' || s.summary FROM subject s JOIN node t ON t.id = s.thing ORDER BY 1",
        "SELECT i.name || ' ' || i.version || ' ' || v.name || ' ' || coalesce(v.title, '') || ' '"
        " || v.exploited || ' ' || f.severity || ' ' || f.state || ' ' || coalesce(f.fixed, '-')"
        " || ' ' || coalesce(f.advisories, '-') || ' ' || coalesce(f.aliases, '-') FROM finding f"
        " JOIN installed i ON i.number = f.installed"
        " JOIN vulnerability v ON v.number = f.vulnerability ORDER BY 1",
        "SELECT n.name || ' ' || i.name || ' ' || i.version || ' ' || v.name FROM notice n"
        " JOIN installed i ON i.number = n.installed"
        " JOIN vulnerability v ON v.number = n.vulnerability ORDER BY 1",
        "SELECT v.name || ' ' || e.severity || ' ' || e.things || ' ' || e.fixable FROM exposure e"
        " JOIN vulnerability v ON v.number = e.vulnerability WHERE e.things > 0 ORDER BY 1",
    };
    GString *out = g_string_new(NULL);
    GError *error = NULL;
    count_all(s);
    for (size_t i = 0; i < G_N_ELEMENTS(statements); i++) {
        g_autoptr(sql_rows) rows = sql_query(s->t.db, &error, statements[i], "");
        g_assert_no_error(error);
        while (sql_rows_next(rows, &error))
            g_string_append_printf(out, "%s\n", sql_text(rows, 0));
        g_assert_no_error(error);
    }
    return g_string_free(out, FALSE);
}

static void examine_some(struct scene *s)
{
    examine_only(s, s->project, "a", OLD, "1:1.2");
    examine_only(s, s->project, "b", NEW, "1:1.3");
    examine_only(s, s->project, "c", OLD, "1:1.3");
}

static void test_judging_again_comes_to_what_judging_anew_does(struct scene *s, const void *unused)
{
    guint before, events;
    examine_some(s);
    g_autofree char *event = last_event(s, &before);
    import_second(s);
    rejudge(s);
    g_autofree char *again = dump(s);
    g_free(event);
    event = last_event(s, &events);
    g_assert_cmpuint(events, ==, before + 3);
    assert_has(event, "\"cause\":\"advisories\",\"first\":false");
    assert_has(event, "\"gone\":[{\"id\":\"CVE-2024-0002\"");
    rejudge(s); /* nothing is left to be done */
    g_autofree char *same = last_event(s, &before);
    g_assert_cmpuint(events, ==, before);
    struct scene fresh = { 0 };
    setup(&fresh, NULL);
    import_second(&fresh);
    examine_some(&fresh);
    g_autofree char *anew = dump(&fresh);
    g_assert_cmpstr(again, ==, anew);
    assert_has(again, "CVE-2024-0003");
    teardown(&fresh, NULL);
}

/* --- interruptions -------------------------------------------------------------------------------
 */

static int steps_left;

static bool wanted(const struct job_run *run)
{
    return steps_left-- > 0;
}

static void progress(const struct job_run *run, const char *json)
{
}

/* The job's next run, which is stopped after so many steps. */
static enum job_outcome run_job(struct scene *s, int steps)
{
    static const struct queue_limits limits = { .attempts = 100, .lease = 60000000 };
    GError *error = NULL;
    g_autoptr(job) job = queue_take(s->t.db, "worker", &limits, &queue_whole, &error);
    g_assert_no_error(error);
    g_assert_nonnull(job);
    const struct worker_settings settings = { .advisories = s->f.database };
    struct job_run run = {
        .settings = &settings, .db = s->t.db, .job = job, .wanted = wanted, .progress = progress
    };
    steps_left = steps;
    enum job_outcome outcome = rejudge_job.run(&run, &error);
    if (outcome == JOB_FAILED)
        g_assert_true(queue_return(s->t.db, job, NULL));
    g_clear_error(&error);
    return outcome;
}

static void run_duty(struct scene *s)
{
    GError *error = NULL;
    const struct worker_settings settings = { .advisories = s->f.database };
    g_assert_true(rejudge_duty.run(&settings, s->t.db, &error));
    g_assert_no_error(error);
}

static bool pending(struct scene *s)
{
    bool is = false;
    g_assert_true(queue_pending(s->t.db, "rejudge", &is, NULL));
    return is;
}

static void test_an_interrupted_job_comes_to_the_same(struct scene *s, const void *unused)
{
    guint before, events;
    examine_some(s);
    run_duty(s);
    g_assert_false(pending(s)); /* all is judged */
    g_free(last_event(s, &before));
    import_second(s);
    run_duty(s);
    run_duty(s);
    g_assert_true(pending(s));
    int stops = 0;
    while (run_job(s, stops) == JOB_FAILED)
        g_assert_cmpint(++stops, <, 20);
    g_assert_cmpint(stops, >=, 2);
    g_assert_false(pending(s));
    run_duty(s);
    g_assert_false(pending(s));
    g_free(last_event(s, &events));
    g_assert_cmpuint(events, ==, before + 3); /* each thing's change is told once */
    g_autofree char *again = dump(s);
    struct scene fresh = { 0 };
    setup(&fresh, NULL);
    import_second(&fresh);
    examine_some(&fresh);
    g_autofree char *anew = dump(&fresh);
    g_assert_cmpstr(again, ==, anew);
    teardown(&fresh, NULL);
}

/* Others could not write meanwhile. */
static void test_duties_with_nothing_to_do_only_ask(struct scene *s, const void *unused)
{
    GError *error = NULL;
    bool left;
    examine_some(s);
    count_all(s);
    run_duty(s);
    g_assert_true(facts_sweep(s->t.db, 0, &left, &error));
    sql_spy_begin(s->t.db);
    run_duty(s);
    g_assert_null(strstr(sql_spy.plans->str, "SCAN installed"));
    g_assert_null(strstr(sql_spy.plans->str, "SCAN subject"));
    g_assert_true(facts_sweep(s->t.db, 0, &left, &error));
    g_assert_cmpuint(sql_spy.transactions, ==, 0);
    sql_spy_end(s->t.db);
    g_assert_no_error(error);
}

/* Another server's database is older: what it judges first is judged again. */
static void test_the_newest_advisories_count(struct scene *s, const void *unused)
{
    GError *error = NULL;
    g_autofree char *older = g_build_filename(s->f.folder, "older.db", NULL);
    g_autofree char *bytes = NULL, *usual = g_strdup(s->f.database);
    gsize len;
    g_assert_true(g_file_get_contents(s->f.database, &bytes, &len, &error));
    import_second(s);
    g_assert_true(g_file_set_contents(older, bytes, (gssize)len, &error));
    const struct timespec long_ago[] = { { .tv_sec = 1700000000 }, { .tv_sec = 1700000000 } };
    g_assert_cmpint(utimensat(AT_FDCWD, older, long_ago, 0), ==, 0);
    examine_only(s, s->project, "a", OLD, "1:1.2");
    g_free(g_steal_pointer(&s->f.database));
    s->f.database = g_strdup(older);
    examine_only(s, s->project, "b", OLD, "1:1.2");
    examine_only(s, s->project, "c", NEW, "1:1.2");
    run_duty(s);
    g_assert_false(pending(s)); /* this server does not decide */
    g_assert_false(rejudge_now(s->t.db, older, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND);
    g_clear_error(&error);
    g_free(s->f.database);
    s->f.database = g_steal_pointer(&usual);
    run_duty(s);
    g_assert_true(pending(s));
    g_assert_cmpint(run_job(s, 1000), ==, JOB_DONE);
    g_autoptr(GPtrArray) found = things_of(s, &everyone, "CVE-2024-0004");
    g_assert_cmpuint(found->len, ==, 3);
    g_autoptr(GPtrArray) gone = things_of(s, &everyone, "CVE-2024-0002");
    g_assert_cmpuint(gone->len, ==, 0);
    run_duty(s);
    g_assert_false(pending(s));
}

static void test_what_is_deleted_leaves_nothing(struct scene *s, const void *unused)
{
    static const char *const tables[] = { "subject", "carried", "exposure", "installed",
                                          "finding", "notice",  "context" };
    GError *error = NULL;
    g_autofree char *other = make_project(s->t.db, "db");
    examine_some(s);
    examine_only(s, other, "x", OLD, "1:1.3");
    count_all(s);
    g_autoptr(thing) x = node_named(s, other, "x");
    g_assert_true(thing_delete(s->t.db, THING_NODE, other, x->id, 0, &error));
    g_assert_true(project_delete(s->t.db, s->project, 0, &error));
    g_autoptr(GPtrArray) found = things_of(s, &everyone, "CVE-2024-0002");
    g_assert_cmpuint(found->len, ==, 0); /* at once */
    for (bool left = true; left;)
        g_assert_true(facts_sweep(s->t.db, 0, &left, &error));
    g_assert_true(facts_sweep(s->t.db, -1000000, &(bool){ false }, &error));
    g_assert_no_error(error);
    for (size_t i = 0; i < G_N_ELEMENTS(tables); i++) {
        g_autofree char *statement = g_strdup_printf("SELECT count(*) FROM %s", tables[i]);
        g_autoptr(sql_rows) rows = sql_query(s->t.db, &error, statement, "");
        g_assert_true(sql_rows_next(rows, &error));
        if (sql_int(rows, 0) != 0)
            g_error("%s: %d rows", tables[i], (int)sql_int(rows, 0));
    }
}

static void test_without_advisories_nothing_is_clean(struct scene *s, const void *unused)
{
    (void)g_remove(s->f.database);
    struct judged j = examine(s, s->project, "a", OLD, "1:1.2");
    assert_has(j.summary, "\"complete\":false");
    g_assert_cmpstr(j.coverage, ==, "incomplete");
    judged_done(&j);
    assert_coverage(s, &everyone, NULL, 1, 1, 0);
    fixture_import(&s->f, "d.jsonl", first_feed, NULL, NULL);
    rejudge(s);
    assert_coverage(s, &everyone, NULL, 1, 0, 0);
    g_autoptr(GPtrArray) found = things_of(s, &everyone, "CVE-2024-0002");
    g_assert_cmpuint(found->len, ==, 1);
    g_autoptr(thing) a = node_named(s, s->project, "a");
    g_autoptr(thing_facts) facts = thing_facts_find(s->t.db, &everyone, a->id, NULL);
    assert_has(facts->summary, "\"complete\":true");
    assert_has(facts->advisories, "\"name\":");
}

#define ADD(title, function)                                                                       \
    g_test_add("/introspect/judge: " title, struct scene, NULL, setup, function, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("a frame is summed up", test_a_frame_is_summed_up);
    ADD("an update makes findings go", test_an_update_makes_findings_go);
    ADD("a report of a kept frame says the same", test_a_report_of_a_kept_frame_says_the_same);
    ADD("names that are no text are kept", test_names_that_are_no_text_are_kept);
    ADD("things are found by vulnerability and advisory",
        test_things_are_found_by_vulnerability_and_advisory);
    ADD("vulnerabilities are counted and paged", test_vulnerabilities_are_counted_and_paged);
    ADD("projects do not see each other", test_projects_do_not_see_each_other);
    ADD("judging again comes to what judging anew does",
        test_judging_again_comes_to_what_judging_anew_does);
    ADD("an interrupted job comes to the same", test_an_interrupted_job_comes_to_the_same);
    ADD("duties that have nothing to do only ask", test_duties_with_nothing_to_do_only_ask);
    ADD("the newest advisories count", test_the_newest_advisories_count);
    ADD("what is deleted leaves nothing", test_what_is_deleted_leaves_nothing);
    ADD("without advisories nothing is clean", test_without_advisories_nothing_is_clean);
    return g_test_run();
}

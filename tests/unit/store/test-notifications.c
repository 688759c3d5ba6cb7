#include "store/notifications.h"

#include <string.h>

#include "base/error.h"
#include "store-test.h"
#include "store/deliveries.h"
#include "store/events.h"
#include "store/projects.h"

static const struct store_page all = { .after = "", .limit = 100 };

struct scene {
    struct store_test t;
    char *key_file, *project, *other;
    struct seal *seal;
};

static char *make_project(struct scene *s, const char *name)
{
    GError *error = NULL;
    const struct project_values p = { .name = name };
    char *id = project_create(s->t.db, &p, &error);
    g_assert_no_error(error);
    return id;
}

static void setup(struct scene *s, const void *unused)
{
    GError *error = NULL;
    g_autofree char *folder = g_dir_make_tmp("assay-test-XXXXXX", &error);
    store_test_make(&s->t);
    s->key_file = g_build_filename(folder, "key", NULL);
    s->seal = seal_open(s->t.db, s->key_file, &error);
    g_assert_no_error(error);
    s->project = make_project(s, "p");
    s->other = make_project(s, "other");
}

static void teardown(struct scene *s, const void *unused)
{
    g_autofree char *folder = g_path_get_dirname(s->key_file);
    (void)g_remove(s->key_file);
    (void)g_remove(folder);
    seal_free(s->seal);
    g_free(s->key_file);
    g_free(s->project);
    g_free(s->other);
    store_test_close(&s->t);
}

static char *add(struct scene *s, const char *name, const char *url, const char *addresses,
                 GError **error)
{
    const struct notification_values v = { .name = name,
                                           .url = url,
                                           .addresses = addresses,
                                           .secret = url != NULL ? "the secret" : NULL,
                                           .events = "[\"findings.changed\"]",
                                           .severity = "" };
    return notification_create(s->t.db, s->seal, s->project, url != NULL ? "webhook" : "email", &v,
                               error);
}

static void test_secrets_are_sealed(struct scene *s, const void *unused)
{
    GError *error = NULL;
    g_autofree char *id = add(s, "hook", "https://h/x?y=1", NULL, &error);
    g_assert_no_error(error);
    char *secret = notification_secret(s->t.db, s->seal, id, &error);
    g_assert_cmpstr(secret, ==, "the secret");
    seal_forget(secret);
    g_autoptr(sql_rows) rows = sql_query(s->t.db, NULL, "SELECT secret, url FROM notification", "");
    g_assert_true(sql_rows_next(rows, NULL));
    g_assert_null(strstr(sql_text(rows, 0), "secret"));
    g_assert_null(strstr(sql_text(rows, 1), "http"));
}

static void assert_url(struct scene *s, const char *name, const char *expected)
{
    GError *error = NULL;
    char *url;
    g_autoptr(notification) n = notification_find(s->t.db, s->project, name, &error);
    g_assert_true(notification_url(s->seal, n, &url, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(url, ==, expected);
    seal_forget(url);
}

static void test_addresses_of_webhooks_are_sealed(struct scene *s, const void *unused)
{
    GError *error = NULL;
    unsigned sealed;
    const struct notification_values v = { .url = "https://h/another" };
    g_autofree char *a = add(s, "new", "https://h/services/T0/B0/token", NULL, &error);
    g_autofree char *b = add(s, "old", "https://h/", NULL, &error);
    g_autofree char *c = add(s, "mail", NULL, "[\"a@b\"]", &error);
    g_assert_true(sql_run(s->t.db, NULL, &error,
                          "UPDATE notification SET url = 'https://h/plain' WHERE id = $1", "s", b));
    assert_url(s, "new", "https://h/services/T0/B0/token");
    assert_url(s, "old", "https://h/plain");
    assert_url(s, "mail", NULL);
    g_assert_true(seal_rotate(s->t.db, s->key_file, &sealed, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(sealed, ==, 4);
    assert_url(s, "new", "https://h/services/T0/B0/token");
    assert_url(s, "old", "https://h/plain");
    g_autoptr(sql_rows) rows =
        sql_query(s->t.db, NULL, "SELECT id FROM notification WHERE url LIKE 'http%'", "");
    g_assert_false(sql_rows_next(rows, NULL));
    g_clear_pointer(&rows, sql_rows_free);
    g_autoptr(notification) n = notification_find(s->t.db, s->project, "new", &error);
    g_assert_true(notification_change(s->t.db, s->seal, n, n->version, &v, &error));
    assert_url(s, "new", "https://h/another");
}

static void test_targets_are_checked(struct scene *s, const void *unused)
{
    static const char *const urls[] = { "h",          "ftp://h/",       "https://",
                                        "https:///a", "https://u@h/",   "https://u:p@h/",
                                        "http://h/ ", "http://h/\r\nX", "http://h\\@x/" };
    static const char *const addresses[] = { "[]", "[\"a\"]", "[\"a@b\",\"c@d\\r\\nX\"]", "[1]" };
    for (size_t i = 0; i < G_N_ELEMENTS(urls); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(add(s, "n", urls[i], NULL, &error));
        g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_INVALID);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(addresses); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(add(s, "n", NULL, addresses[i], &error));
        g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_INVALID);
    }
}

static guint count_new(struct scene *s)
{
    g_autoptr(GPtrArray) list = delivery_list_new(s->t.db, 100, NULL);
    return list->len;
}

static void test_events_become_deliveries(struct scene *s, const void *unused)
{
    GError *error = NULL;
    const bool off = false;
    g_autofree char *a = add(s, "a", "https://h/", NULL, &error);
    g_autofree char *b = add(s, "b", NULL, "[\"a@b\"]", &error);
    g_assert_true(event_add(s->t.db, s->project, "findings.changed", "{\"x\":1}", &error));
    g_assert_true(event_add(s->t.db, s->project, "introspection.step", "{}", &error));
    g_assert_true(event_add(s->t.db, s->other, "findings.changed", "{}", &error));
    g_assert_cmpuint(count_new(s), ==, 2);
    g_autoptr(notification) n = notification_find(s->t.db, s->project, "a", &error);
    const struct notification_values v = { .enabled = &off };
    g_assert_true(notification_change(s->t.db, s->seal, n, n->version, &v, &error));
    g_assert_true(event_add(s->t.db, s->project, "findings.changed", "{}", &error));
    g_assert_cmpuint(count_new(s), ==, 3);
    g_autoptr(GPtrArray) of_a = delivery_list(s->t.db, a, &all, &error);
    g_assert_cmpuint(of_a->len, ==, 1);
    const struct delivery *d = g_ptr_array_index(of_a, 0);
    g_assert_cmpstr(d->data, ==, "{\"x\":1}");
    g_assert_true(notification_delete(s->t.db, s->project, b, 0, &error));
    g_assert_cmpuint(count_new(s), ==, 1);
}

static void test_a_delivery_ends_once(struct scene *s, const void *unused)
{
    bool mine;
    g_autoptr(GError) error = NULL;
    g_autofree char *n = add(s, "a", "https://h/", NULL, &error);
    g_autofree char *id = delivery_add_trial(s->t.db, s->project, n, "{}", &error);
    g_assert_true(delivery_set_job(s->t.db, id, "J1", &mine, &error));
    g_assert_true(mine);
    g_assert_true(delivery_set_job(s->t.db, id, "J2", &mine, &error));
    g_assert_false(mine);
    const struct delivery_run run = { .id = id, .job = "J1", .attempt = 2, .status = 503 };
    g_assert_true(delivery_failed(s->t.db, &run, "why", &error));
    g_assert_false(delivery_again(s->t.db, id, &error)); /* on its way */
    g_clear_error(&error);
    g_assert_true(delivery_dead(s->t.db, id, "J1", NULL, &error));
    g_autoptr(delivery) dead = delivery_find(s->t.db, n, id, &error);
    g_assert_cmpstr(dead->state, ==, "dead");
    g_assert_cmpstr(dead->reason, ==, "why");
    g_assert_cmpint(dead->status, ==, 503);
    g_assert_true(delivery_again(s->t.db, id, &error));
    g_assert_true(delivery_set_job(s->t.db, id, "J3", &mine, &error));
    g_assert_true(delivery_dead(s->t.db, id, "J1", "late", &error)); /* the old job's */
    const struct delivery_run end = { .id = id, .job = "J3", .attempt = 1, .status = 204 };
    g_assert_true(delivery_delivered(s->t.db, &end, &error));
    g_autoptr(delivery) done = delivery_find(s->t.db, NULL, id, &error);
    g_assert_cmpstr(done->state, ==, "delivered");
    g_assert_null(done->reason);
    g_assert_true(delivery_expire(s->t.db, -1, &error));
    g_assert_null(delivery_find(s->t.db, NULL, id, &error));
}

#define ADD(title, function)                                                                       \
    g_test_add("/store/notifications/" title, struct scene, NULL, setup, function, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("secrets are sealed", test_secrets_are_sealed);
    ADD("addresses of webhooks are sealed", test_addresses_of_webhooks_are_sealed);
    ADD("targets are checked", test_targets_are_checked);
    ADD("events become deliveries to who wants them", test_events_become_deliveries);
    ADD("a delivery ends once, and may go again", test_a_delivery_ends_once);
    return g_test_run();
}

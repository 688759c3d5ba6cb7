#include "store/users.h"

#include <string.h>

#include "base/error.h"
#include "store-test.h"
#include "store/secret.h"
#include "store/tokens.h"

static const struct store_page all = { .after = "", .limit = 100 };

static void setup(struct store_test *t, const void *unused)
{
    store_test_make(t);
}

static void teardown(struct store_test *t, const void *unused)
{
    store_test_close(t);
}

static char *make(struct store_test *t, const char *name, const char *password, const char *site)
{
    GError *error = NULL;
    g_autofree char *hash = password != NULL ? secret_hash_password(password, &error) : NULL;
    char *id = user_create(t->db, name, hash, site, &error);
    g_assert_no_error(error);
    return id;
}

static bool logs_in(struct store_test *t, const char *name, const char *password, int64_t *wait)
{
    GError *error = NULL;
    g_autofree char *id = user_login(t->db, name, password, "192.0.2.1", wait, &error);
    g_assert_no_error(error);
    return id != NULL;
}

static void test_names_are_unique_and_plain(struct store_test *t, const void *unused)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *id = make(t, "ann", NULL, "");
    g_assert_null(user_create(t->db, "ann", NULL, "", &error));
    g_assert_error(error, STORE_ERROR, STORE_ERROR_TAKEN);
    static const char *const bad[] = { "", ".x", "a b", "a/b", "01ARZ3NDEKTSV4RRFFQ69G5FAV" };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_clear_error(&error);
        g_assert_null(user_create(t->db, bad[i], NULL, "", &error));
        g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_INVALID);
    }
    g_autoptr(user) by_id = user_find(t->db, id, NULL), by_name = user_find(t->db, "ann", NULL);
    g_assert_cmpstr(by_id->name, ==, "ann");
    g_assert_cmpstr(by_name->id, ==, id);
}

static void test_only_the_right_password_logs_in(struct store_test *t, const void *unused)
{
    int64_t wait;
    g_autofree char *ann = make(t, "ann", "correct horse", "");
    g_autofree char *robot = make(t, "robot", NULL, "");
    g_assert_true(logs_in(t, "ann", "correct horse", &wait));
    g_assert_false(logs_in(t, "ann", "correct horsE", &wait));
    g_assert_false(logs_in(t, "robot", "", &wait));
    g_assert_false(logs_in(t, "nobody", "x", &wait));
    g_assert_cmpint(wait, ==, 0);
    struct user_change off = { .disabled = 1 };
    g_autofree char *admin = make(t, "admin", NULL, "admin");
    g_assert_true(user_change(t->db, ann, 0, &off, NULL));
    g_assert_false(logs_in(t, "ann", "correct horse", &wait));
}

static void test_passwords_are_not_kept(struct store_test *t, const void *unused)
{
    g_autofree char *ann = make(t, "ann", "correct horse", "");
    g_autoptr(sql_rows) rows = sql_query(t->db, NULL, "SELECT password FROM account", "");
    g_assert_true(sql_rows_next(rows, NULL));
    g_assert_true(g_str_has_prefix(sql_text(rows, 0), "$argon2id$"));
}

static void test_guessing_is_slowed_down(struct store_test *t, const void *unused)
{
    int64_t wait;
    g_autofree char *ann = make(t, "ann", "right", "");
    for (int i = 0; i < 5; i++) {
        g_assert_false(logs_in(t, "ann", "wrong", &wait));
        g_assert_cmpint(wait, ==, 0);
    }
    g_assert_false(logs_in(t, "ann", "right", &wait));
    g_assert_cmpint(wait, >, 290);
    /* from elsewhere she can */
    g_autofree char *id = user_login(t->db, "ann", "right", "192.0.2.2", &wait, NULL);
    g_assert_cmpstr(id, ==, ann);
    /* and when the time has passed */
    g_assert_true(
        sql_run(t->db, NULL, NULL, "UPDATE login_failure SET since = since - 300000000", ""));
    g_assert_true(logs_in(t, "ann", "right", &wait));
}

static void test_the_last_administrator_stays(struct store_test *t, const void *unused)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *a = make(t, "a", NULL, "admin"), *b = make(t, "b", NULL, "");
    struct user_change demote = { .site = "", .disabled = -1 }, raise = { "admin", NULL, -1, NULL };
    g_assert_false(user_delete(t->db, a, 0, &error)); /* its transaction would be rolled back */
    g_assert_error(error, STORE_ERROR, STORE_ERROR_IN_USE);
    g_free(a);
    a = make(t, "a", NULL, "admin");
    g_assert_true(user_change(t->db, b, 0, &raise, NULL));
    g_assert_true(user_change(t->db, a, 0, &demote, NULL));
    g_assert_false(user_change(t->db, b, 0, &demote, NULL));
}

static void test_changes_of_another_version_are_refused(struct store_test *t, const void *unused)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *admin = make(t, "admin", NULL, "admin"), *b = make(t, "b", NULL, "");
    struct user_change site = { .site = "auditor", .disabled = -1 };
    g_assert_true(user_change(t->db, b, 1, &site, NULL));
    g_assert_false(user_change(t->db, b, 1, &site, &error));
    g_assert_error(error, STORE_ERROR, STORE_ERROR_CHANGED);
    g_clear_error(&error);
    g_assert_false(user_delete(t->db, "nothing", 0, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND);
}

static char *make_token(struct store_test *t, const char *account, bool session, int64_t expires,
                        char **id)
{
    GError *error = NULL;
    const struct token_new new = { .account = account,
                                   .name = "x",
                                   .scopes = SCOPE_READ,
                                   .session = session,
                                   .expires = expires };
    char *secret = token_create(t->db, &new, id, &error);
    g_assert_no_error(error);
    return secret;
}

static void test_tokens_speak_for_their_user(struct store_test *t, const void *unused)
{
    GError *error = NULL;
    struct caller c;
    g_autofree char *ann = make(t, "ann", NULL, "auditor"), *id = NULL;
    g_autofree char *good = make_token(t, ann, false, 0, &id);
    g_autofree char *old = make_token(t, ann, false, store_now() - 1, NULL);
    g_assert_true(token_authenticate(t->db, good, &c, &error));
    g_assert_cmpstr(c.account, ==, ann);
    g_assert_cmpstr(c.token, ==, id);
    g_assert_true(c.auditor && !c.admin && c.scopes == SCOPE_READ);
    caller_done(&c);
    g_assert_false(token_authenticate(t->db, old, &c, &error));
    g_assert_false(token_authenticate(t->db, "assay_t_x", &c, &error));
    g_assert_no_error(error);
    g_autoptr(GPtrArray) list = token_list(t->db, ann, &all, &error);
    g_assert_cmpuint(list->len, ==, 2);
    const struct token *first = g_ptr_array_index(list, 0);
    g_assert_cmpint(first->used != 0, ==, g_str_equal(first->id, id));
    g_assert_true(token_expire(t->db, &error));
    g_assert_true(token_delete(t->db, ann, id, &error));
    g_assert_false(token_delete(t->db, ann, id, NULL));
    g_assert_false(token_authenticate(t->db, good, &c, &error));
}

static void test_tokens_themselves_are_not_kept(struct store_test *t, const void *unused)
{
    g_autofree char *ann = make(t, "ann", NULL, "");
    g_autofree char *secret = make_token(t, ann, false, 0, NULL);
    g_autoptr(sql_rows) rows = sql_query(t->db, NULL, "SELECT digest, name, id FROM token", "");
    g_assert_true(sql_rows_next(rows, NULL));
    for (unsigned i = 0; i < 3; i++)
        g_assert_null(strstr(sql_text(rows, i), secret + 8));
}

static void test_a_new_password_ends_other_sessions(struct store_test *t, const void *unused)
{
    struct caller c;
    g_autofree char *admin = make(t, "admin", NULL, "admin");
    g_autofree char *kept = NULL, *one = make_token(t, admin, true, 0, &kept);
    g_autofree char *two = make_token(t, admin, true, 0, NULL),
                    *api = make_token(t, admin, false, 0, NULL);
    struct user_change change = { .hash = "new", .disabled = -1, .keep = kept };
    g_assert_true(user_change(t->db, admin, 0, &change, NULL));
    g_assert_true(token_authenticate(t->db, one, &c, NULL));
    caller_done(&c);
    g_assert_true(token_authenticate(t->db, api, &c, NULL));
    caller_done(&c);
    g_assert_false(token_authenticate(t->db, two, &c, NULL));
}

#define ADD(title, function)                                                                       \
    g_test_add("/store/users/" title, struct store_test, NULL, setup, function, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("names are unique and plain", test_names_are_unique_and_plain);
    ADD("only the right password logs in", test_only_the_right_password_logs_in);
    ADD("passwords are not kept", test_passwords_are_not_kept);
    ADD("guessing is slowed down", test_guessing_is_slowed_down);
    ADD("the last administrator stays", test_the_last_administrator_stays);
    ADD("changes of another version are refused", test_changes_of_another_version_are_refused);
    ADD("tokens speak for their user", test_tokens_speak_for_their_user);
    ADD("tokens themselves are not kept", test_tokens_themselves_are_not_kept);
    ADD("a new password ends other sessions", test_a_new_password_ends_other_sessions);
    return g_test_run();
}

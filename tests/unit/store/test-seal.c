#include "store/seal.h"

#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "store-test.h"
#include "store/credentials.h"
#include "store/projects.h"

struct bench {
    struct store_test store;
    struct sql *db;
    char *folder, *path;
};

static const struct seal_place place = { "credential", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "secret" };

static void setup(struct bench *b, const void *unused)
{
    GError *error = NULL;
    store_test_open(&b->store);
    b->db = store_open(b->store.url, &error);
    g_assert_no_error(error);
    b->folder = g_dir_make_tmp("assay-seal-XXXXXX", &error);
    g_assert_no_error(error);
    b->path = g_build_filename(b->folder, "new", "secret.key", NULL);
}

static void teardown(struct bench *b, const void *unused)
{
    g_autofree char *inner = g_path_get_dirname(b->path);
    sql_close(b->db);
    store_test_close(&b->store);
    (void)g_remove(b->path);
    (void)g_rmdir(inner);
    (void)g_rmdir(b->folder);
    g_free(b->path);
    g_free(b->folder);
}

static struct seal *open_seal(struct bench *b)
{
    GError *error = NULL;
    struct seal *s = seal_open(b->db, b->path, &error);
    g_assert_no_error(error);
    return s;
}

static void refused(struct bench *b, enum assay_error code, const char *word)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(seal_open(b->db, b->path, &error));
    g_assert_error(error, ASSAY_ERROR, (int)code);
    g_assert_nonnull(strstr(error->message, b->path));
    g_assert_nonnull(strstr(error->message, word));
    g_assert_null(strchr(error->message, '\n'));
}

static void test_the_first_start_makes_a_private_key(struct bench *b, const void *unused)
{
    struct stat st;
    GError *error = NULL;
    g_autoptr(seal) one = open_seal(b), two = open_seal(b);
    g_assert_cmpint(stat(b->path, &st), ==, 0);
    g_assert_cmpint(st.st_mode & 07777, ==, 0600);
    g_autofree char *sealed = seal_text(one, &place, "correct horse", &error);
    g_assert_no_error(error);
    g_assert_null(strstr(sealed, "correct"));
    char *secret = seal_read(two, &place, sealed, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(secret, ==, "correct horse");
    seal_forget(secret);
    g_autofree char *again = seal_text(one, &place, "correct horse", &error);
    g_assert_cmpstr(sealed, !=, again);
}

static void test_a_sealed_text_opens_in_its_place_only(struct bench *b, const void *unused)
{
    g_autoptr(seal) s = open_seal(b);
    g_autofree char *sealed = seal_text(s, &place, "secret", NULL);
    const struct seal_place elsewhere[] = { { "webhook", place.id, "secret" },
                                            { "credential", "01ARZ3NDEKTSV4RRFFQ69G5FAW",
                                              "secret" },
                                            { "credential", place.id, "other" } };
    for (size_t i = 0; i < G_N_ELEMENTS(elsewhere); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(seal_read(s, &elsewhere[i], sealed, &error));
        g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_CORRUPT);
    }
}

static void test_a_changed_text_does_not_open(struct bench *b, const void *unused)
{
    g_autoptr(seal) s = open_seal(b);
    g_autofree char *sealed = seal_text(s, &place, "secret", NULL);
    static const char *const bad[] = { "", "x", "a1..", "a1.0011223344556677", "a1.00.AA", "..." };
    for (size_t i = 0; i < strlen(sealed); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *other = g_strdup(sealed);
        other[i] = other[i] == 'A' ? 'B' : 'A';
        char *secret = seal_read(s, &place, other, &error);
        g_assert_null(secret);
        g_assert_nonnull(error);
        g_clear_error(&error);
        other[i] = '\0';
        g_assert_null(seal_read(s, &place, other, &error));
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_null(seal_read(s, &place, bad[i], NULL));
}

static void test_a_file_that_others_read_is_refused(struct bench *b, const void *unused)
{
    seal_free(open_seal(b));
    g_assert_cmpint(g_chmod(b->path, 0604), ==, 0);
    refused(b, ASSAY_ERROR_DENIED, "mode 0604");
    g_assert_cmpint(g_chmod(b->path, 0440), ==, 0); /* as orchestrators hand it out */
    seal_free(open_seal(b));
}

static void test_a_missing_or_other_file_is_refused(struct bench *b, const void *unused)
{
    seal_free(open_seal(b));
    g_assert_cmpint(g_remove(b->path), ==, 0);
    refused(b, ASSAY_ERROR_NOT_FOUND, "is missing");
    g_assert_true(g_file_set_contents_full(b->path, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
                                           -1, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
    refused(b, ASSAY_ERROR_INVALID, "does not hold the key");
    static const char *const bad[] = { "", "# nothing\n", "AAAA\n", "?\n" };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_true(
            g_file_set_contents_full(b->path, bad[i], -1, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
        refused(b, ASSAY_ERROR_INVALID, "key");
    }
    g_autofree char *big = g_strnfill(5000, 'A');
    g_assert_true(g_file_set_contents_full(b->path, big, -1, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
    refused(b, ASSAY_ERROR_LIMIT, "longer");
}

static char *kept_text(struct bench *b, const char *id)
{
    g_autoptr(sql_rows) rows =
        sql_query(b->db, NULL, "SELECT secret FROM credential WHERE id = $1", "s", id);
    g_assert_true(sql_rows_next(rows, NULL));
    return g_strdup(sql_text(rows, 0));
}

static void test_a_new_key_seals_everything_again(struct bench *b, const void *unused)
{
    unsigned sealed = 0;
    GError *error = NULL;
    g_autoptr(seal) running = open_seal(b); /* a server that goes on during all this */
    const struct credential_values v = { .name = "ceph", .kind = "key", .secret = "AQBwhatever" };
    g_autofree char *id = credential_create(b->db, running, NULL, &v, &error);
    g_assert_no_error(error);
    g_autofree char *first = kept_text(b, id);
    for (int i = 0; i < 3; i++) {
        g_assert_true(seal_rotate(b->db, b->path, &sealed, &error));
        g_assert_no_error(error);
        g_assert_cmpuint(sealed, ==, 1);
        char *secret = credential_secret(b->db, running, NULL, "ceph", &error);
        g_assert_no_error(error);
        g_assert_cmpstr(secret, ==, "AQBwhatever");
        seal_forget(secret);
        /* What a server sealed just before it saw the new key opens after one more change. */
        const struct seal_place at = { "credential", id, "secret" };
        char *old = seal_read(running, &at, first, NULL);
        g_assert_cmpint(old != NULL, ==, i == 0);
        seal_forget(old);
    }
    g_autofree char *last = kept_text(b, id), *file = NULL;
    g_assert_cmpstr(last, !=, first);
    g_assert_true(g_file_get_contents(b->path, &file, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(g_strstrip(file), "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 3); /* what it is, the key, the one before */
    g_autoptr(seal) fresh = open_seal(b);
    char *secret = credential_secret(b->db, fresh, NULL, "ceph", &error);
    g_assert_cmpstr(secret, ==, "AQBwhatever");
    seal_forget(secret);
}

static void test_credentials_belong_to_a_project_or_the_site(struct bench *b, const void *unused)
{
    GError *error = NULL;
    g_autoptr(seal) s = open_seal(b);
    const struct project_values one = { .name = "one" }, two = { .name = "two" };
    g_autofree char *p = project_create(b->db, &one, NULL), *q = project_create(b->db, &two, NULL);
    struct credential_values v = { .name = "c", .kind = "password", .secret = "of one" };
    g_autofree char *a = credential_create(b->db, s, p, &v, &error);
    v.secret = "of the site";
    g_autofree char *site = credential_create(b->db, s, NULL, &v, &error);
    g_assert_no_error(error);
    g_assert_null(credential_create(b->db, s, NULL, &v, &error));
    g_assert_error(error, STORE_ERROR, STORE_ERROR_TAKEN);
    g_clear_error(&error);
    g_assert_null(credential_secret(b->db, s, q, "c", &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND);
    g_assert_null(credential_find(b->db, q, a, NULL));
    g_assert_null(credential_find(b->db, NULL, a, NULL));
    char *got = credential_secret(b->db, s, p, "c", NULL);
    g_assert_cmpstr(got, ==, "of one");
    seal_forget(got);
    const struct credential_values change = { .secret = "new" };
    g_assert_true(credential_change(b->db, s, p, a, 1, &change, NULL));
    g_assert_false(credential_change(b->db, s, p, a, 1, &change, NULL));
    g_assert_false(credential_change(b->db, s, q, a, 0, &change, NULL));
    got = credential_secret(b->db, s, p, a, NULL);
    g_assert_cmpstr(got, ==, "new");
    seal_forget(got);
    g_assert_true(project_delete(b->db, p, 0, NULL));
    g_assert_null(credential_find(b->db, p, a, NULL));
    g_assert_true(credential_delete(b->db, NULL, site, 0, NULL));
}

#define ADD(title, function)                                                                       \
    g_test_add("/store/seal/" title, struct bench, NULL, setup, function, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("the first start makes a private key", test_the_first_start_makes_a_private_key);
    ADD("a sealed text opens in its place only", test_a_sealed_text_opens_in_its_place_only);
    ADD("a changed text does not open", test_a_changed_text_does_not_open);
    ADD("a file that others read is refused", test_a_file_that_others_read_is_refused);
    ADD("a missing or other file is refused", test_a_missing_or_other_file_is_refused);
    ADD("a new key seals everything again", test_a_new_key_seals_everything_again);
    ADD("credentials belong to a project or the site",
        test_credentials_belong_to_a_project_or_the_site);
    return g_test_run();
}

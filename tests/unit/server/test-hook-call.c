#include <string.h>

#include "server/hook_call.h"

#define SECRET "It's a Secret to Everybody"
#define BODY   "Hello, World!"
/* The example of GitHub's documentation, "Validating webhook deliveries". */
#define GITHUB "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

static bool verify(const char *header, const char *value, const char *secret, int64_t now,
                   char **signature)
{
    g_autoptr(GHashTable) headers = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GBytes) body = g_bytes_new_static(BODY, strlen(BODY));
    const struct http_request r = { .body = body, .headers = headers };
    (void)g_hash_table_insert(headers, (char *)header, (char *)value);
    return hook_verify(&r, secret, now, signature);
}

static bool right(const char *header, const char *value)
{
    g_autofree char *signature = NULL;
    return verify(header, value, SECRET, 1000, &signature);
}

static void test_github(void)
{
    g_autofree char *signature = NULL;
    g_assert_true(verify("x-hub-signature-256", "sha256=" GITHUB, SECRET, 0, &signature));
    g_assert_cmpstr(signature, ==, GITHUB);
    g_assert_false(right("x-hub-signature-256", GITHUB));
    g_assert_false(right("x-hub-signature-256", "sha256="));
    g_assert_false(right("x-hub-signature-256", "sha1=" GITHUB));
    g_assert_false(right("x-hub-signature-256", "sha256=0" GITHUB));
    char *none = NULL;
    g_assert_false(verify("x-hub-signature-256", "sha256=" GITHUB, "other", 0, &none));
    g_assert_null(none);
    g_assert_false(right("x-other", "sha256=" GITHUB));
}

static void test_timed(void)
{
    GHmac *h = g_hmac_new(G_CHECKSUM_SHA256, (const guchar *)SECRET, strlen(SECRET));
    g_hmac_update(h, (const guchar *)"1000." BODY, -1);
    g_autofree char *hex = g_strdup(g_hmac_get_string(h));
    g_autofree char *header = g_strdup_printf("t=1000,v1=%s", hex);
    g_autofree char *other = g_strdup_printf("t=1001,v1=%s", hex);
    g_hmac_unref(h);
    for (int64_t now = 1000 - HOOK_TOLERANCE; now <= 1000 + HOOK_TOLERANCE; now += HOOK_TOLERANCE) {
        g_autofree char *signature = NULL;
        g_assert_true(verify("x-assay-signature", header, SECRET, now, &signature));
        g_assert_cmpuint(strlen(signature), ==, 64);
    }
    char *none = NULL;
    g_assert_false(verify("x-assay-signature", header, SECRET, 1001 + HOOK_TOLERANCE, &none));
    g_assert_false(verify("x-assay-signature", header, SECRET, 999 - HOOK_TOLERANCE, &none));
    g_assert_false(right("x-assay-signature", other));
    g_assert_false(right("x-assay-signature", "t=1000"));
    g_assert_false(right("x-assay-signature", "v1=00"));
    g_assert_false(right("x-assay-signature", ""));
}

static void test_bearer(void)
{
    g_assert_true(right("authorization", "Bearer " SECRET));
    g_assert_false(right("authorization", "Bearer "));
    g_assert_false(right("authorization", "Basic " SECRET));
    g_assert_false(right("authorization", "Bearer " SECRET "x"));
}

static void test_pointer(void)
{
    /* Of RFC 6901 section 5. */
    json_t *all =
        json_loads("{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"m~n\":8}", 0, NULL);
    g_assert_true(hook_pointer(all, "") == all);
    g_assert_cmpstr(json_string_value(hook_pointer(all, "/foo/0")), ==, "bar");
    g_assert_cmpint(json_integer_value(hook_pointer(all, "/a~1b")), ==, 1);
    g_assert_cmpint(json_integer_value(hook_pointer(all, "/m~0n")), ==, 8);
    g_assert_true(json_is_integer(hook_pointer(all, "/")));
    static const char *const none[] = { "/foo/2", "/foo/00", "/foo/-", "/foo/0/x", "/x/y", "foo" };
    for (size_t i = 0; i < G_N_ELEMENTS(none); i++)
        g_assert_null(hook_pointer(all, none[i]));
    g_assert_false(hook_pointer_valid("foo"));
    g_assert_false(hook_pointer_valid("/a~2"));
    g_assert_false(hook_pointer_valid("/a~"));
    g_assert_true(hook_pointer_valid("/a~0~1"));
    json_decref(all);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hook/a body signed as GitHub does is known by its signature", test_github);
    g_test_add_func("/hook/a signed time is near now", test_timed);
    g_test_add_func("/hook/the secret itself does as a bearer token", test_bearer);
    g_test_add_func("/hook/a JSON pointer finds what it names, or nothing", test_pointer);
    return g_test_run();
}

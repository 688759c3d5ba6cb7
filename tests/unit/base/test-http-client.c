#include "base/http_client.h"

#include <string.h>

#include "base/error.h"
#include "server/http.h"

struct peer {
    struct http_server *server;
    char *url;
};

/* Answers with what it was asked. */
static void handle(const struct http_request *q, struct http_response *r, void *user)
{
    gsize len;
    const char *body = g_bytes_get_data(q->body, &len);
    const char *given = http_header(q, "authorization"), *type = http_header(q, "content-type");
    if (g_str_equal(q->path, "/moved")) {
        r->status = 302;
        http_set_header(r, "Location", "/elsewhere");
        return;
    }
    if (g_str_equal(q->path, "/long")) {
        for (int i = 0; i < 1000; i++)
            g_string_append(r->body, "0123456789");
        return;
    }
    r->status = g_str_equal(q->path, "/refused") ? 401 : 200;
    http_set_header(r, "X-Subject-Token", "abc");
    g_string_append_printf(r->body, "%s %s [%s] [%s] [%.*s]", q->method, q->path,
                           given != NULL ? given : "", type != NULL ? type : "", (int)len,
                           len > 0 ? body : "");
}

static void setup(struct peer *p, const void *unused)
{
    GError *error = NULL;
    const struct http_options o = { .listen = "127.0.0.1:0", .threads = 2, .handler = handle };
    p->server = http_start(&o, NULL, &error);
    g_assert_no_error(error);
    p->url = g_strdup_printf("http://%s", http_address(p->server));
}

static void teardown(struct peer *p, const void *unused)
{
    http_stop(p->server, G_USEC_PER_SEC);
    g_free(p->url);
}

static void check(struct peer *p, struct http_call *call, const char *path, unsigned status,
                  const char *body)
{
    GError *error = NULL;
    struct http_answer a = { 0 };
    g_autofree char *url = g_strconcat(p->url, path, NULL);
    call->url = url;
    g_assert_true(http_client_call(call, &a, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(a.status, ==, status);
    g_assert_cmpstr(a.body->str, ==, body);
    if (status != 302)
        g_assert_cmpstr(g_hash_table_lookup(a.headers, "x-subject-token"), ==, "abc");
    http_answer_done(&a);
}

static void test_a_call_sends_what_it_is_given(struct peer *p, const void *unused)
{
    g_autofree char *form = http_form("project", "p 1", "snap_name", "a&b", NULL);
    struct http_call get = { .method = "GET", .user = "ann", .password = "secret" };
    struct http_call put = {
        .method = "PUT",
        .headers = (const char *const[]){ "Content-Type: application/x-www-form-urlencoded", NULL },
        .body = form,
        .len = strlen(form)
    };
    check(p, &get, "/a", 200, "GET /a [Basic YW5uOnNlY3JldA==] [] []");
    check(p, &get, "/refused", 401, "GET /refused [Basic YW5uOnNlY3JldA==] [] []");
    check(p, &put, "/b", 200,
          "PUT /b [] [application/x-www-form-urlencoded] [project=p%201&snap_name=a%26b]");
    put.method = "DELETE";
    check(p, &put, "/b", 200,
          "DELETE /b [] [application/x-www-form-urlencoded] [project=p%201&snap_name=a%26b]");
}

static void test_redirections_are_not_followed(struct peer *p, const void *unused)
{
    struct http_call call = { .method = "GET", .user = "ann", .password = "secret" };
    check(p, &call, "/moved", 302, "");
}

static void test_failures_tell_no_secret(struct peer *p, const void *unused)
{
    g_autoptr(GError) error = NULL, nobody = NULL;
    struct http_answer a = { 0 };
    g_autofree char *url = g_strconcat(p->url, "/long?token=secret", NULL);
    g_autofree char *plain = g_strconcat(p->url, "/long", NULL);
    const struct http_call call = { .method = "GET", .url = url, .max = 9999 };
    g_assert_false(http_client_call(&call, &a, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_LIMIT);
    g_assert_true(g_str_has_prefix(error->message, plain));
    g_assert_null(strstr(error->message, "secret"));
    const struct http_call none = { .method = "GET", .url = "http://ann:secret@127.0.0.1:1/x" };
    g_assert_false(http_client_call(&none, &a, &nobody));
    g_assert_error(nobody, ASSAY_ERROR, ASSAY_ERROR_IO);
    g_assert_true(g_str_has_prefix(nobody->message, "http://127.0.0.1:1/x: "));
}

static void test_addresses_hold_no_credentials(struct peer *p, const void *unused)
{
    static const char *const bad[] = { "ftp://h", "http://",    "http://u@h",  "http://h/?a",
                                       "h",       "https:///x", "http://h/a b" };
    g_assert_true(http_url_valid("url", "http://h:1/v3", NULL));
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(http_url_valid("url", bad[i], NULL));
}

static void test_only_public_addresses(struct peer *p, const void *unused)
{
    /* By number, by name, and as an IPv4 address in disguise. */
    static const char *const hosts[] = { "127.0.0.1",  "localhost", "[::1]", "[::ffff:127.0.0.1]",
                                         "2130706433", "0x7f.1",    "0" };
    const char *port = strrchr(p->url, ':');
    for (size_t i = 0; i < G_N_ELEMENTS(hosts); i++) {
        g_autoptr(GError) error = NULL;
        struct http_answer a = { 0 };
        g_autofree char *url = g_strdup_printf("http://%s%s/a", hosts[i], port);
        const struct http_call call = {
            .method = "GET", .url = url, .public_only = true, .name = "the hook"
        };
        g_assert_false(http_client_call(&call, &a, &error));
        g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_DENIED);
        g_assert_cmpstr(error->message, ==, "the hook: not a public address");
    }
}

static void test_a_body_of_no_interest(struct peer *p, const void *unused)
{
    struct http_call call = { .method = "GET", .max = 10, .drop_body = true };
    check(p, &call, "/moved", 302, "");
    g_autoptr(GError) error = NULL;
    struct http_answer a = { 0 };
    g_autofree char *url = g_strconcat(p->url, "/long", NULL);
    call.url = url;
    g_assert_true(http_client_call(&call, &a, &error));
    g_assert_cmpuint(a.status, ==, 200);
    g_assert_cmpuint(a.body->len, ==, 0);
    http_answer_done(&a);
}

#define ADD(title, function)                                                                       \
    g_test_add("/base/http-client/" title, struct peer, NULL, setup, function, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("a call sends what it is given", test_a_call_sends_what_it_is_given);
    ADD("redirections are not followed", test_redirections_are_not_followed);
    ADD("failures tell no secret", test_failures_tell_no_secret);
    ADD("addresses hold no credentials", test_addresses_hold_no_credentials);
    ADD("only public addresses, however they are written", test_only_public_addresses);
    ADD("a body of no interest may be long", test_a_body_of_no_interest);
    return g_test_run();
}
